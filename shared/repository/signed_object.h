#pragma once
// The frame around everything clear and signed: magic, u32 length, body, signature. See FORMAT.md.
#include "shared/identity/certificate.h"

namespace holdfast {

struct SignedKind {
  std::string_view magic;    // 8 bytes
  std::string_view context;  // of the signature
  std::string_view what;     // for messages
};

Bytes encode_signed(const SignedKind& kind, Bytes body, const SignKeyPair& signer);

struct SignedFront {
  SignedBytes content;   // not verified
  std::size_t size = 0;  // of the whole front, in bytes
};
// The front of `object`; what follows it is the caller's. Code::corrupt.
Result<SignedFront> decode_signed_front(const SignedKind& kind, ByteView object);
// All of `object`, nothing after it. Code::corrupt.
Result<SignedBytes> decode_signed(const SignedKind& kind, ByteView object);
// Code::denied.
Result<> verify_signed(const SignedKind& kind, const SignedBytes& content, const SignPublicKey& signer);

}  // namespace holdfast
