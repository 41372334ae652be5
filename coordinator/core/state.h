#pragma once
// What the core knows, and one event being applied to it. Everything that must survive is a row of the catalog with a
// copy here; the rest (sessions, challenges, what was sent when) may be forgotten at any moment.
#include <deque>
#include <map>
#include <set>

#include "coordinator/catalog/audit.h"
#include "coordinator/catalog/rows.h"
#include "coordinator/core/copy_rules.h"
#include "coordinator/core/core.h"
#include "coordinator/core/pack_uses.h"
#include "shared/fleet/words.h"

namespace holdfast {

using Nonce = std::array<std::uint8_t, 32>;

// A server nonce that was given out and not used yet.
struct Challenge {
  CurvePublicKey peer;
  TokenId token;
  Nonce client_nonce{};
  Timestamp expires_at;
  std::uint64_t number = 0;  // counts up: the oldest goes first when there are too many
};

// A node, as far as it is only known from what it said since this core was loaded.
struct Session {
  Timestamp heard_at;  // never: not since the core was loaded
  bool online = false;
  bool gone = false;       // its agent has said its last word: offline until it says hello, whatever is still under way
  Timestamp online_since;  // meaningful while it is online
  std::optional<std::uint32_t> running_jobs;  // as it said last since then
  std::uint64_t inventory_revision = 0;
  std::uint64_t acked_assignment = 0;
  Timestamp assignment_sent_at;
  Timestamp assignment_due_at;  // when a change that can wait is looked at; never: nothing waits
  std::map<DatabaseId, WalPosition> positions;
};

struct EpochEntry {
  EpochInfo info;
  NodeId node;
  Timestamp created_at;
};

struct OrderEntry {
  Order order;
  NodeId node;
  Timestamp sent_at;
};

// Durable WAL of one database: as known, and as the catalog has it.
struct WalLog {
  std::vector<WalRange> ranges;  // by timeline, then position; they neither overlap nor touch
  std::vector<WalRange> stored;
  Timestamp stored_at;
};

// Where the sweep through the stores stands.
struct SweepState {
  Timestamp next_at;               // never: not set yet
  std::deque<DatabaseId> waiting;  // to be looked at in this sweep
  bool listing = false;            // one is being looked at
};

// How it went to repair or to check a copy that is not done with yet.
struct CopyTries {
  unsigned failures = 0;
  std::uint64_t arrears = 0;  // of the log, when the newest try began
  Timestamp not_before;
  std::string error;  // of the last one
  std::map<NodeId, Timestamp> failed_on;
};
struct CopyState {
  Timestamp look_at;  // never: not set yet
  Timestamp scrub_at;
  std::map<CopyKey, CopyTries> repairs;
  std::map<CopyKey, CopyTries> scrubs;
  std::set<CopyKey> removing;                                           // damaged objects that are to make room
  std::map<std::pair<DatabaseId, std::string>, std::uint64_t> arrears;  // objects of the log, as last heard
};

// Released log, removed from the stores or not yet.
struct WalRemoval {
  WalRemovalRow row;
  Timestamp asked_at;  // never: not since the core was loaded
};

// Leave to begin the backup of one database, as long as nothing is heard of it.
struct SlotLease {
  NodeId node;
  Timestamp due_at;  // of the run, as it was asked for
  Timestamp until;
};
// Who was told to ask again.
struct SlotWaiter {
  NodeId node;
  Timestamp until;  // forgotten then
};
struct SlotState {
  Timestamp granted_from;  // nothing is before
  std::map<DatabaseId, SlotLease> leases;
  std::map<std::pair<Timestamp, DatabaseId>, SlotWaiter> queue;  // what is due longest comes first
  std::map<DatabaseId, Timestamp> queued;                        // since when each is due, for its place there
};

// All that events change. A copy of it is the core as it was.
struct Knowledge {
  Timestamp loaded_at;
  bool grace_over = false;  // nodes had the time to be heard since we were loaded

