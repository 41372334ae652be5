@0xb7d1f0a6c3e84f25;
# What lies in a store in the clear: records, marks and headers. Each is written once, signed, and read for as long as
# there are backups, by agents, by the coordinator and by whoever holds a copy; shared/repository/FORMAT.md describes
# the bytes around it. The canonical encoding is what is signed and stored; a reader refuses any other.
#
# Rules: fields are only appended. Ids are 16 bytes, public keys, data keys' seals aside, and SHA-256 sums 32 bytes.
# Times are microseconds since 1970-01-01 UTC. Sizes are bytes. Positions are LSNs as 64-bit numbers (SQLite: commit
# positions).

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("holdfast::schema::repository");

struct Label {
  name @0 :Text;
  value @1 :Text;
}

struct FleetRecord {
  # "fleet.record": made once by `holdfast init` and signed by the root key it names. Every agent puts the same bytes.
  formatVersion @0 :UInt32;  # of everything in the store; a reader refuses a newer one
  fleet @1 :Data;
  name @2 :Text;
  root @3 :Data;      # Ed25519 public key that signs the coordinator's intermediate key
  recovery @4 :Data;  # X25519 public key for whom every data key is sealed
  createdAt @5 :Int64;
}

struct DatabaseRecord {
  # "<database>/database.record": written by the first agent that backs the database up; read by people's tools and when
  # a catalog is rebuilt from a store.
  fleet @0 :Data;
  database @1 :Data;
  engine @2 :UInt8;  # 0 PostgreSQL, 1 SQLite
  name @3 :Text;
  systemId @4 :UInt64;  # PostgreSQL's system identifier; 0 for SQLite
  createdAt @5 :Int64;
  epoch @6 :Data;  # whose node signed this
}

struct EpochDocument {
  # "<database>/epochs/<epoch>.keys": one data key, sealed. Written by the agent that made the key, before anything that
  # the key encrypts; read by restores, and by everybody for the certificates that verify the other objects.
  fleet @0 :Data;
  database @1 :Data;
  node @2 :Data;
  epoch @3 :Data;
  createdAt @4 :Int64;
  stanzas @5 :List(KeyStanza);
  chain @6 :Data;  # certificate chain of the node, see shared/identity/FORMAT.md

  struct KeyStanza {
    name @0 :Text;     # who: "recovery", "drill", "node:db3"
    publicKey @1 :Data;  # X25519
    sealed @2 :Data;   # the 32-byte data key in a libsodium sealed box: 80 bytes
  }
}

struct StoredObject {
  name @0 :Text;  # full object name
  size @1 :UInt64;
  sha256 @2 :Data;  # of the stored bytes
}

struct NeededPack {
  # A pack of an earlier backup in which this one has content.
  object @0 :StoredObject;
  liveBytes @1 :UInt64;  # stored bytes of the frames this backup needs
}

struct BackupRecord {
  # "<database>/backups/<backup>/record": written last by the agent; the backup exists when this is there. Read by the
  # coordinator (retention, placement, copies, checks without keys) and by restores.
  fleet @0 :Data;
  database @1 :Data;
  node @2 :Data;
  backup @3 :Data;
  job @4 :Data;
  engine @5 :UInt8;        # 0 PostgreSQL, 1 SQLite
  engineVersion @6 :Text;  # "15.18"
  systemId @7 :UInt64;
  pageSize @8 :UInt32;
  walSegmentSize @9 :UInt64;
  type @10 :UInt8;    # 0 full, 1 incremental, 2 differential: how it was made
  parent @11 :Data;   # backup it was made from; 16 zero bytes for a full
  reason @12 :Text;   # why it became a full, when something else was asked for
  startLsn @13 :UInt64;
  stopLsn @14 :UInt64;  # the first position at which it is consistent
  timeline @15 :UInt32;
  startedAt @16 :Int64;
  finishedAt @17 :Int64;  # from this moment on it can be restored
  databaseName @18 :Text;
  sourcePath @19 :Text;
  labels @20 :List(Label);
  note @21 :Text;
  databaseBytes @22 :UInt64;
  readBytes @23 :UInt64;
  storedBytes @24 :UInt64;  # of this backup's own objects, the record aside
  pages @25 :UInt64;
  changedPages @26 :UInt64;
  pagesChecked @27 :Bool;
  badPages @28 :UInt64;
  badPageList @29 :List(Text);  # "base/5/16384 block 7"
  epoch @30 :Data;              # of its own objects; its document names the signer
  neededEpochs @31 :List(Data);  # every epoch some needed pack, or log it begins with, was written under, its own included
  objects @32 :List(StoredObject);     # its own: packs in order, then the manifest
  neededPacks @33 :List(NeededPack);
}

struct ReleasedMark {
  # "<database>/backups/<backup>/released": put by the coordinator's side before it removes the first object of a
  # backup, so that a half-removed backup is not taken for a damaged one. Signed by the coordinator's intermediate key.
  fleet @0 :Data;
  database @1 :Data;
  backup @2 :Data;
  coordinatorEpoch @3 :UInt64;  # fencing number of the coordinator that decided
  releasedAt @4 :Int64;
  reason @5 :Text;
  certificate @6 :Data;  # of the intermediate key: signed bytes, see shared/identity/FORMAT.md
}

struct WalHeader {
  # The clear front of every WAL object, written by the agent that received the WAL; read by everybody.
  fleet @0 :Data;
  database @1 :Data;
  node @2 :Data;
  epoch @3 :Data;
  systemId @4 :UInt64;
  timeline @5 :UInt32;
  first @6 :UInt64;
  last @7 :UInt64;  # exclusive
  segmentSize @8 :UInt64;  # 0: not PostgreSQL
  predecessor @9 :Data;    # SHA-256 of the whole object before this one; zero for the first of a chain
  receivedFrom @10 :Int64;     # server's clock with the message that brought the first byte
  receivedThrough @11 :Int64;  # and the last: nothing in it was committed later
  frames @12 :UInt32;
  bodySize @13 :UInt64;
  bodySha256 @14 :Data;  # of the stored body, which follows the header
  recoverableThrough @15 :Int64;  # everything committed before this moment, by the server's clock, lies before `last`
                                  # on this timeline; never falls along a chain; 0: nothing could be proven yet
}

struct CheckpointHeader {
  # The clear front of "coordinator/<epoch>-<sequence>.checkpoint": what the coordinator knows and the records do not
  # hold, its own keys included. Written by the coordinator, signed by its intermediate key; opened by nobody but the
  # holder of the recovery key, for `catalog rebuild`.
  fleet @0 :Data;
  coordinatorEpoch @1 :UInt64;  # fencing number of the coordinator that wrote it
  sequence @2 :UInt64;          # of its checkpoints, from 1
  madeAt @3 :Int64;
  key @4 :Data;        # id of the data key, made for this object alone
  recipient @5 :Data;  # the recovery key's public half
  sealedKey @6 :Data;  # the 32-byte data key, crypto_box_seal
  frames @7 :UInt32;
  bodySize @8 :UInt64;
  bodySha256 @9 :Data;    # of the stored body, which follows the header
  certificate @10 :Data;  # of the intermediate key: signed bytes, see shared/identity/FORMAT.md
}
