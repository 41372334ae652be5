#include "agent/restore/command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <mutex>

#include "agent/restore/break_glass.h"
#include "agent/restore/postgres_restore.h"
#include "agent/restore/reachable_program.h"
#include "shared/base/exit_code.h"
#include "shared/os/posix_file_system.h"
#include "shared/os/system_entropy.h"
#include "shared/store/opening/open_s3.h"
#include "shared/store/opening/store_text.h"
#include "shared/store/posix_store.h"

namespace holdfast {
namespace {

Result<Passphrase> passphrase_from_file(FileSystem& files, const std::string& path) {
  Bytes content = TRY(files.read(path));
  std::string text(as_text(content));
  sodium_memzero(content.data(), content.size());
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return Passphrase(std::move(text));
}

Result<Passphrase> typed_passphrase() {
  const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
  if (terminal < 0) {
    return fail(Code::invalid, "the recovery key has a passphrase and there is no terminal to ask for it",
                "use --passphrase-file");
  }
  const UniqueFd fd(terminal);
  termios before{};
  ::tcgetattr(fd.get(), &before);
  termios silent = before;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  ::tcsetattr(fd.get(), TCSAFLUSH, &silent);
  constexpr std::string_view question = "passphrase of the recovery key: ";
  (void)!::write(fd.get(), question.data(), question.size());
  std::string text;
  char c = 0;
  while (::read(fd.get(), &c, 1) == 1 && c != '\n') text.push_back(c);
  ::tcsetattr(fd.get(), TCSAFLUSH, &before);
  (void)!::write(fd.get(), "\n", 1);
  return Passphrase(std::move(text));
}

Result<RecoveryTarget> target_of(const BreakGlassCommand& command) {
  RecoveryTarget target;
  int given = 0;
  const auto take = [&](bool is_given, TargetKind kind) {
    if (!is_given) return false;
    ++given;
    target.kind = kind;
    return true;
  };
  if (take(!command.to_time.empty(), TargetKind::time)) target.time = TRY(parse_time(command.to_time));
  if (take(!command.to_lsn.empty(), TargetKind::lsn)) target.lsn = TRY(parse_lsn(command.to_lsn));
  if (take(!command.to_xid.empty(), TargetKind::xid)) target.text = command.to_xid;
  if (take(!command.to_name.empty(), TargetKind::name)) target.text = command.to_name;
  take(command.immediate, TargetKind::immediate);
  take(command.latest, TargetKind::latest);
  if (given > 1)
    return fail(Code::invalid, "more than one target was given", "choose one of --to-..., --immediate, --latest");
  // A backup by its id alone means that state, not everything since.
  if (given == 0 && !command.backup.empty()) target.kind = TargetKind::immediate;
  target.inclusive = !command.exclusive;
  target.timeline = command.timeline;
  return target;
}

// One line on a terminal, otherwise one every 10 seconds.
class ProgressLine {
 public:
  explicit ProgressLine(Clock& clock) : clock_(clock), terminal_(::isatty(STDERR_FILENO) == 1) {}
  void show(const Progress& progress) {
    const std::lock_guard lock(mutex_);
    const Micros now = clock_.monotonic();
    const Micros pause = terminal_ ? Micros(std::chrono::milliseconds(200)) : Micros(std::chrono::seconds(10));
    if (progress.step == last_.step && now - shown_at_ < pause) return;
    shown_at_ = now;
    last_ = progress;
    std::string line = progress.step;
    if (progress.total_bytes != 0) {
      line += fmt::format(" {}% ({} of {} MB)", progress.done_bytes * 100 / progress.total_bytes,
                          progress.done_bytes / 1'000'000, progress.total_bytes / 1'000'000);
    }
    fmt::print(stderr, "{}{}{}", terminal_ ? "\r\033[K" : "", line, terminal_ ? "" : "\n");
  }
  void end() const {
    if (terminal_) fmt::print(stderr, "\r\033[K");
  }

