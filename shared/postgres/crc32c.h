#pragma once
// CRC-32C (Castagnoli), the checksum of pg_control and of WAL records. Not for security.
#include <cstdint>

#include "shared/base/bytes.h"

namespace holdfast {

// The CRC of `bytes`; pass the CRC of what came before to go on: crc32c(b, crc32c(a)) == crc32c(a + b).
std::uint32_t crc32c(ByteView bytes, std::uint32_t before = 0);
// The same where the processor has no instruction for it.
std::uint32_t crc32c_portable(ByteView bytes, std::uint32_t before = 0);

}  // namespace holdfast
