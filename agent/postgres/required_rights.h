#pragma once
// What the agent's database role needs, as the exact text to paste. Pure.
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace holdfast {

// Names of the low-level backup functions with their argument types.
struct BackupFunctions {
  std::string start;  // "pg_backup_start(text, boolean)"
  std::string stop;
};
BackupFunctions backup_functions(int major_version);

// An SQL identifier, quoted when it must be.
std::string quote_identifier(std::string_view name);

// SQL for the database "postgres", one statement a line: everything that a role without superuser needs.
std::string grants_for(std::string_view role, int major_version);

// Lines for pg_hba.conf (and pg_ident.conf, when the role's name differs from the operating system's user).
enum class ConnectionPurpose : std::uint8_t { sql, replication };
std::string hba_lines_for(std::string_view role, std::string_view os_user, ConnectionPurpose purpose);

// The kind of failure behind an SQLSTATE.
Code code_of_sqlstate(std::string_view sqlstate);

// What to do about a refused connection or statement; empty when nothing is known.
struct Refusal {
  std::string_view sqlstate;
  std::string_view message;
  std::string_view role;
  std::string_view os_user;
  int major_version = 0;  // 0: not known yet
  ConnectionPurpose purpose = ConnectionPurpose::sql;
  bool connecting = false;  // refused before the first statement
};
std::string hint_for(const Refusal& refusal);

}  // namespace holdfast
