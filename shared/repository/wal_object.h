#pragma once
// One stretch of WAL: clear signed header, encrypted body. Pure functions; who puts and gets is elsewhere.
#include <functional>
#include <optional>

#include "shared/postgres/wal_position.h"
#include "shared/repository/frame.h"

namespace holdfast {

struct WalHeader {
  FleetId fleet;
  DatabaseId database;
  NodeId node;
  EpochId epoch;
  SystemId system_id;
  Timeline timeline;
  Lsn first;
  Lsn last;  // exclusive
  std::uint64_t segment_size = 0;
  Sha256 predecessor{};        // SHA-256 of the whole stored object before this one on the chain; zero for the first
  Timestamp received_from;     // server clock with the first byte
  Timestamp received_through;  // and the last: nothing in it was committed later
  std::uint32_t frames = 0;
  std::uint64_t body_size = 0;
  Sha256 body_sha256{};           // of the stored body
  Timestamp recoverable_through;  // server clock: what was committed before lies before `last`; never: not proven
  friend bool operator==(const WalHeader&, const WalHeader&) = default;
};

struct EncodedWal {
  Bytes object;
  Sha256 sha256{};  // of `object`: the next one's predecessor
};
// Fills in frames, body_size and body_sha256. `plain` is exactly last - first bytes.
Result<EncodedWal> encode_wal_object(WalHeader header, ByteView plain, const EpochKey& key, const SignKeyPair& signer,
                                     Entropy& entropy, FrameEncoder& encoder);

// Header only, unverified: to learn the epoch. `object` may be just the first bytes (>= wal_header_limit or all).
constexpr std::size_t wal_header_limit = 4096;
Result<WalHeader> peek_wal_header(ByteView object);
// The header's signature and nothing of the body; `object` as for peek_wal_header.
Result<WalHeader> verify_wal_header(ByteView object, const SignPublicKey& signer);
// Without keys: signature, body size, body hash.
Result<WalHeader> verify_wal_object(ByteView object, const SignPublicKey& signer);
// verify + decrypt; exactly last - first bytes.
Result<Bytes> open_wal_object(ByteView object, const SignPublicKey& signer, const KeyRing& keys, FrameDecoder& decoder);

// Takes log in order, piece by piece; its error ends the reading.
using WalSink = std::function<Result<>(ByteView)>;
// The same, a frame at a time: `sink` has seen sound bytes only, but not all of them when a later frame does not open.
Result<> read_wal_object(ByteView object, const SignPublicKey& signer, const KeyRing& keys, FrameDecoder& decoder,
                         const WalSink& sink);

}  // namespace holdfast
