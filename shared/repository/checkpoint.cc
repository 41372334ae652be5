#include "shared/repository/checkpoint.h"

#include <fmt/format.h>

#include <stdexcept>

#include "schema/repository.capnp.h"
#include "shared/repository/capnp_bytes.h"
#include "shared/repository/signed_object.h"

namespace holdfast {
namespace {

namespace wire = schema::repository;
constexpr SignedKind kind{"HFCK0001", "holdfast checkpoint 1", "a checkpoint"};
constexpr int zstd_level = 3;

Bytes encode_header(const CheckpointHeader& header, const SignedBytes& certificate) {
  using capnp_bytes::blob;
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<wire::CheckpointHeader>();
  out.setFleet(blob(header.fleet.bytes()));
  out.setCoordinatorEpoch(header.coordinator_epoch);
  out.setSequence(header.sequence);
  out.setMadeAt(header.made_at.micros());
  out.setKey(blob(header.key.bytes()));
  out.setRecipient(blob(header.recipient.bytes()));
  out.setSealedKey(blob(header.sealed_key));
  out.setFrames(header.frames);
  out.setBodySize(header.body_size);
  out.setBodySha256(blob(header.body_sha256));
  out.setCertificate(blob(certificate.encode()));
  return capnp_bytes::canonical<wire::CheckpointHeader>(message);
}

struct WithCertificate {
  CheckpointHeader header;
  SignedBytes certificate;
};

Result<WithCertificate> decode_header(ByteView body) {
  return capnp_bytes::parse<wire::CheckpointHeader>(body, kind.what, [](auto in) -> Result<WithCertificate> {
    using namespace capnp_bytes;
    WithCertificate out;
    out.header.fleet = TRY(value_of<FleetId>(in.getFleet()));
    out.header.coordinator_epoch = in.getCoordinatorEpoch();
    out.header.sequence = in.getSequence();
    out.header.made_at = Timestamp::from_micros(in.getMadeAt());
    out.header.key = TRY(value_of<EpochId>(in.getKey()));
    out.header.recipient = TRY(value_of<BoxPublicKey>(in.getRecipient()));
    out.header.sealed_key = to_bytes(view(in.getSealedKey()));
    out.header.frames = in.getFrames();
    out.header.body_size = in.getBodySize();
    out.header.body_sha256 = TRY(array_of<32>(in.getBodySha256()));
    out.certificate = TRY(SignedBytes::decode(view(in.getCertificate())));
    return out;
  });
}

FrameIdentity identity_of(const CheckpointHeader& header, std::uint32_t number) {
  FrameIdentity identity;  // its database stays null: it is of none
  identity.fleet = header.fleet;
  identity.epoch = header.key;
  identity.space = FrameSpace::checkpoint;
  Bytes owner;
  append_be(owner, header.coordinator_epoch);
  append_be(owner, header.sequence);
  std::copy(owner.begin(), owner.end(), identity.owner.begin());
  identity.number = number;
  identity.end = number + 1 == header.frames ? FrameEnd::last : FrameEnd::more;
  return identity;
}

struct Verified {
  CheckpointHeader header;
  std::size_t front_size = 0;
};

Result<Verified> verify_front(ByteView object, FleetId fleet, const SignPublicKey& root) {
  const SignedFront front = TRY(decode_signed_front(kind, object));
  WithCertificate both = TRY(decode_header(front.content.body));
  const IntermediateCertificate signer = TRY_DURING(kind.what, verify_intermediate(both.certificate, root));
  TRY(verify_signed(kind, front.content, signer.intermediate));
  if (both.header.fleet != fleet || signer.fleet != fleet) return fail(Code::denied, "a checkpoint of another fleet");
  return Verified{std::move(both.header), front.size};
}

Result<Bytes> open_body(const CheckpointHeader& header, ByteView body, const KeyRing& keys) {
  FrameDecoder decoder;
  Bytes plain;
  for (std::uint32_t number = 0; number < header.frames; ++number) {
    const auto opened = TRY_DURING(kind.what, decoder.open(body, identity_of(header, number), keys));
    append(plain, opened.plain);
    body = body.subspan(opened.stored_size);
  }
  if (!body.empty()) return fail(Code::corrupt, "there are bytes after the last frame of a checkpoint");
  return plain;
}

}  // namespace

Result<Bytes> encode_checkpoint(CheckpointHeader header, ByteView plain, const BoxPublicKey& recovery,
                                const SignedBytes& intermediate_certificate, const SignKeyPair& intermediate,
                                Entropy& entropy) {
  if (plain.empty()) return fail(Code::invalid, "a checkpoint of nothing");
  EpochKey key;
  key.id = entropy.id<EpochId>();
  entropy.fill(key.key.writable());
  header.key = key.id;
  header.recipient = recovery;
  try {
    header.sealed_key = seal_epoch_key(key, recovery);
  } catch (const std::invalid_argument&) {
    return fail(Code::invalid, "the fleet's recovery key is not a public key");
  }
  header.frames = static_cast<std::uint32_t>((plain.size() + frame_plain_target - 1) / frame_plain_target);
  const auto prefix = entropy.bytes<16>();
  FrameEncoder encoder(zstd_level);
  Bytes body;
  for (std::uint32_t number = 0; number < header.frames; ++number) {
    FrameIdentity identity = identity_of(header, number);
    identity.nonce_prefix = prefix;
    const std::size_t begin = std::size_t{number} * frame_plain_target;
    (void)TRY(encoder.append(body, identity, key.key,
                             plain.subspan(begin, std::min(frame_plain_target, plain.size() - begin))));
  }
  header.body_size = body.size();
  header.body_sha256 = sha256(body);
  Bytes object = encode_signed(kind, encode_header(header, intermediate_certificate), intermediate);
  append(object, body);
  return object;
}

Result<CheckpointHeader> verify_checkpoint_header(ByteView object, FleetId fleet, const SignPublicKey& root) {
  return TRY(verify_front(object, fleet, root)).header;
}

Result<Bytes> open_checkpoint(ByteView object, FleetId fleet, const SignPublicKey& root, const BoxKeyPair& recovery) {
  const Verified front = TRY(verify_front(object, fleet, root));
  const ByteView body = object.subspan(front.front_size);
  if (body.size() != front.header.body_size || sha256(body) != front.header.body_sha256) {
    return fail(Code::corrupt, "a checkpoint's body is not the one that was signed");
  }
  if (front.header.recipient != recovery.public_key) {
    return fail(Code::denied, "the checkpoint is not sealed for this recovery key");
  }
  KeyRing keys;
  keys.add(TRY(open_epoch_key(front.header.key, front.header.sealed_key, recovery)));
  return open_body(front.header, body, keys);
}

}  // namespace holdfast
