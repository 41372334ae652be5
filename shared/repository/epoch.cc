#include "shared/repository/epoch.h"

#include <fmt/format.h>

#include <stdexcept>

#include "schema/repository.capnp.h"
#include "shared/repository/capnp_bytes.h"
#include "shared/repository/signed_object.h"

namespace holdfast {
namespace {

namespace wire = schema::repository;
constexpr SignedKind kind{"HFEP0001", "holdfast epoch document 1", "an epoch document"};

Bytes encode_body(const EpochDocument& document) {
  using capnp_bytes::blob;
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<wire::EpochDocument>();
  out.setFleet(blob(document.fleet.bytes()));
  out.setDatabase(blob(document.database.bytes()));
  out.setNode(blob(document.node.bytes()));
  out.setEpoch(blob(document.epoch.bytes()));
  out.setCreatedAt(document.created_at.micros());
  auto stanzas = out.initStanzas(static_cast<unsigned>(document.stanzas.size()));
  for (unsigned i = 0; i < stanzas.size(); ++i) {
    const KeyStanza& stanza = document.stanzas[i];
    stanzas[i].setName(capnp_bytes::chars(stanza.recipient.name));
    stanzas[i].setPublicKey(blob(stanza.recipient.key.bytes()));
    stanzas[i].setSealed(blob(stanza.sealed));
  }
  out.setChain(blob(document.chain.encode()));
  return capnp_bytes::canonical<wire::EpochDocument>(message);
}

Result<EpochDocument> decode_body(ByteView body) {
  return capnp_bytes::parse<wire::EpochDocument>(body, kind.what, [](auto in) -> Result<EpochDocument> {
    using namespace capnp_bytes;
    EpochDocument out;
    out.fleet = TRY(value_of<FleetId>(in.getFleet()));
    out.database = TRY(value_of<DatabaseId>(in.getDatabase()));
    out.node = TRY(value_of<NodeId>(in.getNode()));
    out.epoch = TRY(value_of<EpochId>(in.getEpoch()));
    out.created_at = Timestamp::from_micros(in.getCreatedAt());
    for (const auto stanza : in.getStanzas()) {
      KeyStanza& to = out.stanzas.emplace_back();
      to.recipient.name = text(stanza.getName());
      to.recipient.key = TRY(value_of<BoxPublicKey>(stanza.getPublicKey()));
      to.sealed = to_bytes(view(stanza.getSealed()));
    }
    out.chain = TRY(CertificateChain::decode(view(in.getChain())));
    return out;
  });
}

}  // namespace

Result<NewEpoch> make_epoch(Entropy& entropy, FleetId fleet, DatabaseId database, NodeId node,
                            const std::vector<Recipient>& recipients, const CertificateChain& chain,
                            const SignKeyPair& signer, Timestamp now) {
  if (recipients.empty()) {
    return fail(Code::invalid, "an epoch without a recipient: nobody could open the backup",
                "the fleet's recovery key must be among the recipients");
  }
  NewEpoch out;
  out.key.id = entropy.id<EpochId>();
  entropy.fill(out.key.key.writable());
  out.document = {fleet, database, node, out.key.id, now, {}, chain, signer.public_key};
  for (const Recipient& recipient : recipients) {
    try {
      out.document.stanzas.push_back({recipient, seal_epoch_key(out.key, recipient.key)});
    } catch (const std::invalid_argument&) {
      return fail(Code::invalid, fmt::format("the public key of recipient \"{}\" is not one", recipient.name));
    }
  }
  out.object = encode_signed(kind, encode_body(out.document), signer);
  return out;
}

Result<EpochDocument> read_epoch(ByteView object, FleetId fleet, const SignPublicKey& root) {
  const SignedBytes content = TRY(decode_signed(kind, object));
  EpochDocument document = TRY(decode_body(content.body));
  const NodeCertificate node = TRY_DURING(kind.what, verify_chain(document.chain, root));
  TRY(verify_signed(kind, content, node.signer));
  if (document.fleet != fleet || node.fleet != fleet) return fail(Code::denied, "an epoch document of another fleet");
  if (document.node != node.node) {
    return fail(Code::denied, fmt::format("an epoch document of node {} signed by node {}", document.node, node.node));
  }
  document.signer = node.signer;
  return document;
}

Result<EpochKey> open_epoch(const EpochDocument& document, const BoxKeyPair& recipient) {
  for (const KeyStanza& stanza : document.stanzas) {
    if (stanza.recipient.key == recipient.public_key) return open_epoch_key(document.epoch, stanza.sealed, recipient);
  }
  return fail(Code::denied, fmt::format("epoch {} is not sealed for this key", document.epoch),
              "use the fleet's recovery key, or have the key sealed for this host");
}

Bytes seal_epoch_key(const EpochKey& key, const BoxPublicKey& recipient) {
  return seal(recipient, key.key.bytes());
}

Result<EpochKey> open_epoch_key(EpochId id, ByteView sealed, const BoxKeyPair& recipient) {
  const std::string step = fmt::format("data key of epoch {}", id);
  Bytes opened = TRY_DURING(step, open_sealed(recipient, sealed));
  auto key = Secret<32>::from_bytes(opened);
  if (!opened.empty()) sodium_memzero(opened.data(), opened.size());
  if (!key) return fail(Code::corrupt, step + " has the wrong length");
  return EpochKey{id, std::move(*key)};
}

Result<const Secret<32>*> KeyRing::find(EpochId epoch) const {
  const auto found = keys_.find(epoch);
  if (found == keys_.end()) return fail(Code::denied, fmt::format("there is no key for epoch {}", epoch));
  return &found->second;
}

}  // namespace holdfast
