#pragma once
// The things of a fleet, as the coordinator keeps them, sends them and shows them. Plain values; their Cap'n Proto
// twins are in schema/fleet.capnp and meet them only in the codec. cli.md's JSON fields come from these.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/ids.h"
#include "shared/base/strong.h"
#include "shared/base/time.h"
#include "shared/crypto/keys.h"
#include "shared/fleet/kinds.h"
#include "shared/policy/policy.h"
#include "shared/postgres/wal_position.h"
#include "shared/store/abilities.h"

namespace holdfast {

// ---- nodes -------------------------------------------------------------------------------------------------------
enum class NodeState : std::uint8_t { pending, active, cordoned, draining, quarantined, revoked };  // offline: derived

struct NodeFacts {
  std::string hostname;
  std::string machine_id;  // /etc/machine-id hashed with the fleet id; empty when there is none
  std::string os;          // "Debian GNU/Linux 12"
  std::string architecture;
  std::string agent_version;
  friend bool operator==(const NodeFacts&, const NodeFacts&) = default;
};

struct Node {
  NodeId id;
  std::string name;  // host name, made unique with a suffix
  NodeState state = NodeState::pending;
  Labels labels;
  CurvePublicKey curve;
  SignPublicKey signer;
  BoxPublicKey recipient;
  NodeFacts facts;
  TokenId token;  // that it enrolled with
  std::string address;
  Timestamp enrolled_at;
  Timestamp last_seen_at;            // coarse: memory is ahead of what is stored
  std::int64_t clock_offset_ms = 0;  // the node's clock minus ours
  std::uint64_t generation = 0;      // sessions so far (clone detection comes later)
  Bytes chain;                       // encoded CertificateChain; empty while pending
  friend bool operator==(const Node&, const Node&) = default;
};

// ---- databases ---------------------------------------------------------------------------------------------------
// One database as an agent found it on its host.
struct FoundDatabase {
  std::string key;  // stable on this node: "postgres:/var/lib/postgresql/15/main", "sqlite:/srv/app.db"
  Engine engine = Engine::postgres;
  std::string name;
  std::string path;     // data directory or file
  std::string version;  // "15.18", "3"
  SystemId system_id;   // PostgreSQL
  bool running = true;
  bool standby = false;
  bool excluded = false;
  Timeline timeline;
  std::uint64_t size_bytes = 0;
  bool page_checksums = false;
  std::string problem;  // why it cannot be backed up now; empty when it can
  std::string hint;
  std::vector<std::string> unused_slots;  // replication slots of ours on its server that no receiver is to use
  friend bool operator==(const FoundDatabase&, const FoundDatabase&) = default;
};

// A database's place on one node.
struct Member {
  NodeId node;
  FoundDatabase found;
  bool present = true;  // in the node's newest inventory
  Timestamp seen_at;
  friend bool operator==(const Member&, const Member&) = default;
};

enum class Protection : std::uint8_t { protected_, unprotected, excluded };

// A database's log in one store.
struct LogCopy {
  std::string store;
  std::string state = "ok";  // ok | missing (some of it) | damaged
  Timestamp compared_at;     // what the stores list
  Timestamp checked_at;      // every object read
  friend bool operator==(const LogCopy&, const LogCopy&) = default;
};

struct Database {
  DatabaseId id;
  std::string name;  // unique in the fleet: "orders", "orders-2"
  Engine engine = Engine::postgres;
  SystemId system_id;
  std::vector<Member> members;
  NodeId active;  // whose agent ships its WAL
  Labels labels;  // of the node, plus engine; the node's labels at match time
  Timestamp created_at;
  // Derived by the core, stored for showing:
  Protection protection = Protection::unprotected;
  std::string policy;
  std::string protection_reason;    // why it is unprotected
  std::vector<std::string> alerts;  // sentences
  NodeId backups_by;                // whose agent takes its backups; null: the active one
  std::string backups_note;         // why not the kind of node takes them that the policy prefers; empty: it does
  std::vector<LogCopy> log_copies;  // not derived: where its log lies
  friend bool operator==(const Database&, const Database&) = default;
};

// ---- stores ------------------------------------------------------------------------------------------------------
enum class StoreKind : std::uint8_t { posix, s3, peer };

struct S3Place {
  enum class Addressing : std::uint8_t { path, host };
  // What hosts reach it with: an access key of their own, or passes that the coordinator signs for them.
  enum class Hosts : std::uint8_t { own_key, presigned };
  std::string endpoint;  // "https://s3.eu-central-1.amazonaws.com"
  std::string region = "us-east-1";
  std::string bucket;
  std::string prefix;  // without '/' at its ends; may be empty
  Addressing addressing = Addressing::path;
  std::string ca_file;  // on each host; empty: the system's authorities
  // "env", or a file of this path on the coordinator and, for Hosts::own_key, on each host; what is in it is never
  // sent. What is sent to hosts without a key says "presigned" here.
  std::string credentials;
  Hosts hosts = Hosts::own_key;
  friend bool operator==(const S3Place&, const S3Place&) = default;
};

// A directory (StoreInfo::path, on its host) that another node's agent keeps for the fleet.
struct PeerPlace {
  NodeId node;
  std::string endpoint;  // "tcp://host:7410"
  CurvePublicKey server;
  std::uint64_t quota_bytes = 0;  // 0: as much as the disk has
  Bytes grant;                    // to who this is sent to; empty in the catalog and in replies
  friend bool operator==(const PeerPlace&, const PeerPlace&) = default;
};

struct StoreInfo {
  StoreId id;
  std::string name;
  StoreKind kind = StoreKind::posix;
  std::string path;  // posix, peer
  Timestamp created_at;
  std::string state = "unknown";  // ok | unknown | the last check's error
  std::uint64_t used_bytes = 0;
  std::uint64_t objects = 0;
  S3Place s3;      // s3 only
  PeerPlace peer;  // peer only
  StoreAbilities abilities;
  std::string zone;  // where it stands; empty: not said
  friend bool operator==(const StoreInfo&, const StoreInfo&) = default;
};

// ---- tokens, operators -------------------------------------------------------------------------------------------
enum class Approval : std::uint8_t { automatic, manual, exec };
struct Token {
  TokenId id;
  std::array<std::uint8_t, 32> verifier{};  // keyed hash of the secret; the secret is not kept
  Labels labels;
  Approval approval = Approval::automatic;
  std::vector<std::string> cidrs;
  std::string host_pattern;  // glob on the host name; empty: any
  std::uint32_t uses_total = 1;
  std::uint32_t uses_left = 1;
  Timestamp created_at;
  Timestamp expires_at;
  bool revoked = false;
  std::string created_by;
  friend bool operator==(const Token&, const Token&) = default;
};

enum class Role : std::uint8_t { viewer, operator_, admin };
struct Operator {
  OperatorId id;
  std::string name;
  Role role = Role::viewer;
  CurvePublicKey curve;
  Timestamp created_at;
  bool revoked = false;
  friend bool operator==(const Operator&, const Operator&) = default;
};

// ---- backups, WAL ------------------------------------------------------------------------------------------------
enum class BackupState : std::uint8_t { running, complete, failed, released };
struct BackupCopy {
  std::string store;
  std::string state;          // ok | missing (not every object is there) | damaged
  Timestamp checked_at = {};  // read as a whole; never: not yet
  friend bool operator==(const BackupCopy&, const BackupCopy&) = default;
};
struct Backup {
  BackupId id;
  DatabaseId database;
  NodeId node;
  JobId job;
  BackupType type = BackupType::full;
  BackupId parent;
  BackupState state = BackupState::running;
  Timestamp started_at;
  Timestamp finished_at;
  Lsn start_lsn;
  Lsn stop_lsn;
  Timeline timeline;
  EpochId epoch;
  std::uint64_t database_bytes = 0;
  std::uint64_t read_bytes = 0;
  std::uint64_t stored_bytes = 0;
  std::uint64_t pages = 0;
  std::uint64_t changed_pages = 0;
  std::uint64_t bad_pages = 0;
  // Of a full one that put the map of changed blocks to the proof: pages that were asked after, and pages that an
  // incremental backup would have left as they were.
  std::uint64_t cross_checked_pages = 0;
  std::uint64_t missed_pages = 0;
  std::vector<BackupCopy> copies;
  Timestamp verified_at;
  std::string note;
  bool keep = false;
  std::string reason;
  std::string error;
  Bytes record;  // the stored bytes, signed; empty unless complete
  friend bool operator==(const Backup&, const Backup&) = default;
};

// WAL of one database that is durable, without a gap. For SQLite the same with commit positions, later.
struct WalRange {
  DatabaseId database;
  Timeline timeline;
  Lsn first;
  Lsn last;                // exclusive
  Timestamp from_time;     // server clock when `first` was received
  Timestamp through_time;  // everything committed up to then is in the store
  std::uint64_t segment_size = 0;
  friend bool operator==(const WalRange&, const WalRange&) = default;
};
struct TimelineChange {
  DatabaseId database;
  Timeline timeline;  // the child
  Timeline parent;
  Lsn at;
  friend bool operator==(const TimelineChange&, const TimelineChange&) = default;
};
// The sealed keys of an epoch, as the store has them, so that a restore can be granted without the store.
struct EpochInfo {
  DatabaseId database;
  EpochId id;
  Bytes object;
  friend bool operator==(const EpochInfo&, const EpochInfo&) = default;
};

// ---- jobs, restores ----------------------------------------------------------------------------------------------
// drain, shutdown: of a node.
enum class JobKind : std::uint8_t {
  backup,
  restore,
  verify,
  rollback,
  finalize,
  store_check,
  refresh,
  copy,
  scrub,
  drain,
  shutdown
};
enum class JobState : std::uint8_t { queued, running, complete, failed, cancelled, lost };
struct Progress {
  std::uint64_t done_bytes = 0;
  std::uint64_t total_bytes = 0;
  std::string step;                    // "copying", "waiting for WAL", "replaying"
  std::uint64_t bytes_per_second = 0;  // lately; 0: not known, or it stands still
  friend bool operator==(const Progress&, const Progress&) = default;
};
// Something that is not as it should be, in one store.
struct Finding {
  std::string store;
  std::string object;  // its name, or the beginning of the names among which one is missing
  std::string problem;
  friend bool operator==(const Finding&, const Finding&) = default;
};
// One step of a drain or a shutdown.
enum class StepOutcome : std::uint8_t { done, skipped, failed };
struct JobStep {
  std::string name;  // "drain", "checkpoint", "stop", "verify", "ship"
  StepOutcome outcome = StepOutcome::done;
  Micros took{0};
  std::string sentence;  // what was found, or why it was skipped or failed; may be empty
  friend bool operator==(const JobStep&, const JobStep&) = default;
};
// What became of one database of a node that was shut down.
struct DatabaseReceipt {
  DatabaseId database;
  std::string name;
  Engine engine = Engine::postgres;
  std::vector<JobStep> steps;
  std::string state;  // by pg_control: "shut down", "in production"; of a file: "closed", "in use"; empty: not known
  Lsn checkpoint;     // PostgreSQL: where its last checkpoint's record begins; 0: not known
  Timeline timeline;  // of that record
  Lsn durable;        // end of what is safe in the stores; 0: not known
  BackupId backup;    // SQLite: that holds everything; null: none does
  std::uint32_t copies = 0;  // that everything before `durable`, or this backup, has at least
  bool whole = false;        // it was stopped in order and nothing of it is only on its host
  std::string verdict;       // "nothing missing: ..." when it is whole, else what may be
  friend bool operator==(const DatabaseReceipt&, const DatabaseReceipt&) = default;
};
// Runs of a schedule that came and went without a backup; another one stands in for them.
struct MissedRuns {
  std::uint32_t count = 0;
  Timestamp since;    // the first of them was due then
  std::string cause;  // "the agent did not run"
  friend bool operator==(const MissedRuns&, const MissedRuns&) = default;
};
struct Job {
  JobId id;
  JobKind kind = JobKind::backup;
  JobState state = JobState::queued;
  NodeId node;
  DatabaseId database;
  BackupId backup;
  RestoreId restore;
  std::string origin;  // "schedule", "first backup", "operator NAME"
  Timestamp created_at;
  Timestamp started_at;
  Timestamp finished_at;
  Timestamp deadline;
  Progress progress;
  std::string error;
  std::string hint;
  Code code = Code::internal;             // meaningful when error is not empty
  std::string outcome;                    // one line of result: "verified 31 objects", ...
  std::vector<Finding> findings;          // of a verification: what is damaged or missing, the first of them
  std::string store;                      // that a copy job fills or a scrub reads
  Timestamp due_at;                       // of a backup by its schedule: the run that it is; never: it is none
  MissedRuns missed;                      // for which it stands in
  std::vector<JobStep> steps;             // of a drain or shutdown: what the node did
  std::vector<DatabaseReceipt> receipts;  // of a shutdown
  friend bool operator==(const Job&, const Job&) = default;
};

enum class TargetKind : std::uint8_t { latest, time, lsn, xid, name, immediate };
struct RecoveryTarget {
  TargetKind kind = TargetKind::latest;
  Timestamp time;
  Lsn lsn;
  std::string text;  // xid or name
  bool inclusive = true;
  std::string timeline;  // "", "latest", "current" or a number
  friend bool operator==(const RecoveryTarget&, const RecoveryTarget&) = default;
};

enum class StartAfter : std::uint8_t { start, no_start };
// delta: what is in the directory already and fits the backup stays, the rest is fetched. PostgreSQL only.
enum class RestoreMethod : std::uint8_t { full, delta };
// Whether what was there before the restore can be put back. none: it was overwritten.
enum class WayBack : std::uint8_t { kept, none };
struct RestoreTarget {
  DatabaseId database;
  std::string database_name;
  Engine engine = Engine::postgres;
  NodeId node;            // who restores
  std::string directory;  // data directory or file; equals the source path when in place
  bool in_place = true;
  BackupId backup;
  Timestamp backup_finished_at;
  RecoveryTarget target;
  Timeline timeline;    // to replay along
  Lsn planned_through;  // as far as the catalog knows of log in the stores; zero: nobody planned
  StartAfter start = StartAfter::start;
  RestoreMethod method = RestoreMethod::full;
  std::vector<std::pair<std::string, std::string>> tablespaces;  // from -> to
  std::uint64_t bytes = 0;                                       // of the backup; after the restore: bytes restored
  std::vector<EpochId> epochs;                                   // data keys it needs
  // Filled while it runs:
  JobId job;
  std::string state = "planned";  // planned | running | complete | failed | rolled back | finalized
  Lsn reached_lsn;
  Timestamp reached_time;  // last replayed commit, when there was one
  double seconds = 0;
  std::string aside;  // where the old directory is, for rollback
  WayBack way_back = WayBack::kept;
  std::uint64_t fetched_bytes = 0;  // delta: of the content, what was not there
  std::string leftovers;            // overwritten: where what the backup does not have was moved; empty: nothing was
  std::string error;
  std::string hint;
  Code code = Code::internal;
  friend bool operator==(const RestoreTarget&, const RestoreTarget&) = default;
};
struct Restore {
  RestoreId id;
  std::string state = "planned";  // planned | running | complete | partial | failed | rolled back
  std::string created_by;
  Timestamp created_at;
  Timestamp started_at;
  Timestamp finished_at;
  std::vector<RestoreTarget> targets;
  friend bool operator==(const Restore&, const Restore&) = default;
};

}  // namespace holdfast
