#pragma once
// Everything that is said on the wire, as plain values. schema/*.capnp documents each field and who sends it; the codec
// is the only place where the two meet.
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "shared/fleet/bucket_pass.h"
#include "shared/fleet/fleet.h"

namespace holdfast {

constexpr std::uint16_t protocol_min = 1;
constexpr std::uint16_t protocol_max = 1;

// ---- enrolment: the closed list of the enrol socket -----------------------------------------------------------------
struct EnrolHello {
  TokenId token;
  std::array<std::uint8_t, 32> nonce{};
  std::uint16_t version_min = protocol_min;
  std::uint16_t version_max = protocol_max;
};
struct EnrolChallenge {
  std::array<std::uint8_t, 32> nonce{};
};
struct EnrolProof {
  TokenId token;
  std::array<std::uint8_t, 32> client_nonce{};
  std::array<std::uint8_t, 32> server_nonce{};
  std::array<std::uint8_t, 32> mac{};  // enrolment_mac() in shared/identity/enrolment.h
  SignPublicKey signer;
  BoxPublicKey recipient;
  NodeFacts facts;
  Bytes key_proof;  // reserved: signature of a previous key at rotation
};
// To a node that is in: everything it must know of its fleet.
struct Enrolled {
  NodeId node;
  std::string name;
  FleetId fleet;
  SignPublicKey root;
  Bytes chain;                         // CertificateChain
  std::vector<std::string> endpoints;  // fleet sockets "tcp://host:7400"
  CurvePublicKey fleet_server;
};
struct EnrolPending {  // manual approval: ask again with the same key
  std::string message;
  std::uint32_t retry_seconds = 5;
};
struct Refused {  // also answers hellos and operators' requests
  Code code = Code::denied;
  std::string message;
  std::string hint;
};

// ---- agent -> coordinator -------------------------------------------------------------------------------------------
struct Hello {
  std::uint16_t version_min = protocol_min;
  std::uint16_t version_max = protocol_max;
  std::uint64_t features = 0;
  std::string build;
  std::uint64_t generation = 0;  // counts this node's sessions
  Timestamp clock;
  NodeFacts facts;
  std::uint64_t coordinator_epoch = 0;    // the highest this agent has obeyed
  std::uint64_t assignment_revision = 0;  // what it has
};
// How many objects of a log a store did not take since the receiver began.
struct LogArrears {
  std::string store;
  std::uint64_t objects = 0;
  friend bool operator==(const LogArrears&, const LogArrears&) = default;
};
struct WalPosition {  // of one database's shipping, merged
  DatabaseId database;
  Timeline timeline;
  Lsn first;  // since when without a gap
  Lsn durable;
  Lsn written;  // received, maybe not durable yet
  Timestamp from_time;
  Timestamp through_time;
  std::uint64_t segment_size = 0;
  std::string slot_state;  // wal_status of our slot
  std::uint64_t slot_retained_bytes = 0;
  std::string error;  // what hinders it now; empty: nothing
  std::vector<LogArrears> arrears;
  friend bool operator==(const WalPosition&, const WalPosition&) = default;
};
struct Heartbeat {
  Timestamp clock;
  std::vector<WalPosition> positions;
  std::uint32_t running_jobs = 0;
};
struct Inventory {
  std::uint64_t revision = 0;  // counts up on this node
  std::vector<FoundDatabase> databases;
};
struct OrderAck {
  JobId job;
  bool accepted = true;  // false: `error` says why (draining, older epoch, unknown kind)
  Code code = Code::internal;
  std::string error;
};
// State of a job, ordered or the agent's own. Repeated until JobReportAck came; idempotent by (job, sequence).
struct JobReport {
  std::uint64_t sequence = 0;  // counts up for one job; an older one is ignored
  Job job;
  std::optional<Backup> backup;             // backup jobs: the row, with the record when complete
  std::optional<RestoreTarget> target;      // restore jobs
  std::optional<StoreAbilities> abilities;  // store checks
};
struct EpochReport {
  EpochInfo epoch;
};
struct HistoryReport {
  TimelineChange change;
};
// Of a store whose hosts are presigned. Not repeated: whoever wants it asks again.
struct PassRequest {
  std::string store;
  BucketWish wish;
};

// A backup of the schedule is due, and the limits it may meet are not only this node's. Not repeated: who is not
// answered goes on by its own limit.
struct SlotRequest {
  DatabaseId database;
  Timestamp due_at;  // of the run
};

// ---- coordinator -> agent -------------------------------------------------------------------------------------------
struct Welcome {
  std::uint16_t version = 1;
  std::uint64_t epoch = 0;
  std::uint32_t heartbeat_seconds = 60;
  NodeState state = NodeState::active;
  std::uint64_t assignment_revision = 0;
  Timestamp clock;
};
struct HeartbeatAck {
  std::uint64_t epoch = 0;
  std::uint64_t assignment_revision = 0;
};
struct NamedRecipient {
  std::string name;
  BoxPublicKey key;
  friend bool operator==(const NamedRecipient&, const NamedRecipient&) = default;
};
// One database this node looks after.
// Who of a streaming group takes its backups. with_log: the active one.
enum class BackupDuty : std::uint8_t { with_log, here, elsewhere };
struct Assigned {
  std::string key;  // FoundDatabase::key
  DatabaseId database;
  std::string name;
  Engine engine = Engine::postgres;
  Labels labels;
  bool active = true;    // false: another node ships its WAL
  bool protect = false;  // policy and stores are there
  Policy policy;
  std::vector<std::string> stores;  // names into Assignment::stores, in order, already cut to copies_want
  std::vector<NamedRecipient> recipients;
  Timestamp last_backup_at;  // finished, of any node of the group; never: the first backup is due now
  BackupDuty backups = BackupDuty::with_log;
  std::string log_node;     // who ships its WAL; empty: nobody does, or this node
  std::string backup_note;  // why not the kind of node takes its backups that the policy prefers
  friend bool operator==(const Assigned&, const Assigned&) = default;
};
inline bool takes_backups(const Assigned& assigned) {
  return assigned.backups == BackupDuty::here || (assigned.backups == BackupDuty::with_log && assigned.active);
}
// A store that the node itself keeps for the fleet.
struct VaultDuty {
  StoreId store;
  std::string name;
  std::string path;
  std::uint64_t quota_bytes = 0;  // 0: as much as the disk has
  friend bool operator==(const VaultDuty&, const VaultDuty&) = default;
};
// Everything an agent needs to do its duty alone. It replaces the one before as a whole and is cached on disk.
struct Assignment {
  std::uint64_t revision = 0;  // counts up per node
  std::vector<StoreInfo> stores;
  std::vector<Assigned> databases;
  Bytes fleet_record;  // to put into a store that has none
  std::vector<VaultDuty> vaults;
  // Cordoned, draining: its schedule begins nothing. Log goes on being shipped.
  NodeState state = NodeState::active;
  friend bool operator==(const Assignment&, const Assignment&) = default;
};
struct AssignmentAck {  // agent -> coordinator: stored and in force
  std::uint64_t revision = 0;
};
struct GrantedKey {  // a data key sealed to the node's recipient key
  EpochId epoch;
  Bytes sealed;
  friend bool operator==(const GrantedKey&, const GrantedKey&) = default;
};
struct BackupOrder {
  DatabaseId database;
  BackupId backup;
  BackupType type = BackupType::full;
  std::string note;
  bool skip_page_check = false;
};
struct RestoreOrder {
  RestoreId restore;
  RestoreTarget target;
  std::vector<StoreInfo> stores;
  std::vector<GrantedKey> keys;
};
struct WalPart {
  Timeline timeline;
  Lsn first;
  Lsn last;  // exclusive
  friend bool operator==(const WalPart&, const WalPart&) = default;
};
struct VerifyOrder {
  DatabaseId database;
  BackupId backup;
  std::vector<StoreInfo> stores;
  std::vector<GrantedKey> keys;         // empty: level 1
  std::vector<WalPart> wal;             // behind the backup, along its timelines; checked without keys
  std::vector<std::string> wal_stores;  // of the stores, those that must have it
};
struct RollbackOrder {  // put the set-aside directory back
  RestoreId restore;
  RestoreTarget target;
};
struct FinalizeOrder {  // remove the set-aside directory
  RestoreId restore;
  RestoreTarget target;
};
struct StoreCheckOrder {
  StoreInfo store;
};
struct RefreshOrder {};  // look for databases now and send the inventory
// Bring one store what it lacks.
struct CopyOrder {
  DatabaseId database;
  BackupId backup;  // null: the log
  StoreInfo target;
  std::vector<StoreInfo> sources;
  bool doubtful = false;        // what the target has is read and checked too
  std::uint64_t bandwidth = 0;  // bytes a second; 0: no limit
};
// Check one store's objects, without keys.
struct ScrubOrder {
  DatabaseId database;
  BackupId backup;  // null: the log
  StoreInfo store;
  std::vector<StoreInfo> others;  // that tell what should be there
  std::uint64_t bandwidth = 0;
};
// How far a node is to go: until nothing runs, until its agent has stopped, until its databases have too.
enum class ShutdownReach : std::uint8_t { drain, agent, databases };
struct ShutdownOrder {
  ShutdownReach reach = ShutdownReach::drain;
  bool force = false;  // waits for nothing, and goes on although something may be missing; it is all recorded
  Micros drain{0};     // how long running jobs may go on before they are cut off; 0: as the policies say
};
struct CancelOrder {
  JobId job;  // the one to cancel
};
using OrderBody = std::variant<BackupOrder, RestoreOrder, VerifyOrder, RollbackOrder, FinalizeOrder, StoreCheckOrder,
                               RefreshOrder, CancelOrder, CopyOrder, ScrubOrder, ShutdownOrder>;
struct Order {
  JobId id;                 // the job it starts; resent until OrderAck
  std::uint64_t epoch = 0;  // the coordinator's; an agent refuses one older than it has seen
  Timestamp deadline;
  std::uint64_t slot = 0;  // not used: slots are of scheduled runs, and an order needs none
  OrderBody body;
};
struct JobReportAck {
  JobId job;
  std::uint64_t sequence = 0;
};
struct EpochReportAck {
  EpochId epoch;
};
struct HistoryReportAck {
  DatabaseId database;
  Timeline timeline;
};
struct InventoryAck {
  std::uint64_t revision = 0;
};
// Answers a SlotRequest.
struct SlotReply {
  DatabaseId database;
  bool granted = false;
  // Granted: how long it is kept free without a word of the backup. Not granted: when to ask again.
  Micros wait{0};
  std::string reason;  // why not
};
// Answers a PassRequest.
struct PassReply {
  BucketPass pass;
  std::optional<Refused> refused;  // then there is no pass
};

// ---- operators ------------------------------------------------------------------------------------------------------
struct Selection {
  std::vector<std::string> names;  // names, ids or unique prefixes of ids; any of them
  std::string selector;            // "env=prod,role!=drill,zone in (a,b)"; both given: both must fit
  bool empty() const { return names.empty() && selector.empty(); }
};
enum class Listing : std::uint8_t {
  status,
  nodes,
  databases,
  stores,
  policies,
  tokens,
  operators,
  backups,
  windows,
  jobs,
  restores,
  copies
};
struct ListRequest {
  Listing what = Listing::status;
  Selection selection;           // of databases for backups, windows, jobs; of the things themselves otherwise
  std::vector<std::string> ids;  // backups, jobs, restores, tokens: ids or prefixes; empty: all
  std::uint32_t limit = 1000;
  std::string after;  // continue behind this (from ListReply::next)
};
struct CreateTokenRequest {
  Labels labels;
  Approval approval = Approval::automatic;
  std::vector<std::string> cidrs;
  std::string host_pattern;
  std::uint32_t uses = 1;
  Micros ttl{std::chrono::hours(24)};
};
struct RevokeTokenRequest {
  std::string id;
};
struct NodeRequest {
  enum class Verb : std::uint8_t { approve, revoke, label, cordon, uncordon, drain, shutdown };
  Verb verb = Verb::approve;
  std::string node;
  Labels set;
  std::vector<std::string> unset;
  // drain, shutdown: as in ShutdownOrder
  bool force = false;
  bool keep_databases = false;  // only the agent stops
  Micros deadline{0};
};
struct AddStoreRequest {
  std::string name;
  StoreKind kind = StoreKind::posix;
  std::string path;       // posix, peer
  S3Place s3;             // s3
  std::string peer_node;  // peer: name or id
  std::uint64_t quota_bytes = 0;
  std::string zone;
};
struct StoreRequest {
  enum class Verb : std::uint8_t { check, remove };
  Verb verb = Verb::check;
  std::string name;
};
struct ApplyPolicyRequest {
  Policy policy;
  bool dry_run = false;
};
struct DeletePolicyRequest {
  std::string name;
};
struct CreateBackupRequest {
  Selection selection;
  BackupType type = BackupType::full;
  std::string note;
  bool skip_page_check = false;
};
struct BackupRequest {
  enum class Verb : std::uint8_t { keep, release, remove };
  Verb verb = Verb::keep;
  std::string id;
};
struct VerifyRequest {  // keys: what PlanVerify's epochs need, sealed to the node that verifies
  std::string backup;
  bool plan_only = false;  // only say which node and which epochs
  NodeId node;
  std::vector<GrantedKey> keys;
  bool with_wal = false;  // the WAL behind it too, although it is not its database's newest backup
};
struct RestorePlanRequest {
  Selection selection;
  RecoveryTarget target;
  std::string backup;  // --backup ID
  std::string target_node;
  std::string target_directory;
  struct Mapping {
    std::string database;
    std::string node;
    std::string directory;
  };
  std::vector<Mapping> map;
  std::vector<std::pair<std::string, std::string>> tablespaces;
  StartAfter start = StartAfter::start;
  RestoreMethod method = RestoreMethod::full;
};
struct RestoreRunRequest {  // exactly a plan that was answered before
  RestoreId restore;
  struct Grant {
    NodeId node;
    GrantedKey key;
  };
  std::vector<Grant> keys;
};
struct RestoreRequest {
  enum class Verb : std::uint8_t { rollback, finalize };
  Verb verb = Verb::rollback;
  std::string id;
};
struct CancelJobRequest {
  std::string id;
};
struct RetentionRequest {
  bool run = false;  // false: preview
  Selection selection;
};
struct RefreshRequest {  // database ping: look again now
  Selection selection;
};
struct CopyRequest {  // repair copies now
  Selection selection;
  std::string lost_store;  // it has lost what it had: every copy in it counts as missing
};
struct CreateOperatorRequest {
  std::string name;
  Role role = Role::viewer;
  CurvePublicKey curve;  // of the key that the tool made
};
struct RevokeOperatorRequest {
  std::string name;
};
using OperatorBody =
    std::variant<ListRequest, CreateTokenRequest, RevokeTokenRequest, NodeRequest, AddStoreRequest, StoreRequest,
                 ApplyPolicyRequest, DeletePolicyRequest, CreateBackupRequest, BackupRequest, VerifyRequest,
                 RestorePlanRequest, RestoreRunRequest, RestoreRequest, CancelJobRequest, RetentionRequest,
                 RefreshRequest, CreateOperatorRequest, RevokeOperatorRequest, CopyRequest>;
struct OperatorRequest {
  std::uint16_t version_min = protocol_min;
  std::uint16_t version_max = protocol_max;
  OperatorBody body;
  bool dry_run = false;  // only say what it would do
};

struct NodeView {
  Node node;
  bool online = false;
  std::uint32_t databases = 0;
  std::optional<Job> last_shutdown;  // the newest drain or shutdown
};
struct DatabaseView {
  Database database;
  std::optional<Backup> last_backup;  // complete; without the record
  Timestamp recoverable_from;
  Timestamp recoverable_through;
  std::vector<WalPosition> positions;
  std::uint64_t size_bytes = 0;
  std::string late;  // a sentence: which objective it misses, and by how much; empty: none
};
struct Window {
  DatabaseId database;
  std::string database_name;
  Timestamp from;
  Timestamp to;
  Lsn through_lsn;
  struct Gap {
    Timestamp from;
    Timestamp to;
    Lsn from_lsn;
    Lsn to_lsn;
  };
  std::vector<Gap> gaps;
};
struct RetentionDecision {
  BackupId backup;
  DatabaseId database;
  std::string database_name;
  Timestamp finished_at;
  bool keep = true;
  std::vector<std::string> reasons;
  std::uint64_t bytes = 0;
  std::uint64_t freed_bytes = 0;  // leave each store with it: what kept backups need of it stays
};
struct FleetStatus {
  std::string fleet_name;
  FleetId fleet;
  std::uint64_t epoch = 0;
  std::string version;
  std::uint32_t nodes = 0;
  std::uint32_t nodes_offline = 0;
  std::uint32_t nodes_pending = 0;
  std::vector<std::string> alerts;
  std::uint32_t below_min = 0;  // databases; those among below_want too
  std::uint32_t below_want = 0;
};
// A copy that is not as the policy wants it.
struct CopyView {
  DatabaseId database;
  std::string database_name;
  BackupId backup;  // null: the log
  std::string store;
  std::string state;   // missing | damaged
  std::string reason;  // why, and why nothing is done about it now
  Timestamp since;     // when the backup was finished
  std::uint32_t good_copies = 0;
  JobId job;  // that repairs it now
};
struct ListReply {  // only what was asked for is filled; status fills several
  FleetStatus status;
  std::vector<NodeView> nodes;
  std::vector<DatabaseView> databases;
  std::vector<StoreInfo> stores;
  std::vector<Policy> policies;
  std::vector<Token> tokens;  // without verifiers
  std::vector<Operator> operators;
  std::vector<Backup> backups;  // without records
  std::vector<Window> windows;
  std::vector<Job> jobs;
  std::vector<Restore> restores;
  std::string next;              // more: pass it as `after`; empty: that was all
  std::vector<CopyView> copies;  // most urgent first
};
struct TokenReply {
  Token token;
  std::string text;  // the one line to give to agents
};
struct JobsReply {  // work that was started; watch it with ListRequest jobs
  std::vector<JobId> jobs;
  std::vector<std::string> warnings;
};
struct DoneReply {
  std::vector<std::string> lines;  // what changed, for the operator
};
struct PolicyReply {
  Policy policy;
  std::vector<std::string> changes;   // "database orders: default -> production"
  std::vector<std::string> warnings;  // not in effect yet, conflicts
};
// An operator with the recovery key opens these and seals them again for the node.
struct NeededEpoch {
  NodeId node;
  BoxPublicKey recipient;
  EpochInfo epoch;
};
struct RestorePlanReply {
  Restore restore;
  std::vector<NeededEpoch> epochs;
  std::vector<std::string> notes;
};
struct VerifyPlanReply {
  NodeId node;
  std::vector<NeededEpoch> epochs;
};
struct RetentionReply {
  std::vector<RetentionDecision> decisions;
  std::vector<std::string> lines;
};
using OperatorReplyBody = std::variant<Refused, ListReply, TokenReply, JobsReply, DoneReply, PolicyReply,
                                       RestorePlanReply, VerifyPlanReply, RetentionReply>;
struct OperatorReply {
  OperatorReplyBody body;
};

// ---- envelope -------------------------------------------------------------------------------------------------------
using MessageBody =
    std::variant<EnrolHello, EnrolChallenge, EnrolProof, Enrolled, EnrolPending, Refused, Hello, Welcome, Heartbeat,
                 HeartbeatAck, Inventory, InventoryAck, Assignment, AssignmentAck, Order, OrderAck, JobReport,
                 JobReportAck, EpochReport, EpochReportAck, HistoryReport, HistoryReportAck, OperatorRequest,
                 OperatorReply, PassRequest, PassReply, SlotRequest, SlotReply>;

struct Message {
  std::uint16_t version = protocol_max;
  std::uint64_t id = 0;           // of the sender, counts up
  std::uint64_t in_reply_to = 0;  // 0: none
  std::uint64_t epoch = 0;        // of the coordinator; 0 from agents and operators
  MessageBody body;
};

}  // namespace holdfast
