#include "agent/postgres/backup_session.h"

#include <cstdlib>

namespace holdfast {
namespace {

constexpr int first_with_new_names = 15;
constexpr int first_with_idle_limit = 14;

Result<> check_wal_level(PostgresConnection& connection) {
  const auto answer = TRY(connection.query("SELECT current_setting('wal_level') AS level"));
  const std::string level = TRY(answer.only("level"));
  if (!level.starts_with("minimal")) return {};
  return fail(Code::conflict, "the server runs with wal_level \"minimal\", which allows no online backup",
              "set wal_level = replica in postgresql.conf and restart the server");
}

}  // namespace

std::string backup_start_sql(int major_version) {
  if (major_version >= first_with_new_names) return "SELECT pg_backup_start($1, true)::text AS lsn";
  return "SELECT pg_start_backup($1, true, false)::text AS lsn";
}

std::string backup_stop_sql(int major_version) {
  constexpr std::string_view columns = "SELECT lsn::text AS lsn, labelfile, spcmapfile FROM ";
  if (major_version >= first_with_new_names) return fmt::format("{}pg_backup_stop(false)", columns);
  return fmt::format("{}pg_stop_backup(false, false)", columns);
}

Result<BackupSession> BackupSession::start(const PostgresEndpoint& endpoint, const Settings& settings) {
  PostgresConnection::Settings session_settings;
  session_settings.application_name = "holdfast backup";
  session_settings.stop = settings.stop;
  BackupSession session(TRY(PostgresConnection::open(endpoint, session_settings)));
  PostgresConnection& connection = session.connection_;
  // Limits that an administrator gave to ordinary sessions must not end ours between two files.
  TRY(connection.query("SET statement_timeout = 0"));
  if (connection.server_major() >= first_with_idle_limit) TRY(connection.query("SET idle_session_timeout = 0"));
  TRY(check_wal_level(connection));
  const auto facts = TRY(connection.query(
      "SELECT pg_is_in_recovery() AS standby, split_part(current_setting('server_version'), ' ', 1) AS version"));
  const std::string standby = TRY(facts.only("standby"));
  session.role_ = standby.starts_with('t') ? ServerRole::standby : ServerRole::primary;
  session.server_version_ = TRY(facts.only("version"));
  const auto started = TRY_DURING(
      "start the backup", connection.query_within(settings.checkpoint_timeout,
                                                  backup_start_sql(connection.server_major()), {settings.label}));
  const std::string start = TRY(started.only("lsn"));
  session.start_ = TRY(parse_lsn(start));
  return session;
}

Result<> BackupSession::still_running() {
  TRY_DURING("the backup's session", connection_.query("SELECT 1"));
  return {};
}

Result<BackupStop> BackupSession::stop() {
  const auto answer = TRY_DURING("stop the backup", connection_.query(backup_stop_sql(connection_.server_major())));
  BackupStop stopped;
  const std::string stop_text = TRY(answer.only("lsn"));
  stopped.stop = TRY(parse_lsn(stop_text));
  const std::string label_text = TRY(answer.only("labelfile"));
  stopped.label_file = to_bytes(as_bytes(label_text));
  // The server answers NULL or an empty text when there is nothing to map.
  const auto map = answer.maybe(0, "spcmapfile");
  if (map) stopped.tablespace_map = to_bytes(as_bytes(*map));
  stopped.label = TRY(parse_backup_label(as_text(stopped.label_file)));
  if (stopped.label.start != start_) {
    return fail(Code::internal,
                fmt::format("the backup began at {} and its label says {}", start_, stopped.label.start));
  }
  // Commits carry the primary's clock, which may be ahead of a standby's.
  const auto clock = TRY(
      connection_.query("SELECT (extract(epoch FROM greatest(clock_timestamp(), pg_last_xact_replay_timestamp())) * "
                        "1000000)::bigint::text AS at"));
  const std::string at = TRY(clock.only("at"));
  stopped.stopped_at = Timestamp::from_micros(std::strtoll(at.c_str(), nullptr, 10));
  return stopped;
}

}  // namespace holdfast
