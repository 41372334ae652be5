#include "shared/repository/wal_object.h"

#include <fmt/format.h>

#include "schema/repository.capnp.h"
#include "shared/repository/capnp_bytes.h"
#include "shared/repository/signed_object.h"

namespace holdfast {
namespace {

namespace wire = schema::repository;
constexpr SignedKind kind{"HFWL0001", "holdfast wal header 1", "a WAL header"};
constexpr std::uint64_t plain_limit = 1ULL << 30U;  // the largest WAL segment there is

Bytes encode_header(const WalHeader& header) {
  using capnp_bytes::blob;
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<wire::WalHeader>();
  out.setFleet(blob(header.fleet.bytes()));
  out.setDatabase(blob(header.database.bytes()));
  out.setNode(blob(header.node.bytes()));
  out.setEpoch(blob(header.epoch.bytes()));
  out.setSystemId(header.system_id.value());
  out.setTimeline(header.timeline.value());
  out.setFirst(header.first.value());
  out.setLast(header.last.value());
  out.setSegmentSize(header.segment_size);
  out.setPredecessor(blob(header.predecessor));
  out.setReceivedFrom(header.received_from.micros());
  out.setReceivedThrough(header.received_through.micros());
  out.setRecoverableThrough(header.recoverable_through.micros());
  out.setFrames(header.frames);
  out.setBodySize(header.body_size);
  out.setBodySha256(blob(header.body_sha256));
  return capnp_bytes::canonical<wire::WalHeader>(message);
}

// What no honest writer makes.
Result<> check_stretch(const WalHeader& header) {
  const std::uint64_t first = header.first.value();
  const std::uint64_t last = header.last.value();
  const auto refuse = [&](std::string_view why) {
    return fail(Code::corrupt, fmt::format("WAL from {} to {}: {}", header.first, header.last, why));
  };
  if (last <= first) return refuse("the end is not after the beginning");
  if (last - first > plain_limit) return refuse("it is longer than any segment");
  if (header.segment_size != 0 && (last - 1) / header.segment_size != first / header.segment_size) {
    return refuse("it is not within one segment");
  }
  return {};
}

Result<WalHeader> decode_header(ByteView body) {
  WalHeader header = TRY(capnp_bytes::parse<wire::WalHeader>(body, kind.what, [](auto in) -> Result<WalHeader> {
    using namespace capnp_bytes;
    WalHeader out;
    out.fleet = TRY(value_of<FleetId>(in.getFleet()));
    out.database = TRY(value_of<DatabaseId>(in.getDatabase()));
    out.node = TRY(value_of<NodeId>(in.getNode()));
    out.epoch = TRY(value_of<EpochId>(in.getEpoch()));
    out.system_id = SystemId(in.getSystemId());
    out.timeline = Timeline(in.getTimeline());
    out.first = Lsn(in.getFirst());
    out.last = Lsn(in.getLast());
    out.segment_size = in.getSegmentSize();
    out.predecessor = TRY(array_of<32>(in.getPredecessor()));
    out.received_from = Timestamp::from_micros(in.getReceivedFrom());
    out.received_through = Timestamp::from_micros(in.getReceivedThrough());
    out.recoverable_through = Timestamp::from_micros(in.getRecoverableThrough());
    out.frames = in.getFrames();
    out.body_size = in.getBodySize();
    out.body_sha256 = TRY(array_of<32>(in.getBodySha256()));
    return out;
  }));
  TRY(check_stretch(header));
  return header;
}

FrameIdentity identity_of(const WalHeader& header, std::uint32_t number) {
  FrameIdentity identity;
  identity.fleet = header.fleet;
  identity.database = header.database;
  identity.epoch = header.epoch;
  identity.space = FrameSpace::wal;
  Bytes owner;
  append_be<std::uint32_t>(owner, header.timeline.value());
  append_be<std::uint64_t>(owner, header.first.value());
  append_be<std::uint32_t>(owner, static_cast<std::uint32_t>(header.last - header.first));
  std::copy(owner.begin(), owner.end(), identity.owner.begin());
  identity.number = number;
  identity.end = number + 1 == header.frames ? FrameEnd::last : FrameEnd::more;
  return identity;
}

struct Verified {
  WalHeader header;
  ByteView body;
};

Result<Verified> verify(ByteView object, const SignPublicKey& signer) {
  const SignedFront front = TRY(decode_signed_front(kind, object));
  TRY(verify_signed(kind, front.content, signer));
  Verified out;
  out.header = TRY(decode_header(front.content.body));
  out.body = object.subspan(front.size);
  const std::string what = fmt::format("WAL from {} to {}", out.header.first, out.header.last);
  if (out.body.size() != out.header.body_size) {
    return fail(Code::corrupt, fmt::format("{}: its body has {} bytes and should have {}", what, out.body.size(),
                                           out.header.body_size));
  }
  if (sha256(out.body) != out.header.body_sha256) {
    return fail(Code::corrupt, what + ": its body does not fit the hash in its header");
  }
  return out;
}

}  // namespace

Result<EncodedWal> encode_wal_object(WalHeader header, ByteView plain, const EpochKey& key, const SignKeyPair& signer,
                                     Entropy& entropy, FrameEncoder& encoder) {
  if (auto sound = check_stretch(header); !sound) return fail(Code::invalid, sound.error().message);
  if (plain.size() != header.last - header.first) {
    return fail(Code::invalid,
                fmt::format("WAL from {} to {} given as {} bytes", header.first, header.last, plain.size()));
  }
  if (key.id != header.epoch) return fail(Code::invalid, "WAL of one epoch with the key of another");
  header.frames = static_cast<std::uint32_t>((plain.size() + frame_plain_target - 1) / frame_plain_target);
  const auto prefix = entropy.bytes<16>();
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
  EncodedWal out;
  out.object = encode_signed(kind, encode_header(header), signer);
  append(out.object, body);
  out.sha256 = sha256(out.object);
  return out;
}

Result<WalHeader> peek_wal_header(ByteView object) {
  const SignedFront front = TRY(decode_signed_front(kind, object));
  return decode_header(front.content.body);
}

Result<WalHeader> verify_wal_header(ByteView object, const SignPublicKey& signer) {
  const SignedFront front = TRY(decode_signed_front(kind, object));
  TRY(verify_signed(kind, front.content, signer));
  return decode_header(front.content.body);
}

Result<WalHeader> verify_wal_object(ByteView object, const SignPublicKey& signer) {
  return TRY(verify(object, signer)).header;
}

Result<> read_wal_object(ByteView object, const SignPublicKey& signer, const KeyRing& keys, FrameDecoder& decoder,
                         const WalSink& sink) {
  const Verified wal = TRY(verify(object, signer));
  const std::string what = fmt::format("WAL from {} to {}", wal.header.first, wal.header.last);
  const std::uint64_t size = wal.header.last - wal.header.first;
  std::uint64_t done = 0;
  Bytes plain;  // its memory is used again
  ByteView rest = wal.body;
  for (std::uint32_t number = 0; number < wal.header.frames; ++number) {
    auto opened = TRY_DURING(what, decoder.open(rest, identity_of(wal.header, number), keys, std::move(plain)));
    plain = std::move(opened.plain);
    rest = rest.subspan(opened.stored_size);
    done += plain.size();
    const bool last = number + 1 == wal.header.frames;
    if (done > size || (last && (done != size || !rest.empty()))) {
      return fail(Code::corrupt, fmt::format("{}: its frames hold {} bytes", what, done));
    }
    TRY(sink(plain));
  }
  return {};
}

Result<Bytes> open_wal_object(ByteView object, const SignPublicKey& signer, const KeyRing& keys,
                              FrameDecoder& decoder) {
  Bytes plain;
  TRY(read_wal_object(object, signer, keys, decoder, [&plain](ByteView piece) -> Result<> {
    append(plain, piece);
    return {};
  }));
  return plain;
}

}  // namespace holdfast
