#include "agent/restore/delta_checks.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "agent/restore/leftovers.h"
#include "shared/os/posix_file_system.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

Result<struct stat> stat_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    return std::unexpected(error_from_errno(errno, fmt::format("stat \"{}\"", path)));
  }
  return info;
}

// The directory and what it has of each tablespace.
std::vector<std::string> places_to_change(const RestoreTarget& target, const std::vector<Tablespace>& tablespaces) {
  std::vector<std::string> out{target.directory};
  std::error_code problem;
  for (const Tablespace& tablespace : tablespaces) {
    if (fs::is_directory(tablespace.location, problem)) out.push_back(tablespace.location);
  }
  return out;
}

// The backup's directories of its server version in the tablespaces, as far as they are here.
std::vector<std::string> version_directories(const Manifest& manifest, const RestorePlaces& places) {
  std::vector<std::string> out;
  std::error_code problem;
  for (const ManifestFile& file : manifest.files) {
    if (file.kind != EntryKind::directory || !file.path.starts_with("pg_tblspc/")) continue;
    const std::string path = places.of(file);
    if (std::ranges::count(file.path, '/') == 2 && fs::exists(path, problem)) out.push_back(path);
  }
  return out;
}

// What is moved out of the directory stays on its file system: it is renamed, never copied.
Result<> check_overwritable(const std::string& directory, const OsUser& owner) {
  const struct stat info = TRY(stat_of(directory));
  if (info.st_uid != owner.uid) {
    return fail(Code::conflict, fmt::format("\"{}\" does not belong to {}", directory, owner.name),
                "give it to the server's user, or restore without --delta");
  }
  const struct stat beside = TRY(stat_of(parent_of(directory)));
  if (beside.st_dev != info.st_dev) {
    return fail(
        Code::conflict,
        fmt::format("\"{}\" is a mount point: what the backup does not have cannot be moved beside it", directory),
        "restore to another directory");
  }
  return {};
}

// A copy of a cluster made by hand has links that lead to the original's tablespaces.
Result<> check_nobody_else_uses(const Tablespace& tablespace, const std::string& directory) {
  std::error_code problem;
  const fs::path place = fs::weakly_canonical(tablespace.location, problem);
  const fs::path own = fs::weakly_canonical(directory, problem);
  for (const auto& process : fs::directory_iterator("/proc", problem)) {
    // A server works in its data directory.
    const fs::path data = fs::read_symlink(process.path() / "cwd", problem);
    if (problem || data == own || !fs::exists(data / "postmaster.pid", problem)) continue;
    for (const auto& link : fs::directory_iterator(data / "pg_tblspc", problem)) {
      if (fs::weakly_canonical(link.path(), problem) != place) continue;
      return fail(Code::conflict,
                  fmt::format("the tablespace \"{}\" belongs to the running server of \"{}\" too", tablespace.location,
                              data.string()),
                  "restore to another directory");
    }
  }
  return {};
}

}  // namespace

Result<FilesFrom> check_delta(const RestoreTarget& target, const std::vector<Tablespace>& tablespaces,
                              const PostgresRestoreRun& run) {
  for (const Tablespace& tablespace : tablespaces) TRY(check_nobody_else_uses(tablespace, target.directory));
  const auto places = places_to_change(target, tablespaces);
  // The new directory is made beside the old one, which may be a file system of its own.
  const struct stat own = TRY(stat_of(target.directory));
  const struct stat beside = TRY(stat_of(parent_of(target.directory)));
  if (own.st_dev == beside.st_dev && std::ranges::all_of(places, run.clones.work_in)) return FilesFrom::clones;
  TRY(check_overwritable(target.directory, run.owner));
  const Manifest& manifest = run.reader.manifest();
  for (const auto& path : version_directories(manifest, RestorePlaces(manifest, target.directory, tablespaces))) {
    TRY(check_overwritable(path, run.owner));
  }
  return FilesFrom::place;
}

}  // namespace holdfast
