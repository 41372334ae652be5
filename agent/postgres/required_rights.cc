#include "agent/postgres/required_rights.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace holdfast {
namespace {

constexpr int first_with_new_names = 15;

bool is_plain_identifier(std::string_view name) {
  if (name.empty() || name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string_view::npos) {
    return false;
  }
  // Names that are words of the language are rare for roles; quoting them is always right.
  return (name[0] < '0' || name[0] > '9') && name != "user" && name != "all" && name != "default" && name != "group";
}

}  // namespace

BackupFunctions backup_functions(int major_version) {
  if (major_version >= first_with_new_names) return {"pg_backup_start(text, boolean)", "pg_backup_stop(boolean)"};
  return {"pg_start_backup(text, boolean, boolean)", "pg_stop_backup(boolean, boolean)"};
}

std::string quote_identifier(std::string_view name) {
  if (is_plain_identifier(name)) return std::string(name);
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string grants_for(std::string_view role, int major_version) {
  const auto functions = backup_functions(major_version);
  return fmt::format(
      "ALTER ROLE {0} REPLICATION;\n"
      "GRANT pg_read_all_settings TO {0};\n"
      "GRANT EXECUTE ON FUNCTION {1} TO {0};\n"
      "GRANT EXECUTE ON FUNCTION {2} TO {0};\n"
      "GRANT EXECUTE ON FUNCTION pg_switch_wal() TO {0};\n"
      "GRANT EXECUTE ON FUNCTION pg_create_restore_point(text) TO {0};",
      quote_identifier(role), functions.start, functions.stop);
}

std::string hba_lines_for(std::string_view role, std::string_view os_user, ConnectionPurpose purpose) {
  const std::string_view database = purpose == ConnectionPurpose::replication ? "replication" : "postgres";
  if (role == os_user) return fmt::format("local {} {} peer", database, quote_identifier(role));
  return fmt::format("local {} {} peer map=holdfast\" and to pg_ident.conf \"holdfast {} {}", database,
                     quote_identifier(role), quote_identifier(os_user), quote_identifier(role));
}

Code code_of_sqlstate(std::string_view sqlstate) {
  static constexpr std::array<std::pair<std::string_view, Code>, 24> table{{
      // Longest first: the first that the state begins with decides.
      {"42501", Code::denied},                                      // insufficient privilege
      {"42883", Code::not_found},                                   // no such function
      {"42704", Code::not_found},                                   // no such object, for instance a slot
      {"42P01", Code::not_found},                                   // no such table
      {"42710", Code::already_exists},                              // duplicate object
      {"57014", Code::cancelled},      {"57P", Code::unavailable},  // shutting down, starting, terminated
      {"58P01", Code::not_found},                                   // a WAL segment was removed
      {"58", Code::unavailable},                                    // the server's own I/O
      {"55006", Code::conflict},                                    // object in use
      {"55000", Code::conflict},                                    // not in the state that this needs
      {"55", Code::conflict},          {"53", Code::exhausted},    {"3D000", Code::not_found},  // no such database
      {"XX001", Code::corrupt},        {"XX002", Code::corrupt},   {"28", Code::denied},
      {"08", Code::unavailable},       {"0A", Code::unsupported},  {"40", Code::conflict},  // serialization, deadlock
      {"25", Code::conflict},                                                               // transaction state
      {"22", Code::invalid},           {"42", Code::invalid},      {"XX", Code::unavailable},
  }};
  for (const auto& [prefix, code] : table) {
    if (sqlstate.starts_with(prefix)) return code;
  }
  return Code::unavailable;
}

std::string hint_for(const Refusal& refusal) {
  const std::string role = quote_identifier(refusal.role);
  if (refusal.connecting && refusal.sqlstate == "28000") {
    // One state for three causes; the text is the server's and may be translated, so the general answer comes last.
    const bool role_missing = refusal.message.find("does not exist") != std::string_view::npos;
    const std::string hba = fmt::format("add to pg_hba.conf, above other lines that fit, \"{}\" and reload the server",
                                        hba_lines_for(refusal.role, refusal.os_user, refusal.purpose));
    return role_missing ? fmt::format("run CREATE ROLE {} LOGIN REPLICATION; then {}", role, hba) : hba;
  }
  if (refusal.sqlstate == "42501" || (refusal.connecting && refusal.sqlstate.starts_with("28"))) {
    if (refusal.connecting && refusal.purpose == ConnectionPurpose::replication) {
      return fmt::format("run as a superuser: ALTER ROLE {} REPLICATION;", role);
    }
    if (refusal.major_version == 0) return {};
    return "run as a superuser in the database \"postgres\":\n" + grants_for(refusal.role, refusal.major_version);
  }
  if (refusal.sqlstate == "53300") return "raise max_connections or max_wal_senders, or end idle sessions";
  if (refusal.sqlstate == "53400") return "raise max_replication_slots, or drop slots that nobody uses";
  return {};
}

}  // namespace holdfast
