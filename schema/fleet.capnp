@0xfdeb97630460df8a;
# The things of a fleet: what the coordinator keeps in its catalog, sends to agents and shows to operators. README.md
# says how these files may change and how times, ids and texts are written.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("holdfast::schema");

using import "policy.capnp".Label;

# Kinds of failure, the same numbers as `Code` in shared/base/result.h.
enum Code {
  internal @0;
  invalid @1;
  notFound @2;
  alreadyExists @3;
  conflict @4;
  denied @5;
  unavailable @6;
  corrupt @7;
  exhausted @8;
  timedOut @9;
  cancelled @10;
  unsupported @11;
  notRestorable @12;
}

enum Engine {
  postgres @0;
  sqlite @1;
}

# How a backup was made, not how it is read: each is complete.
enum BackupType {
  full @0;
  incremental @1;
  differential @2;
}

# "offline" is not a state: it is worked out from lastSeenAt.
enum NodeState {
  pending @0;
  active @1;
  cordoned @2;
  draining @3;
  quarantined @4;
  revoked @5;
}

enum Protection {
  protected @0;
  unprotected @1;
  excluded @2;
}

enum StoreKind {
  posix @0;
  s3 @1;
  peer @2;
}

# How a node that shows a good token gets in.
enum Approval {
  automatic @0;
  manual @1;
  exec @2;
}

enum Role {
  viewer @0;
  operator @1;
  admin @2;
}

enum BackupState {
  running @0;
  complete @1;
  failed @2;
  released @3;
}

enum JobKind {
  backup @0;
  restore @1;
  verify @2;
  rollback @3;
  finalize @4;
  storeCheck @5;
  refresh @6;
  copy @7;
  scrub @8;
  drain @9;  # of a node: until nothing runs there
  shutdown @10;  # of a node: its databases stopped with receipts, and its agent
}

enum JobState {
  queued @0;
  running @1;
  complete @2;
  failed @3;
  cancelled @4;
  lost @5;
}

enum TargetKind {
  latest @0;
  time @1;
  lsn @2;
  xid @3;
  name @4;
  immediate @5;
}

enum StartAfter {
  start @0;
  noStart @1;
}

enum RestoreMethod {
  full @0;
  delta @1;  # what is in the directory already and fits the backup stays
}

enum WayBack {
  kept @0;
  none @1;  # what was there before was overwritten
}

# What an agent says about its host, in EnrolProof and Hello. Nothing here is proved; it is for people and for
# approval rules.
struct NodeFacts {
  hostname @0 :Text;
  machineId @1 :Text;  # keyed hash of /etc/machine-id; empty when there is none
  os @2 :Text;  # "Debian GNU/Linux 12"
  architecture @3 :Text;  # "x86_64"
  agentVersion @4 :Text;
}

# A host with an agent. Kept by the coordinator, shown to operators.
struct Node {
  id @0 :Data;  # NodeId
  name @1 :Text;  # the host's name, made unique
  state @2 :NodeState;
  labels @3 :List(Label);  # from its token and from operators
  curve @4 :Data;  # CurvePublicKey, who it is on a socket
  signer @5 :Data;  # SignPublicKey, signs its records and epochs
  recipient @6 :Data;  # BoxPublicKey, data keys granted to it are sealed to this
  facts @7 :NodeFacts;  # as last said
  token @8 :Data;  # TokenId, that it enrolled with
  address @9 :Text;  # where it last spoke from
  enrolledAt @10 :Int64;
  lastSeenAt @11 :Int64;  # coarse: only written now and then
  clockOffsetMs @12 :Int64;  # milliseconds, the node's clock minus the coordinator's
  generation @13 :UInt64;  # sessions so far; a smaller one than expected means a cloned key
  chain @14 :Data;  # encoded certificate chain (shared/identity/FORMAT.md); empty while pending
}

