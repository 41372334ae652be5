#include "agent/state/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "shared/wire/codec.h"

namespace holdfast {
namespace {

template <class T>
Result<std::vector<T>> decode_column(SqliteStatement& statement) {
  std::vector<T> out;
  while (TRY(statement.step())) out.push_back(TRY(decode_value<T>(statement.blob(0))));
  return out;
}

std::string history_key(DatabaseId database, Timeline timeline) {
  return fmt::format("{}/{}", database.text(), timeline.value());
}

}  // namespace

Result<std::optional<Bytes>> AgentState::fact(const std::string& name) {
  auto statement = TRY(connection_.prepare("SELECT value FROM facts WHERE name = ?1"));
  statement.bind(1, std::string_view(name));
  if (!TRY(statement.step())) return std::nullopt;
  return statement.blob(0);
}

Result<> AgentState::save_fact(const std::string& name, ByteView value) {
  auto statement =
      TRY(connection_.prepare("INSERT INTO facts VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2"));
  return statement.bind(1, std::string_view(name)).bind(2, value).run();
}

Result<> AgentState::forget_fact(const std::string& name) {
  auto statement = TRY(connection_.prepare("DELETE FROM facts WHERE name = ?1"));
  return statement.bind(1, std::string_view(name)).run();
}

// Eight bytes of when it began, and the machine's boot.
Result<std::optional<ProgramRun>> AgentState::begin_run(const ProgramRun& run) {
  const std::lock_guard lock(mutex_);
  std::optional<ProgramRun> before;
  if (const auto stored = TRY(fact("run")); stored && stored->size() >= 8) {
    const ByteView view(*stored);
    before = ProgramRun{Timestamp::from_micros(static_cast<std::int64_t>(read_be<std::uint64_t>(view.first(8)))),
                        std::string(as_text(view.subspan(8)))};
  }
  Bytes bytes;
  append_be(bytes, static_cast<std::uint64_t>(run.began.micros()));
  const auto boot = as_bytes(run.boot);
  bytes.insert(bytes.end(), boot.begin(), boot.end());
  TRY(save_fact("run", bytes));
  return before;
}

Result<> AgentState::end_run() {
  const std::lock_guard lock(mutex_);
  return forget_fact("run");
}

Result<Timestamp> AgentState::last_seen() {
  const std::lock_guard lock(mutex_);
  const auto stored = TRY(fact("last_seen"));
  if (!stored || stored->size() != 8) return Timestamp();
  return Timestamp::from_micros(static_cast<std::int64_t>(read_be<std::uint64_t>(*stored)));
}

Result<> AgentState::save_last_seen(Timestamp now) {
  const std::lock_guard lock(mutex_);
  Bytes bytes;
  append_be(bytes, static_cast<std::uint64_t>(now.micros()));
  return save_fact("last_seen", bytes);
}

Result<std::optional<Enrolled>> AgentState::identity() {
  const std::lock_guard lock(mutex_);
  const auto stored = TRY(fact("identity"));
  if (!stored) return std::nullopt;
  const Message message = TRY_DURING("read the node's identity", decode_message(*stored));
  const auto* identity = std::get_if<Enrolled>(&message.body);
  if (identity == nullptr) return fail(Code::corrupt, "the node's identity in the agent's state is something else");
  return *identity;
}

Result<> AgentState::save_identity(const Enrolled& identity) {
  const std::lock_guard lock(mutex_);
  Message message;
  message.body = identity;
  return save_fact("identity", encode_message(message));
}

Result<std::uint64_t> AgentState::next(const std::string& counter) {
  const std::lock_guard lock(mutex_);
  auto change = TRY(SqliteTransaction::begin(connection_));
  const auto stored = TRY(fact("counter." + counter));
  const std::uint64_t value = (stored && stored->size() == 8 ? read_be<std::uint64_t>(*stored) : 0) + 1;
  Bytes bytes;
  append_be(bytes, value);
  TRY(save_fact("counter." + counter, bytes));
  TRY(change.commit());
  return value;
}

Result<std::uint64_t> AgentState::coordinator_epoch() {
  const std::lock_guard lock(mutex_);
  const auto stored = TRY(fact("coordinator_epoch"));
  return stored && stored->size() == 8 ? read_be<std::uint64_t>(*stored) : 0;
}

Result<> AgentState::save_coordinator_epoch(std::uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  Bytes bytes;
  append_be(bytes, epoch);
  return save_fact("coordinator_epoch", bytes);
}

Result<std::optional<Assignment>> AgentState::assignment() {
  const std::lock_guard lock(mutex_);
  const auto stored = TRY(fact("assignment"));
  if (!stored) return std::nullopt;
  return TRY_DURING("read the cached assignment", decode_value<Assignment>(*stored));
}

Result<> AgentState::save_assignment(const Assignment& assignment) {
  const std::lock_guard lock(mutex_);
  return save_fact("assignment", encode_value(assignment));
}

Result<bool> AgentState::accept_order(const Order& order) {
  const std::lock_guard lock(mutex_);
  auto change = TRY(SqliteTransaction::begin(connection_));
  auto known = TRY(connection_.prepare("SELECT 1 FROM jobs WHERE job = ?1"));
  if (TRY(known.bind(1, order.id.bytes()).step())) return false;
  auto insert = TRY(connection_.prepare("INSERT INTO jobs (job, job_order) VALUES (?1, ?2)"));
  TRY(insert.bind(1, order.id.bytes()).bind(2, ByteView(encode_value(order))).run());
  TRY(change.commit());
  return true;
}

Result<std::optional<Order>> AgentState::order(JobId job) {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("SELECT job_order FROM jobs WHERE job = ?1 AND job_order IS NOT NULL"));
  if (!TRY(statement.bind(1, job.bytes()).step())) return std::nullopt;
  return TRY(decode_value<Order>(statement.blob(0)));
}

