// Getting hold of the agent's state: one agent at a time, and only a file that it can go on with.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>

#include "agent/state/schema.h"
#include "agent/state/state.h"

namespace holdfast {
namespace {

// Who holds it has written its process id into it.
std::string holder_of(int lock) {
  std::array<char, 32> text{};
  const ssize_t length = ::pread(lock, text.data(), text.size() - 1, 0);
  const std::string pid(text.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  return pid.empty() || pid.find_first_not_of("0123456789") != std::string::npos ? "" : " (process " + pid + ")";
}

// Whoever asks for the status tries the lock too, for a moment: an agent that starts in that moment must not take it
// for another agent, for which its service manager would not start it again.
bool lock_patiently(int fd) {
  constexpr int tries = 20;
  for (int tried = 0; tried < tries; ++tried) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

Result<UniqueFd> lock_directory(const std::string& directory) {
  const std::string path = directory + "/agent.lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return std::unexpected(error_from_errno(errno, fmt::format("open \"{}\"", path)));
  if (!lock_patiently(fd.get())) {
    return fail(Code::conflict,
                fmt::format("another agent{} runs with the state directory \"{}\"", holder_of(fd.get()), directory),
                "stop it first, or give this one a directory of its own with --state");
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(fd.get(), 0) != 0 || ::pwrite(fd.get(), pid.data(), pid.size(), 0) < 0) {
    return std::unexpected(error_from_errno(errno, fmt::format("write \"{}\"", path)));
  }
  return fd;
}

// The run before did not end in order: whatever ended it may have done more harm.
Result<bool> ended_uncleanly(SqliteConnection& connection) {
  auto table = TRY(connection.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'facts'"));
  if (!TRY(table.step())) return false;
  auto run = TRY(connection.prepare("SELECT 1 FROM facts WHERE name = 'run'"));
  return run.step();
}

Result<std::optional<std::string>> prepare(SqliteConnection& connection) {
  if (TRY(ended_uncleanly(connection))) TRY(check_sound(connection));
  TRY(connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON"));
  return bring_up_to_date(connection);
}

// What SQLite says of a file that is none of its own helps nobody further.
Error explained(Error error, const std::string& path) {
  if (error.code == Code::corrupt && error.hint.empty()) {
    error.hint = "put back a copy of the state directory, or move it aside and enrol again with a new token";
  }
  return std::move(error).during(fmt::format("the agent's state \"{}\"", path));
}

}  // namespace

Result<std::unique_ptr<AgentState>> AgentState::open(const std::string& directory) {
  UniqueFd lock = TRY(lock_directory(directory));
  const std::string path = directory + "/state.db";
  SqliteConnection connection =
      TRY_DURING("agent state", SqliteConnection::open(path, SqliteOpen::create, std::chrono::seconds(5)));
  ::chmod(path.c_str(), 0600);
  auto repaired = prepare(connection);
  if (!repaired) return std::unexpected(explained(std::move(repaired).error(), path));
  auto state = std::unique_ptr<AgentState>(new AgentState(std::move(connection), std::move(lock)));
  state->repaired_ = std::move(*repaired);
  return state;
}

Result<std::unique_ptr<AgentState>> AgentState::open_to_read(const std::string& directory) {
  const std::string path = directory + "/state.db";
  SqliteConnection connection =
      TRY_DURING("agent state", SqliteConnection::open(path, SqliteOpen::read_only, std::chrono::seconds(5)));
  if (auto readable = check_readable(connection); !readable) {
    return std::unexpected(explained(std::move(readable).error(), path));
  }
  return std::unique_ptr<AgentState>(new AgentState(std::move(connection), UniqueFd()));
}

}  // namespace holdfast