  std::map<NodeId, Node> nodes;
  std::map<CurvePublicKey, NodeId> node_by_key;
  std::map<DatabaseId, Database> databases;
  std::map<NodeId, std::set<DatabaseId>> databases_by_node;
  std::map<SystemId, std::set<DatabaseId>> databases_by_system;
  std::map<std::string, DatabaseId> database_by_name;
  std::map<std::string, Policy> policies;
  std::map<TokenId, Token> tokens;
  std::map<OperatorId, Operator> operators;
  std::map<CurvePublicKey, OperatorId> operator_by_key;
  std::map<std::string, StoreInfo> stores;
  std::map<DatabaseId, std::map<BackupId, Backup>> backups;
  std::map<BackupId, DatabaseId> database_by_backup;
  std::map<DatabaseId, ObjectsByBackup> objects;  // of complete backups, as far as their records were read so far
  std::map<DatabaseId, WalLog> wal;
  std::map<DatabaseId, std::vector<TimelineChange>> timelines;
  std::map<DatabaseId, std::map<EpochId, EpochEntry>> epochs;
  std::map<JobId, JobRow> jobs;
  std::set<JobId> open_jobs;                // not in a final state
  std::map<NodeId, JobId> last_departures;  // the newest drain or shutdown; may be forgotten since
  std::map<JobId, OrderEntry> orders;
  std::map<RestoreId, Restore> restores;
  std::map<NodeId, AssignmentRow> assignments;
  std::map<CurvePublicKey, std::map<std::uint64_t, ReplyRow>> replies;  // replies.h
  std::map<std::pair<DatabaseId, Timeline>, WalRemoval> wal_removals;
  std::map<DatabaseId, std::map<BackupId, StraySighting>> strays;
  AuditHead audit;

  std::map<NodeId, Session> sessions;
  std::map<Nonce, Challenge> challenges;
  std::uint64_t challenges_made = 0;
  std::map<DatabaseId, Timestamp> contested;  // two members of one database say that they are primary; since when
  Timestamp backup_places_at;                 // when it was looked at who takes the backups of groups
  std::map<std::string, Timestamp> warned;    // alerts are not repeated with every message
  std::map<BackupId, Timestamp> removals;     // released backups whose removal was asked for; when
  std::map<JobId, std::string> store_checks;  // which store a running check is about
  Timestamp retention_at;
  std::map<std::string, std::map<DatabaseId, StoreUse>> store_use;  // of what was looked through since the start
  std::map<DatabaseId, Timestamp> locks_due;                        // when objects are to be kept under lock for longer
  Timestamp stores_checked_at;                                      // by the coordinator; never: not since it began
  Timestamp job_history_at;
  Timestamp vaults_looked_at;
  SweepState sweep;
  CopyState copies;
  SlotState slots;
  std::uint64_t messages_sent = 0;
  std::uint64_t known_keys_revision = 1;
};

struct CoreState : Knowledge {
  CoreIdentity identity;
  Entropy* entropy = nullptr;

  const Node* node_of(const CurvePublicKey& peer) const;
  const Operator* operator_of(const CurvePublicKey& peer) const;
  bool is_online(NodeId node) const;
  std::string node_name(NodeId node) const;
  // nullptr: none.
  const Database* database(DatabaseId id) const;
  const Backup* backup(BackupId id) const;
  bool has_member(DatabaseId database, NodeId node) const;
};

// One event: its time, its effects, and what must be settled before it is over.
struct Turn {
  Turn(CoreState& core_state, Timestamp time) : state(core_state), now(time) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  CoreState& state;
  Timestamp now;
  Effects effects;
  std::set<DatabaseId> touched_databases;  // their derived fields must be looked at
  std::set<NodeId> touched_nodes;          // their assignments must be looked at
  bool everything_touched = false;         // a policy or a store changed

  // Into the copy in memory and into the batch.
  void put(const Node& row);
  void put(const Database& row);
  void put(const Policy& row);
  void put(const Token& row);
  void put(const Operator& row);
  void put(const StoreInfo& row);
  void put(const Backup& row);
  void put(const TimelineChange& row);
  void put(const EpochEntry& row);
  void put(const JobRow& row);
  void put(const OrderEntry& row);
  void put(const Restore& row);
  void put(const AssignmentRow& row);
  void put(const ReplyRow& row);
  void put(const WalRemovalRow& row);
  void put(const StraySighting& row);
  void remove(const Policy& row);
  void remove(const StoreInfo& row);
  void remove(const Backup& row);
  void remove(const Restore& row);
  // Of an ended job.
  void remove(const JobRow& row);
  void remove(const ReplyRow& row);
  void remove(const StraySighting& row);
  void remove_order(JobId job);

  void send(Door door, const CurvePublicKey& peer, MessageBody body, std::uint64_t in_reply_to = 0);
  void send_to_node(NodeId node, MessageBody body);
  // Answers a PassRequest that is granted.
  void sign(const MessageCame& event, const S3Place& place, const BucketWish& wish);
  void refuse(const MessageCame& event, Code code, std::string message, std::string hint = {});
  void audit(std::string who, std::string what);
  void alert(std::string text);
  // At most once in ten minutes for each text.
  void alert_once(const std::string& text);
};

// Everything from the catalog.
Result<> load_state(CoreState& state, KeyValueStore& catalog);

}  // namespace holdfast