Result<JobReport> AgentState::save_report(JobReport report) {
  const std::lock_guard lock(mutex_);
  auto change = TRY(SqliteTransaction::begin(connection_));
  auto old = TRY(connection_.prepare("SELECT sequence FROM jobs WHERE job = ?1"));
  const bool known = TRY(old.bind(1, report.job.id.bytes()).step());
  const std::uint64_t before = known ? static_cast<std::uint64_t>(old.integer(0)) : 0;
  report.sequence = ((before >> 32U) + 1) << 32U;
  auto save = TRY(
      connection_.prepare("INSERT INTO jobs (job, report, sequence, finished, confirmed) VALUES (?1, ?2, ?3, ?4, 0) "
                          "ON CONFLICT (job) DO UPDATE SET report = ?2, sequence = ?3, finished = ?4, confirmed = 0"));
  save.bind(1, report.job.id.bytes()).bind(2, ByteView(encode_value(report)));
  save.bind(3, static_cast<std::int64_t>(report.sequence)).bind(4, std::int64_t{is_final(report.job.state)});
  TRY(save.run());
  TRY(change.commit());
  return report;
}

Result<std::vector<JobReport>> AgentState::unconfirmed_reports() {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("SELECT report FROM jobs WHERE report IS NOT NULL AND confirmed = 0"));
  return decode_column<JobReport>(statement);
}

Result<> AgentState::confirm_report(JobId job, std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("UPDATE jobs SET confirmed = 1 WHERE job = ?1 AND sequence = ?2"));
  return statement.bind(1, job.bytes()).bind(2, static_cast<std::int64_t>(sequence)).run();
}

Result<std::optional<JobReport>> AgentState::report(JobId job) {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("SELECT report FROM jobs WHERE job = ?1 AND report IS NOT NULL"));
  if (!TRY(statement.bind(1, job.bytes()).step())) return std::nullopt;
  return TRY(decode_value<JobReport>(statement.blob(0)));
}

Result<std::vector<JobReport>> AgentState::unfinished() {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("SELECT report FROM jobs WHERE report IS NOT NULL AND finished = 0"));
  return decode_column<JobReport>(statement);
}

Result<std::vector<JobReport>> AgentState::newest_reports(std::uint32_t count) {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("SELECT report FROM jobs WHERE report IS NOT NULL"));
  auto reports = TRY(decode_column<JobReport>(statement));
  std::ranges::sort(reports, std::greater(), [](const JobReport& report) { return report.job.created_at; });
  if (reports.size() > count) reports.resize(count);
  return reports;
}

