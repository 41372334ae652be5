#include "agent/postgres/page_check.h"

#include <array>
#include <cstring>

namespace holdfast {
namespace {

constexpr std::size_t lanes = 32;
constexpr std::size_t rows = page_size / (lanes * sizeof(std::uint32_t));
constexpr std::uint32_t prime = 16777619;
constexpr std::size_t checksum_offset = 8;
constexpr std::size_t upper_offset = 14;

using Lanes = std::array<std::uint32_t, lanes>;

// Part of the persistent format of PostgreSQL: where each lane begins.
constexpr Lanes seeds = {0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2,
                         0x83E13D2C, 0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C,
                         0xF718902A, 0x0B1C9CDB, 0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979,
                         0xCCA6C0B2, 0x304A0979, 0x85AA43D4, 0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E,
                         0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756};

struct alignas(64) Page {
  std::array<Lanes, rows> words;
};

[[gnu::always_inline]] inline std::uint32_t mix_page(const Page& page) {
  Lanes sums = seeds;
  for (const Lanes& row : page.words) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const std::uint32_t t = sums[lane] ^ row[lane];
      sums[lane] = (t * prime) ^ (t >> 17);
    }
  }
  for (int round = 0; round < 2; ++round) {
    for (std::uint32_t& sum : sums) sum = (sum * prime) ^ (sum >> 17);
  }
  std::uint32_t result = 0;
  for (const std::uint32_t sum : sums) result ^= sum;
  return result;
}

// The lanes are independent, so a compiler that may use wide registers is several times faster; which ones there are is
// known only when we run.
[[gnu::optimize("O3")]] std::uint32_t mix_portable(const Page& page) {
  return mix_page(page);
}
#if defined(__x86_64__)
[[gnu::optimize("O3"), gnu::target("avx2")]] std::uint32_t mix_avx2(const Page& page) {
  return mix_page(page);
}
std::uint32_t mix(const Page& page) {
  return __builtin_cpu_supports("avx2") != 0 ? mix_avx2(page) : mix_portable(page);
}
#else
std::uint32_t mix(const Page& page) {
  return mix_portable(page);
}
#endif

}  // namespace

std::uint16_t page_checksum(ByteView page, std::uint32_t block) {
  Page copy;
  std::memcpy(&copy, page.data(), page_size);
  std::memset(reinterpret_cast<std::uint8_t*>(&copy) + checksum_offset, 0, sizeof(std::uint16_t));
  return static_cast<std::uint16_t>((mix(copy) ^ block) % 65535 + 1);
}

// Two numbers, the high half first.
Lsn page_lsn(ByteView page) {
  const std::uint64_t high = read_le<std::uint32_t>(page);
  return Lsn((high << 32) | read_le<std::uint32_t>(page.subspan(4)));
}

PageVerdict check_page(ByteView page, std::uint32_t block, Lsn backup_start) {
  if (read_le<std::uint16_t>(page.subspan(upper_offset)) == 0) return PageVerdict::fresh;
  if (page_lsn(page) >= backup_start) return PageVerdict::too_recent;
  const bool fits = page_checksum(page, block) == read_le<std::uint16_t>(page.subspan(checksum_offset));
  return fits ? PageVerdict::sound : PageVerdict::mismatch;
}

}  // namespace holdfast
