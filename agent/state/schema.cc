#include "agent/state/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace holdfast {
namespace {

// Part of the persistent format on disk: what was released stays as it is, changes are further steps. The version is
// the number of steps that were taken.
constexpr std::array schema_steps = {R"sql(
CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE jobs (job BLOB PRIMARY KEY, job_order BLOB, report BLOB, sequence INTEGER NOT NULL DEFAULT 0,
                   finished INTEGER NOT NULL DEFAULT 0, confirmed INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE wal (db BLOB PRIMARY KEY, system_id INTEGER, timeline INTEGER, first INTEGER, durable INTEGER,
                  predecessor BLOB, from_time INTEGER, through_time INTEGER) WITHOUT ROWID;
CREATE TABLE outbox (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
                     UNIQUE (kind, key));
CREATE TABLE runs (db BLOB PRIMARY KEY, began INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE restores (number INTEGER PRIMARY KEY, job BLOB NOT NULL, step TEXT NOT NULL, details BLOB NOT NULL);
)sql",
                                     R"sql(
CREATE TABLE wal_losses (db BLOB PRIMARY KEY, seen_at INTEGER NOT NULL, log_end INTEGER NOT NULL) WITHOUT ROWID;
)sql",
                                     R"sql(
ALTER TABLE runs ADD COLUMN type INTEGER NOT NULL DEFAULT 0;
)sql",
                                     R"sql(
CREATE TABLE passes (store BLOB NOT NULL, scope TEXT NOT NULL, pass BLOB NOT NULL, since INTEGER NOT NULL,
                     PRIMARY KEY (store, scope)) WITHOUT ROWID;
)sql",
                                     R"sql(
CREATE TABLE run_ledgers (db BLOB PRIMARY KEY, schedule BLOB NOT NULL, since INTEGER NOT NULL, through INTEGER NOT NULL,
                          owed_at INTEGER NOT NULL, owed_type INTEGER NOT NULL, held_by TEXT NOT NULL,
                          missed INTEGER NOT NULL, missed_since INTEGER NOT NULL, missed_cause TEXT NOT NULL)
                          WITHOUT ROWID;
)sql"};

// Beside the steps, not one of them: agents from before it read the file as well as ever.
constexpr const char* marks_table =
    "CREATE TABLE migrations (number INTEGER PRIMARY KEY, checksum BLOB NOT NULL, done INTEGER NOT NULL)";

constexpr const char* aside_hint =
    "put back a copy of the state directory, or move it aside and enrol again with a new token";

std::vector<Sha256> known_checksums() {
  std::vector<Sha256> out;
  for (const char* step : schema_steps) out.push_back(sha256(as_bytes(std::string_view(step))));
  return out;
}

std::unexpected<Error> newer(std::int64_t found, std::size_t known) {
  return fail(Code::unsupported,
              fmt::format("it was written by a newer agent (state version {}, this one knows {})", found, known),
              "install that version again");
}

Result<> mark(SqliteConnection& connection, std::size_t step, SchemaMark::Progress progress) {
  auto statement = TRY(connection.prepare("INSERT OR REPLACE INTO migrations VALUES (?1, ?2, ?3)"));
  const Sha256 checksum = sha256(as_bytes(std::string_view(schema_steps.at(step))));
  statement.bind(1, static_cast<std::int64_t>(step + 1)).bind(2, ByteView(checksum));
  return statement.bind(3, static_cast<std::int64_t>(progress)).run();
}

Result<> take(SqliteConnection& connection, std::size_t step) {
  auto taken = connection.execute(schema_steps.at(step));
  if (!taken && taken.error().code == Code::internal) {
    return fail(Code::corrupt, fmt::format("step {} of its making does not fit what is there", step + 1), aside_hint);
  }
  TRY_DURING(fmt::format("step {} of its making", step + 1), std::move(taken));
  TRY(mark(connection, step, SchemaMark::Progress::done));
  return connection.execute(fmt::format("PRAGMA user_version = {}", step + 1));
}

// A new file is made whole or not at all.
Result<> make_all(SqliteConnection& connection) {
  auto change = TRY(SqliteTransaction::begin(connection));
  TRY(connection.execute(marks_table));
  for (std::size_t step = 0; step < schema_steps.size(); ++step) TRY(take(connection, step));
  return change.commit();
}

