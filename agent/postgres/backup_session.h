#pragma once
// The server's part of an online backup: it must know that one is running, and gives the label that recovery begins
// with. Non-exclusive: the session is the backup; when it ends, the backup is void.
#include <string>

#include "agent/postgres/connection.h"
#include "shared/postgres/backup_label.h"

namespace holdfast {

// Statements by major version; 15 renamed the functions and dropped the exclusive mode.
std::string backup_start_sql(int major_version);  // $1: label; one column "lsn"
std::string backup_stop_sql(int major_version);   // columns "lsn", "labelfile", "spcmapfile"

enum class ServerRole : std::uint8_t { primary, standby };

struct BackupStop {
  Lsn stop;  // WAL is needed up to here
  BackupLabel label;
  Bytes label_file;      // byte for byte
  Bytes tablespace_map;  // byte for byte; empty when there are no tablespaces
  // By the server's clock, like the times of its commits: what a restore to a time is compared with.
  Timestamp stopped_at;
};

class BackupSession {
 public:
  struct Settings {
    std::string label = "holdfast";
    // A fast checkpoint still has to write every dirty page.
    Micros checkpoint_timeout = std::chrono::hours(1);
    std::optional<StopToken> stop = {};
  };
  static Result<BackupSession> start(const PostgresEndpoint& endpoint, const Settings& settings);

  // Ends the backup at the server. Does not wait for archiving: whoever needs the WAL up to `stop` must see to it. On a
  // primary the server switches to a new segment; on a standby `stop` may lie in the middle of one.
  Result<BackupStop> stop();
  // Code::unavailable when the session was lost, which voids the backup: asked between files, so that hours of copying
  // do not end in that news.
  Result<> still_running();

  Lsn start_lsn() const { return start_; }
  ServerRole role() const { return role_; }
  int server_major() const { return connection_.server_major(); }
  const std::string& server_version() const { return server_version_; }  // "15.18"

 private:
  explicit BackupSession(PostgresConnection connection) : connection_(std::move(connection)) {}
  PostgresConnection connection_;
  std::string server_version_;
  Lsn start_;
  ServerRole role_ = ServerRole::primary;
};

}  // namespace holdfast
