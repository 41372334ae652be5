@0xc8f236acbbf1078b;
# Everything that agents and the coordinator say to each other, and the envelope that every message travels in.
# README.md says how these files may change and how times, ids and texts are written.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("holdfast::schema");

using import "fleet.capnp".Backup;
using import "fleet.capnp".BackupType;
using import "fleet.capnp".Code;
using import "fleet.capnp".Engine;
using import "fleet.capnp".EpochInfo;
using import "fleet.capnp".FoundDatabase;
using import "fleet.capnp".GrantedKey;
using import "fleet.capnp".Job;
using import "fleet.capnp".NodeFacts;
using import "fleet.capnp".NodeState;
using import "fleet.capnp".Refused;
using import "fleet.capnp".RestoreTarget;
using import "fleet.capnp".StoreAbilities;
using import "fleet.capnp".StoreInfo;
using import "fleet.capnp".TimelineChange;
using import "fleet.capnp".WalPosition;
using import "operator.capnp".OperatorReply;
using import "operator.capnp".OperatorRequest;
using import "policy.capnp".Label;
using import "policy.capnp".Policy;

# Agent, first on the enrol socket. The token's secret is never sent; the agent's key is what CURVE proved, not a
# field.
struct EnrolHello {
  token @0 :Data;  # TokenId
  nonce @1 :Data;  # fresh for each try
  versionMin @2 :UInt16;  # protocol versions the agent speaks
  versionMax @3 :UInt16;
}

# Coordinator's answer to EnrolHello.
struct EnrolChallenge {
  nonce @0 :Data;  # fresh for each hello
}

# Agent's answer to the challenge: it knows the token's secret.
struct EnrolProof {
  token @0 :Data;  # TokenId
  clientNonce @1 :Data;  # as sent in EnrolHello
  serverNonce @2 :Data;  # as received
  mac @3 :Data;  # shared/identity/FORMAT.md; covers everything here and the CURVE key
  signer @4 :Data;  # SignPublicKey, the node's, made by itself
  recipient @5 :Data;  # BoxPublicKey, the node's, made by itself
  facts @6 :NodeFacts;
  keyProof @7 :Data;  # empty; meant for a signature of the previous key at rotation
}

# Coordinator to a node that is in. Repeated to the same key as often as it asks.
struct Enrolled {
  node @0 :Data;  # NodeId
  name @1 :Text;
  fleet @2 :Data;  # FleetId
  root @3 :Data;  # SignPublicKey, must be the one in the token
  chain @4 :Data;  # the node's certificate chain
  endpoints @5 :List(Text);  # fleet sockets "tcp://host:7400"
  fleetServer @6 :Data;  # CurvePublicKey, of those sockets
}

# Coordinator to a node that a person must approve first. The agent asks again with the same key.
struct EnrolPending {
  message @0 :Text;
  retrySeconds @1 :UInt32;
}

# Agent, first of a session on the fleet socket. Answered by Welcome or Refused.
struct Hello {
  versionMin @0 :UInt16;  # protocol versions the agent speaks
  versionMax @1 :UInt16;
  features @2 :UInt64;  # bit set, none defined yet
  build @3 :Text;  # version of the agent
  generation @4 :UInt64;  # counts this node's sessions
  clock @5 :Int64;  # the agent's clock as it sent this
  facts @6 :NodeFacts;
  coordinatorEpoch @7 :UInt64;  # the highest this agent has obeyed
  assignmentRevision @8 :UInt64;  # what it has in force
}

# Coordinator's answer to Hello.
struct Welcome {
  version @0 :UInt16;  # the one to speak from now on
  epoch @1 :UInt64;  # of the coordinator
  heartbeatSeconds @2 :UInt32;
  state @3 :NodeState;
  assignmentRevision @4 :UInt64;  # the newest; the Assignment follows when the agent's is older
  clock @5 :Int64;  # the coordinator's clock
}