# One database as an agent sees it on its host. Agent to coordinator, in Inventory.
struct FoundDatabase {
  key @0 :Text;  # stable name on this node: "postgres:/var/lib/postgresql/15/main"
  engine @1 :Engine;
  name @2 :Text;  # what people call it
  path @3 :Text;  # data directory or file
  version @4 :Text;  # of the engine: "15.18", "3"
  systemId @5 :UInt64;  # PostgreSQL's system identifier; 0 for others
  running @6 :Bool;
  standby @7 :Bool;  # in recovery, following another server
  excluded @8 :Bool;  # the agent's configuration says: leave it alone
  timeline @9 :UInt32;  # PostgreSQL's; 0 for others
  sizeBytes @10 :UInt64;
  pageChecksums @11 :Bool;
  problem @12 :Text;  # why it cannot be backed up now; empty: it can
  hint @13 :Text;  # what to do about the problem
  unusedSlots @14 :List(Text);  # names of replication slots "holdfast_*" on its server that hold log for nobody
}

# A database's place on one node.
struct Member {
  node @0 :Data;  # NodeId
  found @1 :FoundDatabase;
  present @2 :Bool;  # it was in the node's newest inventory
  seenAt @3 :Int64;
}

# One database of the fleet, whatever number of nodes have it. Kept by the coordinator, shown to operators.
struct Database {
  id @0 :Data;  # DatabaseId
  name @1 :Text;  # unique in the fleet
  engine @2 :Engine;
  systemId @3 :UInt64;  # 0 for engines that have none
  members @4 :List(Member);  # one a node
  active @5 :Data;  # NodeId, whose agent ships its log; empty: none
  labels @6 :List(Label);  # its node's, and "engine"
  createdAt @7 :Int64;
  protection @8 :Protection;  # worked out by the coordinator, kept for showing
  policy @9 :Text;  # name of the policy that matched; empty: none
  protectionReason @10 :Text;  # why it is unprotected
  alerts @11 :List(Text);  # sentences for people
  backupsBy @12 :Data;  # NodeId, whose agent takes its backups; empty: the active one
  backupsNote @13 :Text;  # why not the kind of node takes them that the policy prefers; empty: it does
  logCopies @14 :List(LogCopy);  # where its log lies, one for each store
}

# A database's log in one store.
struct LogCopy {
  store @0 :Text;  # name
  state @1 :Text;  # "ok", "missing" (some of it) or "damaged"
  comparedAt @2 :Int64;  # when what the stores list was compared last
  checkedAt @3 :Int64;  # when every object was read and checked last
}

# How many objects of a log a store did not take since the receiver began.
struct LogArrears {
  store @0 :Text;  # name
  objects @1 :UInt64;
}

enum S3Addressing {
  path @0;  # https://server/bucket/key
  host @1;  # https://bucket.server/key
}

# What hosts reach a bucket with.
enum S3Hosts {
  ownKey @0;  # an access key of their own
  presigned @1;  # passes that the coordinator signs: PassRequest
}

# A bucket, without its credentials: those are never sent.
struct S3Place {
  endpoint @0 :Text;  # "https://s3.eu-central-1.amazonaws.com"
  region @1 :Text;
  bucket @2 :Text;
  prefix @3 :Text;  # what all names begin with, without '/' at its ends; may be empty
  addressing @4 :S3Addressing;
  caFile @5 :Text;  # PEM file on each host; empty: the system's authorities
  # "env", or a file of this path on the coordinator and, unless `hosts` is presigned, on each host. Sent to a host that
  # has no key: "presigned".
  credentials @6 :Text;
  hosts @7 :S3Hosts;
}

# A directory that another node's agent keeps for the fleet. StoreInfo.path is that directory on its host.
struct PeerPlace {
  node @0 :Data;  # NodeId, that keeps it
  endpoint @1 :Text;  # "tcp://host:7410"
  server @2 :Data;  # CurvePublicKey, which the vault's socket must show
  quotaBytes @3 :UInt64;  # 0: as much as the disk has
  grant @4 :Data;  # signed; what the receiver of this message may do there. Empty in the catalog and in replies
}

enum Ability {
  unknown @0;
  no @1;
  yes @2;
}