 private:
  Clock& clock_;
  const bool terminal_;
  std::mutex mutex_;
  Progress last_;
  Micros shown_at_{0};
};

std::string what_delta_did(const RestoreTarget& target) {
  std::string text = fmt::format("fetched {} of {} bytes", target.fetched_bytes, target.bytes);
  if (!target.aside.empty()) text += fmt::format(", what was there before is in {}", target.aside);
  if (target.way_back == WayBack::none) text += ", what was there before is overwritten";
  if (!target.leftovers.empty()) text += fmt::format(", what the backup does not have is in {}", target.leftovers);
  return text;
}

Result<std::vector<NamedStore>> open_stores(const std::vector<std::string>& texts,
                                            const StoreSurroundings& surroundings) {
  std::vector<NamedStore> stores;
  for (const std::string& text : texts) {
    const StoreInfo info = TRY(parse_store_text(text));
    if (info.kind == StoreKind::s3) {
      stores.push_back({text, TRY(open_s3(info.s3, surroundings))});
    } else {
      stores.push_back({text, std::make_shared<PosixStore>(surroundings.files, info.path)});
    }
  }
  return stores;
}

Result<> run(const BreakGlassCommand& command) {
  PosixFileSystem files;
  SystemClock clock;
  SystemEntropy entropy;
  const StopToken stop;
  const StopOnSignal on_signal(stop);
  std::optional<Passphrase> passphrase;
  if (!command.passphrase_file.empty()) {
    passphrase.emplace(TRY(passphrase_from_file(files, command.passphrase_file)));
  } else if (TRY(key_file_needs_passphrase(files, command.recovery_key))) {
    passphrase.emplace(TRY(typed_passphrase()));
  }
  const OpenedRepository repository = TRY(open_repository(
      files, TRY(open_stores(command.repositories, {files, clock, entropy})), command.recovery_key, passphrase));
  const Logger log(make_stderr_sink(LogFormat::text, LogLevel::warning));
  if (!repository.warning.empty()) fmt::print(stderr, "warning: {}\n", repository.warning);
  if (command.list) {
    fmt::print("{}", TRY(describe_repository(repository)));
    return {};
  }
  if (command.target_directory.empty()) {
    return fail(Code::invalid, "--target-directory is missing", "--list shows what can be restored");
  }
  BreakGlassRestore wanted;
  wanted.database = command.database;
  wanted.backup = command.backup;
  wanted.target_directory = std::filesystem::absolute(command.target_directory).lexically_normal().string();
  wanted.target = TRY(target_of(command));
  wanted.start = command.no_start ? StartAfter::no_start : StartAfter::start;
  wanted.method = command.delta ? RestoreMethod::delta : RestoreMethod::full;
  wanted.port = command.port;
  if (!command.user.empty()) wanted.owner = TRY(user_by_name(command.user));
  wanted.agent_program = TRY(own_program());
  ProgressLine line(clock);
  auto restored = restore_from_repository(repository, wanted, clock, entropy, log, stop,
                                          [&line](const Progress& progress) { line.show(progress); });
  line.end();
  const RestoreTarget target = TRY(std::move(restored));
  std::string text = fmt::format("restored {} to {} from backup {} in {:.1f} s", target.database_name, target.directory,
                                 target.backup, target.seconds);
  if (target.reached_lsn.value() != 0)
    text += fmt::format(", reached {} on timeline {}", target.reached_lsn, target.timeline.value());
  if (target.engine == Engine::postgres && target.start == StartAfter::no_start) {
    text += fmt::format("; not started, its log is in {}", staged_wal_directory(target.directory));
  }
  if (target.method == RestoreMethod::delta) text += "; " + what_delta_did(target);
  fmt::print("{}\n", text);
  return {};
}

}  // namespace

void add_restore_options(CLI::App& app, BreakGlassCommand& command) {
  app.add_option(
         "--repository", command.repositories,
         "the store: a directory, or s3://BUCKET/PREFIX?endpoint=URL&credentials=FILE (see README.md); again for "
         "each further copy")
      ->required();
  app.add_option("--recovery-key", command.recovery_key, "the fleet's recovery key file")->required();
  app.add_option("--passphrase-file", command.passphrase_file, "file with its passphrase; asked for otherwise");
  app.add_flag("--list", command.list, "show databases and backups and do nothing");
  app.add_option("--database", command.database, "name or id; not needed when there is only one");
  app.add_option("--target-directory", command.target_directory,
                 "new data directory, or SQLite file; empty without --delta");
  app.add_option("--to-time", command.to_time, "RFC 3339, for example 2026-11-21T01:10:46Z");
  app.add_option("--to-lsn", command.to_lsn, "WAL position, for example 16/B374D848");
  app.add_option("--to-xid", command.to_xid, "transaction id");
  app.add_option("--to-name", command.to_name, "named restore point");
  app.add_option("--backup", command.backup, "this backup; alone: its own state");
  app.add_option("--timeline", command.timeline, "latest, current or a number");
  app.add_flag("--latest", command.latest, "everything there is (the default)");
  app.add_flag("--immediate", command.immediate, "the backup's own state, as soon as it is consistent");
  app.add_flag("--exclusive", command.exclusive, "stop before the target, not after it");
  app.add_flag("--no-start", command.no_start, "leave the server down; it recovers when it is started");
  app.add_flag("--delta", command.delta,
               "into a directory of this cluster: fetch only what differs; without reflinks there is no way back");
  app.add_option("--port", command.port, "port of the restored server")->check(CLI::Range(1, 65535));
  app.add_option("--user", command.user, "system user of the restored server (default: postgres, or ourselves)");
}

int run_restore_command(const BreakGlassCommand& command) {
  const auto done = run(command);
  if (done) return static_cast<int>(ExitCode::done);
  fmt::print(stderr, "error: {}\n", done.error().message);
  if (!done.error().hint.empty()) fmt::print(stderr, "hint: {}\n", done.error().hint);
  return static_cast<int>(exit_code_of(done.error().code));
}

}  // namespace holdfast
