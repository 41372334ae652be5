// The part of the agent's state that accounts for the runs of its schedules.
#include <fmt/format.h>

#include "agent/state/state.h"
#include "shared/wire/codec.h"

namespace holdfast {
namespace {

Result<BackupType> type_from(std::int64_t number) {
  if (number < 0 || number > static_cast<std::int64_t>(BackupType::differential)) {
    return fail(Code::corrupt, fmt::format("a run that is owed has type {} in the agent's state", number));
  }
  return static_cast<BackupType>(number);
}

}  // namespace

Result<std::map<DatabaseId, RunLedger>> AgentState::run_ledgers() {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare(
      "SELECT db, schedule, since, through, owed_at, owed_type, held_by, missed, missed_since, missed_cause "
      "FROM run_ledgers"));
  std::map<DatabaseId, RunLedger> out;
  while (TRY(statement.step())) {
    RunLedger ledger;
    ledger.schedule = TRY(decode_value<Policy>(statement.blob(1)));
    ledger.since = Timestamp::from_micros(statement.integer(2));
    ledger.through = Timestamp::from_micros(statement.integer(3));
    ledger.owed_at = Timestamp::from_micros(statement.integer(4));
    ledger.owed_type = TRY(type_from(statement.integer(5)));
    ledger.held_by = statement.text(6);
    ledger.missed.count = static_cast<std::uint32_t>(statement.integer(7));
    ledger.missed.since = Timestamp::from_micros(statement.integer(8));
    ledger.missed.cause = statement.text(9);
    out.emplace(TRY(DatabaseId::from_bytes(statement.blob(0))), std::move(ledger));
  }
  return out;
}

Result<> AgentState::save_run_ledger(DatabaseId database, const RunLedger& ledger) {
  const std::lock_guard lock(mutex_);
  auto statement =
      TRY(connection_.prepare("INSERT OR REPLACE INTO run_ledgers VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"));
  const Bytes schedule = encode_value(ledger.schedule);
  statement.bind(1, database.bytes()).bind(2, ByteView(schedule));
  statement.bind(3, ledger.since.micros()).bind(4, ledger.through.micros());
  statement.bind(5, ledger.owed_at.micros()).bind(6, static_cast<std::int64_t>(ledger.owed_type));
  statement.bind(7, std::string_view(ledger.held_by)).bind(8, std::int64_t{ledger.missed.count});
  return statement.bind(9, ledger.missed.since.micros()).bind(10, std::string_view(ledger.missed.cause)).run();
}

Result<> AgentState::forget_run_ledger(DatabaseId database) {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("DELETE FROM run_ledgers WHERE db = ?1"));
  return statement.bind(1, database.bytes()).run();
}

}  // namespace holdfast
