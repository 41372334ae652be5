#pragma once
// The server of the restore's target: stopped before, started after, watched while it recovers.
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "shared/os/clock.h"
#include "shared/os/process.h"

namespace holdfast {

// How it is stopped and started here: by what manages it (systemd, pg_ctlcluster, configured commands) or by pg_ctl.
struct TargetServer {
  std::function<Result<>()> stop;    // fast; returns when it is down, fine when it was
  std::function<Result<>()> start;   // may return before the server accepts connections
  std::function<std::string()> log;  // what it said since start(), as far as that can be read; may be empty
};

struct PgCtlServer {
  std::string programs;  // directory of pg_ctl and postgres
  std::string data_directory;
  OsUser owner;
  std::string log_file;          // made when missing, belongs to the owner
  std::string config_file = {};  // empty: the one in the data directory
  Micros stop_timeout{std::chrono::minutes(5)};
};
// `clock` must outlive it.
TargetServer pg_ctl_server(const PgCtlServer& settings, Clock& clock);

// The last FATAL or PANIC of a log with its DETAIL and HINT, one line; empty when there is none.
std::string fatal_reason(std::string_view log);
// Whether recovery came to the end of the WAL without meeting its target.
bool ended_before_target(std::string_view log);

}  // namespace holdfast
