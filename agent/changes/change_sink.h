#pragma once
// What a reader of the WAL tells to whoever keeps the changes.
#include <cstdint>
#include <string>

#include "agent/changes/relation_fork.h"
#include "shared/postgres/wal_position.h"

namespace holdfast {

// What the records of the WAL say about the files of a cluster, in WAL order.
class ChangeSink {
 public:
  virtual ~ChangeSink() = default;
  virtual void block_changed(const RelationFork& fork, std::uint32_t block) = 0;
  // Everything at or past `blocks` is new or gone: earlier marks there mean nothing any more. 0: the whole fork.
  virtual void limited(const RelationFork& fork, std::uint32_t blocks) = 0;
  // The directory of this database in this tablespace was made or removed: every file in it is new.
  virtual void database_replaced(std::uint32_t tablespace, std::uint32_t database) = 0;
  // From the WAL alone it cannot be said what changed around `at`; no incremental backup may reach over it.
  virtual void doubted(Lsn at, std::string reason) = 0;
};

}  // namespace holdfast
