#include "tests/harness/page_compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>

namespace holdfast {
namespace {

constexpr std::size_t page_bytes = 8192;
constexpr std::size_t header_bytes = 24;
constexpr std::uint16_t hints_in_flags = 0x0007;  // PD_HAS_FREE_LINES, PD_PAGE_FULL, PD_ALL_VISIBLE
// HEAP_XMIN_* and HEAP_XMAX_* "committed" and "invalid"; HEAP_COMBOCID, which means something to one transaction only.
constexpr std::uint16_t hints_in_infomask = 0x0F20;
constexpr std::uint16_t gin_deleted = 0x04;
constexpr std::uint16_t btree_garbage_or_split = 0x60;  // BTP_SPLIT_END 0x20, BTP_HAS_GARBAGE 0x40

class Page {
 public:
  explicit Page(const char* bytes) : bytes_(bytes, bytes + page_bytes) {}

  bool is_new() const {
    return std::ranges::all_of(bytes_, [](char byte) { return byte == 0; });
  }
  void mask(PageKind kind, std::size_t block) {
    // Its first page keeps where space was found last, for the next who looks.
    if (kind == PageKind::spgist && block == 0) return clear(0, page_bytes);
    if (is_new()) return;
    clear(0, 10);  // LSN and checksum
    put(10, static_cast<std::uint16_t>(u16(10) & ~hints_in_flags));
    clear(20, 4);  // pd_prune_xid
    const std::size_t lower = u16(12);
    const std::size_t upper = u16(14);
    const std::size_t special = u16(16);
    // Some pages of indexes use the header's numbers in their own way.
    if (lower < header_bytes || lower > upper || upper > special || special > page_bytes) return;
    // A page that GIN gave up: what still stands there means nothing.
    if (kind == PageKind::gin && page_bytes - special >= 8 && (u16(special + 6) & gin_deleted) != 0) {
      return clear(0, page_bytes);
    }
    clear(lower, upper - lower);
    if (kind == PageKind::heap) return mask_tuples(lower);
    mask_line_pointers(lower);
    if (kind != PageKind::btree) return clear(special, page_bytes - special);
    if (page_bytes - special < 16) return;
    put(special + 12, static_cast<std::uint16_t>(u16(special + 12) & ~btree_garbage_or_split));
    clear(special + 14, 2);  // btpo_cycleid
  }
  std::size_t first_difference(const Page& other) const {
    return static_cast<std::size_t>(std::ranges::mismatch(bytes_, other.bytes_).in1 - bytes_.begin());
  }
  bool operator==(const Page&) const = default;

 private:
  std::uint16_t u16(std::size_t at) const {
    std::uint16_t value = 0;
    std::memcpy(&value, &bytes_[at], sizeof value);
    return value;
  }
  std::uint32_t u32(std::size_t at) const {
    std::uint32_t value = 0;
    std::memcpy(&value, &bytes_[at], sizeof value);
    return value;
  }
  void put(std::size_t at, std::uint16_t value) { std::memcpy(&bytes_[at], &value, sizeof value); }
  void clear(std::size_t at, std::size_t length) { std::fill_n(bytes_.begin() + static_cast<long>(at), length, '\0'); }

  void mask_line_pointers(std::size_t lower) {
    for (std::size_t at = header_bytes; at + 4 <= lower; at += 4) {
      const std::uint32_t pointer = u32(at) & ~(std::uint32_t{3} << 15U);
      std::memcpy(&bytes_[at], &pointer, sizeof pointer);
    }
  }
  void mask_tuples(std::size_t lower) {
    for (std::size_t at = header_bytes; at + 4 <= lower; at += 4) {
      const std::uint32_t pointer = u32(at);
      const std::size_t offset = pointer & 0x7FFFU;
      const std::size_t length = pointer >> 17U;
      if (((pointer >> 15U) & 3U) != 1 || length < 23 || offset + length > page_bytes)
        continue;            // LP_NORMAL has a tuple
      clear(offset + 8, 4);  // t_cid
      put(offset + 20, static_cast<std::uint16_t>(u16(offset + 20) & ~hints_in_infomask));
      const std::size_t padded = (length + 7) / 8 * 8;
      clear(offset + length, std::min(padded - length, page_bytes - offset - length));
    }
  }

  std::vector<char> bytes_;
};

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace

std::vector<std::string> compare_relation_files(const std::string& one, const std::string& other, PageKind kind,
                                                std::size_t limit) {
  const std::string left = content_of(one);
  const std::string right = content_of(other);
  const std::string zeros(page_bytes, '\0');
  std::vector<std::string> out;
  for (std::size_t at = 0; at < std::max(left.size(), right.size()) && out.size() < limit; at += page_bytes) {
    Page a(at + page_bytes <= left.size() ? left.data() + at : zeros.data());
    Page b(at + page_bytes <= right.size() ? right.data() + at : zeros.data());
    a.mask(kind, at / page_bytes);
    b.mask(kind, at / page_bytes);
    if (a != b) out.push_back(fmt::format("block {}: byte {}", at / page_bytes, a.first_difference(b)));
  }
  return out;
}

}  // namespace holdfast
