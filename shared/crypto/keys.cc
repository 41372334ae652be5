#include "shared/crypto/keys.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdexcept>

#include "shared/base/unique_handle.h"

namespace holdfast {
namespace {

void require_sodium() {
  // sodium_init may run more than once and from many threads; the static only saves the call.
  static const bool ready = sodium_init() >= 0;
  if (!ready) throw std::runtime_error("libsodium does not start");
}

Bytes with_context(std::string_view context, ByteView message) {
  Bytes out;
  out.reserve(context.size() + 1 + message.size());
  append(out, as_bytes(context));
  out.push_back(0);
  append(out, message);
  return out;
}

// An X25519 pair: 32 random bytes and their public half.
template <class KeyPair, class Public>
KeyPair make_x25519(Entropy& entropy) {
  require_sodium();
  KeyPair pair;
  entropy.fill(pair.secret_key.writable());
  std::array<std::uint8_t, 32> public_half{};
  crypto_scalarmult_base(public_half.data(), pair.secret_key.bytes().data());
  pair.public_key = Public(public_half);
  return pair;
}

}  // namespace

CurveKeyPair make_curve_key(Entropy& entropy) {
  return make_x25519<CurveKeyPair, CurvePublicKey>(entropy);
}
BoxKeyPair make_box_key(Entropy& entropy) {
  return make_x25519<BoxKeyPair, BoxPublicKey>(entropy);
}

SignKeyPair make_sign_key(Entropy& entropy) {
  require_sodium();
  Secret<32> seed;
  entropy.fill(seed.writable());
  SignKeyPair pair;
  std::array<std::uint8_t, 32> public_half{};
  crypto_sign_seed_keypair(public_half.data(), pair.secret_key.writable().data(), seed.bytes().data());
  pair.public_key = SignPublicKey(public_half);
  return pair;
}

Signature sign(const SignKeyPair& key, std::string_view context, ByteView message) {
  require_sodium();
  const Bytes bytes = with_context(context, message);
  Signature signature{};
  crypto_sign_detached(signature.data(), nullptr, bytes.data(), bytes.size(), key.secret_key.bytes().data());
  return signature;
}

Result<> verify_signature(const SignPublicKey& key, std::string_view context, ByteView message,
                          const Signature& signature) {
  require_sodium();
  const Bytes bytes = with_context(context, message);
  if (crypto_sign_verify_detached(signature.data(), bytes.data(), bytes.size(), key.bytes().data()) != 0) {
    return fail(Code::denied, "the signature does not fit (" + std::string(context) + ")");
  }
  return {};
}

Bytes seal(const BoxPublicKey& recipient, ByteView plain) {
  require_sodium();
  Bytes out(plain.size() + crypto_box_SEALBYTES);
  if (crypto_box_seal(out.data(), plain.data(), plain.size(), recipient.bytes().data()) != 0) {
    throw std::invalid_argument("sealing for a public key that is not one");
  }
  return out;
}

Result<Bytes> open_sealed(const BoxKeyPair& key, ByteView sealed) {
  require_sodium();
  if (sealed.size() < crypto_box_SEALBYTES) return fail(Code::denied, "a sealed message that is too short");
  Bytes out(sealed.size() - crypto_box_SEALBYTES);
  if (crypto_box_seal_open(out.data(), sealed.data(), sealed.size(), key.public_key.bytes().data(),
                           key.secret_key.bytes().data()) != 0) {
    return fail(Code::denied, "it was not sealed for this key, or it was altered");
  }
  return out;
}

Sha256 sha256(ByteView bytes) {
  Sha256 out{};
  if (EVP_Digest(bytes.data(), bytes.size(), out.data(), nullptr, EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("SHA-256 is not available");
  }
  return out;
}

Sha256 hmac_sha256(ByteView key, ByteView message) {
  Sha256 out{};
  // An empty view may have no address, which HMAC() takes for "the key of before".
  constexpr std::uint8_t none = 0;
  if (HMAC(EVP_sha256(), key.empty() ? &none : key.data(), static_cast<int>(key.size()), message.data(), message.size(),
           out.data(), nullptr) == nullptr) {
    throw std::runtime_error("HMAC-SHA-256 is not available");
  }
  return out;
}

std::array<std::uint8_t, 32> keyed_hash(ByteView key, std::string_view context, ByteView message) {
  require_sodium();
  if (key.size() < crypto_generichash_KEYBYTES_MIN || key.size() > crypto_generichash_KEYBYTES_MAX) {
    throw std::invalid_argument("a hash key has 16 to 64 bytes");
  }
  constexpr std::uint8_t zero = 0;
  std::array<std::uint8_t, 32> out{};
  crypto_generichash_state state;
  crypto_generichash_init(&state, key.data(), key.size(), out.size());
  crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(context.data()), context.size());
  crypto_generichash_update(&state, &zero, 1);
  crypto_generichash_update(&state, message.data(), message.size());
  crypto_generichash_final(&state, out.data(), out.size());
  sodium_memzero(&state, sizeof state);
  return out;
}

}  // namespace holdfast
