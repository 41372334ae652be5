#pragma once
// `holdfast-agent restore` and `holdfast-agent wal-get`: options, output, exit codes.
#include <optional>
#include <string>
#include <vector>

#include "agent/restore/wal_get.h"

namespace CLI {
class App;
}

namespace holdfast {

struct BreakGlassCommand {
  std::vector<std::string> repositories;  // shared/store/opening/store_text.h
  std::string recovery_key;
  std::string passphrase_file;
  std::string database;
  std::string target_directory;
  std::string to_time;
  std::string to_lsn;
  std::string to_xid;
  std::string to_name;
  std::string backup;
  std::string timeline;
  std::string user;  // whom the restored server runs as
  bool list = false;
  bool latest = false;
  bool immediate = false;
  bool exclusive = false;
  bool no_start = false;
  bool delta = false;
  std::optional<int> port;
};

void add_restore_options(CLI::App& app, BreakGlassCommand& command);
// Result on stdout, progress and errors on stderr; an exit code of shared/base/exit_code.h.
int run_restore_command(const BreakGlassCommand& command);

}  // namespace holdfast
