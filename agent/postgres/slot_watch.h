#pragma once
// Our replication slot as the server sees it: whether it still holds the log we need, and for how long.
#include <optional>
#include <set>
#include <string>

#include "agent/postgres/connection.h"
#include "shared/base/ids.h"
#include "shared/postgres/wal_position.h"

namespace holdfast {

enum class SlotWal : std::uint8_t {
  none,        // reserves nothing
  reserved,    // within max_wal_size
  extended,    // more than that, still safe
  unreserved,  // may be lost at the next checkpoint
  lost,        // some of it is gone: the slot is of no use any more
};
std::string_view to_string(SlotWal state);

struct SlotStatus {
  SlotWal wal = SlotWal::none;
  bool physical = true;
  bool active = false;  // somebody streams from it
  std::optional<Lsn> restart_lsn;
  std::uint64_t held_bytes = 0;                         // log from restart_lsn to the server's end
  std::optional<std::uint64_t> safe_wal_size;           // bytes that may still be written before it is in danger
  std::optional<std::uint64_t> max_slot_wal_keep_size;  // bytes; nullopt: no limit, a dead agent fills the disk
};

// nullopt: there is no such slot.
Result<std::optional<SlotStatus>> read_slot(PostgresConnection& connection, const std::string& slot);

// The slot that a database's log is shipped from: "holdfast_" and its id.
std::string slot_name(DatabaseId database);
// nullopt: not a slot of ours.
std::optional<DatabaseId> database_of_slot(std::string_view slot);
// Names of all physical slots of ours on this server, used or not.
Result<std::set<std::string>> own_slots(PostgresConnection& connection);
// True: it is gone, or was not there. False: somebody streams from it. Code::invalid: not a slot of ours.
Result<bool> drop_own_slot(PostgresConnection& connection, const std::string& slot);

// Letters, digits and underscore, at most 63: what the server takes.
Result<> check_slot_name(std::string_view slot);

}  // namespace holdfast
