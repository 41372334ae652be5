#include "agent/discovery/sqlite_files.h"

#include <dirent.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <set>

#include "shared/base/unique_handle.h"

namespace holdfast {
namespace {

bool holds_no_files(const std::string& directory) {
  constexpr std::array<unsigned long, 14> kinds{
      PROC_SUPER_MAGIC, SYSFS_MAGIC,      CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC,
      TRACEFS_MAGIC,    SECURITYFS_MAGIC, BPF_FS_MAGIC,       DEVPTS_SUPER_MAGIC,  NSFS_MAGIC,
      BINFMTFS_MAGIC,   PSTOREFS_MAGIC,   EFIVARFS_MAGIC,     SELINUX_MAGIC};
  struct statfs info {};
  if (::statfs(directory.c_str(), &info) != 0) return false;
  return std::ranges::find(kinds, static_cast<unsigned long>(info.f_type)) != kinds.end();
}

bool belongs_to_a_database(std::string_view name) {
  return name.ends_with("-journal") || name.ends_with("-wal") || name.ends_with("-shm") || name.ends_with("-wal2") ||
         name.find(".holdfast-") != std::string_view::npos;
}

class Search {
 public:
  Search(const SqliteSearch& search, OpenSqliteFiles& open_files) : search_(search), open_files_(open_files) {}

  void root(const std::string& given) {
    // Only here is a link followed: the operator named it.
    const UniqueHandle<char, std::free> real(::realpath(given.c_str(), nullptr));
    if (!real) {
      out_.problems.push_back(error_from_errno(errno, fmt::format("look into \"{}\"", given)));
      return;
    }
    const std::string path(real.get());
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) {
      out_.problems.push_back(error_from_errno(errno, fmt::format("look into \"{}\"", path)));
    } else if (S_ISDIR(info.st_mode)) {
      directory(path, info.st_dev, 0);
    } else if (S_ISREG(info.st_mode)) {
      file(path);
    }
  }

  SqliteSearchResult finish() {
    std::ranges::sort(out_.databases, {}, &FoundSqlite::path);
    std::set<FileIdentity> seen;
    std::erase_if(out_.databases, [&seen](const FoundSqlite& found) { return !seen.insert(found.identity).second; });
    return std::move(out_);
  }

 private:
  void directory(const std::string& path, dev_t parent_device, int depth) {
    if (is_excluded(path, search_.excluded)) return;
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return;  // gone in the meantime
    if ((depth == 0 || info.st_dev != parent_device) && holds_no_files(path)) return;
    // Roots may lie in each other, and a bind mount can make a loop.
    if (!entered_.insert({info.st_dev, info.st_ino}).second) return;
    const UniqueHandle<DIR, closedir> listing(::opendir(path.c_str()));
    if (!listing) {
      if (errno != ENOENT) out_.problems.push_back(error_from_errno(errno, fmt::format("list \"{}\"", path)));
      return;
    }
    while (const dirent* entry = ::readdir(listing.get())) {
      const std::string_view name(entry->d_name);
      if (name == "." || name == "..") continue;
      if (++looked_at_ > search_.max_entries) {
        out_.complete = false;
        return;
      }
      visit((path == "/" ? path : path + "/") + std::string(name), info.st_dev, depth);
    }
  }

  void visit(const std::string& path, dev_t device, int depth) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return;
    if (S_ISREG(info.st_mode)) return file(path);
    if (!S_ISDIR(info.st_mode) || path.find("/.holdfast-") != std::string::npos) return;
    if (path.find(".holdfast-before-") != std::string::npos) return;
    if (depth >= search_.max_depth) {
      out_.complete = false;
      return;
    }
    directory(path, device, depth + 1);
  }

  void file(const std::string& path) {
    if (is_excluded(path, search_.excluded) || belongs_to_a_database(path.substr(path.rfind('/') + 1))) return;
    auto looked = open_files_.peek(path);
    if (!looked) {
      if (looked.error().code != Code::not_found) out_.problems.push_back(std::move(looked).error());
      return;
    }
    if (looked->header) out_.databases.push_back({path, looked->identity, looked->size, *looked->header});
  }

  const SqliteSearch& search_;
  OpenSqliteFiles& open_files_;
  SqliteSearchResult out_;
  std::set<std::pair<dev_t, ino_t>> entered_;
  std::uint64_t looked_at_ = 0;
};

}  // namespace

bool is_excluded(const std::string& path, const std::vector<std::string>& excluded) {
  return std::ranges::any_of(excluded, [&path](std::string pattern) {
    while (pattern.size() > 1 && pattern.ends_with('/')) pattern.pop_back();
    if (pattern == "/" || path == pattern || path.starts_with(pattern + "/")) return true;
    return ::fnmatch(pattern.c_str(), path.c_str(), 0) == 0;
  });
}

SqliteSearchResult find_sqlite_files(const SqliteSearch& search, OpenSqliteFiles& open_files) {
  Search run(search, open_files);
  for (const auto& root : search.roots) run.root(root);
  return run.finish();
}

}  // namespace holdfast
