#pragma once
// The newest log of a standby, kept from being removed: should it be promoted, shipping goes on where the old primary's
// node ended, and that lies a little back.
#include <deque>
#include <optional>
#include <string>

#include "agent/postgres/connection.h"
#include "shared/base/ids.h"
#include "shared/postgres/wal_position.h"

namespace holdfast {

// A replication slot that lasts no longer than our session: an agent that dies fills nobody's disk. One thread uses it.
class HeldLog {
 public:
  struct Settings {
    Micros longest = std::chrono::minutes(10);
    std::uint64_t most_bytes = std::uint64_t{4} << 30U;
    std::optional<StopToken> stop = {};
  };
  HeldLog(PostgresEndpoint endpoint, DatabaseId database, Settings settings);

  // To be called again and again: makes what is missing, lets go of what is old. `now` is monotonic. After an error
  // what was held may be gone; the next call begins anew.
  Result<> renew(Micros now);
  // Whether our session lives, and with it the slot.
  bool holds() const { return session_ && !session_->is_lost(); }
  const std::string& slot() const { return slot_; }

 private:
  Result<> begin();
  Result<> look(Micros now);

  const PostgresEndpoint endpoint_;
  const Settings settings_;
  const std::string slot_;
  std::optional<PostgresConnection> session_;
  struct Mark {
    Micros at;
    Lsn position;  // where the server was then
  };
  std::deque<Mark> marks_;  // the front is where the slot stands
};

// Of this database's server: "holdfast_hold_" and its id. Not a slot that log is shipped from (slot_name).
std::string held_slot_name(DatabaseId database);

}  // namespace holdfast