Result<> make_marks(SqliteConnection& connection, std::int64_t version) {
  auto change = TRY(SqliteTransaction::begin(connection));
  TRY(connection.execute(marks_table));
  for (std::size_t step = 0; step < static_cast<std::size_t>(version); ++step) {
    TRY(mark(connection, step, SchemaMark::Progress::done));
  }
  return change.commit();
}

}  // namespace

Result<SchemaPlan> judge_schema(const SchemaFacts& found, std::span<const Sha256> known) {
  const auto count = static_cast<std::int64_t>(known.size());
  if (found.version > count) return newer(found.version, known.size());
  if (found.version < 0) return fail(Code::corrupt, fmt::format("it has version {}", found.version), aside_hint);
  SchemaPlan plan;
  plan.from = found.version;
  if (!found.marks) {
    plan.marks = SchemaPlan::Marks::to_make;
    return plan;
  }
  std::int64_t next = 1;
  for (const SchemaMark& mark : *found.marks) {
    if (mark.number > count) return newer(mark.number, known.size());
    if (mark.number != next++) return fail(Code::corrupt, "a step of its making is not noted", aside_hint);
    if (!std::ranges::equal(mark.checksum, known[static_cast<std::size_t>(mark.number - 1)])) {
      return fail(Code::unsupported,
                  fmt::format("it was written by an agent that this one does not know: step {} is another one there",
                              mark.number),
                  "install the version that wrote it");
    }
    const bool done = mark.progress == SchemaMark::Progress::done;
    if (done && mark.number <= found.version) continue;
    if (done || mark.number != found.version + 1) {
      return fail(Code::corrupt,
                  fmt::format("step {} of its making is noted as {}, and it has version {}", mark.number,
                              done ? "done" : "begun", found.version),
                  aside_hint);
    }
    plan.cut_off = mark.number;
  }
  if (next <= found.version) return fail(Code::corrupt, "a step of its making is not noted", aside_hint);
  return plan;
}

Result<SchemaFacts> read_schema(SqliteConnection& connection) {
  SchemaFacts facts;
  auto version = TRY(connection.prepare("PRAGMA user_version"));
  (void)TRY(version.step());
  facts.version = version.integer(0);
  auto table = TRY(connection.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'"));
  if (!TRY(table.step())) return facts;
  facts.marks.emplace();
  auto rows = TRY(connection.prepare("SELECT number, checksum, done FROM migrations ORDER BY number"));
  while (TRY(rows.step())) {
    facts.marks->push_back({rows.integer(0), rows.blob(1),
                            rows.integer(2) == 0 ? SchemaMark::Progress::begun : SchemaMark::Progress::done});
  }
  return facts;
}

Result<std::optional<std::string>> bring_up_to_date(SqliteConnection& connection) {
  const SchemaPlan plan = TRY(judge_schema(TRY(read_schema(connection)), known_checksums()));
  const bool without_marks = plan.marks == SchemaPlan::Marks::to_make;
  if (without_marks && plan.from == 0) {
    TRY(make_all(connection));
    return std::nullopt;
  }
  if (without_marks) TRY(make_marks(connection, plan.from));
  for (auto step = static_cast<std::size_t>(plan.from); step < schema_steps.size(); ++step) {
    TRY(mark(connection, step, SchemaMark::Progress::begun));
    auto change = TRY(SqliteTransaction::begin(connection));
    TRY(take(connection, step));
    TRY(change.commit());
  }
  if (!plan.cut_off) return std::nullopt;
  return fmt::format("step {} of the state's making was cut off and had left nothing; it was taken again",
                     *plan.cut_off);
}

Result<> check_readable(SqliteConnection& connection) {
  (void)TRY(judge_schema(TRY(read_schema(connection)), known_checksums()));
  return {};
}

Result<> check_sound(SqliteConnection& connection) {
  auto check = TRY(connection.prepare("PRAGMA quick_check(3)"));
  std::string found;
  while (TRY(check.step())) {
    if (check.text(0) != "ok") found += (found.empty() ? "" : "; ") + check.text(0);
  }
  if (!found.empty()) return fail(Code::corrupt, "it is damaged: " + found, aside_hint);
  return {};
}

}  // namespace holdfast
