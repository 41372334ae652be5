#pragma once
// An epoch: one random data key for one database on one node, renewed at least daily, open only in the memory of the
// agent that made it. What lies in the store is the key sealed to each recipient, apart from the data it opens.
#include <map>
#include <memory>
#include <vector>

#include "shared/base/ids.h"
#include "shared/base/time.h"
#include "shared/identity/certificate.h"

namespace holdfast {

struct Recipient {
  std::string name;  // "recovery", "drill", "node:db3"
  BoxPublicKey key;
  friend bool operator==(const Recipient&, const Recipient&) = default;
};

struct KeyStanza {
  Recipient recipient;
  Bytes sealed;  // the 32-byte data key, crypto_box_seal
  friend bool operator==(const KeyStanza&, const KeyStanza&) = default;
};

// The clear, signed content of "<database>/epochs/<epoch>.keys". It carries the certificate chain of the node that
// signs everything made under this epoch, so that a store alone is enough to verify.
struct EpochDocument {
  FleetId fleet;
  DatabaseId database;
  NodeId node;
  EpochId epoch;
  Timestamp created_at;
  std::vector<KeyStanza> stanzas;
  CertificateChain chain;
  SignPublicKey signer;  // out of the chain, by read_epoch(): who signs everything made under this epoch
};

struct EpochKey {
  EpochId id;
  Secret<32> key;
};

struct NewEpoch {
  EpochKey key;
  EpochDocument document;
  Bytes object;  // the bytes to put, signed
};
// `recipients` must not be empty (Code::invalid): a key nobody can open loses the backup.
Result<NewEpoch> make_epoch(Entropy& entropy, FleetId fleet, DatabaseId database, NodeId node,
                            const std::vector<Recipient>& recipients, const CertificateChain& chain,
                            const SignKeyPair& signer, Timestamp now);

// Decodes and verifies: chain up to `root`, the node's signature, ids. Code::corrupt or Code::denied.
Result<EpochDocument> read_epoch(ByteView object, FleetId fleet, const SignPublicKey& root);
// The data key, when one of the stanzas is for this key; Code::denied otherwise.
Result<EpochKey> open_epoch(const EpochDocument& document, const BoxKeyPair& recipient);
// The data key sealed to one more recipient (re-sealing for a restore).
Bytes seal_epoch_key(const EpochKey& key, const BoxPublicKey& recipient);
Result<EpochKey> open_epoch_key(EpochId id, ByteView sealed, const BoxKeyPair& recipient);

// Open data keys by epoch. Filled before use, then only read; safe to read from many threads.
class KeyRing {
 public:
  void add(EpochKey key) { keys_.insert_or_assign(key.id, std::move(key.key)); }
  // Code::denied naming the epoch when it has no such key.
  Result<const Secret<32>*> find(EpochId epoch) const;
  bool has(EpochId epoch) const { return keys_.contains(epoch); }

 private:
  std::map<EpochId, Secret<32>> keys_;
};

}  // namespace holdfast
