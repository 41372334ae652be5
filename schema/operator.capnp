@0xbd1f0482f34d7861;
# What operators ask the coordinator for, and its answers. The role that a request needs stands beside it.
# README.md says how these files may change and how times, ids and texts are written.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("holdfast::schema");

using import "fleet.capnp".Approval;
using import "fleet.capnp".Backup;
using import "fleet.capnp".BackupType;
using import "fleet.capnp".Database;
using import "fleet.capnp".EpochInfo;
using import "fleet.capnp".GrantedKey;
using import "fleet.capnp".Job;
using import "fleet.capnp".Mapping;
using import "fleet.capnp".Node;
using import "fleet.capnp".Operator;
using import "fleet.capnp".RecoveryTarget;
using import "fleet.capnp".Refused;
using import "fleet.capnp".Restore;
using import "fleet.capnp".RestoreMethod;
using import "fleet.capnp".Role;
using import "fleet.capnp".S3Place;
using import "fleet.capnp".StartAfter;
using import "fleet.capnp".StoreInfo;
using import "fleet.capnp".StoreKind;
using import "fleet.capnp".Token;
using import "fleet.capnp".WalPosition;
using import "policy.capnp".Label;
using import "policy.capnp".Policy;

enum Listing {
  status @0;
  nodes @1;
  databases @2;
  stores @3;
  policies @4;
  tokens @5;
  operators @6;
  backups @7;
  windows @8;
  jobs @9;
  restores @10;
  copies @11;
}

enum NodeVerb {
  approve @0;
  revoke @1;
  label @2;
  cordon @3;
  uncordon @4;
  drain @5;  # until nothing runs there; it stays cordoned. Answered by JobsReply
  shutdown @6;  # its databases and its agent. Answered by JobsReply
}

enum StoreVerb {
  check @0;
  remove @1;
}

enum BackupVerb {
  keep @0;
  release @1;
  remove @2;
}

enum RestoreVerb {
  rollback @0;
  finalize @1;
}

# Which things. Both given: a thing must fit both; none given: all, where the request allows it.
struct Selection {
  names @0 :List(Text);  # names, ids or prefixes of ids that only one thing has
  selector @1 :Text;  # "env=prod,role!=drill,zone in (a,b)"
}

# Show things. Any role. Answered by ListReply.
struct ListRequest {
  what @0 :Listing;
  selection @1 :Selection;  # of databases for backups, windows and jobs; else of the things themselves
  ids @2 :List(Text);  # of backups, jobs, restores, tokens; prefixes will do; none: all
  limit @3 :UInt32;  # at most so many rows in one reply
  after @4 :Text;  # ListReply.next of the page before; empty: from the start
}

# Role admin. Answered by TokenReply.
struct CreateTokenRequest {
  labels @0 :List(Label);
  approval @1 :Approval;
  cidrs @2 :List(Text);
  hostPattern @3 :Text;
  uses @4 :UInt32;
  ttl @5 :Int64;  # microseconds
}

# Role admin. Answered by DoneReply.
struct RevokeTokenRequest {
  id @0 :Text;
}

# Role operator; revoke needs admin. Answered by DoneReply.
struct NodeRequest {
  verb @0 :NodeVerb;
  node @1 :Text;  # name, id or prefix of it
  set @2 :List(Label);  # verb label: to add or change
  unset @3 :List(Text);  # verb label: names to remove
  force @4 :Bool;  # verbs drain, shutdown: as in ShutdownOrder
  keepDatabases @5 :Bool;  # verb shutdown: only the agent stops
  deadline @6 :Int64;  # verbs drain, shutdown: microseconds that running jobs may go on; 0: as the policies say
}

# Role admin. Answered by DoneReply.
struct AddStoreRequest {
  name @0 :Text;
  kind @1 :StoreKind;
  path @2 :Text;  # posix, peer
  s3 @3 :S3Place;  # s3
  peerNode @4 :Text;  # peer: name or id of the node that keeps it
  quotaBytes @5 :UInt64;  # peer
  zone @6 :Text;
}

# check: role operator, JobsReply. remove: role admin, DoneReply.
struct StoreRequest {
  verb @0 :StoreVerb;
  name @1 :Text;
}

# Role admin. Answered by PolicyReply.
struct ApplyPolicyRequest {
  policy @0 :Policy;
  dryRun @1 :Bool;  # only say what would change
}

# Role admin. Answered by PolicyReply or DoneReply.
struct DeletePolicyRequest {
  name @0 :Text;
}

# Role operator. Answered by JobsReply.
struct CreateBackupRequest {
  selection @0 :Selection;  # must not be empty
  type @1 :BackupType;
  note @2 :Text;
  skipPageCheck @3 :Bool;  # PostgreSQL: page checksums are not looked at
}

