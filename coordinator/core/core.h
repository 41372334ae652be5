#pragma once
// The coordinator's decisions: one deterministic state machine. No I/O, no threads, no clock. Same events, same times,
// same entropy: same effects.
#include <memory>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "coordinator/catalog/released_log.h"
#include "coordinator/catalog/store.h"
#include "shared/base/entropy.h"
#include "shared/identity/certificate.h"
#include "shared/repository/record.h"
#include "shared/store/store.h"
#include "shared/wire/messages.h"
#include "shared/wire/transport.h"

namespace holdfast {

// ---- events --------------------------------------------------------------------------------------------------------
struct MessageCame {
  Door door = Door::fleet;
  CurvePublicKey peer;  // proved by CURVE
  std::string address;
  Message message;
};
struct Tick {};  // about once a second
// Answer to RemoveObjects work.
struct ObjectsRemoved {
  BackupId backup;
  std::optional<Error> error;
};
// Answer to RemoveWal work.
struct WalRemoved {
  DatabaseId database;
  ReleasedLog log;
  std::optional<Error> error;
};
struct StoreObjects {
  std::string store;
  std::vector<ObjectInfo> objects;
};
// What of one database lies in one store, its log and keys included.
struct StoreUse {
  std::string store;
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
};
// Answer to ListBackups work.
struct BackupsListed {
  DatabaseId database;
  std::vector<StoreObjects> stores;  // every store, each listed without an error
  std::set<std::string> needed;      // packs that sound records name beside their own
  std::optional<Error> error;        // a store could not be listed or a record not be read: nothing above counts
  std::vector<StoreUse> use{};       // of every store
};
// Answer to RemoveStrays work. What went is counted even when something else could not.
struct StraysRemoved {
  DatabaseId database;
  BackupId backup;
  std::string why;
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
  std::optional<Error> error;  // Code::conflict: it has a record, and nothing was removed
};
// Answer to CheckStore work.
struct StoreChecked {
  std::string store;
  StoreAbilities abilities;
  std::optional<Error> error;
};
// Answer to KeepObjects work.
struct ObjectsKept {
  DatabaseId database;
  std::optional<Error> error;  // the first; what could be kept is
};
// Answer to RemoveDamaged work.
struct DamagedRemoved {
  DatabaseId database;
  BackupId backup;  // null: the log
  std::string store;
  std::vector<std::string> removed;
  std::optional<Error> error;  // of the first that stays
};
using Event = std::variant<MessageCame, Tick, ObjectsRemoved, WalRemoved, BackupsListed, StraysRemoved, StoreChecked,
                           ObjectsKept, DamagedRemoved>;

// ---- effects -------------------------------------------------------------------------------------------------------
struct Send {
  Door door = Door::fleet;
  CurvePublicKey peer;
  Message message;
};
// A pass to a bucket that a node may have: signed by the shell, which has the credentials, and sent in the `answer`,
// whose body is a PassReply. Only after the commit too.
struct GrantPass {
  Send answer;
  S3Place place;
  BucketWish wish;
};
// Slow work outside the core, done after commit on another thread; its answer comes back as an event. Repeated after a
// restart until the answer is committed, so it must be idempotent.
struct RemoveObjects {
  DatabaseId database;
  BackupId backup;
  std::vector<StoreInfo> stores;
  Bytes released_mark;             // to put first, under released_name(); one that is there already will do as well
  std::vector<std::string> names;  // in the order of removal: record first, then manifest and packs
};
// WAL objects that this log `takes`.
struct RemoveWal {
  DatabaseId database;
  std::vector<StoreInfo> stores;
  ReleasedLog log;
};
// What lies below "<database>/backups/", and what the records there need.
struct ListBackups {
  FleetId fleet;
  SignPublicKey root;
  DatabaseId database;
  std::vector<StoreInfo> stores;
};
// Objects of a backup that never came to be. A record in any of `stores`, or a store that cannot say whether it has
// one: nothing is removed.
struct RemoveStrays {
  DatabaseId database;
  BackupId backup;
  std::string why;
  std::vector<StoreInfo> stores;      // all there are
  std::vector<StoreObjects> objects;  // to remove
};
// Write, read and remove a probe: what can this store do, and do the coordinator's own rights suffice?
struct CheckStore {
  StoreInfo store;
};
// Nobody is to remove these before `until`, in stores that can see to it.
struct KeepObjects {
  DatabaseId database;
  std::vector<StoreInfo> stores;
  Timestamp until;
  std::vector<std::string> names;     // one that a store does not have is no error
  std::vector<std::string> prefixes;  // everything below,
  std::vector<ReleasedLog> released;  // but for log that is to go
};
// Objects that are damaged in one store go, so that a copy job can put sound ones in their place. Each is judged again,
// and stays when it is sound after all, or when no sound copy of it can be read from another store.
struct RemoveDamaged {
  FleetId fleet;
  SignPublicKey root;
  DatabaseId database;
  BackupId backup;  // null: the log
  StoreInfo store;
  std::vector<StoreInfo> sources;
  std::vector<std::string> names;
  std::vector<StoredObject> expected;  // as a signed record has them; others are judged by their own signature
};
using Work = std::variant<RemoveObjects, RemoveWal, ListBackups, RemoveStrays, CheckStore, KeepObjects, RemoveDamaged>;

struct Effects {
  std::vector<CatalogChange> changes;  // committed first, as one batch with those of the round
  std::vector<Send> sends;             // only after that commit
  std::vector<GrantPass> passes;       // only after that commit
  std::vector<Work> work;              // only after that commit
  std::vector<std::string> alerts;     // for the log; also visible in status
  void add(Effects&& other);
};

// What it is: made by `holdfast init`, constant while it runs.
struct CoreIdentity {
  FleetId fleet;
  std::string fleet_name;
  SignPublicKey root;
  BoxPublicKey recovery;
  Bytes fleet_record;  // stored bytes, signed by the root
  SignedBytes intermediate_certificate;
  SignKeyPair intermediate;
  CurvePublicKey enrol_server;
  CurvePublicKey fleet_server;
  std::vector<std::string> enrol_endpoints;  // "tcp://host:7401"
  std::vector<std::string> fleet_endpoints;
  std::uint64_t epoch = 0;  // from begin_epoch()
  std::uint32_t heartbeat_seconds = 60;
  Micros sweep_every{std::chrono::hours(24)};  // stores, for what failed backups left behind
  Micros sweep_grace{std::chrono::hours(48)};  // for which that lies there at least
  std::string version;
};

class Core {
 public:
  // Everything it knows comes from the catalog.
  static Result<std::unique_ptr<Core>> load(KeyValueStore& catalog, CoreIdentity identity, Entropy& entropy,
                                            Timestamp now);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Effects apply(const Event& event, Timestamp now);

  // Of the committed and applied state; the shell keeps a thread-safe copy of all known keys for ZAP.
  Admission admission(Door door, const CurvePublicKey& peer) const;
  struct KnownKey {
    CurvePublicKey key;
    Admission admission = Admission::unknown;
  };
  std::vector<KnownKey> known_keys() const;
  // Counts up whenever known_keys() changes.
  std::uint64_t known_keys_revision() const;

 private:
  struct State;
  explicit Core(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace holdfast
