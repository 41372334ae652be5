#include "agent/restore/cluster_files.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "agent/restore/incomplete_mark.h"
#include "agent/restore/owned_files.h"
#include "shared/os/posix_file_system.h"
#include "shared/postgres/pg_control.h"

namespace holdfast {
namespace {

constexpr std::array<std::string_view, 17> needed_directories{"pg_wal",
                                                              "pg_wal/archive_status",
                                                              "pg_replslot",
                                                              "pg_dynshmem",
                                                              "pg_notify",
                                                              "pg_serial",
                                                              "pg_snapshots",
                                                              "pg_stat_tmp",
                                                              "pg_subtrans",
                                                              "pg_stat",
                                                              "pg_tblspc",
                                                              "pg_twophase",
                                                              "pg_commit_ts",
                                                              "pg_logical",
                                                              "pg_logical/snapshots",
                                                              "pg_logical/mappings",
                                                              "pg_multixact"};
// Of a standby that the backup came from, of an old server, of a server that ran: each would steer this start.
constexpr std::array<std::string_view, 5> foreign_files{"standby.signal", "recovery.conf", "postmaster.pid",
                                                        "postmaster.opts", "backup_manifest"};

Result<> make_directories(const std::string& data_directory, int major_version, const OsUser& owner) {
  const std::string log_directory = data_directory + "/pg_wal";
  struct stat info {};
  // A pg_wal that was a link leads to the original's log, which this cluster must neither read nor write.
  if (::lstat(log_directory.c_str(), &info) == 0 && S_ISLNK(info.st_mode) && ::unlink(log_directory.c_str()) != 0) {
    return std::unexpected(error_from_errno(errno, fmt::format("remove link \"{}\"", log_directory)));
  }
  for (const auto name : needed_directories) {
    TRY(make_owned_directory(fmt::format("{}/{}", data_directory, name), owner, 0700));
  }
  if (major_version >= 17) TRY(make_owned_directory(log_directory + "/summaries", owner, 0700));
  return {};
}

bool is_there(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

// As much as a server needs to start and to recover what the original's transactions could use.
std::string minimal_configuration(const PgControl& control) {
  return fmt::format(
      "# holdfast: the backup has no postgresql.conf (it lay outside the data directory); these let the server start\n"
      "max_connections = {}\nmax_worker_processes = {}\nmax_wal_senders = {}\nmax_prepared_transactions = {}\n"
      "max_locks_per_transaction = {}\n",
      std::max(control.max_connections, 20U), std::max(control.max_worker_processes, 8U), control.max_wal_senders,
      control.max_prepared_transactions, std::max(control.max_locks_per_transaction, 64U));
}

Result<> write_missing_configuration(const RestoreTarget& target, const OsUser& owner) {
  const std::string& directory = target.directory;
  PosixFileSystem files;
  if (!is_there(directory + "/postgresql.conf")) {
    // Of a directory that still had some files it is not in its place yet.
    const auto name =
        is_there(fmt::format("{}/{}", directory, control_file_name)) ? control_file_name : put_away_control_name;
    const Bytes content = TRY(files.read(fmt::format("{}/{}", directory, name)));
    const PgControl control = TRY(parse_pg_control(content));
    TRY(write_owned_file(directory + "/postgresql.conf", as_bytes(minimal_configuration(control)), owner, 0600));
  }
  if (!is_there(directory + "/pg_hba.conf")) {
    TRY(write_owned_file(directory + "/pg_hba.conf", as_bytes("local all all peer\n"), owner, 0600));
  }
  if (!is_there(directory + "/pg_ident.conf")) {
    TRY(write_owned_file(directory + "/pg_ident.conf", as_bytes("# empty\n"), owner, 0600));
  }
  return {};
}

}  // namespace

Result<> complete_cluster(const RestoreTarget& target, const RestorePlan& plan, const Manifest& manifest,
                          const OsUser& owner) {
  const std::string& directory = target.directory;
  TRY(make_directories(directory, plan.major_version, owner));
  for (const auto name : foreign_files) TRY(remove_tree(fmt::format("{}/{}", directory, name)));
  // Byte for byte: the server made it and the server reads it.
  TRY(write_owned_file(directory + "/backup_label", manifest.backup_label, owner, 0600));
  if (!manifest.tablespace_map.empty()) {
    std::vector<std::pair<std::uint32_t, std::string>> moved;
    for (const Tablespace& recorded : manifest.tablespaces) {
      for (const Tablespace& place : plan.tablespaces) {
        if (place.oid == recorded.oid && place.location != recorded.location)
          moved.emplace_back(place.oid, place.location);
      }
    }
    // The server makes its links anew from this file, so a tablespace that moved must have moved in it too.
    const std::string map = TRY(moved_tablespace_map(as_text(manifest.tablespace_map), moved));
    TRY(write_owned_file(directory + "/tablespace_map", as_bytes(map), owner, 0600));
  }
  // In place, what starts the server knows where its configuration is.
  if (!target.in_place) TRY(write_missing_configuration(target, owner));
  return write_owned_file(directory + "/recovery.signal", {}, owner, 0600);
}

Result<> write_recovery_settings(const std::string& data_directory, const RecoverySettings& settings,
                                 const OsUser& owner) {
  PosixFileSystem files;
  const std::string path = data_directory + "/postgresql.auto.conf";
  const Bytes old = is_there(path) ? TRY(files.read(path)) : Bytes{};
  return write_owned_file(path, as_bytes(TRY(recovery_auto_conf(as_text(old), settings))), owner, 0600);
}

Result<> remove_recovery_settings(const std::string& data_directory, const OsUser& owner) {
  PosixFileSystem files;
  const std::string path = data_directory + "/postgresql.auto.conf";
  const Bytes content = TRY(files.read(path));
  return write_owned_file(path, as_bytes(without_recovery(as_text(content))), owner, 0600);
}

Result<std::uint64_t> stage_wal(const std::string& directory, const RestorePlan& plan, const BackupRecord& record,
                                const RecoveryTarget& target, const WalSource& wal, const OsUser& owner,
                                const StopToken& stop) {
  TRY(make_owned_directory(directory, owner, 0700));
  std::uint64_t bytes = 0;
  // At a switch the segment exists on both timelines and the server may ask for either.
  std::vector<Timeline> timelines{plan.history.timeline()};
  for (const auto& change : plan.history.switches()) timelines.push_back(change.parent);
  Lsn end = plan.wal_end;
  if (target.kind == TargetKind::immediate) end = record.stop_lsn;
  const std::uint32_t size = plan.segment_size.bytes();
  Bytes content;
  const WalSink to_content = [&content](ByteView piece) -> Result<> {
    append(content, piece);
    return {};
  };
  // The record before it may reach into the next segment, and the server stops at the first that begins behind it.
  if (target.kind == TargetKind::lsn) end = std::min(end, target.lsn + size + 1);
  for (std::uint64_t number = record.start_lsn.value() / size; number * size < end.value(); ++number) {
    if (stop.stop_requested()) return fail(Code::cancelled, "the restore was stopped");
    bool found = false;
    for (const Timeline timeline : timelines) {
      const WalSegment segment{timeline, number};
      const auto left = plan.history.left_at(timeline);
      if (left && start_of(segment, plan.segment_size) >= *left) continue;
      content.clear();
      const auto read = wal.segment(timeline, start_of(segment, plan.segment_size), size, to_content);
      if (!read && read.error().code == Code::not_found) continue;
      if (!read) return std::unexpected(read.error());
      content.resize(size, 0);
      TRY(write_owned_file(directory + "/" + segment_name(segment, plan.segment_size), content, owner, 0600));
      bytes += content.size();
      found = true;
    }
    if (!found) return fail(Code::not_restorable, fmt::format("the log has a gap at {}", Lsn(number * size)));
  }
  for (const Timeline timeline : timelines) {
    if (timeline == Timeline(1)) continue;
    const Bytes history = TRY(wal.history(timeline));
    TRY(write_owned_file(directory + "/" + history_name(timeline), history, owner, 0600));
  }
  return bytes;
}

}  // namespace holdfast
