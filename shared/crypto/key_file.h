#pragma once
// Private keys at rest: recovery.key, root.key, operator and state-directory keys. One text file, mode 0600, that says
// what it is; the private part under a passphrase (Argon2id + XChaCha20-Poly1305) or, when told so, open.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shared/crypto/keys.h"
#include "shared/crypto/secret_text.h"
#include "shared/os/file_system.h"

namespace holdfast {

using Passphrase = SecretText;

enum class KeyKind : std::uint8_t { recovery, root, intermediate, node, enrol_server, fleet_server, operator_key };

// What a key file holds. `purpose` fields that are not secret (fleet id, root public key ...) are kept in the clear
// and authenticated.
struct KeyFile {
  KeyKind kind = KeyKind::recovery;
  std::vector<std::pair<std::string, std::string>> facts;  // names and values in [a-z0-9-] / printable text
  Bytes secret;                                            // zeroed by wipe()
  void wipe() {
    if (!secret.empty()) sodium_memzero(secret.data(), secret.size());
  }
  ~KeyFile() { wipe(); }
  KeyFile() = default;
  KeyFile(KeyFile&&) = default;
  KeyFile& operator=(KeyFile&& other) noexcept {
    wipe();
    kind = other.kind;
    facts = std::move(other.facts);
    secret = std::move(other.secret);
    return *this;
  }
  KeyFile(const KeyFile&) = delete;
  KeyFile& operator=(const KeyFile&) = delete;
};

// What guessing a passphrase costs (Argon2id). The default takes about a second and 256 MiB; tests ask for less. The
// file says what it was made with.
struct PassphraseCost {
  std::uint32_t passes = 3;
  std::uint32_t memory_kib = 256 * 1024;
};

// Refuses to overwrite (Code::already_exists). Code::invalid: a fact that cannot be written, an empty passphrase.
Result<> write_key_file(FileSystem& files, Entropy& entropy, const std::string& path, const KeyFile& key,
                        const std::optional<Passphrase>& passphrase, PassphraseCost cost = {});
// True when reading needs a passphrase. Refuses a file that others can read (mode & 077) with Code::denied.
Result<bool> key_file_needs_passphrase(FileSystem& files, const std::string& path);
// Code::denied: wrong passphrase or an altered file; Code::invalid: not a key file of this kind.
Result<KeyFile> read_key_file(FileSystem& files, const std::string& path, KeyKind kind,
                              const std::optional<Passphrase>& passphrase);

}  // namespace holdfast
