#include "agent/incremental/cross_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/postgres/page_check.h"

namespace holdfast {
namespace {

constexpr std::size_t list_limit = 20;

bool is_read(const FileDecision& decision, std::uint64_t block) {
  if (decision.read == FileDecision::Read::whole || block >= decision.valid_parent_blocks) return true;
  const auto after = std::ranges::upper_bound(decision.blocks, block, {}, &BlockRange::first);
  if (after == decision.blocks.begin()) return false;
  const BlockRange& range = *std::prev(after);
  return block - range.first < range.count;
}

}  // namespace

void CrossCheck::see(std::size_t entry, std::uint64_t offset, ByteView pages) {
  const auto& file = files_[entry];
  if (!file) return;
  std::uint64_t judged = 0;
  for (std::size_t at = 0; at + page_size <= pages.size(); at += page_size) {
    const Lsn lsn = page_lsn(pages.subspan(at, page_size));
    if (lsn <= since_ || lsn > through_) continue;
    ++judged;
    const std::uint64_t block = (offset + at) / page_size;
    if (is_read(file->decision, block)) continue;
    const std::lock_guard lock(mutex_);
    ++missed_;
    if (missed_list_.size() < list_limit) {
      missed_list_.push_back(fmt::format("{} block {}, LSN {}", file->path, file->first_block + block, lsn));
    }
  }
  judged_ += judged;
}

CrossCheck::Outcome CrossCheck::outcome() const {
  const std::lock_guard lock(mutex_);
  return {judged_.load(), missed_, missed_list_};
}

}  // namespace holdfast
