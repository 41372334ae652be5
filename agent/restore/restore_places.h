#pragma once
// Where on this host each entry of a manifest goes, and which of a frame's bytes go where.
#include <map>
#include <string>
#include <vector>

#include "shared/os/process.h"
#include "shared/repository/manifest.h"

namespace holdfast {

// Paths of the manifest as paths of this host. Content of a tablespace goes straight to its place, not through the
// link.
class RestorePlaces {
 public:
  // `tablespaces`: where each of the manifest's goes, by oid.
  RestorePlaces(const Manifest& manifest, std::string directory, const std::vector<Tablespace>& tablespaces);

  // Code::invalid: a tablespace of the manifest has no place.
  Result<> check() const;
  // This entry of the manifest lies under another name, as long as the restore lasts. Both relative to the directory.
  void rename(std::string path, std::string to) { renamed_.insert_or_assign(std::move(path), std::move(to)); }
  // Where a link of the manifest leads here: a tablespace's may have moved.
  std::string link_target(const ManifestFile& file) const;
  std::string of(const ManifestFile& file) const;
  // The directory and every tablespace's.
  std::vector<std::string> roots() const;
  const std::string& directory() const { return root_; }
  // "pg_tblspc/<oid>" and its place.
  const std::map<std::string, std::string>& tablespaces() const { return moved_; }

 private:
  std::string root_;
  std::map<std::string, std::string> moved_;
  std::map<std::string, std::string, std::less<>> renamed_;
  std::vector<Tablespace> missing_;
};

// One piece of a frame's plain text that goes somewhere.
struct FramePlacement {
  std::uint32_t file = 0;    // index into Manifest::files
  std::uint32_t extent = 0;  // index into its extents
};

// By frame, so that each is fetched, opened and decompressed once, however many files it feeds.
std::vector<std::vector<FramePlacement>> placements_by_frame(const Manifest& manifest);
// Bytes of an extent: its pages, the last one of the file as short as the file ends.
std::uint64_t extent_bytes(const Manifest& manifest, const ManifestFile& file, const Extent& extent);

// Modes and times, deepest first, so that a directory's time is not touched again by what is in it. As `owner`.
Result<> finish_entries(const Manifest& manifest, const RestorePlaces& places, const OsUser& owner);
// One syncfs for each file system instead of an fsync for each of many thousand files: the kernel (5.8 and newer)
// reports failed writes through it all the same.
Result<> sync_file_systems(const std::vector<std::string>& directories);

}  // namespace holdfast