# Agent, every heartbeatSeconds +- 20 %. Answered by HeartbeatAck.
struct Heartbeat {
  clock @0 :Int64;
  positions @1 :List(WalPosition);  # of all databases it ships
  runningJobs @2 :UInt32;
}

# Coordinator. Three beats without one: the agent makes a new connection.
struct HeartbeatAck {
  epoch @0 :UInt64;
  assignmentRevision @1 :UInt64;
}

# Agent: everything it found on its host; replaces what it said before.
struct Inventory {
  revision @0 :UInt64;  # counts up on this node
  databases @1 :List(FoundDatabase);
}

# Coordinator: kept.
struct InventoryAck {
  revision @0 :UInt64;
}

# Agent: the order is in its journal, or refused. Ends the resending.
struct OrderAck {
  job @0 :Data;  # JobId
  accepted @1 :Bool;
  code @2 :Code;  # of a refusal
  error @3 :Text;  # of a refusal: draining, older epoch, unknown kind
}

# Agent: state of a job, ordered or its own. Resent until JobReportAck.
struct JobReport {
  sequence @0 :UInt64;  # counts up for one job; an older one is ignored
  job @1 :Job;
  backup @2 :Backup;  # may be absent, of a backup job; with its record when complete
  target @3 :RestoreTarget;  # may be absent, of a restore job
  abilities @4 :StoreAbilities;  # may be absent, of a store check
}

# Coordinator: kept.
struct JobReportAck {
  job @0 :Data;  # JobId
  sequence @1 :UInt64;
}

# Agent: a new data key, before the first backup that uses it counts. Resent until its ack.
struct EpochReport {
  epoch @0 :EpochInfo;
}

# Coordinator: kept.
struct EpochReportAck {
  epoch @0 :Data;  # EpochId
}

# Agent: a timeline began. Resent until its ack.
struct HistoryReport {
  change @0 :TimelineChange;
}

# Coordinator: kept.
struct HistoryReportAck {
  database @0 :Data;  # DatabaseId
  timeline @1 :UInt32;
}

# What can be asked for in a bucket. Names are those of objects, without the store's prefix.
enum BucketWishKind {
  get @0;  # this object, or a range of it
  look @1;  # whether it is there
  list @2;  # one page of what begins with this name
  reach @3;  # whether the bucket answers; without a name
  put @4;  # objects below a first part, "<database>/", or one that has none before it
}

struct BucketWish {
  kind @0 :BucketWishKind;
  name @1 :Text;
  parts @2 :Bool;  # list: up to the next '/' only
  after @3 :Text;  # list: where the page before said that it goes on; empty: the first one
}

# Of a form that is posted.
struct PassField {
  name @0 :Text;
  value @1 :Text;
}

# Agent, of a store whose hosts are presigned: sign this. Answered by PassReply, and not repeated: whoever wanted it
# asks again.
struct PassRequest {
  store @0 :Text;  # name
  wish @1 :BucketWish;
}

# Coordinator: a URL that does what was wished for, for as long as it is valid; or why not.
struct PassReply {
  url @0 :Text;
  fields @1 :List(PassField);  # put: of the form to post there, besides key, metadata and the object
  valid @2 :Int64;  # microseconds from when it was signed
  refused @3 :Refused;  # none: granted
}

# Agent: a backup of its schedule is due. Answered by SlotReply, and not repeated: who is not answered goes on by its
# own limit.
struct SlotRequest {
  database @0 :Data;  # DatabaseId
  dueAt @1 :Int64;  # of the run
}

# Coordinator: whether the limits that the node does not know of let it begin now.
struct SlotReply {
  database @0 :Data;  # DatabaseId
  granted @1 :Bool;
  wait @2 :Int64;  # microseconds. Granted: kept free so long without a word of the backup. Else: when to ask again
  reason @3 :Text;  # why not
}

# A public key that data keys are sealed to.
struct NamedRecipient {
  name @0 :Text;  # "recovery"
  key @1 :Data;  # BoxPublicKey
}

