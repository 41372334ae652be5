#include "agent/shutdown/sqlite_closing.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/shutdown/receipt.h"
#include "shared/sqlite/connection.h"

namespace holdfast {
namespace {

Result<SqliteConnection> open_quietly(const std::string& path, SqliteOpen mode, Micros busy_timeout) {
  auto connection = TRY(SqliteConnection::open(path, mode, busy_timeout));
  TRY(connection.leave_log_alone());
  return connection;
}

// Counts up with every commit of anybody else (sqlite.org/pragma.html#pragma_data_version).
Result<std::int64_t> data_version(SqliteConnection& connection) {
  auto statement = TRY(connection.prepare("PRAGMA data_version"));
  if (!TRY(statement.step())) return fail(Code::internal, "data_version gave no row");
  return statement.integer(0);
}

// All of the log into the file, by the only one who has it open. Code::unavailable: somebody else has.
Result<> checkpoint_alone(const std::string& path, Micros busy_timeout) {
  auto connection = TRY(open_quietly(path, SqliteOpen::read_write, busy_timeout));
  TRY(connection.execute("PRAGMA locking_mode=EXCLUSIVE"));
  // The first access takes the lock that excludes everybody, or finds that it cannot.
  TRY(connection.execute("BEGIN EXCLUSIVE; COMMIT"));
  auto statement = TRY(connection.prepare("PRAGMA wal_checkpoint(TRUNCATE)"));
  if (!TRY(statement.step())) return fail(Code::internal, "wal_checkpoint gave no row");
  if (statement.integer(0) != 0) return fail(Code::unavailable, "the checkpoint found somebody else at work");
  return {};
}

}  // namespace

DatabaseReceipt SqliteClosing::run() {
  receipt_ = {};
  receipt_.engine = Engine::sqlite;
  carry_out("checkpoint", [this] { return checkpoint(); });
  carry_out("ship", [this] { return ship(); });
  receipt_.whole = !receipt_.backup.is_null() && receipt_.copies >= database_.min_copies && unchanged_;
  if (receipt_.whole) {
    receipt_.verdict = fmt::format("{}: backup {} has everything, in {} {}", nothing_missing, receipt_.backup,
                                   receipt_.copies, receipt_.copies == 1 ? "copy" : "copies");
    if (receipt_.state == "in use") receipt_.verdict += "; somebody has it open and may go on writing";
  } else if (receipt_.backup.is_null()) {
    receipt_.verdict = "what was written since its last backup is on this host only";
  } else if (!unchanged_) {
    receipt_.verdict = fmt::format("it was written to while backup {} was taken, which may miss that", receipt_.backup);
  } else {
    receipt_.verdict = fmt::format("backup {} has everything, but {} of {} copies only", receipt_.backup,
                                   receipt_.copies, database_.min_copies);
  }
  return receipt_;
}

void SqliteClosing::carry_out(const std::string& name, const std::function<Found()>& what) {
  const Micros begun = parts_.clock.monotonic();
  Found found = what();
  receipt_.steps.push_back({name, found.outcome, parts_.clock.monotonic() - begun, std::move(found.sentence)});
  if (parts_.tell) parts_.tell(receipt_.steps.back());
}

SqliteClosing::Found SqliteClosing::checkpoint() {
  if (database_.file == Database::File::stays_open) return {StepOutcome::skipped, "it stays open"};
  const auto lease = parts_.open_files.hold(database_.path);
  if (!lease) return {StepOutcome::failed, lease.error().text()};
  if (lease->header().journal != SqliteJournal::wal) return {StepOutcome::skipped, "it has no write-ahead log"};
  const auto done = checkpoint_alone(database_.path, database_.busy_timeout);
  receipt_.state = done ? "closed" : "in use";
  if (done) return {};
  if (done.error().code == Code::unavailable) return {StepOutcome::skipped, "somebody else has it open"};
  return {StepOutcome::failed, done.error().text()};
}

SqliteClosing::Found SqliteClosing::ship() {
  if (parts_.stop.stop_requested()) return {StepOutcome::skipped, "in a hurry"};
  const auto lease = parts_.open_files.hold(database_.path);
  if (!lease) return {StepOutcome::failed, lease.error().text()};
  auto watcher = open_quietly(database_.path, SqliteOpen::read_only, database_.busy_timeout);
  if (!watcher) return {StepOutcome::failed, watcher.error().text()};
  const auto before = data_version(*watcher);
  if (!before) return {StepOutcome::failed, before.error().text()};
  const auto backup = parts_.back_up();
  if (!backup) return {StepOutcome::failed, backup.error().text()};
  receipt_.backup = backup->id;
  receipt_.copies = static_cast<std::uint32_t>(
      std::ranges::count_if(backup->copies, [](const BackupCopy& copy) { return copy.state == "ok"; }));
  const auto after = data_version(*watcher);
  unchanged_ = after && *after == *before;
  if (!after) return {StepOutcome::failed, after.error().text()};
  if (!unchanged_) return {StepOutcome::failed, "somebody wrote to it meanwhile"};
  return {StepOutcome::done, fmt::format("backup {}", backup->id)};
}

}  // namespace holdfast
