#include "agent/postgres/slot_watch.h"

#include <charconv>

namespace holdfast {
namespace {

constexpr const char* slot_sql =
    "SELECT slot_type, active::text AS active, restart_lsn::text AS restart_lsn, wal_status, "
    "safe_wal_size::text AS safe_wal_size, (SELECT setting FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS "
    "keep_megabytes, greatest(0, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE "
    "pg_current_wal_lsn() END, restart_lsn))::bigint::text AS held FROM pg_replication_slots WHERE slot_name = $1";

constexpr std::string_view slot_prefix = "holdfast_";

// A slot that is in use is left alone: the server would refuse to drop it, and somebody has a reason to use it.
constexpr const char* drop_sql =
    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
    "WHERE slot_name = $1 AND slot_type = 'physical' AND NOT active";

std::optional<std::int64_t> number(const std::optional<std::string>& text) {
  std::int64_t value = 0;
  if (!text) return std::nullopt;
  const auto [end, problem] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (problem != std::errc()) return std::nullopt;
  return value;
}

SlotWal parse_wal_status(const std::optional<std::string>& text) {
  for (const SlotWal state : {SlotWal::reserved, SlotWal::extended, SlotWal::unreserved, SlotWal::lost}) {
    if (text && *text == to_string(state)) return state;
  }
  return SlotWal::none;
}

}  // namespace

std::string_view to_string(SlotWal state) {
  switch (state) {
    case SlotWal::none:
      return "none";
    case SlotWal::reserved:
      return "reserved";
    case SlotWal::extended:
      return "extended";
    case SlotWal::unreserved:
      return "unreserved";
    case SlotWal::lost:
      return "lost";
  }
  return "none";
}

Result<std::optional<SlotStatus>> read_slot(PostgresConnection& connection, const std::string& slot) {
  const auto rows = TRY_DURING(fmt::format("look at slot \"{}\"", slot), connection.query(slot_sql, {slot}));
  if (rows.rows.empty()) return std::optional<SlotStatus>{};
  SlotStatus status;
  status.physical = rows.maybe(0, "slot_type") == "physical";
  status.active = rows.maybe(0, "active") == "true";
  status.wal = parse_wal_status(rows.maybe(0, "wal_status"));
  if (const auto restart = rows.maybe(0, "restart_lsn")) status.restart_lsn = TRY(parse_lsn(*restart));
  const auto safe = number(rows.maybe(0, "safe_wal_size"));
  if (safe) status.safe_wal_size = static_cast<std::uint64_t>(std::max<std::int64_t>(*safe, 0));
  const auto keep = number(rows.maybe(0, "keep_megabytes"));
  if (keep && *keep >= 0) status.max_slot_wal_keep_size = static_cast<std::uint64_t>(*keep) << 20U;
  status.held_bytes = static_cast<std::uint64_t>(number(rows.maybe(0, "held")).value_or(0));
  return std::optional(status);
}

std::string slot_name(DatabaseId database) {
  return fmt::format("{}{}", slot_prefix, database);
}

std::optional<DatabaseId> database_of_slot(std::string_view slot) {
  if (!slot.starts_with(slot_prefix)) return std::nullopt;
  const auto database = DatabaseId::parse(slot.substr(slot_prefix.size()));
  if (!database || slot_name(*database) != slot) return std::nullopt;
  return *database;
}

Result<std::set<std::string>> own_slots(PostgresConnection& connection) {
  const auto rows = TRY_DURING(
      "look for replication slots",
      connection.query("SELECT slot_name::text AS name FROM pg_replication_slots WHERE slot_type = 'physical'"));
  std::set<std::string> names;
  for (std::size_t row = 0; row < rows.rows.size(); ++row) {
    const std::string name = rows.maybe(row, "name").value_or(std::string());
    if (database_of_slot(name)) names.insert(name);
  }
  return names;
}

Result<bool> drop_own_slot(PostgresConnection& connection, const std::string& slot) {
  if (!database_of_slot(slot)) return fail(Code::invalid, fmt::format("\"{}\" is not a slot of ours", slot));
  TRY_DURING(fmt::format("drop slot \"{}\"", slot), connection.query(drop_sql, {slot}));
  return !TRY(own_slots(connection)).contains(slot);
}

Result<> check_slot_name(std::string_view slot) {
  const bool plain = slot.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
  if (plain && !slot.empty() && slot.size() <= 63) return {};
  return fail(Code::invalid, fmt::format("\"{}\" is no name for a replication slot", slot),
              "use lower-case letters, digits and underscores, at most 63");
}

}  // namespace holdfast