# Who of a streaming group takes its backups. Its log is always shipped by the one that is active.
enum BackupDuty {
  withLog @0;  # the active one
  here @1;  # the node that this is sent to, active or not
  elsewhere @2;  # another node
}

# One database that a node looks after. Policies and recipients that many databases share are sent once and referred
# to by their place in Assignment's lists.
struct Assigned {
  key @0 :Text;  # FoundDatabase.key
  database @1 :Data;  # DatabaseId
  name @2 :Text;
  engine @3 :Engine;
  labels @4 :List(Label);
  active @5 :Bool;  # false: another node ships its log
  protect @6 :Bool;  # there are a policy and a store for it; false with an unnamed policy: none matches, release it
  policyIndex @7 :UInt32;  # into Assignment.policies
  stores @8 :List(Text);  # names of Assignment.stores in order
  recipientIndexes @9 :List(UInt32);  # into Assignment.recipients
  lastBackupAt @10 :Int64;  # newest finished backup by any node; 0: the first one is due
  backups @11 :BackupDuty;
  logNode @12 :Text;  # name of the node that ships its log; empty: none does, or it is this one
  backupNote @13 :Text;  # why not the kind of node takes its backups that the policy prefers; empty: it does
}

# A store that the receiving node itself keeps for the fleet.
struct VaultDuty {
  store @0 :Data;  # StoreId
  name @1 :Text;
  path @2 :Text;  # directory on this host
  quotaBytes @3 :UInt64;  # 0: as much as the disk has
}

# Coordinator: all an agent needs to do its duty alone. Replaces the one before; kept on the agent's disk.
struct Assignment {
  revision @0 :UInt64;  # counts up for each node
  stores @1 :List(StoreInfo);
  databases @2 :List(Assigned);
  fleetRecord @3 :Data;  # signed by the root key; put into a store that has none
  policies @4 :List(Policy);  # each once
  recipients @5 :List(NamedRecipient);  # each once
  vaults @6 :List(VaultDuty);
  state @7 :NodeState;  # cordoned, draining: its schedule begins nothing; log goes on being shipped
}

# Agent: stored and in force.
struct AssignmentAck {
  revision @0 :UInt64;
}

struct BackupOrder {
  database @0 :Data;  # DatabaseId
  backup @1 :Data;  # BackupId, the id to use
  type @2 :BackupType;
  note @3 :Text;
  skipPageCheck @4 :Bool;  # PostgreSQL: page checksums are not looked at
}

struct RestoreOrder {
  restore @0 :Data;  # RestoreId
  target @1 :RestoreTarget;
  stores @2 :List(StoreInfo);  # that may have the objects
  keys @3 :List(GrantedKey);  # one for each epoch of the target
}

# A stretch of WAL on one timeline.
struct WalPart {
  timeline @0 :UInt32;
  first @1 :UInt64;
  last @2 :UInt64;  # exclusive
}

struct VerifyOrder {
  database @0 :Data;  # DatabaseId
  backup @1 :Data;  # BackupId
  stores @2 :List(StoreInfo);  # to verify in
  keys @3 :List(GrantedKey);  # none: check sizes, digests, signatures and WAL only
  wal @4 :List(WalPart);  # that must be there too, beside what the backup needs to be consistent; checked without keys
  walStores @5 :List(Text);  # of the stores, those where this WAL must be
}

# Put back the directory that the restore set aside.
struct RollbackOrder {
  restore @0 :Data;  # RestoreId
  target @1 :RestoreTarget;
}

# Remove the directory that the restore set aside.
struct FinalizeOrder {
  restore @0 :Data;  # RestoreId
  target @1 :RestoreTarget;
}

# Write, read and remove a probe object.
struct StoreCheckOrder {
  store @0 :StoreInfo;
}

# Look for databases now and send an Inventory.
struct RefreshOrder {}

