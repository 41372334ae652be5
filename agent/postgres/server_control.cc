#include "agent/postgres/server_control.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "agent/postgres/server_programs.h"

namespace holdfast {
namespace {

namespace files = std::filesystem;
constexpr Micros poll_interval = std::chrono::milliseconds(200);
constexpr std::size_t last_words_limit = 2000;

// The last lines.
std::string last_words(std::string text) {
  if (text.size() > last_words_limit) text.erase(0, text.find('\n', text.size() - last_words_limit) + 1);
  return text;
}

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool same_directory(const std::string& a, const std::string& b) {
  std::error_code problem;
  return files::equivalent(a, b, problem) && !problem;
}

bool is_program(const std::string& path) {
  return ::access(path.c_str(), X_OK) == 0;
}

bool in_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/sbin:/usr/bin:/sbin:/bin";
  while (!rest.empty()) {
    const auto colon = std::min(rest.find(':'), rest.size());
    if (is_program(std::string(rest.substr(0, colon)) + "/" + program)) return true;
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return false;
}

std::string proc(int pid, std::string_view what) {
  return fmt::format("/proc/{}/{}", pid, what);
}

// A zombie has ended; only its parent has not looked yet.
bool is_alive(int pid) {
  const std::string stat = read_text(proc(pid, "stat"));
  const auto name_end = stat.rfind(')');
  return name_end != std::string::npos && name_end + 2 < stat.size() && stat[name_end + 2] != 'Z';
}

// Empty: a pipe (of a logging collector or a service manager), a terminal, or not ours to see.
std::string stderr_file_of(int pid) {
  std::error_code problem;
  const auto file = files::read_symlink(proc(pid, "fd/2"), problem);
  return !problem && files::is_regular_file(file, problem) ? file.string() : std::string();
}

}  // namespace

std::optional<PostmasterFile> parse_postmaster_file(std::string_view content) {
  std::vector<std::string_view> lines;
  while (!content.empty()) {
    const auto end = std::min(content.find('\n'), content.size());
    lines.push_back(content.substr(0, end));
    content.remove_prefix(std::min(end + 1, content.size()));
  }
  const auto number = [&lines](std::size_t line) {
    int value = 0;
    if (line < lines.size()) std::from_chars(lines[line].data(), lines[line].data() + lines[line].size(), value);
    return value;
  };
  PostmasterFile file;
  file.pid = number(0);
  if (file.pid <= 0 || lines.size() < 2) return std::nullopt;
  file.data_directory = lines[1];
  file.port = number(3);
  if (lines.size() > 4) file.socket_directory = lines[4];
  if (lines.size() > 7) file.status = lines[7].substr(0, lines[7].find_last_not_of(" \t\r") + 1);
  return file;
}

bool is_starting(const PostmasterFile& file) {
  return file.status.empty() || file.status == "starting";
}

std::optional<ConfiguredCommands> commands_for(const CommandsByDirectory& commands, const std::string& data_directory) {
  std::error_code ignored;
  const auto wanted = files::weakly_canonical(data_directory, ignored);
  for (const auto& [directory, configured] : commands) {
    if (files::weakly_canonical(directory, ignored) == wanted) return configured;
  }
  return std::nullopt;
}

std::optional<PostmasterFile> running_postmaster(const std::string& data_directory) {
  auto file = parse_postmaster_file(read_text(data_directory + "/postmaster.pid"));
  if (!file || !is_alive(file->pid)) return std::nullopt;
  // Without the right to look at the process, the file has to be believed.
  std::error_code problem;
  const auto works_in = files::read_symlink(proc(file->pid, "cwd"), problem);
  if (!problem && !same_directory(works_in.string(), data_directory)) return std::nullopt;
  return file;
}

std::optional<DebianCluster> debian_cluster_of(const std::string& data_directory, const std::string& debian_root) {
  std::error_code problem;
  for (const auto& version : files::directory_iterator(debian_root, problem)) {
    std::error_code inner;
    for (const auto& cluster : files::directory_iterator(version.path(), inner)) {
      const auto configured = setting_in(read_text(cluster.path().string() + "/postgresql.conf"), "data_directory");
      // The directory itself may be gone (that is why it is restored), so the text counts too.
      if (configured && (*configured == data_directory || same_directory(*configured, data_directory))) {
        return DebianCluster{version.path().filename(), cluster.path().filename()};
      }
    }
  }
  return std::nullopt;
}

std::string debian_log_of(const DebianCluster& cluster) {
  return fmt::format("/var/log/postgresql/postgresql-{}-{}.log", cluster.version, cluster.name);
}

ServerFacts ServerControl::facts() const {
  ServerFacts facts;
  facts.configured = settings_.commands;
  facts.systemd_runs = files::is_directory("/run/systemd/system");
  facts.debian = debian_cluster_of(settings_.data_directory, settings_.debian_root);
  facts.has_pg_ctlcluster = in_path("pg_ctlcluster");
  const auto running = postmaster();
  std::vector<std::string> directories = places_of_server_programs(settings_.major_version);
  if (running) {
    facts.unit = unit_of_cgroup(read_text(proc(running->pid, "cgroup")));
    std::error_code problem;
    const auto program = files::read_symlink(proc(running->pid, "exe"), problem);
    if (!problem) directories.insert(directories.begin(), program.parent_path().string());
  }
  for (const auto& directory : directories) {
    if (is_program(directory + "/pg_ctl")) facts.pg_ctl_candidates.push_back(directory + "/pg_ctl");
  }
  return facts;
}

Result<ServerManager> ServerControl::manager(const std::vector<std::string>& options) const {
  ServerFacts known = facts();
  known.moved = !options.empty();
  if (known.moved) known.configured.reset();
  return choose_manager(known);
}

std::string ServerControl::log_file() const {
  const std::string inside = settings_.data_directory + "/log";
  const files::path directory(settings_.data_directory);
  const auto parent = directory.parent_path().string();
  struct stat info {};
  const bool parent_is_owners =
      ::stat(parent.c_str(), &info) == 0 && info.st_uid == settings_.owner.uid && (info.st_mode & S_IWUSR) != 0;
  if (parent_is_owners) return fmt::format("{}/{}.log", parent, directory.filename().string());
  return inside + "/holdfast-start.log";
}

// What whoever starts it does not tell, is told by where the last server wrote to.
void ServerControl::listen(const ServerManager& manager) {
  ServerLogPlaces places;
  places.data_directory = settings_.data_directory;
  places.files.push_back(log_file());
  if (const auto cluster = debian_cluster_of(settings_.data_directory, settings_.debian_root)) {
    places.files.push_back(debian_log_of(*cluster));
  }
  if (!stderr_file_.empty() && std::ranges::find(places.files, stderr_file_) == places.files.end()) {
    places.files.push_back(stderr_file_);
  }
  const auto* unit = std::get_if<SystemdUnit>(&manager);
  places.unit = unit != nullptr ? unit->unit : unit_;
  log_.emplace(std::move(places), clock_);
}

Result<> ServerControl::run(std::vector<std::string> arguments, const ServerManager& manager, Micros timeout,
                            std::string_view what) const {
  Command command;
  command.arguments = std::move(arguments);
  if (std::holds_alternative<PgCtl>(manager)) command.as_user = settings_.owner;
  command.timeout = timeout + std::chrono::seconds(10);
  const auto outcome = TRY_DURING(what, run_command(command));
  if (outcome.exit_code == 0) return {};
  return fail(Code::unavailable, fmt::format("{} through {}: exit code {}: {}", what, describe(manager),
                                             outcome.exit_code, outcome.output));
}

Result<> ServerControl::stop(Micros timeout) {
  if (!is_running()) return {};
  const std::string what = fmt::format("stop the server of \"{}\"", settings_.data_directory);
  const ServerManager chosen = TRY_DURING(what, manager({}));
  remembered_ = chosen;
  if (const auto running = postmaster()) {
    stderr_file_ = stderr_file_of(running->pid);
    unit_ = facts().unit;
  }
  const auto seconds = static_cast<int>(std::chrono::ceil<std::chrono::seconds>(timeout).count());
  auto asked = run(stop_command(chosen, settings_.data_directory, seconds), chosen, timeout, what);
  // A server that ended by itself in between makes its manager complain, and is what was wanted.
  if (!asked && is_running()) return asked;
  const Micros deadline = clock_.monotonic() + timeout;
  while (is_running()) {
    if (clock_.monotonic() >= deadline) return fail(Code::timed_out, what + ": it still runs");
    clock_.sleep_for(poll_interval);
  }
  return {};
}

bool ServerControl::ask_to_stop_when_idle() const {
  const auto running = postmaster();
  return running && ::kill(running->pid, SIGTERM) == 0;
}

Result<> ServerControl::start(const std::vector<std::string>& options, Micros timeout) {
  const std::string what = fmt::format("start the server of \"{}\"", settings_.data_directory);
  if (is_running()) return fail(Code::conflict, what + ": it runs already");
  const ServerManager chosen = remembered_ && options.empty() ? *remembered_ : TRY_DURING(what, manager(options));
  StartRequest request;
  request.data_directory = settings_.data_directory;
  request.log_file = log_file();
  request.options = options;
  request.timeout_seconds = static_cast<int>(std::chrono::ceil<std::chrono::seconds>(timeout).count());
  auto arguments = start_command(chosen, request);
  if (!arguments) return fail(Code::unsupported, fmt::format("{}: {} takes no options", what, describe(chosen)));
  if (std::holds_alternative<PgCtl>(chosen)) {
    const ActingAs user = TRY(ActingAs::user(settings_.owner));
    std::error_code ignored;
    files::create_directories(files::path(request.log_file).parent_path(), ignored);
  }
  listen(chosen);
  auto started = run(std::move(*arguments), chosen, timeout, what);
  if (!started) {
    Error error = std::move(started).error();
    const std::string words = last_words(said());
    if (!words.empty()) error.message += "; its log says: " + words;
    return std::unexpected(std::move(error));
  }
  const Micros deadline = clock_.monotonic() + timeout;
  while (!is_running()) {
    if (clock_.monotonic() >= deadline) return fail(Code::timed_out, what + ": it does not run");
    clock_.sleep_for(poll_interval);
  }
  return {};
}

Result<> ServerControl::wait_until_promoted(const PostgresEndpoint& endpoint, Micros timeout, const StopToken& stop) {
  const std::string what = fmt::format("wait for the end of recovery of \"{}\"", settings_.data_directory);
  const Micros deadline = clock_.monotonic() + timeout;
  std::string last = "not asked yet";
  while (clock_.monotonic() < deadline) {
    if (!is_running()) {
      return fail(Code::conflict, fmt::format("{}: the server stopped; its log says: {}", what, last_words(said())));
    }
    PostgresConnection::Settings settings;
    settings.stop = stop;
    auto connection = PostgresConnection::open(endpoint, settings);
    auto answer = connection ? connection->query("SELECT pg_is_in_recovery() AS recovering")
                             : Result<QueryRows>(std::unexpected(connection.error()));
    if (answer) {
      const auto recovering = answer->maybe(0, "recovering");
      if (recovering && recovering->starts_with('f')) return {};
      last = "it is still in recovery";
    } else {
      last = answer.error().message;
      // Waiting does not cure these.
      if (answer.error().code == Code::denied) return std::unexpected(std::move(answer).error().during(what));
    }
    if (stop.wait_for(poll_interval)) return fail(Code::cancelled, what + ": a stop was requested");
  }
  return fail(Code::timed_out, fmt::format("{}: {}", what, last));
}

}  // namespace holdfast
