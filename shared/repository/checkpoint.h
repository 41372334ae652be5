#pragma once
// A checkpoint of the coordinator as an object in a store: a clear header, signed by the intermediate key, and an
// encrypted body that only the recovery key opens. Pure; what the body holds is coordinator/catalog's, see FORMAT.md.
#include "shared/repository/frame.h"

namespace holdfast {

struct CheckpointHeader {
  FleetId fleet;
  std::uint64_t coordinator_epoch = 0;
  std::uint64_t sequence = 0;
  Timestamp made_at;
  EpochId key;             // of the data key, made for this object alone
  BoxPublicKey recipient;  // the fleet's recovery key
  Bytes sealed_key;
  std::uint32_t frames = 0;
  std::uint64_t body_size = 0;
  Sha256 body_sha256{};
  friend bool operator==(const CheckpointHeader&, const CheckpointHeader&) = default;
};

// A front of an object has at most so many bytes.
constexpr std::size_t checkpoint_front_limit = 4096;

// Fills in the key, the recipient and what is said of the body. Code::invalid: nothing to hold, or no such recipient.
Result<Bytes> encode_checkpoint(CheckpointHeader header, ByteView plain, const BoxPublicKey& recovery,
                                const SignedBytes& intermediate_certificate, const SignKeyPair& intermediate,
                                Entropy& entropy);

// Certificate up to `root`, then the signature, then the fleet. `object` may be just its front. Code::corrupt or
// Code::denied.
Result<CheckpointHeader> verify_checkpoint_header(ByteView object, FleetId fleet, const SignPublicKey& root);

// The same and all of the body. Code::denied when it was not sealed for this key.
Result<Bytes> open_checkpoint(ByteView object, FleetId fleet, const SignPublicKey& root, const BoxKeyPair& recovery);

}  // namespace holdfast
