#include "agent/restore/reachable_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace holdfast {
namespace {

namespace files = std::filesystem;

Result<bool> can_run(const std::string& program, const OsUser& owner) {
  const ActingAs acting = TRY(ActingAs::user(owner));
  return ::faccessat(AT_FDCWD, program.c_str(), X_OK, AT_EACCESS) == 0;
}

constexpr const char* ourselves = "/proc/self/exe";

// An agent that was started by root as another user may not be able to pass through to its own program either; the link
// leads to the file itself (proc(5)).
std::string readable_path(const std::string& program) {
  const auto own = own_program();
  return own && *own == program ? ourselves : program;
}

// Complete under its name or not there: another restore may be running what is there.
Result<> copy_program(const std::string& from, const std::string& to) {
  const std::string unfinished = fmt::format("{}.{}", to, ::gettid());
  std::error_code problem;
  files::copy_file(readable_path(from), unfinished, files::copy_options::overwrite_existing, problem);
  if (!problem && ::chmod(unfinished.c_str(), 0755) == 0 && ::rename(unfinished.c_str(), to.c_str()) == 0) return {};
  const int cause = problem ? problem.value() : errno;
  ::unlink(unfinished.c_str());
  return std::unexpected(error_from_errno(cause, fmt::format("copy \"{}\" to \"{}\"", from, to)));
}

}  // namespace

Result<std::string> own_program() {
  std::error_code problem;
  const files::path path = files::read_symlink(ourselves, problem);
  if (problem) return std::unexpected(error_from_errno(problem.value(), "find this program's path"));
  return path.string();
}

std::string wal_get_program(const std::string& agent_program) {
  std::string beside = (files::path(agent_program).parent_path() / "holdfast-wal-get").string();
  return ::access(beside.c_str(), X_OK) == 0 ? beside : agent_program;
}

Result<std::string> reachable_program(const std::string& program, const OsUser& owner, const std::string& directory) {
  if (TRY(can_run(program, owner))) return program;
  std::string copy = directory + "/wal-get";
  TRY(copy_program(program, copy));
  if (TRY(can_run(copy, owner))) return copy;
  return fail(Code::denied,
              fmt::format("\"{}\", who runs the server, can run neither \"{}\" nor \"{}\"", owner.name, program, copy),
              "install holdfast-agent where everybody can run it, such as /usr/bin");
}

}  // namespace holdfast
