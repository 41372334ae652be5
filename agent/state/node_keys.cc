#include "agent/state/node_keys.h"

#include "shared/crypto/key_file.h"

namespace holdfast {
namespace {

// Public and private halves one after the other: curve 32+32, signer 32+64, recipient 32+32.
constexpr std::size_t stored_size = 32 + 32 + 32 + 64 + 32 + 32;

Bytes pack(const NodeKeys& keys) {
  Bytes out;
  out.reserve(stored_size);
  append(out, keys.curve.public_key.bytes());
  append(out, keys.curve.secret_key.bytes());
  append(out, keys.signer.public_key.bytes());
  append(out, keys.signer.secret_key.bytes());
  append(out, keys.recipient.public_key.bytes());
  append(out, keys.recipient.secret_key.bytes());
  return out;
}

Result<NodeKeys> unpack(ByteView bytes) {
  if (bytes.size() != stored_size) return fail(Code::corrupt, "the node's key file has the wrong size");
  NodeKeys keys;
  keys.curve.public_key = TRY(CurvePublicKey::from_bytes(bytes.subspan(0, 32)));
  keys.curve.secret_key = TRY(Secret<32>::from_bytes(bytes.subspan(32, 32)));
  keys.signer.public_key = TRY(SignPublicKey::from_bytes(bytes.subspan(64, 32)));
  keys.signer.secret_key = TRY(Secret<64>::from_bytes(bytes.subspan(96, 64)));
  keys.recipient.public_key = TRY(BoxPublicKey::from_bytes(bytes.subspan(160, 32)));
  keys.recipient.secret_key = TRY(Secret<32>::from_bytes(bytes.subspan(192, 32)));
  return keys;
}

}  // namespace

Result<NodeKeys> load_or_make_node_keys(FileSystem& files, Entropy& entropy, const std::string& path) {
  if (TRY(files.stat(path))) {
    const KeyFile stored = TRY(read_key_file(files, path, KeyKind::node, std::nullopt));
    return unpack(stored.secret);
  }
  NodeKeys keys{make_curve_key(entropy), make_sign_key(entropy), make_box_key(entropy)};
  KeyFile file;
  file.kind = KeyKind::node;
  file.secret = pack(keys);
  TRY(write_key_file(files, entropy, path, file, std::nullopt));
  return keys;
}

}  // namespace holdfast
