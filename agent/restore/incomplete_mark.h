#pragma once
// A data directory that is being overwritten, or that somebody was cut off overwriting: marked so that no server starts
// on it. PostgreSQL does not start without global/pg_control (checkControlFile in postmaster.c), so that file lies
// under another name from before the first byte is overwritten until everything else is there, and durably so.
#include <string>

#include "shared/base/result.h"
#include "shared/os/process.h"

namespace holdfast {

constexpr std::string_view control_file_name = "global/pg_control";
constexpr std::string_view put_away_control_name = "global/pg_control.holdfast-incomplete";
constexpr std::string_view incomplete_mark_name = "holdfast-restore-incomplete";

// Writes the mark, a text for whoever looks into the directory, then puts pg_control away. Durable when it returns;
// fine when it is marked already, or has no pg_control.
Result<> mark_incomplete(const std::string& data_directory, const OsUser& owner);
bool is_marked_incomplete(const std::string& data_directory);
// The other way round, pg_control last: from then on a server can start. Fine when it is not marked.
Result<> clear_incomplete_mark(const std::string& data_directory, const OsUser& owner);

}  // namespace holdfast
