#pragma once
// A coordinator's state directory out of nothing but its stores and the fleet's recovery key.
#include "coordinator/rebuild/differences.h"
#include "coordinator/shell/store_opener.h"
#include "shared/base/entropy.h"

namespace holdfast {

// Above every epoch that the lost coordinator can have had after its checkpoint, which it writes soon after each start:
// agents obey no older one.
constexpr std::uint64_t rebuilt_epoch_step = 10'000;

// A store as `--from` names it: as parse_store_text() has it, with the fleet's name for it in front when it is not
// where it was: "local=/mnt/backup". Without one the name is empty.
Result<StoreInfo> parse_rebuild_source(std::string_view text);

struct RebuildOptions {
  std::string state_directory;  // to be made
  std::vector<StoreInfo> from;  // as parse_rebuild_source() gives them
  TrustAnchor anchor;           // fleet and root key, from the recovery key's file
  BoxKeyPair recovery;
  std::size_t threads = 8;  // databases that are read at once
};

struct RebuildReport {
  FleetId fleet;
  std::string fleet_name;
  std::string checkpoint;  // its object's name
  std::string checkpoint_store;
  Timestamp checkpoint_made_at;
  std::uint64_t epoch = 0;            // of the new catalog
  std::vector<std::string> stores;    // that were read
  std::vector<std::string> unread;    // that were given and could not be read
  std::vector<std::string> warnings;  // sentences
  std::size_t databases = 0;
  std::size_t backups = 0;
  std::size_t nodes = 0;
  std::vector<CatalogDifference> differences;  // of the checkpoint and the stores, in order
};

// All of it or nothing: the directory gets its name last. One of the given stores must be readable.
// Code::already_exists: it is there. Code::not_found: no store has a checkpoint that does. Code::denied: the recovery
// key is not this fleet's.
Result<RebuildReport> rebuild_catalog(FileSystem& files, Entropy& entropy, Timestamp now, const OpenStore& open,
                                      RebuildOptions options);

}  // namespace holdfast
