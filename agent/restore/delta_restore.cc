#include "agent/restore/delta_restore.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "agent/restore/incomplete_mark.h"
#include "agent/restore/leftovers.h"
#include "agent/restore/owned_files.h"
#include "agent/restore/set_aside.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> os_error(std::string_view what, const std::string& path) {
  return std::unexpected(error_from_errno(errno, fmt::format("{} \"{}\"", what, path)));
}

// Where the old files of a directory are that was set aside.
class OldPlaces {
 public:
  OldPlaces(const RestorePlaces& places, RestoreId restore)
      : restore_(restore), root_(aside_name(places.directory(), restore)) {
    for (const auto& [path, location] : places.tablespaces()) {
      std::error_code problem;
      const fs::path old_location = fs::read_symlink(fmt::format("{}/{}", root_, path), problem);
      if (!problem) tablespaces_.emplace(path, old_location.string());
    }
  }
  // Empty: nowhere.
  std::string of(const ManifestFile& file) const {
    // "pg_tblspc/<oid>/<version>/...", of which the directory of the version was set aside.
    for (const auto& [path, location] : tablespaces_) {
      if (!file.path.starts_with(path + "/")) continue;
      const std::string below = file.path.substr(path.size() + 1);
      const auto slash = std::min(below.find('/'), below.size());
      return aside_name(fmt::format("{}/{}", location, below.substr(0, slash)), restore_) + below.substr(slash);
    }
    return fmt::format("{}/{}", root_, file.path);
  }

 private:
  const RestoreId restore_;
  std::string root_;
  std::map<std::string, std::string> tablespaces_;
};

class Run {
 public:
  Run(const BackupReader& reader, const FileRestoreOptions& options, RestoreId restore, const StopToken& stop,
      const RestoreProgress& progress)
      : reader_(reader),
        manifest_(reader.manifest()),
        options_(options),
        restore_(restore),
        stop_(stop),
        progress_(progress),
        places_(manifest_, options.directory, options.tablespaces),
        filled_(manifest_.files.size()) {
    places_.rename(std::string(control_file_name), std::string(put_away_control_name));
  }

  Result<DeltaResult> over() {
    if (!is_marked_incomplete(options_.directory)) {
      return fail(Code::internal, fmt::format("\"{}\" is not marked as incomplete", options_.directory));
    }
    TRY(places_.check());
    for (const auto& root : places_.roots()) TRY(make_owned_directory(root, options_.owner, 0700));
    ExistingEntries existing =
        TRY(sort_out_existing(manifest_, places_, {options_.owner, restore_, {std::string(incomplete_mark_name)}}));
    result_.moved = existing.moved;
    filled_ = existing.kept;
    TRY(make_missing([](const ManifestFile&, int) { return Result<bool>(false); }));
    return finish();
  }

  Result<DeltaResult> from_clones(const FileClones& clones) {
    TRY(places_.check());
    TRY(check_empty(options_.directory));
    const OldPlaces old(places_, restore_);
    for (const auto& root : places_.roots()) TRY(make_owned_directory(root, options_.owner, 0700));
    TRY(mark_incomplete(options_.directory, options_.owner));
    // What cannot be cloned is fetched.
    TRY(make_missing([&](const ManifestFile& file, int to) -> Result<bool> {
      const UniqueFd from(::open(old.of(file).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
      struct stat info {};
      if (!from || ::fstat(from.get(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
      return clones.clone(from.get(), to).has_value();
    }));
    return finish();
  }

 private:
  // Every entry of the manifest, with its length. `fill` may give a new file old content, and says whether it did.
  Result<> make_missing(const std::function<Result<bool>(const ManifestFile&, int)>& fill) {
    const ActingAs acting = TRY(ActingAs::user(options_.owner));
    for (std::size_t i = 0; i < manifest_.files.size(); ++i) {
      if (stop_.stop_requested()) return fail(Code::cancelled, "the restore was stopped");
      const ManifestFile& file = manifest_.files[i];
      const std::string path = places_.of(file);
      switch (file.kind) {
        case EntryKind::directory:
          // Writable for us until its content is there; its own mode comes at the end.
          if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return os_error("create", path);
          break;
        case EntryKind::link:
          if (filled_[i]) break;
          if (::symlink(places_.link_target(file).c_str(), path.c_str()) != 0) return os_error("create link", path);
          break;
        case EntryKind::file:
          if (filled_[i]) {
            TRY(fit_length(file, path));
          } else {
            filled_[i] = TRY(make_file(file, path, fill));
          }
          ++result_.files;
          break;
      }
    }
    return {};
  }

  Result<bool> make_file(const ManifestFile& file, const std::string& path,
                         const std::function<Result<bool>(const ManifestFile&, int)>& fill) const {
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return os_error("create", path);
    const bool filled = file.size != 0 && TRY(fill(file, fd.get()));
    // The whole length at once: what no extent names stays a hole and reads as zeros.
    if (::ftruncate(fd.get(), static_cast<off_t>(file.size)) != 0) return os_error("extend", path);
    return filled;
  }

  // What is beyond the end goes, what is missing there is a hole.
  static Result<> fit_length(const ManifestFile& file, const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return os_error("stat", path);
    constexpr mode_t needed = S_IRUSR | S_IWUSR;
    if ((info.st_mode & needed) != needed && ::chmod(path.c_str(), needed) != 0) return os_error("chmod", path);
    if (static_cast<std::uint64_t>(info.st_size) == file.size) return {};
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return os_error("open", path);
    if (::ftruncate(fd.get(), static_cast<off_t>(file.size)) != 0) return os_error("change the length of", path);
    return {};
  }

  Result<DeltaResult> finish() {
    const DifferencesOptions options{options_.owner, options_.workers, filled_};
    if (progress_) progress_(0, content_bytes(manifest_));
    result_.content = TRY(write_differences(reader_, places_, options, stop_, progress_));
    TRY(finish_entries(manifest_, places_, options_.owner));
    TRY(sync_file_systems(places_.roots()));
    return result_;
  }

  const BackupReader& reader_;
  const Manifest& manifest_;
  const FileRestoreOptions& options_;
  const RestoreId restore_;
  const StopToken& stop_;
  const RestoreProgress& progress_;
  RestorePlaces places_;
  std::vector<bool> filled_;
  DeltaResult result_;
};

}  // namespace

Result<DeltaResult> restore_over(const BackupReader& reader, const FileRestoreOptions& options, RestoreId restore,
                                 const StopToken& stop, const RestoreProgress& progress) {
  return Run(reader, options, restore, stop, progress).over();
}

Result<DeltaResult> restore_from_clones(const BackupReader& reader, const FileRestoreOptions& options,
                                        RestoreId restore, const FileClones& clones, const StopToken& stop,
                                        const RestoreProgress& progress) {
  return Run(reader, options, restore, stop, progress).from_clones(clones);
}

std::uint64_t missing_bytes(const Manifest& manifest, const RestorePlaces& places) {
  std::uint64_t missing = 0;
  for (const ManifestFile& file : manifest.files) {
    std::uint64_t wanted = 0;
    for (const Extent& extent : file.extents) wanted += extent_bytes(manifest, file, extent);
    struct stat info {};
    std::uint64_t have = 0;
    if (::lstat(places.of(file).c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
      have = static_cast<std::uint64_t>(info.st_blocks) * 512;
    }
    missing += wanted > have ? wanted - have : 0;
  }
  return missing;
}

}  // namespace holdfast
