#include "tests/harness/postgres_cluster.h"

#include <fcntl.h>
#include <fmt/ranges.h>
#include <netinet/in.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <thread>

#include "shared/base/mutex.h"
#include "shared/base/unique_handle.h"

namespace holdfast {
namespace {

namespace files = std::filesystem;
constexpr Micros program_timeout = std::chrono::seconds(120);

Result<std::string> run_as(const OsUser& user, std::vector<std::string> arguments) {
  Command command;
  command.arguments = std::move(arguments);
  command.as_user = user;
  command.directory = "/tmp";
  command.timeout = program_timeout;
  auto outcome = TRY(run_command(command));
  if (outcome.exit_code != 0) {
    return fail(Code::unavailable, fmt::format("\"{}\" ended with {}: {}", fmt::join(command.arguments, " "),
                                               outcome.exit_code, outcome.output));
  }
  return std::move(outcome.output);
}

Result<std::string> make_directory(const OsUser& user) {
  char name[] = "/tmp/hf-pg-XXXXXX";
  if (::mkdtemp(name) == nullptr) return std::unexpected(error_from_errno(errno, "mkdtemp"));
  if (::geteuid() == 0 && ::chown(name, user.uid, user.gid) != 0) {
    return std::unexpected(error_from_errno(errno, "chown"));
  }
  return std::string(name);
}

void remove_tree(const std::string& path) {
  std::error_code ignored;
  if (!path.empty()) files::remove_all(path, ignored);
}

// The System V segment by which a server learns of another one on its directory: line 7 of postmaster.pid is its key
// and its id (miscadmin.h, LOCK_FILE_LINE_SHMEM_KEY). None while the server has not got that far.
std::optional<int> shared_memory_of(const std::string& data_directory) {
  std::ifstream file(data_directory + "/postmaster.pid");
  std::string line;
  for (int number = 1; number < 7; ++number) std::getline(file, line);
  unsigned long key = 0;
  int id = 0;
  if (!(file >> key >> id)) return std::nullopt;
  return id;
}

pid_t postmaster_of(const std::string& data_directory) {
  std::ifstream file(data_directory + "/postmaster.pid");
  pid_t pid = 0;
  file >> pid;
  return pid;
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> found;
  std::ifstream file(fmt::format("/proc/{}/task/{}/children", parent, parent));
  for (pid_t child = 0; file >> child;) found.push_back(child);
  return found;
}

// A zombie that nobody reaps counts as gone.
bool alive(pid_t pid) {
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(stat, line)) return false;
  const auto state = line.rfind(')');
  return state != std::string::npos && state + 2 < line.size() && line[state + 2] != 'Z';
}

// "" when it is not there.
std::string program_of(int major_version, const std::string& program) {
  for (const char* place : {"/usr/lib/postgresql", "/opt/postgresql"}) {
    std::string path = fmt::format("{}/{}/bin/{}", place, major_version, program);
    if (files::exists(path)) return path;
  }
  return {};
}

}  // namespace

Result<OsUser> cluster_user() {
  return ::geteuid() == 0 ? user_by_name("postgres") : user_by_uid(::geteuid());
}

Result<int> free_port() {
  // Ports are handed out below the range that connections get theirs from, spread by process id, so that test programs
  // that run at the same time seldom meet; a meeting is found by the bind.
  static Guarded<int> next(15000 + (::getpid() * 37) % 15000);
  return next.with([](int& candidate) -> Result<int> {
    for (int tries = 0; tries < 15000; ++tries) {
      candidate = candidate >= 29999 ? 15000 : candidate + 1;
      const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(static_cast<std::uint16_t>(candidate));
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return candidate;
    }
    return fail(Code::exhausted, "no free port");
  });
}

Result<OwnedDirectory> OwnedDirectory::of(const OsUser& user) {
  return OwnedDirectory(TRY(make_directory(user)));
}

OwnedDirectory::~OwnedDirectory() {
  remove_tree(path_);
}

bool PostgresCluster::is_installed(int major_version) {
  return !program_of(major_version, "postgres").empty();
}

std::string PostgresCluster::binary(const std::string& program) const {
  std::string own = program_of(major_version_, program);
  return own.empty() ? program_of(15, program) : own;
}

