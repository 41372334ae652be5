#include "agent/postgres/wal_cutter.h"

#include <algorithm>

namespace holdfast {
namespace {

constexpr std::uint64_t largest_object = 16U << 20U;
constexpr std::size_t most_proofs = 1024;

}  // namespace

WalCutter::WalCutter(WalSegmentSize segment_size)
    : boundary_(std::min<std::uint64_t>(segment_size.bytes(), largest_object)) {}

void WalCutter::begin(Timeline timeline, Lsn at) {
  timeline_ = timeline;
  first_ = at;
  buffered_.clear();
}

Result<std::vector<WalCut>> WalCutter::add(Lsn start, ByteView bytes, Timestamp server_clock, Micros now) {
  if (start > end()) {
    return fail(Code::corrupt, fmt::format("the stream went on at {}, expected was {}", start, end()));
  }
  const std::uint64_t known = end() - start;
  if (known >= bytes.size()) return std::vector<WalCut>{};
  bytes = bytes.subspan(known);
  std::vector<WalCut> complete;
  while (!bytes.empty()) {
    if (buffered_.empty()) {
      from_ = server_clock;
      since_ = now;
    }
    through_ = server_clock;
    const std::uint64_t to_boundary = boundary_ - end().value() % boundary_;
    const ByteView part = bytes.first(std::min<std::uint64_t>(to_boundary, bytes.size()));
    append(buffered_, part);
    bytes = bytes.subspan(part.size());
    if (part.size() == to_boundary) complete.push_back(*take());
  }
  return complete;
}

std::optional<WalCut> WalCutter::take() {
  if (buffered_.empty()) return std::nullopt;
  WalCut cut{timeline_, first_, std::move(buffered_), from_, through_, {}};
  buffered_ = {};
  first_ = cut.last();
  return cut;
}

std::optional<Micros> WalCutter::waiting_since() const {
  if (buffered_.empty()) return std::nullopt;
  return since_;
}

void RecoverableThrough::begin() {
  proofs_.clear();
  last_clock_.reset();
  last_keepalive_.reset();
}

void RecoverableThrough::saw_data(Lsn server_end, Timestamp server_clock) {
  if (last_clock_) add(server_end, *last_clock_);
  last_clock_ = server_clock;
  last_keepalive_.reset();
}

void RecoverableThrough::saw_keepalive(Lsn server_end, Timestamp server_clock) {
  if (last_clock_ && last_keepalive_ == server_end) add(server_end, *last_clock_);
  last_clock_ = server_clock;
  last_keepalive_ = server_end;
}

void RecoverableThrough::add(Lsn end, Timestamp clock) {
  if (!proofs_.empty() && proofs_.back().end == end) {
    proofs_.back().clock = std::max(proofs_.back().clock, clock);
    return;
  }
  // A missing proof only makes the answer older.
  if (proofs_.size() == most_proofs) proofs_.pop_front();
  proofs_.push_back({end, clock});
}

Timestamp RecoverableThrough::durable(Lsn durable_end) {
  while (!proofs_.empty() && proofs_.front().end <= durable_end) {
    through_ = std::max(through_, proofs_.front().clock);
    proofs_.pop_front();
  }
  return through_;
}

Timestamp RecoverableThrough::at(Lsn end) const {
  Timestamp through = through_;
  for (const Proof& proof : proofs_) {
    if (proof.end > end) break;
    through = std::max(through, proof.clock);
  }
  return through;
}

}  // namespace holdfast
