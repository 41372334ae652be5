#include "shared/os/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "shared/base/unique_handle.h"

namespace holdfast {
namespace {

constexpr std::size_t output_limit = 1U << 20U;

template <class Lookup>
Result<OsUser> find_user(Lookup&& lookup, const std::string& what) {
  std::vector<char> buffer(16 * 1024);
  passwd entry{};
  passwd* found = nullptr;
  const int problem = lookup(&entry, buffer, &found);
  if (problem != 0) return std::unexpected(error_from_errno(problem, "look up " + what));
  if (found == nullptr) return fail(Code::not_found, what + " does not exist on this host");
  return OsUser{entry.pw_uid, entry.pw_gid, entry.pw_name};
}

// Between fork and exec of a program with threads: only async-signal-safe calls, so everything is prepared before.
struct Prepared {
  std::vector<char*> arguments;
  std::vector<char*> environment;
  std::vector<std::string> environment_text;
  std::vector<gid_t> groups;
};

void prepare_environment(const Command& command, Prepared& out) {
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    // The child is another user: its home and name must fit; and our token is nobody else's business.
    if (text.starts_with("HOLDFAST_")) continue;
    if (command.as_user && (text.starts_with("HOME=") || text.starts_with("USER=") || text.starts_with("LOGNAME="))) {
      continue;
    }
    out.environment_text.emplace_back(text);
  }
  if (command.as_user) {
    out.environment_text.push_back("USER=" + command.as_user->name);
    out.environment_text.push_back("LOGNAME=" + command.as_user->name);
    out.environment_text.emplace_back("HOME=/");
  }
  for (const auto& text : command.environment) out.environment_text.push_back(text);
  for (auto& text : out.environment_text) out.environment.push_back(text.data());
  out.environment.push_back(nullptr);
}

Prepared prepare(const Command& command) {
  Prepared out;
  for (const auto& argument : command.arguments) out.arguments.push_back(const_cast<char*>(argument.c_str()));
  out.arguments.push_back(nullptr);
  prepare_environment(command, out);
  if (command.as_user && ::geteuid() == 0) {
    int count = 256;
    out.groups.resize(static_cast<std::size_t>(count));
    if (::getgrouplist(command.as_user->name.c_str(), command.as_user->gid, out.groups.data(), &count) < 0) count = 0;
    out.groups.resize(static_cast<std::size_t>(count));
  }
  return out;
}

[[noreturn]] void run_child(const Command& command, const Prepared& prepared, int output, int report) {
  const auto die = [report] {
    const int problem = errno;
    (void)!::write(report, &problem, sizeof problem);
    ::_exit(127);
  };
  ::setpgid(0, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, 0);
  ::dup2(output, 1);
  ::dup2(output, 2);
  if (command.as_user && ::geteuid() == 0) {
    if (::setgroups(prepared.groups.size(), prepared.groups.data()) != 0) die();
    if (::setresgid(command.as_user->gid, command.as_user->gid, command.as_user->gid) != 0) die();
    if (::setresuid(command.as_user->uid, command.as_user->uid, command.as_user->uid) != 0) die();
  }
  if (::chdir(command.directory.empty() ? "/" : command.directory.c_str()) != 0) die();
  ::execvpe(prepared.arguments[0], prepared.arguments.data(), prepared.environment.data());
  die();
  std::abort();
}

// Reads until the end of the pipe, or until the deadline. A server that pg_ctl started keeps no end of this pipe only
// when its log goes elsewhere, so the end of the child itself ends the reading too.
bool collect(int fd, pid_t child, const Command& command, std::string& output, int& status) {
  using SteadyClock = std::chrono::steady_clock;
  const auto deadline = SteadyClock::now() + command.timeout;
  bool exited = false;
  while (true) {
    pollfd waiting{fd, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, exited ? 0 : 50);
    if (ready > 0) {
      char buffer[4096];
      const ssize_t got = ::read(fd, buffer, sizeof buffer);
      if (got > 0 && output.size() < output_limit) output.append(buffer, static_cast<std::size_t>(got));
      if (got > 0) continue;
      if (got < 0 && errno == EINTR) continue;
      fd = -1;  // poll ignores it from now on
    }
    if (exited) return true;
    exited = ::waitpid(child, &status, WNOHANG) == child;
    if (exited) continue;
    if (command.timeout.count() > 0 && SteadyClock::now() >= deadline) return false;
  }
}

}  // namespace

