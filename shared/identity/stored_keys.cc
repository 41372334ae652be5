#include "shared/identity/stored_keys.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {
namespace {

template <class Pair>
KeyFile make_key_file(KeyKind kind, KeyFacts facts, const Pair& pair) {
  KeyFile out;
  out.kind = kind;
  out.facts = std::move(facts);
  out.facts.emplace_back("public", pair.public_key.text());
  out.secret = to_bytes(pair.secret_key.bytes());
  return out;
}

Result<std::array<std::uint8_t, 32>> x25519_public(ByteView secret) {
  std::array<std::uint8_t, 32> out{};
  if (crypto_scalarmult_base(out.data(), secret.data()) != 0) {
    return fail(Code::corrupt, "the key file holds no X25519 key");
  }
  return out;
}

template <std::size_t N>
Result<Secret<N>> secret_of(const KeyFile& file) {
  auto secret = Secret<N>::from_bytes(file.secret);
  if (!secret) return fail(Code::corrupt, "the key file holds a key of the wrong length");
  return secret;
}

}  // namespace

KeyFile to_key_file(KeyKind kind, KeyFacts facts, const CurveKeyPair& pair) {
  return make_key_file(kind, std::move(facts), pair);
}
KeyFile to_key_file(KeyKind kind, KeyFacts facts, const SignKeyPair& pair) {
  return make_key_file(kind, std::move(facts), pair);
}
KeyFile to_key_file(KeyKind kind, KeyFacts facts, const BoxKeyPair& pair) {
  return make_key_file(kind, std::move(facts), pair);
}

Result<CurveKeyPair> curve_pair(const KeyFile& file) {
  CurveKeyPair out;
  out.secret_key = TRY(secret_of<32>(file));
  out.public_key = CurvePublicKey(TRY(x25519_public(out.secret_key.bytes())));
  return out;
}

Result<BoxKeyPair> box_pair(const KeyFile& file) {
  BoxKeyPair out;
  out.secret_key = TRY(secret_of<32>(file));
  out.public_key = BoxPublicKey(TRY(x25519_public(out.secret_key.bytes())));
  return out;
}

Result<SignKeyPair> sign_pair(const KeyFile& file) {
  SignKeyPair out;
  const auto stored = TRY(secret_of<64>(file));
  std::array<std::uint8_t, 32> public_half{};
  crypto_sign_seed_keypair(public_half.data(), out.secret_key.writable().data(), stored.bytes().data());
  if (!equal_constant_time(out.secret_key.bytes(), stored.bytes())) {
    return fail(Code::corrupt, "the key file holds no Ed25519 key");
  }
  out.public_key = SignPublicKey(public_half);
  return out;
}

Result<std::string> key_fact(const KeyFile& file, std::string_view name) {
  const auto found = std::ranges::find_if(file.facts, [&](const auto& fact) { return fact.first == name; });
  if (found == file.facts.end()) return fail(Code::corrupt, fmt::format("the key file has no fact \"{}\"", name));
  return found->second;
}

}  // namespace holdfast
