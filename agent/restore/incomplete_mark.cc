#include "agent/restore/incomplete_mark.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "shared/os/posix_file_system.h"

namespace holdfast {
namespace {

constexpr std::string_view mark_text =
    "A restore overwrites this directory and has not come to its end: files of two moments lie side by side, and\n"
    "global/pg_control is put away so that no server starts on them. Do not put it back by hand. Run the restore\n"
    "again (holdfast restore run --delta, or holdfast-agent restore --delta): it goes on from what is here.\n";

bool is_there(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

std::string in(const std::string& directory, std::string_view name) {
  return fmt::format("{}/{}", directory, name);
}

// Durably. What is not there needs no move.
Result<> move_control(const std::string& directory, std::string_view from, std::string_view to) {
  if (::rename(in(directory, from).c_str(), in(directory, to).c_str()) != 0) {
    if (errno == ENOENT) return {};
    return std::unexpected(error_from_errno(errno, fmt::format("rename \"{}\"", in(directory, from))));
  }
  PosixFileSystem files;
  return files.sync_directory(directory + "/global");
}

}  // namespace

Result<> mark_incomplete(const std::string& data_directory, const OsUser& owner) {
  const ActingAs acting = TRY(ActingAs::user(owner));
  PosixFileSystem files;
  const std::string mark = in(data_directory, incomplete_mark_name);
  if (!is_there(mark)) TRY(files.replace_durably(mark, as_bytes(mark_text), 0600));
  return move_control(data_directory, control_file_name, put_away_control_name);
}

bool is_marked_incomplete(const std::string& data_directory) {
  return is_there(in(data_directory, incomplete_mark_name)) || is_there(in(data_directory, put_away_control_name));
}

Result<> clear_incomplete_mark(const std::string& data_directory, const OsUser& owner) {
  const ActingAs acting = TRY(ActingAs::user(owner));
  PosixFileSystem files;
  const std::string mark = in(data_directory, incomplete_mark_name);
  if (::unlink(mark.c_str()) != 0 && errno != ENOENT) {
    return std::unexpected(error_from_errno(errno, fmt::format("remove \"{}\"", mark)));
  }
  TRY(files.sync_directory(data_directory));
  return move_control(data_directory, put_away_control_name, control_file_name);
}

}  // namespace holdfast