# What a store can do besides what every store can. Nothing depends on it for correctness.
struct StoreAbilities {
  conditionalPut @0 :Ability;  # it refuses to replace an object
  objectLock @1 :Ability;  # it keeps an object from being removed until a time
}

# A place that keeps objects. Kept by the coordinator, sent to the agents that write or read there.
struct StoreInfo {
  id @0 :Data;  # StoreId
  name @1 :Text;  # unique in the fleet
  kind @2 :StoreKind;
  path @3 :Text;  # posix: the directory, the same on every node
  createdAt @4 :Int64;
  state @5 :Text;  # "ok", "unknown", or the error of the last check
  usedBytes @6 :UInt64;
  objects @7 :UInt64;
  s3 @8 :S3Place;  # s3 only
  peer @9 :PeerPlace;  # peer only
  abilities @10 :StoreAbilities;  # as they were found out when it was added or checked
  zone @11 :Text;  # where it stands: a value that copies can be spread over; empty: not said
}

# An enrolment token as the coordinator keeps it: it can check the secret and does not have it.
struct Token {
  id @0 :Data;  # TokenId
  verifier @1 :Data;  # keyed hash of the secret; never leaves the coordinator (empty in replies)
  labels @2 :List(Label);  # granted to the nodes that use it
  approval @3 :Approval;
  cidrs @4 :List(Text);  # networks it may be used from; none: anywhere
  hostPattern @5 :Text;  # glob on the host's name; empty: any
  usesTotal @6 :UInt32;
  usesLeft @7 :UInt32;
  createdAt @8 :Int64;
  expiresAt @9 :Int64;
  revoked @10 :Bool;
  createdBy @11 :Text;  # operator's name
}

# A person or program that may ask the coordinator for things.
struct Operator {
  id @0 :Data;  # OperatorId
  name @1 :Text;
  role @2 :Role;
  curve @3 :Data;  # CurvePublicKey, who it is on a socket
  createdAt @4 :Int64;
  revoked @5 :Bool;
}

# A backup's presence in one store.
struct BackupCopy {
  store @0 :Text;  # name
  state @1 :Text;  # "ok", "missing" or "damaged"
  checkedAt @2 :Int64;  # when all of it was read and found sound or not; never: 0
}

# One backup. Agents report it with their jobs, the coordinator keeps and shows it.
struct Backup {
  id @0 :Data;  # BackupId
  database @1 :Data;  # DatabaseId
  node @2 :Data;  # NodeId, that made it
  job @3 :Data;  # JobId
  type @4 :BackupType;
  parent @5 :Data;  # BackupId, what its packs lean on; empty for a full one
  state @6 :BackupState;
  startedAt @7 :Int64;
  finishedAt @8 :Int64;  # from then on it can be restored
  startLsn @9 :UInt64;
  stopLsn @10 :UInt64;  # WAL up to here makes it consistent
  timeline @11 :UInt32;
  epoch @12 :Data;  # EpochId, the data key it was written under
  databaseBytes @13 :UInt64;  # size of the database
  readBytes @14 :UInt64;  # what was read of it
  storedBytes @15 :UInt64;  # what was written to each store
  pages @16 :UInt64;
  changedPages @17 :UInt64;
  badPages @18 :UInt64;  # pages whose checksum did not fit
  copies @19 :List(BackupCopy);
  verifiedAt @20 :Int64;
  note @21 :Text;  # the operator's
  keep @22 :Bool;  # held: retention leaves it
  reason @23 :Text;  # why it is of this type when another was asked for
  error @24 :Text;  # of a failed one
  record @25 :Data;  # the signed record as it is stored; empty unless complete, and in replies
  # Of a full one that put the map of changed blocks to the proof:
  crossCheckedPages @26 :UInt64;  # pages that were written since an earlier backup began, by their own LSN
  missedPages @27 :UInt64;  # those of them that an incremental backup would have left as they were
}