# Role operator; remove needs admin. Answered by DoneReply.
struct BackupRequest {
  verb @0 :BackupVerb;
  id @1 :Text;
}

# Role operator. planOnly: VerifyPlanReply; else JobsReply.
struct VerifyRequest {
  backup @0 :Text;  # id or prefix
  planOnly @1 :Bool;  # only say which node would do it and which epochs it needs
  node @2 :Data;  # NodeId, that the keys are sealed to
  keys @3 :List(GrantedKey);  # none: verify without keys
  withWal @4 :Bool;  # the WAL behind it too, although it is not its database's newest backup
}

# Where one database is to be restored.
struct RestoreMapping {
  database @0 :Text;
  node @1 :Text;
  directory @2 :Text;  # empty: its own
}

# Role operator. Answered by RestorePlanReply; nothing happens yet.
struct RestorePlanRequest {
  selection @0 :Selection;  # of databases
  target @1 :RecoveryTarget;
  backup @2 :Text;  # a given backup; empty: the best for the target
  targetNode @3 :Text;  # empty: each database's own
  targetDirectory @4 :Text;  # empty: each database's own
  map @5 :List(RestoreMapping);
  tablespaces @6 :List(Mapping);
  start @7 :StartAfter;
  method @8 :RestoreMethod;
}

# A data key for one node of a restore.
struct NodeGrant {
  node @0 :Data;  # NodeId
  key @1 :GrantedKey;
}

# Role operator: carry out exactly the plan that was answered before. Answered by JobsReply.
struct RestoreRunRequest {
  restore @0 :Data;  # RestoreId
  keys @1 :List(NodeGrant);  # one for each NeededEpoch of the plan
}

# Role operator. Answered by JobsReply.
struct RestoreRequest {
  verb @0 :RestoreVerb;
  id @1 :Text;
}

# Role operator. Answered by DoneReply.
struct CancelJobRequest {
  id @0 :Text;
}

# Preview: any role; run: admin. Answered by RetentionReply.
struct RetentionRequest {
  run @0 :Bool;
  selection @1 :Selection;
}

# Role operator: agents look for databases now. Answered by JobsReply.
struct RefreshRequest {
  selection @0 :Selection;
}

# Role operator: what copies lack is brought now, not when its turn comes. Answered by JobsReply.
struct CopyRequest {
  selection @0 :Selection;  # of databases
  lostStore @1 :Text;  # name: it has lost what it had, and every copy in it counts as missing from now on; empty: none
}

# Role admin: let another operator in. Answered by ListReply with the new operator.
struct CreateOperatorRequest {
  name @0 :Text;
  role @1 :Role;
  curve @2 :Data;  # public half of a key that the asking tool made; the other half never leaves its file
}

# Role admin: shut an operator out; the last admin stays. Answered by DoneReply.
struct RevokeOperatorRequest {
  name @0 :Text;
}

# Operator: a question or an order. Answered by one OperatorReply with its inReplyTo.
struct OperatorRequest {
  versionMin @0 :UInt16;  # protocol versions the tool speaks
  versionMax @1 :UInt16;
  body :union {
    none @2 :Void;  # never sent
    list @3 :ListRequest;
    createToken @4 :CreateTokenRequest;
    revokeToken @5 :RevokeTokenRequest;
    node @6 :NodeRequest;
    addStore @7 :AddStoreRequest;
    store @8 :StoreRequest;
    applyPolicy @9 :ApplyPolicyRequest;
    deletePolicy @10 :DeletePolicyRequest;
    createBackup @11 :CreateBackupRequest;
    backup @12 :BackupRequest;
    verify @13 :VerifyRequest;
    restorePlan @14 :RestorePlanRequest;
    restoreRun @15 :RestoreRunRequest;
    restore @16 :RestoreRequest;
    cancelJob @17 :CancelJobRequest;
    retention @18 :RetentionRequest;
    refresh @19 :RefreshRequest;
    createOperator @20 :CreateOperatorRequest;
    revokeOperator @21 :RevokeOperatorRequest;
    # Only say what its body would do, and change nothing; needs the same role. A tag and not a flag beside the body: a
    # coordinator that does not know it must refuse and not carry it out. Its body is none of this kind.
    dryRun @22 :OperatorRequest;
    copy @23 :CopyRequest;
  }
}

# A node with what is worked out about it.
struct NodeView {
  node @0 :Node;
  online @1 :Bool;
  databases @2 :UInt32;  # how many it has
  lastShutdown @3 :Job;  # may be absent: the newest drain or shutdown
}

