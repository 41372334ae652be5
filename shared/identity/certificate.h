#pragma once
// Who a node is: its public keys, signed by the coordinator's intermediate key, which the fleet's root key signed. The
// bytes are kept and sent as they were signed.
#include "shared/base/ids.h"
#include "shared/base/time.h"
#include "shared/crypto/keys.h"

namespace holdfast {

// The intermediate's own certificate, signed by the root.
struct IntermediateCertificate {
  FleetId fleet;
  SignPublicKey intermediate;
  Timestamp not_before;
  Timestamp not_after;
};

struct NodeCertificate {
  FleetId fleet;
  NodeId node;
  std::string name;
  CurvePublicKey curve;
  SignPublicKey signer;
  BoxPublicKey recipient;
  std::uint64_t generation = 0;
  Timestamp not_before;
  Timestamp not_after;
};

// Bytes as signed plus the signature. Encoded form: u32 length (big-endian), body, 64-byte signature.
struct SignedBytes {
  Bytes body;
  Signature signature{};
  Bytes encode() const;
  // Consumes exactly all of `bytes`.
  static Result<SignedBytes> decode(ByteView bytes);
  friend bool operator==(const SignedBytes&, const SignedBytes&) = default;
};

// intermediate certificate (signed by root) + node certificate (signed by intermediate).
struct CertificateChain {
  SignedBytes intermediate;
  SignedBytes node;
  Bytes encode() const;
  static Result<CertificateChain> decode(ByteView bytes);
  friend bool operator==(const CertificateChain&, const CertificateChain&) = default;
};

SignedBytes issue_intermediate(const SignKeyPair& root, const IntermediateCertificate& certificate);
SignedBytes issue_node(const SignKeyPair& intermediate, const NodeCertificate& certificate);

// Both signatures, both fleets. Code::denied when something does not fit the root. Expiry is NOT checked here: an old
// backup stays verifiable; who cares about "now" compares not_after himself.
Result<NodeCertificate> verify_chain(const CertificateChain& chain, const SignPublicKey& root);
Result<IntermediateCertificate> verify_intermediate(const SignedBytes& certificate, const SignPublicKey& root);

}  // namespace holdfast