# WAL of one database that is durable without a gap. Kept by the coordinator, one row for each stretch.
struct WalRange {
  database @0 :Data;  # DatabaseId
  timeline @1 :UInt32;
  first @2 :UInt64;
  last @3 :UInt64;  # exclusive
  fromTime @4 :Int64;  # server's clock when `first` was received
  throughTime @5 :Int64;  # what was committed up to then is in the store
  segmentSize @6 :UInt64;  # bytes
}

# Where a timeline of a database left its parent.
struct TimelineChange {
  database @0 :Data;  # DatabaseId
  timeline @1 :UInt32;  # the child
  parent @2 :UInt32;
  at @3 :UInt64;
}

# A data key of one database on one node, sealed: the object as the stores have it. Agent to coordinator, then to an
# operator who can open it.
struct EpochInfo {
  database @0 :Data;  # DatabaseId
  id @1 :Data;  # EpochId
  object @2 :Data;
}

# How far a job is.
struct Progress {
  doneBytes @0 :UInt64;
  totalBytes @1 :UInt64;  # 0: not known
  step @2 :Text;  # "copying", "waiting for WAL", "replaying"
  bytesPerSecond @3 :UInt64;  # of this step, lately; 0: not known, or it stands still
}

# A unit of work on a node. Reported by agents, kept and shown by the coordinator.
struct Job {
  id @0 :Data;  # JobId
  kind @1 :JobKind;
  state @2 :JobState;
  node @3 :Data;  # NodeId, that does it
  database @4 :Data;  # DatabaseId, empty when it is about none
  backup @5 :Data;  # BackupId, that it makes, verifies or restores
  restore @6 :Data;  # RestoreId
  origin @7 :Text;  # "schedule", "first backup", "retry", "log was lost", "operator NAME"
  createdAt @8 :Int64;
  startedAt @9 :Int64;
  finishedAt @10 :Int64;
  deadline @11 :Int64;  # after which it is given up
  progress @12 :Progress;
  error @13 :Text;  # empty: none
  hint @14 :Text;
  code @15 :Code;  # means something when there is an error
  outcome @16 :Text;  # one line of result
  findings @17 :List(Finding);  # of a verification: what is damaged or missing, the first of them
  store @18 :Text;  # name of the store that a copy job fills or a scrub reads; empty: none
  dueAt @19 :Int64;  # of a backup by its schedule: the run that it is; 0: it is none
  missed @20 :MissedRuns;  # runs for which it stands in
  steps @21 :List(JobStep);  # of a drain or shutdown: what the node did, in order
  receipts @22 :List(DatabaseReceipt);  # of a shutdown
}

# Runs of a schedule that came and went without a backup.
struct MissedRuns {
  count @0 :UInt32;
  since @1 :Int64;  # the first of them was due then
  cause @2 :Text;
}

enum StepOutcome {
  done @0;
  skipped @1;
  failed @2;
}

# One step of a drain or a shutdown.
struct JobStep {
  name @0 :Text;  # "drain", "checkpoint", "stop", "verify", "ship"
  outcome @1 :StepOutcome;
  took @2 :Int64;  # microseconds
  sentence @3 :Text;  # what was found, or why it was skipped or failed
}

# What became of one database of a node that was shut down.
struct DatabaseReceipt {
  database @0 :Data;  # DatabaseId
  name @1 :Text;
  engine @2 :Engine;
  steps @3 :List(JobStep);
  state @4 :Text;  # by pg_control: "shut down"; of a file: "closed", "in use"; empty: not known
  checkpoint @5 :UInt64;  # PostgreSQL: LSN where the last checkpoint's record begins; 0: not known
  timeline @6 :UInt32;  # of that record
  durable @7 :UInt64;  # LSN, end of what is safe in the stores; 0: not known
  backup @8 :Data;  # SQLite: BackupId of the one that holds everything; empty: none does
  copies @9 :UInt32;  # that everything before `durable`, or the backup, has at least
  whole @10 :Bool;  # stopped in order, and nothing of it is only on its host
  verdict @11 :Text;  # "nothing missing: ..." when whole, else what may be missing
}

