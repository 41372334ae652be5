#include "shared/postgres/crc32c.h"

#include <array>
#include <cstring>

namespace holdfast {
namespace {

// Eight tables: table[k][b] is the CRC of byte b followed by k zero bytes, so that eight bytes go at a time.
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  constexpr std::uint32_t reversed_polynomial = 0x82F63B78;
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? reversed_polynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t zeros = 1; zeros < tables.size(); ++zeros) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t crc = tables[zeros - 1][byte];
      tables[zeros][byte] = (crc >> 8) ^ tables[0][crc & 0xFF];
    }
  }
  return tables;
}

constexpr Tables tables = make_tables();

// `crc` without the complement before and after.
std::uint32_t update_portable(std::uint32_t crc, ByteView bytes) {
  while (bytes.size() >= 8) {
    const std::uint32_t low = crc ^ read_le<std::uint32_t>(bytes);
    crc = tables[7][low & 0xFF] ^ tables[6][(low >> 8) & 0xFF] ^ tables[5][(low >> 16) & 0xFF] ^ tables[4][low >> 24] ^
          tables[3][bytes[4]] ^ tables[2][bytes[5]] ^ tables[1][bytes[6]] ^ tables[0][bytes[7]];
    bytes = bytes.subspan(8);
  }
  for (const std::uint8_t byte : bytes) crc = (crc >> 8) ^ tables[0][(crc ^ byte) & 0xFF];
  return crc;
}

#if defined(__x86_64__)
// The processor's own instruction; whether there is one is known only when we run.
[[gnu::target("sse4.2")]] std::uint32_t update_sse42(std::uint32_t crc, ByteView bytes) {
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t wide = crc;
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
  if ((left & 4) != 0) {
    std::uint32_t word = 0;
    std::memcpy(&word, at, sizeof word);
    crc = __builtin_ia32_crc32si(crc, word);
    at += sizeof word;
  }
  for (left &= 3; left > 0; --left, ++at) crc = __builtin_ia32_crc32qi(crc, *at);
  return crc;
}
std::uint32_t update(std::uint32_t crc, ByteView bytes) {
  return __builtin_cpu_supports("sse4.2") != 0 ? update_sse42(crc, bytes) : update_portable(crc, bytes);
}
#else
std::uint32_t update(std::uint32_t crc, ByteView bytes) {
  return update_portable(crc, bytes);
}
#endif

}  // namespace

std::uint32_t crc32c(ByteView bytes, std::uint32_t before) {
  return ~update(~before, bytes);
}

std::uint32_t crc32c_portable(ByteView bytes, std::uint32_t before) {
  return ~update_portable(~before, bytes);
}

}  // namespace holdfast
