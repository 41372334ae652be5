#pragma once
// What is said to a vault, as plain values. schema/vault.capnp says what each means and who sends it.
#include <string>
#include <variant>

#include "shared/crypto/keys.h"

namespace holdfast {

constexpr std::uint16_t vault_protocol = 1;
// Of one frame of content, and of what may be on the way in one transfer.
constexpr std::size_t vault_chunk_bytes = 256U << 10U;
constexpr std::uint64_t vault_window_bytes = 4U << 20U;
// Of an encoded message; only a hello may be longer than the first.
constexpr std::size_t vault_message_limit = 8U << 10U;
constexpr std::size_t vault_hello_limit = 160U << 10U;

struct VaultHello {
  Bytes grant;
};
struct VaultPut {
  std::string name;
  std::uint64_t size = 0;
  Sha256 sha256{};
};
struct VaultGet {
  std::string name;
};
struct VaultGetRange {
  std::string name;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};
struct VaultList {
  std::string prefix;
};
struct VaultListParts {
  std::string prefix;
};
struct VaultStat {
  std::string name;
};
struct VaultRemove {
  std::string name;
};
struct VaultCheck {};
struct VaultAskSpace {};
struct VaultChunk {
  std::uint64_t offset = 0;
};
struct VaultCredit {
  std::uint64_t bytes = 0;
};
struct VaultWelcome {
  std::uint32_t chunk_bytes = 0;
  std::uint64_t window_bytes = 0;
};
struct VaultContent {
  std::uint64_t size = 0;
};
struct VaultFound {
  bool exists = false;
  std::uint64_t size = 0;
};
struct VaultSpaceIs {
  std::uint64_t free_bytes = 0;
  std::uint64_t total_bytes = 0;
};
struct VaultDone {};
struct VaultRefused {
  Error error;
};
struct VaultBusy {};

using VaultBody = std::variant<VaultHello, VaultPut, VaultGet, VaultGetRange, VaultList, VaultListParts, VaultStat,
                               VaultRemove, VaultCheck, VaultAskSpace, VaultChunk, VaultCredit, VaultWelcome,
                               VaultContent, VaultFound, VaultSpaceIs, VaultDone, VaultRefused, VaultBusy>;

struct VaultMessage {
  std::uint32_t id = 0;
  VaultBody body;
};

Bytes encode_vault_message(const VaultMessage& message);
// Never throws. Code::invalid: too long, or no message; Code::unsupported: of a version or kind not known here.
Result<VaultMessage> decode_vault_message(ByteView bytes, std::size_t limit = vault_message_limit);

}  // namespace holdfast