# Something that is not as it should be, in one store.
struct Finding {
  store @0 :Text;
  object @1 :Text;  # its name, or the beginning of the names among which one is missing
  problem @2 :Text;
}

# Where to stop replaying.
struct RecoveryTarget {
  kind @0 :TargetKind;
  time @1 :Int64;  # for kind time
  lsn @2 :UInt64;  # for kind lsn
  text @3 :Text;  # the xid or the name of the restore point
  inclusive @4 :Bool;  # false: stop before it
  timeline @5 :Text;  # "", "latest", "current" or a number
}

# A path here for a path there, for tablespaces.
struct Mapping {
  from @0 :Text;
  to @1 :Text;
}

# One database of a restore: the plan, and then what became of it. Coordinator to agent in an order, agent to
# coordinator in reports, coordinator to operator.
struct RestoreTarget {
  database @0 :Data;  # DatabaseId, whose backup it is
  databaseName @1 :Text;
  engine @2 :Engine;
  node @3 :Data;  # NodeId, that restores
  directory @4 :Text;  # data directory or file to make
  inPlace @5 :Bool;  # the directory is the database's own
  backup @6 :Data;  # BackupId, to start from
  backupFinishedAt @7 :Int64;
  target @8 :RecoveryTarget;
  timeline @9 :UInt32;  # to replay along
  start @10 :StartAfter;
  tablespaces @11 :List(Mapping);
  bytes @12 :UInt64;  # planned, then restored
  epochs @13 :List(Data);  # EpochId, data keys that are needed
  job @14 :Data;  # JobId
  state @15 :Text;  # "planned", "running", "complete", "failed", "rolled back", "finalized"
  reachedLsn @16 :UInt64;
  reachedTime @17 :Int64;  # of the last replayed commit
  seconds @18 :Float64;  # wall time it took
  aside @19 :Text;  # where the directory that was there before is now; empty: nowhere
  error @20 :Text;
  hint @21 :Text;
  code @22 :Code;  # means something when there is an error
  plannedThrough @23 :UInt64;  # LSN as far as the catalog knows of log in the stores; 0: nobody planned
  method @24 :RestoreMethod;
  wayBack @25 :WayBack;
  fetchedBytes @26 :UInt64;  # delta: of the content, what was not there
  leftovers @27 :Text;  # overwritten: where what the backup does not have is now; empty: nothing was moved
}

# A restore of one or many databases. Kept by the coordinator, shown to operators.
struct Restore {
  id @0 :Data;  # RestoreId
  state @1 :Text;  # "planned", "running", "complete", "partial", "failed", "rolled back"
  createdBy @2 :Text;  # operator's name
  createdAt @3 :Int64;
  startedAt @4 :Int64;
  finishedAt @5 :Int64;
  targets @6 :List(RestoreTarget);
}

# How far the WAL of one database is shipped. Agent to coordinator on heartbeats, coordinator to operator.
struct WalPosition {
  database @0 :Data;  # DatabaseId
  timeline @1 :UInt32;
  first @2 :UInt64;  # since when without a gap
  durable @3 :UInt64;  # in the stores up to here
  written @4 :UInt64;  # received up to here, perhaps not durable yet
  fromTime @5 :Int64;
  throughTime @6 :Int64;
  segmentSize @7 :UInt64;  # bytes
  slotState @8 :Text;  # wal_status of the replication slot
  slotRetainedBytes @9 :UInt64;  # WAL the server holds back for us
  error @10 :Text;  # what hinders it now; empty: nothing
  arrears @11 :List(LogArrears);  # stores that lack some of it
}

# A data key that an operator opened and sealed again to one node's recipient key. Operator to coordinator to agent;
# the coordinator cannot open it.
struct GrantedKey {
  epoch @0 :Data;  # EpochId
  sealed @1 :Data;
}

# A no with its reason. Coordinator to anybody, as the answer to what was asked.
struct Refused {
  code @0 :Code;
  message @1 :Text;
  hint @2 :Text;  # what to do; may be empty
}
