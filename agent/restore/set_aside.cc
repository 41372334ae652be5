#include "agent/restore/set_aside.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "agent/restore/owned_files.h"
#include "shared/os/posix_file_system.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

bool is_there(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

// Never replaces what is there: rename(2) would silently take an empty directory's place.
Result<> move_durably(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0) {
    const int number = errno;
    Error error = error_from_errno(number, fmt::format("rename \"{}\" to \"{}\"", from, to));
    if (number == EBUSY || number == EXDEV) {
      error.code = Code::conflict;
      error.hint = "a mount point cannot be set aside: restore to another directory";
    } else if (number == EEXIST || number == ENOTEMPTY) {
      error.code = Code::conflict;
      error.hint = "an earlier restore left it: finalize that one or move it away";
    }
    return std::unexpected(std::move(error));
  }
  PosixFileSystem files;
  return files.sync_directory(parent_of(to));
}

// Directories of one server version in the tablespaces that `data_directory` links to.
std::vector<std::string> tablespace_directories(const std::string& data_directory, const std::string& version_prefix) {
  std::vector<std::string> out;
  std::error_code ignored;
  for (const auto& link : fs::directory_iterator(data_directory + "/pg_tblspc", ignored)) {
    const fs::path location = fs::read_symlink(link.path(), ignored);
    if (ignored) continue;
    for (const auto& entry : fs::directory_iterator(location, ignored)) {
      if (entry.path().filename().string().starts_with(version_prefix)) out.push_back(entry.path().string());
    }
  }
  std::ranges::sort(out);
  return out;
}

std::string version_prefix_of(const std::string& data_directory) {
  PosixFileSystem files;
  const auto content = files.read(data_directory + "/PG_VERSION");
  std::string major = content ? std::string(as_text(*content)) : "";
  while (!major.empty() && (major.back() == '\n' || major.back() == ' ')) major.pop_back();
  return major.empty() ? "" : "PG_" + major + "_";
}

}  // namespace

std::string aside_name(const std::string& path, RestoreId restore) {
  return fmt::format("{}.holdfast-before-{}", path, restore.text());
}

std::vector<AsideEntry> data_directory_entries(const std::string& directory, RestoreId restore) {
  const std::string aside = aside_name(directory, restore);
  std::vector<AsideEntry> entries{{directory, aside}};
  // Before and after: whichever of the two is the old directory says where its tablespaces are.
  const std::string old = is_there(aside) ? aside : directory;
  const std::string prefix = version_prefix_of(old);
  if (prefix.empty()) return entries;
  const std::string mark = aside_name("", restore);
  for (std::string path : tablespace_directories(old, prefix)) {
    if (path.ends_with(mark)) path.resize(path.size() - mark.size());
    if (path.find(".holdfast-before-") != std::string::npos) continue;  // another restore's
    AsideEntry entry{path, aside_name(path, restore)};
    if (std::ranges::find(entries, entry) == entries.end()) entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<AsideEntry> sqlite_entries(const std::string& file, RestoreId restore) {
  std::vector<AsideEntry> entries;
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    entries.push_back({file + suffix, aside_name(file, restore) + suffix});
  }
  return entries;
}

Result<> set_aside(const std::vector<AsideEntry>& entries) {
  std::vector<AsideEntry> done;
  // Tablespaces first: the data directory's name is what says that all of it was set aside.
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (!is_there(entry->original)) continue;
    auto moved = move_durably(entry->original, entry->aside);
    if (!moved) {
      for (const AsideEntry& back : done) TRY_DURING("undo", move_durably(back.aside, back.original));
      return moved;
    }
    done.push_back(*entry);
  }
  return {};
}

Result<> put_back(const std::vector<AsideEntry>& entries) {
  // A file that was not there before, such as a -wal that the new database got, would be taken for the old one's.
  const bool any = has_aside(entries);
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (is_there(entry->aside)) {
      TRY(remove_tree(entry->original));
      TRY(move_durably(entry->aside, entry->original));
    } else if (any && entry->original.size() > 4 && entries.front().original != entry->original &&
               (entry->original.ends_with("-wal") || entry->original.ends_with("-shm") ||
                entry->original.ends_with("-journal"))) {
      TRY(remove_tree(entry->original));
    }
  }
  return {};
}

Result<> discard_aside(const std::vector<AsideEntry>& entries) {
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) TRY(remove_tree(entry->aside));
  return {};
}

bool has_aside(const std::vector<AsideEntry>& entries) {
  return std::ranges::any_of(entries, [](const AsideEntry& entry) { return is_there(entry.aside); });
}

}  // namespace holdfast