Result<std::size_t> AgentState::forget_jobs(Timestamp ended_before) {
  const std::lock_guard lock(mutex_);
  auto change = TRY(SqliteTransaction::begin(connection_));
  auto ended = TRY(connection_.prepare("SELECT report, confirmed FROM jobs WHERE finished = 1"));
  std::vector<std::pair<Job, bool>> jobs;
  while (TRY(ended.step())) {
    jobs.emplace_back(TRY(decode_value<JobReport>(ended.blob(0))).job, ended.integer(1) != 0);
  }
  std::ranges::sort(jobs, std::greater(), [](const auto& entry) { return entry.first.finished_at; });
  std::set<DatabaseId> with_backup;
  std::set<DatabaseId> with_complete;
  std::size_t forgotten = 0;
  auto remove = TRY(connection_.prepare("DELETE FROM jobs WHERE job = ?1"));
  auto remove_steps = TRY(connection_.prepare("DELETE FROM restores WHERE job = ?1"));
  for (const auto& [job, confirmed] : jobs) {
    if (job.kind == JobKind::backup) {
      const bool newest = with_backup.insert(job.database).second;
      const bool newest_complete = job.state == JobState::complete && with_complete.insert(job.database).second;
      if (newest || newest_complete) continue;
    }
    if (!confirmed || job.finished_at >= ended_before) continue;
    TRY(remove.bind(1, job.id.bytes()).run());
    TRY(remove_steps.bind(1, job.id.bytes()).run());
    ++forgotten;
  }
  TRY(change.commit());
  return forgotten;
}

Result<std::vector<Order>> AgentState::orders_without_report() {
  const std::lock_guard lock(mutex_);
  auto statement =
      TRY(connection_.prepare("SELECT job_order FROM jobs WHERE report IS NULL AND job_order IS NOT NULL"));
  return decode_column<Order>(statement);
}

Result<std::optional<WalResume>> AgentState::wal(DatabaseId database) {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare(
      "SELECT system_id, timeline, first, durable, predecessor, from_time, through_time FROM wal WHERE db = ?1"));
  if (!TRY(statement.bind(1, database.bytes()).step())) return std::nullopt;
  WalResume out;
  out.system_id = SystemId(static_cast<std::uint64_t>(statement.integer(0)));
  out.timeline = Timeline(static_cast<std::uint32_t>(statement.integer(1)));
  out.first = Lsn(static_cast<std::uint64_t>(statement.integer(2)));
  out.durable = Lsn(static_cast<std::uint64_t>(statement.integer(3)));
  const Bytes predecessor = statement.blob(4);
  if (predecessor.size() == out.predecessor.size())
    std::copy(predecessor.begin(), predecessor.end(), out.predecessor.begin());
  out.from_time = Timestamp::from_micros(statement.integer(5));
  out.through_time = Timestamp::from_micros(statement.integer(6));
  return out;
}

Result<> AgentState::save_wal(DatabaseId database, const WalResume& resume) {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("INSERT OR REPLACE INTO wal VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"));
  statement.bind(1, database.bytes()).bind(2, static_cast<std::int64_t>(resume.system_id.value()));
  statement.bind(3, static_cast<std::int64_t>(resume.timeline.value()))
      .bind(4, static_cast<std::int64_t>(resume.first.value()));
  statement.bind(5, static_cast<std::int64_t>(resume.durable.value())).bind(6, ByteView(resume.predecessor));
  return statement.bind(7, resume.from_time.micros()).bind(8, resume.through_time.micros()).run();
}

Result<> AgentState::forget_wal(DatabaseId database) {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("DELETE FROM wal WHERE db = ?1"));
  return statement.bind(1, database.bytes()).run();
}

Result<std::vector<DatabaseId>> AgentState::shipped_databases() {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("SELECT db FROM wal"));
  std::vector<DatabaseId> out;
  while (TRY(statement.step())) out.push_back(TRY(DatabaseId::from_bytes(statement.blob(0))));
  return out;
}

