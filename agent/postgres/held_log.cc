#include "agent/postgres/held_log.h"

namespace holdfast {
namespace {

constexpr int first_with_idle_limit = 14;

constexpr const char* make_sql = "SELECT pg_create_physical_replication_slot($1, true, true)";
constexpr const char* position_sql =
    "SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text AS lsn";
constexpr const char* advance_sql = "SELECT pg_replication_slot_advance($1, $2::pg_lsn)";

}  // namespace

std::string held_slot_name(DatabaseId database) {
  return fmt::format("holdfast_hold_{}", database);
}

HeldLog::HeldLog(PostgresEndpoint endpoint, DatabaseId database, Settings settings)
    : endpoint_(std::move(endpoint)), settings_(std::move(settings)), slot_(held_slot_name(database)) {}

Result<> HeldLog::begin() {
  marks_.clear();
  session_.reset();
  PostgresConnection::Settings settings;
  settings.application_name = "holdfast hold";
  settings.connect_timeout = std::chrono::seconds(5);
  settings.statement_timeout = std::chrono::seconds(10);
  settings.stop = settings_.stop;
  auto session = TRY(PostgresConnection::open(endpoint_, settings));
  if (session.server_major() >= first_with_idle_limit) TRY(session.query("SET idle_session_timeout = 0"));
  TRY_DURING(fmt::format("hold log with slot \"{}\"", slot_), session.query(make_sql, {slot_}));
  session_ = std::move(session);
  return {};
}

Result<> HeldLog::look(Micros now) {
  const auto answer = TRY(session_->query(position_sql));
  const std::string text = TRY(answer.only("lsn"));
  const Lsn position = TRY(parse_lsn(text));
  marks_.push_back({now, position});
  const auto old = [&](const Mark& mark) {
    return now - mark.at >= settings_.longest || position - mark.position > settings_.most_bytes;
  };
  std::optional<Lsn> to;
  while (marks_.size() > 1 && old(marks_.front())) {
    marks_.pop_front();
    to = marks_.front().position;
  }
  if (to) TRY_DURING(fmt::format("advance slot \"{}\"", slot_), session_->query(advance_sql, {slot_, to_text(*to)}));
  return {};
}

Result<> HeldLog::renew(Micros now) {
  if (!holds()) TRY(begin());
  auto looked = look(now);
  if (!looked) session_.reset();
  return looked;
}

}  // namespace holdfast
