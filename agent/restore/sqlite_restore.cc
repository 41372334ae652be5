#include "agent/restore/sqlite_restore.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "agent/restore/owned_files.h"
#include "agent/sqlite/integrity.h"
#include "shared/base/unique_handle.h"
#include "shared/os/posix_file_system.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

// A process other than ours that has the file open; empty when none is seen. Without root only our user's are seen.
std::string user_of_file(const std::string& path) {
  struct stat wanted {};
  if (::stat(path.c_str(), &wanted) != 0) return {};
  std::error_code ignored;
  for (const auto& process : fs::directory_iterator("/proc", ignored)) {
    const std::string pid = process.path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos || pid == std::to_string(::getpid())) continue;
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator(process.path() / "fd", gone)) {
      struct stat open {};
      if (::stat(entry.path().c_str(), &open) != 0 || open.st_ino != wanted.st_ino || open.st_dev != wanted.st_dev)
        continue;
      std::ifstream name(process.path() / "comm");
      std::string command;
      std::getline(name, command);
      return fmt::format("{} (pid {})", command, pid);
    }
  }
  return {};
}

Result<OsUser> fallback_owner(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 && ::stat(parent_of(path).c_str(), &info) != 0) {
    return user_by_uid(::geteuid());
  }
  auto owner = user_by_uid(info.st_uid);
  if (owner) owner->gid = info.st_gid;
  return owner;
}

// Reads every frame's pages back from the file and compares them with the frame's hash.
Result<> compare_pages(const Manifest& manifest, const ManifestFile& file, const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::unexpected(error_from_errno(errno, fmt::format("open \"{}\"", path)));
  std::vector<std::vector<const Extent*>> by_frame(manifest.frames.size());
  for (const Extent& extent : file.extents) by_frame[extent.frame].push_back(&extent);
  for (std::size_t frame = 0; frame < by_frame.size(); ++frame) {
    auto& extents = by_frame[frame];
    if (extents.empty()) continue;
    Bytes plain(manifest.frames[frame].plain_size);
    std::size_t covered = 0;
    for (const Extent* extent : extents) {
      const std::size_t length = std::size_t(extent->pages) * manifest.page_size;
      const auto from = static_cast<off_t>(extent->first_page * manifest.page_size);
      if (extent->offset + length > plain.size() ||
          ::pread(fd.get(), plain.data() + extent->offset, length, from) != static_cast<ssize_t>(length)) {
        return fail(Code::corrupt, fmt::format("\"{}\" cannot be read back", path));
      }
      covered += length;
    }
    // A frame that holds pages of other backups' states too can only be compared when all of it is in this file.
    if (covered != plain.size()) continue;
    if (content_hash(plain) != manifest.frames[frame].hash) {
      return fail(Code::corrupt,
                  fmt::format("\"{}\" differs from the backup at page {}", path, extents[0]->first_page));
    }
  }
  return {};
}

Result<const ManifestFile*> only_file(const Manifest& manifest) {
  if (manifest.files.size() != 1 || manifest.files[0].kind != EntryKind::file) {
    return fail(Code::corrupt, "the backup does not hold exactly one SQLite file");
  }
  return &manifest.files[0];
}

Result<> check_target(const RestoreTarget& target, const std::string& path) {
  struct stat info {};
  const bool exists = ::lstat(path.c_str(), &info) == 0;
  if (exists && !S_ISREG(info.st_mode)) return fail(Code::conflict, fmt::format("\"{}\" is not a file", path));
  if (exists && !target.in_place) {
    return fail(Code::conflict, fmt::format("\"{}\" exists", path), "choose another target, or restore in place");
  }
  const std::string user = exists ? user_of_file(path) : "";
  if (user.empty()) return {};
  return fail(Code::conflict, fmt::format("\"{}\" is open in {}", path, user), "stop the application first");
}

// Of one restore; its databases add their ids.
std::string workplace_prefix(RestoreId restore) {
  return fmt::format(".holdfast-tmp-restore-{}-", restore);
}

// A directory of its own beside the target, removed again.
struct Workplace {
  explicit Workplace(std::string where) : path(std::move(where)) {}
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;
  ~Workplace() { (void)remove_tree(path).has_value(); }
  const std::string path;
};

Result<> take_place(const std::string& made, const std::string& path, const SqliteRestoreRun& run,
                    const RestoreUndo& undo) {
  const auto entries = entries_of(undo);
  if (run.journal) TRY(run.journal(restore_step::set_aside, undo));
  TRY(set_aside(entries));
  PosixFileSystem files;
  auto moved = files.rename(made, path);
  if (moved && run.journal) moved = run.journal(restore_step::complete, undo);
  if (moved) return {};
  TRY_DURING("undo", undo_restore(undo, {}, {}));
  return moved;
}

}  // namespace

Result<> restore_sqlite(RestoreTarget& target, const SqliteRestoreRun& run) {
  const Micros begun = run.clock.monotonic();
  const Manifest& manifest = run.reader.manifest();
  const ManifestFile& file = *TRY(only_file(manifest));
  std::string path = target.directory;
  if (fs::is_directory(path)) path += "/" + file.path;
  RestoreUndo undo;
  undo.engine = Engine::sqlite;
  undo.path = path;
  undo.restore = run.restore;
  undo.target = fs::exists(path) ? RestoreUndo::Target::existed : RestoreUndo::Target::is_new;
  if (undo.target == RestoreUndo::Target::is_new) undo.made.push_back(path);
  TRY(check_target(target, path));
  FileRestoreOptions options;
  options.owner = TRY(fallback_owner(path));
  options.ownership = Ownership::as_recorded;
  // One restore brings back many files, and several of them may lie in one directory.
  const Workplace workplace(parent_of(path) + "/" + workplace_prefix(run.restore) + target.database.text());
  TRY(remove_tree(workplace.path));  // of a run that was cut off
  options.directory = workplace.path;
  if (run.journal) TRY(run.journal(restore_step::checked, undo));
  const FileRestoreResult written = TRY(restore_files(run.reader, options, run.stop, run.progress));
  const std::string made = workplace.path + "/" + file.path;
  TRY(compare_pages(manifest, file, made));
  TRY(check_sqlite_integrity(made));
  TRY(check_target(target, path));  // writing may have taken long enough for an application to come back
  TRY(take_place(made, path, run, undo));
  target.directory = path;
  target.aside = has_aside(entries_of(undo)) ? aside_name(path, run.restore) : "";
  target.bytes = written.bytes;
  target.reached_time = target.backup_finished_at;
  target.seconds = static_cast<double>((run.clock.monotonic() - begun).count()) / 1e6;
  target.state = "complete";
  return {};
}

Result<> remove_unfinished_files(const std::string& path, RestoreId restore) {
  PosixFileSystem files;
  const std::string directory = parent_of(path);
  for (const auto& entry : TRY(files.list(directory))) {
    if (entry.name.starts_with(workplace_prefix(restore))) TRY(remove_tree(directory + "/" + entry.name));
  }
  return {};
}

}  // namespace holdfast