Result<PostgresCluster> PostgresCluster::make_place(int major_version) {
  PostgresCluster cluster;
  cluster.major_version_ = major_version;
  cluster.owner_ = TRY(cluster_user());
  cluster.root_ = TRY(make_directory(cluster.owner_));
  cluster.data_directory_ = cluster.root_ + "/data";
  cluster.socket_directory_ = cluster.root_;
  cluster.port_ = TRY(free_port());
  return cluster;
}

Result<> PostgresCluster::write_settings(const Options& options) {
  std::string lines = fmt::format(
      "port = {}\nunix_socket_directories = '{}'\nlisten_addresses = ''\nfsync = off\nsynchronous_commit = on\n"
      "shared_buffers = 16MB\nmax_connections = 30\nmax_wal_senders = 8\nmax_replication_slots = 8\nwal_level = "
      "replica\n"
      "autovacuum = off\nlog_min_messages = warning\nwal_receiver_status_interval = 1s\nhot_standby = on\n",
      port_, socket_directory_);
  for (const auto& line : options.settings) lines += line + "\n";
  TRY(append_config(lines));
  std::string hba;
  for (const auto& line : options.hba_lines) hba += line + "\n";
  // The cluster's user is held to peer authentication, as Debian does; other roles that a test makes come in freely.
  hba +=
      fmt::format("local all {0} peer\nlocal replication {0} peer\nlocal all all trust\nlocal replication all trust\n",
                  owner_.name);
  std::ofstream(data_directory_ + "/pg_hba.conf", std::ios::trunc) << hba;
  return {};
}

Result<PostgresCluster> PostgresCluster::create(const Options& options) {
  PostgresCluster cluster = TRY(make_place(options.major_version));
  std::vector<std::string> arguments = {cluster.binary("initdb"),
                                        "-D",
                                        cluster.data_directory_,
                                        "--no-sync",
                                        "-U",
                                        cluster.owner_.name,
                                        "--encoding=UTF8",
                                        "--no-locale",
                                        fmt::format("--wal-segsize={}", options.wal_segment_mib)};
  if (options.page_checksums == PageChecksums::on) {
    arguments.emplace_back("--data-checksums");
  } else if (options.major_version >= 18) {
    arguments.emplace_back("--no-data-checksums");
  }
  TRY(run_as(cluster.owner_, std::move(arguments)));
  TRY(cluster.write_settings(options));
  return cluster;
}

Result<PostgresCluster> PostgresCluster::started(const Options& options) {
  PostgresCluster cluster = TRY(create(options));
  TRY(cluster.start());
  return cluster;
}

Result<PostgresCluster> PostgresCluster::started() {
  return started(Options{});
}

Result<PostgresCluster> PostgresCluster::standby_of(const PostgresCluster& primary) {
  PostgresCluster cluster = TRY(make_place(primary.major_version_));
  auto arguments = primary.connection_arguments();
  arguments.insert(arguments.end(), {"-D", cluster.data_directory_, "-R", "-X", "stream", "-c", "fast", "--no-sync"});
  TRY(primary.run_program("pg_basebackup", arguments));
  TRY(cluster.append_config(
      fmt::format("port = {}\nunix_socket_directories = '{}'\n", cluster.port_, cluster.socket_directory_)));
  TRY(cluster.start());
  return cluster;
}

Result<PostgresCluster> PostgresCluster::adopt(const std::string& data_directory) {
  std::ifstream version(data_directory + "/PG_VERSION");
  int major_version = 0;
  version >> major_version;
  PostgresCluster cluster = TRY(make_place(major_version));
  cluster.data_directory_ = data_directory;
  TRY(cluster.append_config(
      fmt::format("port = {}\nunix_socket_directories = '{}'\n", cluster.port_, cluster.socket_directory_)));
  return cluster;
}

PostgresCluster::PostgresCluster(PostgresCluster&& other) noexcept
    : root_(std::exchange(other.root_, {})),
      data_directory_(std::move(other.data_directory_)),
      socket_directory_(std::move(other.socket_directory_)),
      port_(other.port_),
      major_version_(other.major_version_),
      owner_(std::move(other.owner_)) {}

PostgresCluster& PostgresCluster::operator=(PostgresCluster&& other) noexcept {
  if (this == &other) return *this;
  destroy();
  root_ = std::exchange(other.root_, {});
  data_directory_ = std::move(other.data_directory_);
  socket_directory_ = std::move(other.socket_directory_);
  port_ = other.port_;
  major_version_ = other.major_version_;
  owner_ = std::move(other.owner_);
  return *this;
}

