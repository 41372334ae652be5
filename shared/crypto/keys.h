#pragma once
// Key types. Public halves are plain values that do not mix; private halves are Secrets.
#include <array>
#include <compare>

#include "shared/base/bytes.h"
#include "shared/base/entropy.h"
#include "shared/crypto/secret.h"

namespace holdfast {

template <class Tag>
class PublicKey {
 public:
  static constexpr std::size_t size = 32;
  PublicKey() = default;  // all zero: "none"
  explicit PublicKey(std::array<std::uint8_t, size> bytes) : bytes_(bytes) {}
  static Result<PublicKey> from_bytes(ByteView bytes) {
    if (bytes.size() != size) return fail(Code::invalid, "a public key has 32 bytes");
    PublicKey out;
    std::copy(bytes.begin(), bytes.end(), out.bytes_.begin());
    return out;
  }
  ByteView bytes() const { return bytes_; }
  bool is_none() const { return *this == PublicKey{}; }
  std::string text() const { return to_base64url(bytes_); }
  friend auto operator<=>(const PublicKey&, const PublicKey&) = default;

 private:
  std::array<std::uint8_t, size> bytes_{};
};

using CurvePublicKey = PublicKey<struct CurveKeyTag>;  // who speaks on a CURVE socket (X25519)
using SignPublicKey = PublicKey<struct SignKeyTag>;    // who signed (Ed25519)
using BoxPublicKey = PublicKey<struct BoxKeyTag>;      // for whom a data key is sealed (X25519)

struct CurveKeyPair {
  CurvePublicKey public_key;
  Secret<32> secret_key;
};
struct SignKeyPair {
  SignPublicKey public_key;
  Secret<64> secret_key;  // libsodium's form: seed then public key
};
struct BoxKeyPair {
  BoxPublicKey public_key;
  Secret<32> secret_key;
};

CurveKeyPair make_curve_key(Entropy& entropy);
SignKeyPair make_sign_key(Entropy& entropy);
BoxKeyPair make_box_key(Entropy& entropy);

using Signature = std::array<std::uint8_t, 64>;

// Ed25519 over `context` (a fixed text that says what kind of thing is signed), a zero byte and the message, so that a
// signature made for one purpose never fits another.
Signature sign(const SignKeyPair& key, std::string_view context, ByteView message);
// Code::denied when it does not fit.
Result<> verify_signature(const SignPublicKey& key, std::string_view context, ByteView message,
                          const Signature& signature);

// Anonymous sealing (libsodium crypto_box_seal): 48 bytes longer than the plain text. Seals use the system's entropy.
Bytes seal(const BoxPublicKey& recipient, ByteView plain);
// Code::denied when it was not sealed for this key.
Result<Bytes> open_sealed(const BoxKeyPair& key, ByteView sealed);

using Sha256 = std::array<std::uint8_t, 32>;
Sha256 sha256(ByteView bytes);
// RFC 2104 with SHA-256; a key of any length.
Sha256 hmac_sha256(ByteView key, ByteView message);

// Keyed BLAKE2b-256 over context, a zero byte and the message.
std::array<std::uint8_t, 32> keyed_hash(ByteView key, std::string_view context, ByteView message);

}  // namespace holdfast