# Bring one store what it lacks of one backup, or of the log. No key is needed.
struct CopyOrder {
  database @0 :Data;  # DatabaseId
  backup @1 :Data;  # BackupId; empty: the log of the database
  target @2 :StoreInfo;
  sources @3 :List(StoreInfo);  # where sound copies may be
  doubtful @4 :Bool;  # what the target has is read and checked too, not only looked up
  bandwidth @5 :UInt64;  # bytes a second; 0: no limit
}

# Read everything of one backup, or of the log, in one store and check it without keys.
struct ScrubOrder {
  database @0 :Data;  # DatabaseId
  backup @1 :Data;  # BackupId; empty: the log of the database
  store @2 :StoreInfo;  # to check
  others @3 :List(StoreInfo);  # that tell what should be there
  bandwidth @4 :UInt64;  # bytes a second; 0: no limit
}

# How far a node is to go.
enum ShutdownReach {
  drain @0;  # until nothing runs
  agent @1;  # until its agent has stopped too
  databases @2;  # until its databases have, before the agent
}

struct ShutdownOrder {
  reach @0 :ShutdownReach;
  force @1 :Bool;  # wait for nothing, and go on although something may be missing
  drain @2 :Int64;  # microseconds that running jobs may go on; 0: as the policies say
}

struct CancelOrder {
  job @0 :Data;  # JobId, to cancel
}

# Coordinator: do this. Resent with the same id until OrderAck; an agent does an id once.
struct Order {
  id @0 :Data;  # JobId of the job it starts
  epoch @1 :UInt64;  # the coordinator's; an agent refuses one older than it has seen
  deadline @2 :Int64;
  slot @3 :UInt64;  # 0; meant for slots of shared limits
  body :union {
    none @4 :Void;  # never sent: what a message without a body reads as
    backup @5 :BackupOrder;
    restore @6 :RestoreOrder;
    verify @7 :VerifyOrder;
    rollback @8 :RollbackOrder;
    finalize @9 :FinalizeOrder;
    storeCheck @10 :StoreCheckOrder;
    refresh @11 :RefreshOrder;
    cancel @12 :CancelOrder;
    copy @13 :CopyOrder;
    scrub @14 :ScrubOrder;
    shutdown @15 :ShutdownOrder;
  }
}

# One message: the only struct that is ever a root on a socket. A body this build does not know reads as an unknown tag
# and is refused as unsupported, never guessed at; `id` can still be read to answer it.
struct Envelope {
  version @0 :UInt16;  # protocol version it was written for
  id @1 :UInt64;  # the sender's, counts up
  inReplyTo @2 :UInt64;  # id of the message this answers; 0: none
  epoch @3 :UInt64;  # of the coordinator; 0 from agents and operators
  body :union {
    none @4 :Void;  # never sent: what an empty message reads as
    enrolHello @5 :EnrolHello;
    enrolChallenge @6 :EnrolChallenge;
    enrolProof @7 :EnrolProof;
    enrolled @8 :Enrolled;
    enrolPending @9 :EnrolPending;
    refused @10 :Refused;
    hello @11 :Hello;
    welcome @12 :Welcome;
    heartbeat @13 :Heartbeat;
    heartbeatAck @14 :HeartbeatAck;
    inventory @15 :Inventory;
    inventoryAck @16 :InventoryAck;
    assignment @17 :Assignment;
    assignmentAck @18 :AssignmentAck;
    order @19 :Order;
    orderAck @20 :OrderAck;
    jobReport @21 :JobReport;
    jobReportAck @22 :JobReportAck;
    epochReport @23 :EpochReport;
    epochReportAck @24 :EpochReportAck;
    historyReport @25 :HistoryReport;
    historyReportAck @26 :HistoryReportAck;
    operatorRequest @27 :OperatorRequest;
    operatorReply @28 :OperatorReply;
    passRequest @29 :PassRequest;
    passReply @30 :PassReply;
    slotRequest @31 :SlotRequest;
    slotReply @32 :SlotReply;
  }
}
