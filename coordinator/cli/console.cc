#include "coordinator/cli/console.h"

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "shared/base/unique_handle.h"

namespace holdfast {
namespace {

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // a closed pipe: nobody reads, and there is nobody to tell
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// Turns the echo of a terminal off while it lives.
class NoEcho {
 public:
  explicit NoEcho(int fd) : fd_(fd) {
    if (::tcgetattr(fd_, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    active_ = ::tcsetattr(fd_, TCSAFLUSH, &quiet) == 0;
  }
  ~NoEcho() {
    if (active_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;
  bool active() const { return active_; }

 private:
  int fd_;
  termios before_{};
  bool active_ = false;
};

// Of the terminal itself, so that a pipe into the command does not answer its questions.
Result<UniqueFd> open_terminal() {
  UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC));
  if (terminal.get() < 0) return fail(Code::unavailable, "there is no terminal to ask at");
  return terminal;
}

Result<std::string> read_line(int fd, const StopToken& stop) {
  std::string line;
  char c = 0;
  while (true) {
    std::array<pollfd, 2> ready{{{fd, POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
    if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) {
      return std::unexpected(error_from_errno(errno, "wait for the terminal"));
    }
    if (stop.stop_requested()) return fail(Code::cancelled, "interrupted");
    if (ready[0].revents == 0) continue;
    const ssize_t got = ::read(fd, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail(Code::cancelled, "nothing was typed");
    if (c == '\n') return line;
    line.push_back(c);
  }
}

}  // namespace

void PosixConsole::out(std::string_view text) {
  write_all(STDOUT_FILENO, text);
}
void PosixConsole::err(std::string_view text) {
  write_all(STDERR_FILENO, text);
}
bool PosixConsole::err_is_terminal() const {
  return ::isatty(STDERR_FILENO) == 1;
}
bool PosixConsole::in_is_terminal() const {
  return ::isatty(STDIN_FILENO) == 1;
}

std::optional<std::string> PosixConsole::environment(const std::string& name) const {
  const char* value = ::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): read only, nobody sets any
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

Result<std::string> PosixConsole::read_input() {
  std::string text;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(error_from_errno(errno, "read standard input"));
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > (16U << 20U)) return fail(Code::invalid, "standard input is longer than 16 MiB");
  }
}

Result<std::string> PosixConsole::ask_line(std::string_view prompt) {
  const UniqueFd terminal = TRY(open_terminal());
  write_all(terminal.get(), prompt);
  return read_line(terminal.get(), stop_);
}

Result<std::string> PosixConsole::ask_secret(std::string_view prompt) {
  const UniqueFd terminal = TRY(open_terminal());
  const NoEcho quiet(terminal.get());
  if (!quiet.active()) return fail(Code::unavailable, "the terminal cannot hide what is typed");
  write_all(terminal.get(), prompt);
  Result<std::string> line = read_line(terminal.get(), stop_);
  write_all(terminal.get(), "\n");
  return line;
}

}  // namespace holdfast
