#include "agent/discovery/postgres_clusters.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "agent/discovery/cluster_name.h"
#include "agent/discovery/sqlite_files.h"
#include "agent/postgres/control_file.h"
#include "agent/postgres/server_control.h"
#include "agent/postgres/slot_watch.h"

namespace holdfast {
namespace {

constexpr Micros connect_timeout = std::chrono::seconds(5);
constexpr Micros statement_timeout = std::chrono::seconds(20);

std::string link_of(const std::string& path) {
  char target[4096];
  const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
  return length <= 0 ? std::string() : std::string(target, static_cast<std::size_t>(length));
}

// Postmasters only: their working directory is the data directory, and its postmaster.pid names them.
std::set<std::string> running_directories(FileSystem& files) {
  std::set<std::string> found;
  const auto processes = files.list("/proc");
  if (!processes) return found;
  for (const auto& entry : *processes) {
    if (!std::ranges::all_of(entry.name, [](char c) { return c >= '0' && c <= '9'; })) continue;
    std::string program = link_of("/proc/" + entry.name + "/exe");
    if (const auto replaced = program.find(" (deleted)"); replaced != std::string::npos) program.resize(replaced);
    if (!program.ends_with("/postgres")) continue;
    const std::string directory = link_of("/proc/" + entry.name + "/cwd");
    if (directory.empty()) continue;
    const auto postmaster = running_postmaster(directory);
    if (postmaster && std::to_string(postmaster->pid) == entry.name) found.insert(directory);
  }
  return found;
}

Result<OsUser> owner_of(FileSystem& files, const std::string& directory) {
  const auto info = TRY(files.stat(directory));
  if (!info) return fail(Code::not_found, fmt::format("data directory \"{}\" does not exist", directory));
  return user_by_uid(info->uid);
}

Result<> ask_server(const PostgresSearch& search, FileSystem& files, const StopToken& stop, FoundPostgres& found) {
  PostgresEndpoint endpoint = TRY(endpoint_of_running(files, found.data_directory, search.role));
  PostgresConnection::Settings settings;
  settings.application_name = "holdfast discovery";
  settings.connect_timeout = connect_timeout;
  settings.statement_timeout = statement_timeout;
  settings.stop = stop;
  auto connection = TRY(PostgresConnection::open(endpoint, settings));
  const QueryRows facts = TRY(connection.query(
      "SELECT split_part(current_setting('server_version'), ' ', 1) AS version, pg_is_in_recovery() AS recovery, "
      "current_setting('cluster_name') AS name, (SELECT sum(pg_database_size(oid)) FROM pg_database "
      "WHERE has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'MEMBER')) AS size"));
  found.version = TRY(facts.only("version"));
  found.in_recovery = facts.maybe(0, "recovery") == std::optional<std::string>("t");
  if (const auto name = facts.maybe(0, "name"); name && !name->empty()) found.name = *name;
  if (const auto size = facts.maybe(0, "size")) found.size_bytes = std::strtoull(size->c_str(), nullptr, 10);
  found.slots = TRY(own_slots(connection));
  found.endpoint = std::move(endpoint);
  return {};
}

Result<> read_cluster(const PostgresSearch& search, FileSystem& files, Clock& clock, const StopToken& stop,
                      bool running, FoundPostgres& found) {
  TRY(owner_of(files, found.data_directory));
  found.control = TRY(read_control_file(files, clock, found.data_directory)).control;
  found.version = std::to_string(found.control->major_version);
  found.timeline = found.control->checkpoint_timeline;
  if (found.control->major_version == 0) {
    return fail(Code::unsupported, "a PostgreSQL version that this agent does not know",
                "PostgreSQL 13 to 18 are supported");
  }
  if (!running) return fail(Code::unavailable, "the server does not run", "a cluster is backed up while it runs");
  const auto postmaster = running_postmaster(found.data_directory);
  found.starting = postmaster && is_starting(*postmaster);
  return ask_server(search, files, stop, found);
}

}  // namespace

Result<PostgresEndpoint> endpoint_of_running(FileSystem& files, const std::string& data_directory,
                                             const std::string& role) {
  const auto postmaster = running_postmaster(data_directory);
  if (!postmaster) return fail(Code::unavailable, fmt::format("no server runs in \"{}\" any more", data_directory));
  // The server fills in its file line by line (miscinit.c, AddToDataDirLockFile): where it listens stands there only
  // once it does.
  if (postmaster->socket_directory.empty() && is_starting(*postmaster)) {
    return fail(Code::unavailable, fmt::format("the server in \"{}\" is starting", data_directory));
  }
  if (postmaster->socket_directory.empty()) {
    return fail(Code::unsupported, "the server listens on no Unix socket",
                "set unix_socket_directories in postgresql.conf");
  }
  PostgresEndpoint endpoint;
  endpoint.socket_directory = postmaster->socket_directory;
  endpoint.port = postmaster->port;
  endpoint.role = role;
  endpoint.os_user = TRY(owner_of(files, data_directory));
  return endpoint;
}

bool is_within(const std::string& directory, const std::vector<std::string>& within) {
  return within.empty() || std::ranges::any_of(within, [&](const std::string& root) {
           return directory == root || root == "/" || directory.starts_with(root + "/");
         });
}

std::vector<FoundPostgres> find_postgres_clusters(const PostgresSearch& search, FileSystem& files, Clock& clock,
                                                  const StopToken& stop) {
  const std::set<std::string> running = running_directories(files);
  std::set<std::string> directories = running;
  for (const auto& configured : search.directories) {
    std::error_code ignored;
    const auto real = std::filesystem::canonical(configured, ignored);
    directories.insert(ignored ? configured : real.string());
  }
  std::vector<FoundPostgres> out;
  for (const auto& directory : directories) {
    if (stop.stop_requested()) break;
    if (!is_within(directory, search.within)) continue;
    FoundPostgres found;
    found.data_directory = directory;
    found.name = cluster_name_of(directory);
    found.excluded = is_excluded(directory, search.excluded);
    if (!found.excluded) {
      if (auto read = read_cluster(search, files, clock, stop, running.contains(directory), found); !read) {
        found.problem = read.error();
      }
    }
    out.push_back(std::move(found));
  }
  return out;
}

}  // namespace holdfast
