#include "agent/daemon/host_databases.h"

#include <algorithm>
#include <iterator>

#include "agent/discovery/postgres_clusters.h"
#include "agent/discovery/sqlite_files.h"
#include "agent/postgres/server_control.h"
#include "agent/postgres/slot_watch.h"
#include "shared/os/posix_file_system.h"

namespace holdfast {
namespace {

constexpr Micros while_changing = std::chrono::seconds(2);
constexpr std::string_view postgres_key = "postgres:";

bool waits_for_its_log(const FoundPostgres& cluster) {
  if (cluster.endpoint || cluster.starting || !cluster.control) return false;
  return has_written_its_last(cluster.control->state) && running_postmaster(cluster.data_directory);
}

HostDatabase describe(const FoundPostgres& cluster) {
  HostDatabase out;
  out.found.key = std::string(postgres_key) + cluster.data_directory;
  out.found.engine = Engine::postgres;
  out.found.name = cluster.name;
  out.found.path = cluster.data_directory;
  out.found.version = cluster.version;
  out.found.running = cluster.endpoint.has_value();
  out.found.standby = cluster.in_recovery;
  out.found.excluded = cluster.excluded;
  out.found.timeline = cluster.timeline;
  out.found.size_bytes = cluster.size_bytes;
  if (cluster.control) {
    out.found.system_id = cluster.control->system_id;
    out.found.page_checksums = cluster.control->page_checksums == PageChecksums::on;
  }
  if (cluster.problem) {
    out.found.problem = cluster.problem->message;
    out.found.hint = cluster.problem->hint;
  }
  out.endpoint = cluster.endpoint;
  out.slots = cluster.slots;
  out.starting = cluster.starting;
  out.waits_for_its_log = waits_for_its_log(cluster);
  return out;
}

HostDatabase describe(const FoundSqlite& file) {
  HostDatabase out;
  out.found.key = "sqlite:" + file.path;
  out.found.engine = Engine::sqlite;
  const auto slash = file.path.find_last_of('/');
  out.found.name = file.path.substr(slash + 1);
  out.found.path = file.path;
  out.found.version = "3";
  out.found.size_bytes = file.size;
  return out;
}

}  // namespace

std::vector<HostDatabase> look_at_host(const AgentConfig& config, OpenSqliteFiles& open_files, const Logger& log,
                                       const StopToken& stop) {
  PosixFileSystem files;
  SystemClock clock;
  PostgresSearch clusters;
  clusters.within = config.discovery.within;
  clusters.excluded = config.discovery.exclude;
  clusters.directories = config.discovery.postgres;
  clusters.role = config.postgres.role;
  std::vector<HostDatabase> out;
  for (const auto& cluster : find_postgres_clusters(clusters, files, clock, stop)) out.push_back(describe(cluster));

  SqliteSearch search;
  search.roots = config.discovery.sqlite_roots;
  search.excluded = config.discovery.exclude;
  const SqliteSearchResult found = find_sqlite_files(search, open_files);
  for (const auto& problem : found.problems) log.debug("could not look for SQLite files", {{"cause", problem.message}});
  if (!found.complete) log.warning("not all of the configured roots was searched for SQLite files");
  for (const auto& file : found.databases) out.push_back(describe(file));
  return out;
}

std::optional<HostDatabase> look_at_cluster(const AgentConfig& config, const std::string& key, const StopToken& stop) {
  if (!key.starts_with(postgres_key)) return std::nullopt;
  PosixFileSystem files;
  SystemClock clock;
  PostgresSearch search;
  search.directories = search.within = {key.substr(postgres_key.size())};
  search.excluded = config.discovery.exclude;
  search.role = config.postgres.role;
  for (const auto& cluster : find_postgres_clusters(search, files, clock, stop)) {
    if (cluster.control) return describe(cluster);
  }
  return std::nullopt;
}

bool worth_reporting(const FoundDatabase& before, const FoundDatabase& now) {
  FoundDatabase same_size = now;
  same_size.size_bytes = before.size_bytes;
  const std::uint64_t difference =
      now.size_bytes > before.size_bytes ? now.size_bytes - before.size_bytes : before.size_bytes - now.size_bytes;
  return same_size != before || difference > before.size_bytes / 10;
}

HostWatch::HostWatch(const AgentConfig& config, OpenSqliteFiles& open_files, Logger log,
                     std::set<std::string> left_behind, Found found)
    : config_(config),
      open_files_(open_files),
      log_(std::move(log)),
      found_(std::move(found)),
      left_behind_(std::move(left_behind)),
      thread_([this] { run(); }) {}

HostWatch::~HostWatch() {
  {
    const std::lock_guard lock(mutex_);  // so that the thread is not between its look at the request and its wait
    stop_.request_stop();
  }
  changed_.notify_all();
  thread_.join();
}

std::uint64_t HostWatch::look_now() {
  std::uint64_t next = 0;
  {
    const std::lock_guard lock(mutex_);
    look_now_ = true;
    next = looks_begun_ + 1;
  }
  changed_.notify_all();
  return next;
}

void HostWatch::set_unwanted(UnwantedSlots unwanted) {
  const std::lock_guard lock(mutex_);
  unwanted_ = std::move(unwanted);
}

void HostWatch::drop_slots(std::vector<HostDatabase>& databases) {
  UnwantedSlots unwanted;
  {
    const std::lock_guard lock(mutex_);  // what is unwanted now: looking may have taken long
    unwanted = unwanted_;
  }
  for (auto& database : databases) {
    if (database.found.excluded) {
      release_excluded(database);
      continue;
    }
    const auto names = unwanted.find(database.found.key);
    if (names == unwanted.end() || !database.endpoint) continue;
    std::set<std::string> there;
    std::ranges::set_intersection(names->second, database.slots, std::inserter(there, there.end()));
    const std::set<std::string> asked = there;
    drop(*database.endpoint, asked, there);
    for (const auto& name : asked) {
      if (!there.contains(name)) database.slots.erase(name);
    }
  }
}

void HostWatch::release_excluded(const HostDatabase& database) {
  if (left_behind_.empty() || database.found.engine != Engine::postgres) return;
  if (released_.contains(database.found.key) || !running_postmaster(database.found.path)) return;
  PosixFileSystem files;
  const auto endpoint = endpoint_of_running(files, database.found.path, config_.postgres.role);
  std::set<std::string> left = left_behind_;
  if (endpoint) drop(*endpoint, left_behind_, left);
  if (left.empty()) released_.insert(database.found.key);
}

// `there` loses the names that are gone.
void HostWatch::drop(const PostgresEndpoint& endpoint, const std::set<std::string>& names,
                     std::set<std::string>& there) {
  if (names.empty()) return;
  PostgresConnection::Settings settings;
  settings.application_name = "holdfast slots";
  settings.connect_timeout = std::chrono::seconds(5);
  settings.statement_timeout = std::chrono::seconds(20);
  settings.stop = stop_;
  const std::vector<LogField> where{{"socket", endpoint.socket_directory}, {"port", endpoint.port}};
  auto connection = PostgresConnection::open(endpoint, settings);
  const auto present = connection ? own_slots(*connection) : std::unexpected(connection.error());
  if (!present) {
    log_.error("unused replication slots cannot be dropped", present.error(), where);
    return;
  }
  for (const auto& name : names) {
    if (!present->contains(name)) {
      there.erase(name);
      continue;
    }
    const auto dropped = drop_own_slot(*connection, name);
    if (!dropped) {
      log_.error("an unused replication slot cannot be dropped", dropped.error(), where);
    } else if (*dropped) {
      log_.info(fmt::format("dropped replication slot \"{}\", which held log for nobody", name), where);
      there.erase(name);
    }
  }
}

void HostWatch::run() {
  while (!stop_.stop_requested()) {
    HostLook look;
    {
      const std::lock_guard lock(mutex_);
      look_now_ = false;
      look.number = ++looks_begun_;
    }
    look.databases = look_at_host(config_, open_files_, log_, stop_);
    drop_slots(look.databases);
    if (stop_.stop_requested()) return;
    const bool changing = std::ranges::any_of(
        look.databases, [](const HostDatabase& database) { return database.starting || database.waits_for_its_log; });
    found_(std::move(look));
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock,
                      changing ? std::min(config_.discovery.interval, while_changing) : config_.discovery.interval,
                      [this] { return look_now_ || stop_.stop_requested(); });
  }
}

}  // namespace holdfast