PostgresCluster::~PostgresCluster() {
  destroy();
}

void PostgresCluster::destroy() {
  if (root_.empty()) return;
  if (running()) (void)kill_hard();
  remove_tree(root_);
  root_.clear();
}

bool PostgresCluster::running() const {
  const pid_t pid = postmaster_of(data_directory_);
  return pid > 0 && alive(pid);
}

Result<> PostgresCluster::start() {
  const auto started =
      run_as(owner_, {binary("pg_ctl"), "-D", data_directory_, "-l", log_file(), "-w", "-t", "60", "start"});
  if (started) return {};
  std::ifstream log(log_file());
  const std::string text{std::istreambuf_iterator<char>(log), {}};
  return fail(Code::unavailable, started.error().message + "\n" + text);
}

Result<> PostgresCluster::stop() {
  TRY(run_as(owner_, {binary("pg_ctl"), "-D", data_directory_, "-w", "-m", "fast", "stop"}));
  return {};
}

Result<> PostgresCluster::kill_hard() {
  const pid_t postmaster = postmaster_of(data_directory_);
  if (postmaster <= 0) return fail(Code::not_found, "no postmaster");
  // Held still first, so that it has no child that we do not see.
  ::kill(postmaster, SIGSTOP);
  const std::optional<int> segment = shared_memory_of(data_directory_);
  std::vector<pid_t> processes = children_of(postmaster);
  processes.push_back(postmaster);
  ::kill(postmaster, SIGKILL);
  for (const pid_t pid : processes) ::kill(pid, SIGKILL);
  for (int tries = 0; tries < 3000; ++tries) {
    if (std::ranges::none_of(processes, alive)) {
      // A server's next start removes what it left. Where none follows it stays until the host's next boot, and a
      // host has 4,096 of them (shmmni): after so many servers none starts any more.
      if (segment) ::shmctl(*segment, IPC_RMID, nullptr);
      // In a container nobody may collect the dead, and the server takes a zombie of that number for a living one.
      std::error_code ignored;
      files::remove(data_directory_ + "/postmaster.pid", ignored);
      const std::string socket = fmt::format("{}/.s.PGSQL.{}", socket_directory_, port_);
      files::remove(socket, ignored);
      files::remove(socket + ".lock", ignored);
      return {};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return fail(Code::timed_out, "the server does not die");
}

Result<> PostgresCluster::promote() {
  TRY(run_as(owner_, {binary("pg_ctl"), "-D", data_directory_, "-w", "promote"}));
  return {};
}

Result<> PostgresCluster::restart() {
  TRY(stop());
  return start();
}

Result<> PostgresCluster::reload() {
  TRY(run_as(owner_, {binary("pg_ctl"), "-D", data_directory_, "reload"}));
  return {};
}

Result<std::string> PostgresCluster::sql(const std::string& statement, const std::string& database) const {
  auto arguments = connection_arguments();
  arguments.insert(arguments.end(), {"-d", database, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement});
  std::string output = TRY(run_program("psql", arguments));
  if (output.ends_with('\n')) output.pop_back();
  return output;
}

Result<> PostgresCluster::wait_for(const std::string& statement, const std::string& answer) const {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  std::string last;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto got = sql(statement);
    last = got ? *got : got.error().message;
    if (last == answer) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return fail(Code::timed_out, fmt::format("\"{}\" never answered \"{}\", last \"{}\"", statement, answer, last));
}

Result<std::string> PostgresCluster::run_program(const std::string& program,
                                                 const std::vector<std::string>& arguments) const {
  std::vector<std::string> all = {binary(program)};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return run_as(owner_, std::move(all));
}

std::vector<std::string> PostgresCluster::connection_arguments() const {
  return {"-h", socket_directory_, "-p", std::to_string(port_), "-U", owner_.name};
}

Result<> PostgresCluster::append_config(const std::string& line) {
  std::ofstream file(data_directory_ + "/postgresql.conf", std::ios::app);
  file << line << "\n";
  if (!file.flush()) return fail(Code::unavailable, "cannot write postgresql.conf of " + data_directory_);
  return {};
}

}  // namespace holdfast
