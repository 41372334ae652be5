#pragma once
// Other programs and other users.
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/time.h"

namespace holdfast {

struct OsUser {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;
};

Result<OsUser> user_by_uid(uid_t uid);
Result<OsUser> user_by_name(const std::string& name);
// Whose this file or directory is.
Result<OsUser> user_owning(const std::string& path);

struct Command {
  std::vector<std::string> arguments;      // [0] is searched in PATH; no shell
  std::optional<OsUser> as_user{};         // become this user first; needs root when it is another one
  std::string directory{};                 // working directory; empty: "/"
  std::vector<std::string> environment{};  // "K=V" added to ours
  Micros timeout{0};                       // 0: none. When over, the process group gets SIGKILL
};

struct CommandOutcome {
  int exit_code = 0;   // 128 + signal when it was killed
  std::string output;  // stdout and stderr together, the first MiB
};

// Runs it to its end. An exit code other than 0 is an outcome, not an error; Code::not_found: no such program,
// Code::timed_out.
Result<CommandOutcome> run_command(const Command& command);

// While it lives, the calling THREAD acts as this user for the kernel (files, peer credentials of new sockets).
// Linux keeps credentials per thread; glibc's wrappers would change all threads, so these are raw system calls. Does
// nothing when we are not root or are that user already.
class ActingAs {
 public:
  static Result<ActingAs> user(const OsUser& user);
  ActingAs(ActingAs&& other) noexcept : active_(std::exchange(other.active_, false)) {}
  ActingAs& operator=(ActingAs&&) = delete;
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;
  ~ActingAs();

 private:
  explicit ActingAs(bool active) : active_(active) {}
  bool active_;
};

}  // namespace holdfast
