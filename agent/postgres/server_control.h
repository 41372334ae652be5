#pragma once
// Stops, starts and watches a cluster through whatever manages it on this host.
#include <optional>
#include <string>
#include <vector>

#include "agent/postgres/connection.h"
#include "agent/postgres/server_log.h"
#include "agent/postgres/server_manager.h"
#include "shared/os/clock.h"

namespace holdfast {

// postmaster.pid of a data directory, as far as the server has filled it in.
struct PostmasterFile {
  int pid = 0;
  std::string data_directory;
  int port = 0;
  std::string socket_directory;  // the first; empty: none yet
  std::string status;            // "starting", "ready", "standby", "stopping"; empty: not said yet
};
std::optional<PostmasterFile> parse_postmaster_file(std::string_view content);
// It has not said yet that it takes connections.
bool is_starting(const PostmasterFile& file);
// The server that runs on this directory now: its pid file names a live process that works in it, so that a number
// which was given to somebody else since does not count. nullopt: none.
std::optional<PostmasterFile> running_postmaster(const std::string& data_directory);

// Those for this directory, whatever links its path goes through; nullopt: none. A copy in another directory has none.
std::optional<ConfiguredCommands> commands_for(const CommandsByDirectory& commands, const std::string& data_directory);

class ServerControl {
 public:
  struct Settings {
    std::string data_directory;
    OsUser owner;
    int major_version = 15;
    std::optional<ConfiguredCommands> commands = {};
    // Where Debian keeps its clusters' settings; another one in tests.
    std::string debian_root = "/etc/postgresql";
  };
  ServerControl(Settings settings, Clock& clock) : settings_(std::move(settings)), clock_(clock) {}

  bool is_running() const { return running_postmaster(settings_.data_directory).has_value(); }
  std::optional<PostmasterFile> postmaster() const { return running_postmaster(settings_.data_directory); }

  // Fast stop; fine when it does not run. Asked while it runs, who manages it is known better than afterwards, and
  // remembered for start().
  Result<> stop(Micros timeout);
  // A smart stop is asked for and not waited for: from now on nobody new gets in, and the server stops when the last of
  // its clients has left. SIGTERM to the postmaster (postmaster.c), whoever manages it. False: it does not run, or we
  // may not.
  bool ask_to_stop_when_idle() const;
  // Through its manager. With options ("port=5433") through pg_ctl: for a copy that nobody manages. Returns when the
  // server takes connections or, in recovery without hot standby, has begun to work.
  Result<> start(const std::vector<std::string>& options, Micros timeout);
  // Until recovery has ended and the server takes writes. Code::conflict when it stops instead, with its last words.
  Result<> wait_until_promoted(const PostgresEndpoint& endpoint, Micros timeout, const StopToken& stop);

  // Who would be asked.
  Result<ServerManager> manager(const std::vector<std::string>& options) const;
  // What the server has said since the newest start() of ours, as far as its log can be found: the file that pg_ctl or
  // Debian gives it, the one it wrote to when we stopped it, its unit's journal, its own logging collector's. Empty
  // before a start.
  std::string said() const { return log_ ? log_->said() : std::string(); }
  // Where a server that pg_ctl starts writes to.
  std::string log_file() const;

 private:
  ServerFacts facts() const;
  void listen(const ServerManager& manager);
  Result<> run(std::vector<std::string> arguments, const ServerManager& manager, Micros timeout,
               std::string_view what) const;

  Settings settings_;
  Clock& clock_;
  std::optional<ServerManager> remembered_;
  std::string stderr_file_;  // of the server that stop() met; empty: none that is a file
  std::string unit_;         // that it belonged to
  std::optional<ServerLog> log_;
};

// Where Debian's tools let the server of a cluster write.
std::string debian_log_of(const DebianCluster& cluster);
// The Debian cluster whose settings name this data directory. nullopt: none.
std::optional<DebianCluster> debian_cluster_of(const std::string& data_directory, const std::string& debian_root);

}  // namespace holdfast
