#include "agent/restore/wal_get.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>

#include "agent/restore/local_socket.h"
#include "shared/os/clock.h"

namespace holdfast {
namespace {

constexpr std::size_t answer_limit = 8192;     // a path, or why not
constexpr std::size_t size_limit = 1U << 20U;  // of what comes through the socket: timeline histories
// The service may be fetching a segment from a slow store; its own limits end before this.
constexpr Micros answer_patience = std::chrono::minutes(2);

Result<> write_file(const std::string& path, ByteView content) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return std::unexpected(error_from_errno(errno, fmt::format("create \"{}\"", path)));
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t wrote = ::write(fd.get(), content.data() + done, content.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return std::unexpected(error_from_errno(errno, fmt::format("write \"{}\"", path)));
    done += static_cast<std::size_t>(wrote);
  }
  return {};
}

// Across file systems it is copied. Nothing is synced: the server does that when it takes the file over.
Result<> move_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  if (errno != EXDEV) {
    return std::unexpected(error_from_errno(errno, fmt::format("move \"{}\" to \"{}\"", from, to)));
  }
  std::error_code problem;
  std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing, problem);
  if (!problem) return {};
  ::unlink(to.c_str());  // a short file would be taken for a damaged one
  return std::unexpected(error_from_errno(problem.value(), fmt::format("copy \"{}\" to \"{}\"", from, to)));
}

Result<std::uint64_t> read_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) {
    return fail(Code::corrupt, "the agent's answer cannot be read");
  }
  return value;
}

Result<WalGetOutcome> ask_once(const WalGetOptions& options) {
  const UniqueFd fd = TRY(connect_local(options.socket));
  limit_waiting(fd.get(), answer_patience);
  TRY(send_all(fd.get(), as_bytes(fmt::format("holdfast-wal 2 {}\n", options.file))));
  const std::string line = TRY(receive_line(fd.get(), answer_limit));
  if (line == "missing") return WalGetOutcome::not_there;
  const std::string_view answer(line);
  if (answer.starts_with("file ")) {
    TRY(move_file(line.substr(5), options.destination));
    return WalGetOutcome::got_it;
  }
  if (answer.starts_with("ok ")) {
    const std::uint64_t size = TRY(read_number(answer.substr(3)));
    if (size > size_limit) return fail(Code::corrupt, "the agent's answer is too large");
    const Bytes content = TRY(receive_exactly(fd.get(), size));
    const auto written = write_file(options.destination, content);
    if (written) return WalGetOutcome::got_it;
    ::unlink(options.destination.c_str());  // a short file would be taken for a damaged one
    return std::unexpected(written.error());
  }
  if (!answer.starts_with("error ")) return fail(Code::corrupt, "the agent's answer cannot be read");
  const auto rest = answer.substr(6);
  const auto space = rest.find(' ');
  const auto number = TRY(read_number(rest.substr(0, space)));
  const auto code =
      number <= static_cast<std::uint64_t>(Code::not_restorable) ? static_cast<Code>(number) : Code::internal;
  return fail(code, std::string(space == std::string_view::npos ? rest : rest.substr(space + 1)));
}

bool trying_again_may_help(Code code) {
  return code == Code::unavailable || code == Code::timed_out || code == Code::exhausted;
}

}  // namespace

Result<WalGetOutcome> wal_get(const WalGetOptions& options) {
  SystemClock clock;
  const Micros deadline = clock.monotonic() + options.give_up_after;
  Micros pause = std::chrono::milliseconds(100);
  for (;;) {
    auto outcome = ask_once(options);
    if (outcome || !trying_again_may_help(outcome.error().code)) return outcome;
    if (clock.monotonic() + pause >= deadline) return outcome;
    clock.sleep_for(pause);
    pause = std::min<Micros>(pause * 2, std::chrono::seconds(5));
  }
}

int wal_get_main(const WalGetOptions& options) {
  const auto outcome = wal_get(options);
  if (outcome) return *outcome == WalGetOutcome::got_it ? 0 : 1;
  // Into the server's log: the operator's only hint at why recovery stopped.
  fmt::print(stderr, "holdfast-agent wal-get: {}: {}\n", options.file, outcome.error().text());
  return 255;
}

}  // namespace holdfast