# A database with what is worked out about it.
struct DatabaseView {
  database @0 :Database;
  lastBackup @1 :Backup;  # may be absent, newest complete one, without its record
  recoverableFrom @2 :Int64;
  recoverableThrough @3 :Int64;
  positions @4 :List(WalPosition);
  sizeBytes @5 :UInt64;
  late @6 :Text;  # which objective it misses, and by how much; empty: none
}

# A stretch that cannot be restored to.
struct WindowGap {
  from @0 :Int64;
  to @1 :Int64;
  fromLsn @2 :UInt64;
  toLsn @3 :UInt64;
}

# From when to when a database can be restored.
struct Window {
  database @0 :Data;  # DatabaseId
  databaseName @1 :Text;
  from @2 :Int64;
  to @3 :Int64;
  throughLsn @4 :UInt64;
  gaps @5 :List(WindowGap);  # inside from..to
}

# What retention says of one backup, and why.
struct RetentionDecision {
  backup @0 :Data;  # BackupId
  database @1 :Data;  # DatabaseId
  databaseName @2 :Text;
  finishedAt @3 :Int64;
  keep @4 :Bool;
  reasons @5 :List(Text);
  bytes @6 :UInt64;  # stored
  freedBytes @7 :UInt64;  # leave each store with it; less than `bytes` when a kept backup needs some of its packs
}

struct FleetStatus {
  fleetName @0 :Text;
  fleet @1 :Data;  # FleetId
  epoch @2 :UInt64;
  version @3 :Text;  # of the coordinator
  nodes @4 :UInt32;
  nodesOffline @5 :UInt32;
  nodesPending @6 :UInt32;
  alerts @7 :List(Text);
  belowMin @8 :UInt32;  # databases whose newest backup or log has fewer whole copies than their policy's minimum
  belowWant @9 :UInt32;  # fewer than it wants; those below the minimum are among them
}

# A copy that is not as the policy wants it.
struct CopyView {
  database @0 :Data;  # DatabaseId
  databaseName @1 :Text;
  backup @2 :Data;  # BackupId; empty: the log
  store @3 :Text;  # name
  state @4 :Text;  # "missing" or "damaged"
  reason @5 :Text;  # why it is so, and why nothing is done about it now
  since @6 :Int64;  # when the backup was finished
  goodCopies @7 :UInt32;  # how many others are whole
  job @8 :Data;  # JobId that repairs it now; empty: none
}

# Only what was asked for is filled; status fills several.
struct ListReply {
  status @0 :FleetStatus;
  nodes @1 :List(NodeView);
  databases @2 :List(DatabaseView);
  stores @3 :List(StoreInfo);
  policies @4 :List(Policy);
  tokens @5 :List(Token);  # without verifiers
  operators @6 :List(Operator);
  backups @7 :List(Backup);  # without records
  windows @8 :List(Window);
  jobs @9 :List(Job);
  restores @10 :List(Restore);
  next @11 :Text;  # give it as `after` for more; empty: that was all
  copies @12 :List(CopyView);  # most urgent first
}

struct TokenReply {
  token @0 :Token;  # without its verifier
  text @1 :Text;  # the one line for agents; it is told only here
}

# Work that was started.
struct JobsReply {
  jobs @0 :List(Data);  # JobId
  warnings @1 :List(Text);
}

struct DoneReply {
  lines @0 :List(Text);  # what changed, for people
}

struct PolicyReply {
  policy @0 :Policy;  # as kept
  changes @1 :List(Text);  # "database orders: default -> production"
  warnings @2 :List(Text);  # not in effect yet, conflicts
}

# A sealed data key that an operator must open and seal again for a node.
struct NeededEpoch {
  node @0 :Data;  # NodeId
  recipient @1 :Data;  # BoxPublicKey, of that node
  epoch @2 :EpochInfo;
}

struct RestorePlanReply {
  restore @0 :Restore;
  epochs @1 :List(NeededEpoch);
  notes @2 :List(Text);
}

struct VerifyPlanReply {
  node @0 :Data;  # NodeId
  epochs @1 :List(NeededEpoch);
}

struct RetentionReply {
  decisions @0 :List(RetentionDecision);
  lines @1 :List(Text);
}

# Coordinator's answer to an OperatorRequest.
struct OperatorReply {
  body :union {
    none @0 :Void;  # never sent
    refused @1 :Refused;
    list @2 :ListReply;
    token @3 :TokenReply;
    jobs @4 :JobsReply;
    done @5 :DoneReply;
    policy @6 :PolicyReply;
    restorePlan @7 :RestorePlanReply;
    verifyPlan @8 :VerifyPlanReply;
    retention @9 :RetentionReply;
  }
}
