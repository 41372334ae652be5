#include "agent/restore/leftovers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <unordered_map>

#include "agent/restore/owned_files.h"
#include "agent/restore/set_aside.h"
#include "shared/os/posix_file_system.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> os_error(std::string_view what, const std::string& path) {
  return std::unexpected(error_from_errno(errno, fmt::format("{} \"{}\"", what, path)));
}

bool is_there(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

// A tree of the manifest that lies below one directory of this host.
struct Root {
  std::string path;    // in the manifest; "" for the data directory itself
  std::string local;   // where it lies
  std::string leaves;  // where what is not of the backup goes
};

std::vector<Root> roots_of(const Manifest& manifest, const RestorePlaces& places, RestoreId restore) {
  std::vector<Root> roots{{"", places.directory(), leftovers_name(places.directory(), restore)}};
  for (const ManifestFile& file : manifest.files) {
    if (file.kind != EntryKind::directory || !file.path.starts_with("pg_tblspc/")) continue;
    if (std::ranges::count(file.path, '/') != 2) continue;
    if (!places.tablespaces().contains(file.path.substr(0, file.path.rfind('/')))) continue;
    const std::string local = places.of(file);
    roots.push_back({file.path, local, leftovers_name(local, restore)});
  }
  return roots;
}

class SortOut {
 public:
  SortOut(const Manifest& manifest, const RestorePlaces& places, const ExistingDirectoryOptions& options)
      : manifest_(manifest), places_(places), options_(options) {
    for (std::uint32_t i = 0; i < manifest.files.size(); ++i) {
      by_place_.emplace(places.of(manifest.files[i]), i);
    }
    for (const auto& name : options.left_alone) left_alone_.push_back(places.directory() + "/" + name);
    found_.kept.resize(manifest.files.size());
  }

  Result<ExistingEntries> run() {
    const auto roots = roots_of(manifest_, places_, options_.restore);
    for (const Root& root : roots) {
      if (!is_there(root.local)) continue;
      TRY(make_owned_directory(root.leaves, options_.owner, 0700));
      TRY(take_root(root));
      ::rmdir(root.leaves.c_str());  // stays when something is in it
    }
    return std::move(found_);
  }

 private:
  Result<> take_root(const Root& root) {
    const ActingAs acting = TRY(ActingAs::user(options_.owner));
    const auto known = by_place_.find(root.local);
    if (known != by_place_.end()) {
      if (!TRY(fits(manifest_.files[known->second], root.local))) {
        return fail(Code::conflict, fmt::format("\"{}\" is not a directory of {}'s", root.local, options_.owner.name),
                    "restore without overwriting, or to another directory");
      }
      found_.kept[known->second] = true;
    }
    return look_into(root, "");
  }

  // `below` begins with a slash or is empty.
  Result<> look_into(const Root& root, const std::string& below) {
    const std::string directory = root.local + below;
    if (::access(directory.c_str(), R_OK | W_OK | X_OK) != 0 && ::chmod(directory.c_str(), 0700) != 0) {
      return os_error("chmod", directory);
    }
    PosixFileSystem files;
    const auto entries = TRY(files.list(directory));
    for (const auto& entry : entries) {
      const std::string path = fmt::format("{}/{}", directory, entry.name);
      if (std::ranges::find(left_alone_, path) != left_alone_.end()) continue;
      const auto known = by_place_.find(path);
      if (known == by_place_.end() || !TRY(fits(manifest_.files[known->second], path))) {
        TRY(move_away(root, fmt::format("{}/{}", below, entry.name)));
        continue;
      }
      found_.kept[known->second] = true;
      if (manifest_.files[known->second].kind == EntryKind::directory) {
        TRY(look_into(root, fmt::format("{}/{}", below, entry.name)));
      }
    }
    return {};
  }

  Result<bool> fits(const ManifestFile& file, const std::string& path) const {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return os_error("stat", path);
    if (info.st_uid != options_.owner.uid) return false;
    switch (file.kind) {
      case EntryKind::directory:
        return S_ISDIR(info.st_mode);
      case EntryKind::file:
        return S_ISREG(info.st_mode) && info.st_nlink == 1;
      case EntryKind::link: {
        if (!S_ISLNK(info.st_mode)) return false;
        std::error_code problem;
        const fs::path leads_to = fs::read_symlink(path, problem);
        if (problem) return std::unexpected(error_from_errno(problem.value(), fmt::format("read link \"{}\"", path)));
        return leads_to == places_.link_target(file);
      }
    }
    return false;
  }

  Result<> move_away(const Root& root, const std::string& below) {
    const std::string from = root.local + below;
    const std::string to = root.leaves + below;
    std::error_code problem;
    fs::create_directories(fs::path(to).parent_path(), problem);
    if (problem) return std::unexpected(error_from_errno(problem.value(), fmt::format("make room for \"{}\"", to)));
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0) {
      const int number = errno;
      Error error = error_from_errno(number, fmt::format("move \"{}\" to \"{}\"", from, to));
      if (number == EBUSY || number == EXDEV) {
        error.code = Code::conflict;
        error.hint = "a mount point cannot be moved: unmount it, or restore to another directory";
      }
      return std::unexpected(std::move(error));
    }
    ++found_.moved;
    return {};
  }

  const Manifest& manifest_;
  const RestorePlaces& places_;
  const ExistingDirectoryOptions& options_;
  std::unordered_map<std::string, std::uint32_t> by_place_;
  std::vector<std::string> left_alone_;
  ExistingEntries found_;
};

}  // namespace

std::string leftovers_name(const std::string& path, RestoreId restore) {
  return aside_name(path, restore) + ".leftovers";
}

std::vector<std::string> leftovers_of(const std::string& data_directory, RestoreId restore) {
  std::vector<std::string> out;
  for (const AsideEntry& entry : data_directory_entries(data_directory, restore)) {
    std::string name = leftovers_name(entry.original, restore);
    if (is_there(name)) out.push_back(std::move(name));
  }
  return out;
}

Result<ExistingEntries> sort_out_existing(const Manifest& manifest, const RestorePlaces& places,
                                          const ExistingDirectoryOptions& options) {
  return SortOut(manifest, places, options).run();
}

}  // namespace holdfast
