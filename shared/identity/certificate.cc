#include "shared/identity/certificate.h"

#include <fmt/format.h>

#include <stdexcept>

#include "shared/base/byte_reader.h"

namespace holdfast {
namespace {

constexpr std::string_view intermediate_magic = "HFCI0001";
constexpr std::string_view node_magic = "HFCN0001";
constexpr std::string_view chain_magic = "HFCC0001";
constexpr std::string_view intermediate_context = "holdfast intermediate certificate 1";
constexpr std::string_view node_context = "holdfast node certificate 1";
constexpr std::size_t name_limit = 255;

void append_time(Bytes& to, Timestamp time) {
  append_be<std::uint64_t>(to, static_cast<std::uint64_t>(time.micros()));
}
Timestamp read_time(ByteReader& from) {
  return Timestamp::from_micros(static_cast<std::int64_t>(from.be<std::uint64_t>()));
}

Result<IntermediateCertificate> decode_intermediate(ByteView body) {
  ByteReader from(body);
  const bool begins = as_text(from.take(8)) == intermediate_magic;
  IntermediateCertificate out;
  out.fleet = FleetId(from.array<16>());
  out.intermediate = SignPublicKey(from.array<32>());
  out.not_before = read_time(from);
  out.not_after = read_time(from);
  if (!begins || !from.finished()) return fail(Code::corrupt, "it is not an intermediate certificate");
  return out;
}

Result<NodeCertificate> decode_node(ByteView body) {
  ByteReader from(body);
  const bool begins = as_text(from.take(8)) == node_magic;
  NodeCertificate out;
  out.fleet = FleetId(from.array<16>());
  out.node = NodeId(from.array<16>());
  out.curve = CurvePublicKey(from.array<32>());
  out.signer = SignPublicKey(from.array<32>());
  out.recipient = BoxPublicKey(from.array<32>());
  out.generation = from.be<std::uint64_t>();
  out.not_before = read_time(from);
  out.not_after = read_time(from);
  out.name = as_text(from.counted<std::uint16_t>());
  if (!begins || !from.finished() || out.name.size() > name_limit) {
    return fail(Code::corrupt, "it is not a node certificate");
  }
  return out;
}

}  // namespace

Bytes SignedBytes::encode() const {
  Bytes out;
  out.reserve(4 + body.size() + signature.size());
  append_counted<std::uint32_t>(out, body);
  append(out, signature);
  return out;
}

Result<SignedBytes> SignedBytes::decode(ByteView bytes) {
  ByteReader from(bytes);
  SignedBytes out;
  out.body = to_bytes(from.counted<std::uint32_t>());
  out.signature = from.array<64>();
  if (!from.finished()) return fail(Code::corrupt, "signed bytes of the wrong length");
  return out;
}

Bytes CertificateChain::encode() const {
  Bytes out = to_bytes(as_bytes(chain_magic));
  append_counted<std::uint32_t>(out, intermediate.encode());
  append_counted<std::uint32_t>(out, node.encode());
  return out;
}

Result<CertificateChain> CertificateChain::decode(ByteView bytes) {
  ByteReader from(bytes);
  const bool begins = as_text(from.take(8)) == chain_magic;
  const ByteView intermediate = from.counted<std::uint32_t>();
  const ByteView node = from.counted<std::uint32_t>();
  if (!begins || !from.finished()) return fail(Code::corrupt, "it is not a certificate chain");
  CertificateChain out;
  out.intermediate = TRY_DURING("intermediate certificate", SignedBytes::decode(intermediate));
  out.node = TRY_DURING("node certificate", SignedBytes::decode(node));
  return out;
}

SignedBytes issue_intermediate(const SignKeyPair& root, const IntermediateCertificate& certificate) {
  SignedBytes out;
  append(out.body, as_bytes(intermediate_magic));
  append(out.body, certificate.fleet.bytes());
  append(out.body, certificate.intermediate.bytes());
  append_time(out.body, certificate.not_before);
  append_time(out.body, certificate.not_after);
  out.signature = sign(root, intermediate_context, out.body);
  return out;
}

SignedBytes issue_node(const SignKeyPair& intermediate, const NodeCertificate& certificate) {
  if (certificate.name.size() > name_limit) throw std::invalid_argument("a node's name has at most 255 bytes");
  SignedBytes out;
  append(out.body, as_bytes(node_magic));
  append(out.body, certificate.fleet.bytes());
  append(out.body, certificate.node.bytes());
  append(out.body, certificate.curve.bytes());
  append(out.body, certificate.signer.bytes());
  append(out.body, certificate.recipient.bytes());
  append_be<std::uint64_t>(out.body, certificate.generation);
  append_time(out.body, certificate.not_before);
  append_time(out.body, certificate.not_after);
  append_counted<std::uint16_t>(out.body, as_bytes(certificate.name));
  out.signature = sign(intermediate, node_context, out.body);
  return out;
}

Result<IntermediateCertificate> verify_intermediate(const SignedBytes& certificate, const SignPublicKey& root) {
  TRY_DURING("intermediate certificate",
             verify_signature(root, intermediate_context, certificate.body, certificate.signature));
  return TRY_DURING("intermediate certificate", decode_intermediate(certificate.body));
}

Result<NodeCertificate> verify_chain(const CertificateChain& chain, const SignPublicKey& root) {
  const IntermediateCertificate intermediate = TRY(verify_intermediate(chain.intermediate, root));
  TRY_DURING("node certificate",
             verify_signature(intermediate.intermediate, node_context, chain.node.body, chain.node.signature));
  NodeCertificate node = TRY_DURING("node certificate", decode_node(chain.node.body));
  if (node.fleet != intermediate.fleet) {
    return fail(
        Code::denied,
        fmt::format("the certificate of node \"{}\" is of another fleet than the key that signed it", node.name));
  }
  return node;
}

}  // namespace holdfast