Result<OsUser> user_by_uid(uid_t uid) {
  return find_user([uid](passwd* entry, std::vector<char>& buffer,
                         passwd** found) { return ::getpwuid_r(uid, entry, buffer.data(), buffer.size(), found); },
                   fmt::format("user number {}", uid));
}

Result<OsUser> user_by_name(const std::string& name) {
  return find_user(
      [&name](passwd* entry, std::vector<char>& buffer, passwd** found) {
        return ::getpwnam_r(name.c_str(), entry, buffer.data(), buffer.size(), found);
      },
      fmt::format("user \"{}\"", name));
}

Result<OsUser> user_owning(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    return std::unexpected(error_from_errno(errno, fmt::format("look at \"{}\"", path)));
  }
  return user_by_uid(info.st_uid);
}

Result<CommandOutcome> run_command(const Command& command) {
  if (command.arguments.empty()) return fail(Code::invalid, "a command without a program");
  const Prepared prepared = prepare(command);
  int output_ends[2];
  int report_ends[2];
  if (::pipe2(output_ends, O_CLOEXEC) != 0) return std::unexpected(error_from_errno(errno, "pipe"));
  const UniqueFd output_read(output_ends[0]);
  UniqueFd output_write(output_ends[1]);
  if (::pipe2(report_ends, O_CLOEXEC) != 0) return std::unexpected(error_from_errno(errno, "pipe"));
  const UniqueFd report_read(report_ends[0]);
  UniqueFd report_write(report_ends[1]);

  const pid_t child = ::fork();
  if (child < 0) return std::unexpected(error_from_errno(errno, "fork"));
  if (child == 0) run_child(command, prepared, output_write.get(), report_write.get());
  output_write.reset();
  report_write.reset();

  int problem = 0;
  const ssize_t reported = ::read(report_read.get(), &problem, sizeof problem);
  int status = 0;
  if (reported == static_cast<ssize_t>(sizeof problem)) {
    ::waitpid(child, &status, 0);
    return std::unexpected(error_from_errno(problem, fmt::format("run \"{}\"", command.arguments[0])));
  }
  CommandOutcome outcome;
  if (!collect(output_read.get(), child, command, outcome.output, status)) {
    ::kill(-child, SIGKILL);
    ::waitpid(child, &status, 0);
    return fail(Code::timed_out,
                fmt::format("\"{}\" did not end within {}", command.arguments[0], to_text(command.timeout)));
  }
  outcome.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return outcome;
}

Result<ActingAs> ActingAs::user(const OsUser& user) {
  if (::geteuid() != 0 || user.uid == 0) return ActingAs(false);
  // Group first: afterwards we may not.
  if (::syscall(SYS_setresgid, -1, user.gid, -1) != 0) {
    return std::unexpected(error_from_errno(errno, fmt::format("become group of user \"{}\"", user.name)));
  }
  if (::syscall(SYS_setresuid, -1, user.uid, -1) != 0) {
    const int problem = errno;
    ::syscall(SYS_setresgid, -1, 0, -1);
    return std::unexpected(error_from_errno(problem, fmt::format("become user \"{}\"", user.name)));
  }
  return ActingAs(true);
}

ActingAs::~ActingAs() {
  if (!active_) return;
  // The saved ids are still root's. Going on as somebody else unknowingly would be worse than stopping.
  if (::syscall(SYS_setresuid, -1, 0, -1) != 0 || ::syscall(SYS_setresgid, -1, 0, -1) != 0) std::abort();
}

}  // namespace holdfast
