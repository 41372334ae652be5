#include "shared/repository/signed_object.h"

#include <fmt/format.h>

#include "shared/base/byte_reader.h"

namespace holdfast {

Bytes encode_signed(const SignedKind& kind, Bytes body, const SignKeyPair& signer) {
  SignedBytes content;
  content.signature = sign(signer, kind.context, body);
  content.body = std::move(body);
  Bytes out = to_bytes(as_bytes(kind.magic));
  append(out, content.encode());
  return out;
}

Result<SignedFront> decode_signed_front(const SignedKind& kind, ByteView object) {
  ByteReader from(object);
  if (as_text(from.take(kind.magic.size())) != kind.magic) {
    // The last four characters count the version.
    if (as_text(object.first(std::min<std::size_t>(4, object.size()))) == kind.magic.substr(0, 4) &&
        object.size() >= 8) {
      return fail(Code::unsupported, fmt::format("{} of a version this program does not know", kind.what),
                  "use the version that wrote it, or a newer one");
    }
    return fail(Code::corrupt, fmt::format("it does not begin like {}", kind.what));
  }
  SignedFront out;
  out.content.body = to_bytes(from.counted<std::uint32_t>());
  out.content.signature = from.array<64>();
  if (!from.ok()) return fail(Code::corrupt, fmt::format("{} is cut short", kind.what));
  out.size = object.size() - from.rest().size();
  return out;
}

Result<SignedBytes> decode_signed(const SignedKind& kind, ByteView object) {
  SignedFront front = TRY(decode_signed_front(kind, object));
  if (front.size != object.size()) return fail(Code::corrupt, fmt::format("there are bytes after {}", kind.what));
  return std::move(front.content);
}

Result<> verify_signed(const SignedKind& kind, const SignedBytes& content, const SignPublicKey& signer) {
  TRY_DURING(kind.what, verify_signature(signer, kind.context, content.body, content.signature));
  return {};
}

}  // namespace holdfast