Result<std::optional<WalLoss>> AgentState::wal_loss(DatabaseId database) {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("SELECT seen_at, log_end FROM wal_losses WHERE db = ?1"));
  if (!TRY(statement.bind(1, database.bytes()).step())) return std::nullopt;
  return WalLoss{Timestamp::from_micros(statement.integer(0)), Lsn(static_cast<std::uint64_t>(statement.integer(1)))};
}

Result<> AgentState::save_wal_loss(DatabaseId database, const WalLoss& loss) {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("INSERT OR REPLACE INTO wal_losses VALUES (?1, ?2, ?3)"));
  statement.bind(1, database.bytes()).bind(2, loss.seen_at.micros());
  return statement.bind(3, static_cast<std::int64_t>(loss.end.value())).run();
}

Result<> AgentState::forget_wal_loss(DatabaseId database) {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("DELETE FROM wal_losses WHERE db = ?1"));
  return statement.bind(1, database.bytes()).run();
}

Result<> AgentState::add_to_outbox(const std::string& kind, const std::string& key, ByteView value) {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("INSERT OR REPLACE INTO outbox (kind, key, value) VALUES (?1, ?2, ?3)"));
  return statement.bind(1, std::string_view(kind)).bind(2, std::string_view(key)).bind(3, value).run();
}

Result<> AgentState::add_to_outbox(const EpochReport& report) {
  return add_to_outbox("epoch", report.epoch.id.text(), encode_value(report.epoch));
}

Result<> AgentState::add_to_outbox(const HistoryReport& report) {
  return add_to_outbox("history", history_key(report.change.database, report.change.timeline),
                       encode_value(report.change));
}

Result<std::vector<OutboxItem>> AgentState::outbox() {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("SELECT number, kind, value FROM outbox ORDER BY number"));
  std::vector<OutboxItem> out;
  while (TRY(statement.step())) {
    OutboxItem item;
    item.number = statement.integer(0);
    if (statement.text(1) == "epoch") {
      item.report = EpochReport{TRY(decode_value<EpochInfo>(statement.blob(2)))};
    } else {
      item.report = HistoryReport{TRY(decode_value<TimelineChange>(statement.blob(2)))};
    }
    out.push_back(std::move(item));
  }
  return out;
}

Result<> AgentState::confirm_epoch(EpochId epoch) {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("DELETE FROM outbox WHERE kind = 'epoch' AND key = ?1"));
  return statement.bind(1, std::string_view(epoch.text())).run();
}

Result<> AgentState::confirm_history(DatabaseId database, Timeline timeline) {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("DELETE FROM outbox WHERE kind = 'history' AND key = ?1"));
  return statement.bind(1, std::string_view(history_key(database, timeline))).run();
}

Result<ScheduledRun> AgentState::last_run(DatabaseId database) {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("SELECT began, type FROM runs WHERE db = ?1"));
  if (!TRY(statement.bind(1, database.bytes()).step())) return ScheduledRun();
  const std::int64_t type = statement.integer(1);
  if (type < 0 || type > static_cast<std::int64_t>(BackupType::differential)) {
    return fail(Code::corrupt, fmt::format("a run of database {} in the agent's state has type {}", database, type));
  }
  return ScheduledRun{Timestamp::from_micros(statement.integer(0)), static_cast<BackupType>(type)};
}

Result<> AgentState::save_last_run(DatabaseId database, const ScheduledRun& run) {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("INSERT OR REPLACE INTO runs (db, began, type) VALUES (?1, ?2, ?3)"));
  return statement.bind(1, database.bytes())
      .bind(2, run.began.micros())
      .bind(3, static_cast<std::int64_t>(run.type))
      .run();
}

Result<> AgentState::save_restore_step(const RestoreStep& step) {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("INSERT INTO restores (job, step, details) VALUES (?1, ?2, ?3)"));
  return statement.bind(1, step.job.bytes()).bind(2, std::string_view(step.step)).bind(3, ByteView(step.details)).run();
}

Result<std::vector<RestoreStep>> AgentState::restore_steps(JobId job) {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("SELECT step, details FROM restores WHERE job = ?1 ORDER BY number"));
  statement.bind(1, job.bytes());
  std::vector<RestoreStep> out;
  while (TRY(statement.step())) out.push_back({job, statement.text(0), statement.blob(1)});
  return out;
}

}  // namespace holdfast
