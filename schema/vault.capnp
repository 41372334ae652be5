@0x9d1f6ab7c30e5824;
# What is said to a vault: a directory that an agent keeps for its fleet. The coordinator has no part in it. Content never
# travels in here but in a frame of its own behind the message that announces it (Chunk).
# README.md says how these files may change and how ids and texts are written; shared/store/peer/README.md has the order
# of messages.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("holdfast::schema");

using import "fleet.capnp".Code;

# The only struct that is sent on a vault's socket: the first frame of each message.
struct VaultEnvelope {
  version @0 :UInt16;  # 1
  id @1 :UInt32;  # of the request, chosen by the client; its chunks, credits and replies have the same

  body :union {
    none @2 :Void;  # nobody sends it

    # Client. The first message of a connection; nothing else is answered before it was welcomed.
    hello @3 :VaultHello;
    # Client, one at a time.
    put @4 :VaultPut;
    get @5 :VaultGet;
    getRange @6 :VaultGetRange;
    list @7 :VaultList;
    listParts @8 :VaultListParts;
    stat @9 :VaultStat;
    remove @10 :VaultRemove;
    check @11 :Void;  # writes, reads and removes a probe
    space @12 :Void;

    # Either side.
    chunk @13 :VaultChunk;  # one frame of content follows
    credit @14 :VaultCredit;

    # Vault.
    welcome @15 :VaultWelcome;
    content @16 :VaultContent;
    found @17 :VaultFound;
    spaceIs @18 :VaultSpace;
    done @19 :Void;
    refused @20 :VaultRefused;
    busy @21 :Void;  # too much is going on; the same request may be made again in a moment
  }
}

struct VaultHello {
  grant @0 :Data;  # shared/identity/FORMAT.md; its store is the one this connection is about
}

# The connection is in; what is sent besides must keep to these.
struct VaultWelcome {
  chunkBytes @0 :UInt32;  # of one chunk, at most
  windowBytes @1 :UInt64;  # on the way and not acknowledged, at most
}

# Answered by credit (send as much), by done (it is there already, or this was all of it) or refused.
struct VaultPut {
  name @0 :Text;
  size @1 :UInt64;
  sha256 @2 :Data;
}

# Answered by content and then its chunks. The client's first credit is the window of the welcome.
struct VaultGet {
  name @0 :Text;
}
struct VaultGetRange {
  name @0 :Text;
  offset @1 :UInt64;
  length @2 :UInt64;
}

# Answered like VaultGet. The content is, for each object in order: u16 length of its name, name, u64 size (big-endian).
struct VaultList {
  prefix @0 :Text;
}
# Answered like VaultGet. The content is, for each name in order: u16 length, name.
struct VaultListParts {
  prefix @0 :Text;
}

# Answered by found.
struct VaultStat {
  name @0 :Text;
}

# Answered by done.
struct VaultRemove {
  name @0 :Text;
}

struct VaultChunk {
  offset @0 :UInt64;  # of the frame behind it, in what is put or got
}

# The receiver of content has done with so much of it: as much more may be sent.
struct VaultCredit {
  bytes @0 :UInt64;
}

struct VaultContent {
  size @0 :UInt64;  # of all chunks together
}

struct VaultFound {
  exists @0 :Bool;
  size @1 :UInt64;
}

struct VaultSpace {
  freeBytes @0 :UInt64;  # the smaller of the disk's and the quota's
  totalBytes @1 :UInt64;
}

# The request is over. code unavailable: trying again may help.
struct VaultRefused {
  code @0 :Code;
  message @1 :Text;
  hint @2 :Text;
}
