#include "agent/restore/restore_places.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "shared/base/unique_handle.h"

namespace holdfast {
namespace {

std::unexpected<Error> os_error(std::string_view what, const std::string& path) {
  return std::unexpected(error_from_errno(errno, fmt::format("{} \"{}\"", what, path)));
}

}  // namespace

RestorePlaces::RestorePlaces(const Manifest& manifest, std::string directory,
                             const std::vector<Tablespace>& tablespaces)
    : root_(std::move(directory)) {
  for (const auto& tablespace : tablespaces) {
    moved_.emplace(fmt::format("pg_tblspc/{}", tablespace.oid), tablespace.location);
  }
  for (const auto& tablespace : manifest.tablespaces) {
    if (!moved_.contains(fmt::format("pg_tblspc/{}", tablespace.oid))) missing_.push_back(tablespace);
  }
}

Result<> RestorePlaces::check() const {
  if (missing_.empty()) return {};
  return fail(Code::invalid, fmt::format("no place was given for the tablespace {} of \"{}\"", missing_.front().oid,
                                         missing_.front().location));
}

std::string RestorePlaces::link_target(const ManifestFile& file) const {
  const auto moved = moved_.find(file.path);
  return moved == moved_.end() ? file.link_target : moved->second;
}

std::string RestorePlaces::of(const ManifestFile& file) const {
  if (file.path == ".") return root_;
  if (const auto renamed = renamed_.find(file.path); renamed != renamed_.end()) return root_ + "/" + renamed->second;
  for (const auto& [prefix, location] : moved_) {
    if (file.path.starts_with(prefix) && file.path.size() > prefix.size() && file.path[prefix.size()] == '/') {
      return location + file.path.substr(prefix.size());
    }
  }
  return root_ + "/" + file.path;
}

std::vector<std::string> RestorePlaces::roots() const {
  std::vector<std::string> out{root_};
  for (const auto& [prefix, location] : moved_) out.push_back(location);
  return out;
}

std::vector<std::vector<FramePlacement>> placements_by_frame(const Manifest& manifest) {
  std::vector<std::vector<FramePlacement>> out(manifest.frames.size());
  for (std::uint32_t file = 0; file < manifest.files.size(); ++file) {
    const auto& extents = manifest.files[file].extents;
    for (std::uint32_t extent = 0; extent < extents.size(); ++extent) {
      out[extents[extent].frame].push_back({file, extent});
    }
  }
  return out;
}

std::uint64_t extent_bytes(const Manifest& manifest, const ManifestFile& file, const Extent& extent) {
  const std::uint64_t from = extent.first_page * manifest.page_size;
  return std::min<std::uint64_t>(std::uint64_t(extent.pages) * manifest.page_size, file.size - from);
}

Result<> finish_entries(const Manifest& manifest, const RestorePlaces& places, const OsUser& owner) {
  const ActingAs acting = TRY(ActingAs::user(owner));
  for (auto file = manifest.files.rbegin(); file != manifest.files.rend(); ++file) {
    const std::string path = places.of(*file);
    if (file->kind != EntryKind::link && ::chmod(path.c_str(), file->mode & 07777U) != 0)
      return os_error("chmod", path);
    if (file->modified.is_never()) continue;
    timespec when{};
    when.tv_sec = file->modified.micros() / 1'000'000;
    when.tv_nsec = file->modified.micros() % 1'000'000 * 1000;
    const timespec times[2] = {when, when};
    if (::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) return os_error("set time of", path);
  }
  return {};
}

Result<> sync_file_systems(const std::vector<std::string>& directories) {
  std::set<dev_t> done;
  for (const auto& directory : directories) {
    const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return os_error("open", directory);
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return os_error("stat", directory);
    if (!done.insert(info.st_dev).second) continue;
    if (::syncfs(fd.get()) != 0) return os_error("sync the file system of", directory);
  }
  return {};
}

}  // namespace holdfast
