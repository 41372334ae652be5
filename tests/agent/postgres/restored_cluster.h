#pragma once
// A backup's manifest back into files, the plain way: only what tests of the backup side need.
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "shared/repository/backup_reader.h"
#include "tests/harness/postgres_cluster.h"

namespace holdfast {

inline Bytes content_of(const BackupReader& reader, const ManifestFile& file) {
  FrameDecoder decoder;
  Bytes content(file.size, 0);
  for (const auto& extent : file.extents) {
    const Bytes frame = reader.read_frame(extent.frame, decoder).value();
    const std::uint64_t at = extent.first_page * reader.manifest().page_size;
    const std::uint64_t wanted = std::uint64_t{extent.pages} * reader.manifest().page_size;
    const std::uint64_t length = std::min(wanted, file.size - at);
    EXPECT_LE(extent.offset + length, frame.size()) << file.path;
    std::copy_n(frame.begin() + extent.offset, length, content.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return content;
}

// `tablespaces`: where each of them goes. WAL is the caller's.
inline void write_restored(const BackupReader& reader, const std::string& directory, const OsUser& owner,
                           const std::map<std::uint32_t, std::string>& tablespaces) {
  namespace files = std::filesystem;
  const auto put = [&](const std::string& path, ByteView content) {
    std::ofstream(path, std::ios::binary) << as_text(content);
    ASSERT_EQ(::chown(path.c_str(), owner.uid, owner.gid), 0);
    files::permissions(path, files::perms::owner_read | files::perms::owner_write);
  };
  const auto make = [&](const std::string& path) {
    files::create_directory(path);
    ASSERT_EQ(::chown(path.c_str(), owner.uid, owner.gid), 0);
    files::permissions(path, files::perms::owner_all);
  };
  make(directory);
  for (const auto& file : reader.manifest().files) {
    const std::string path = directory + "/" + file.path;
    if (file.kind == EntryKind::directory) make(path);
    if (file.kind == EntryKind::file) put(path, content_of(reader, file));
    if (file.kind == EntryKind::link) {
      const auto oid = static_cast<std::uint32_t>(std::stoul(files::path(file.path).filename().string()));
      files::create_directory_symlink(tablespaces.at(oid), path);
    }
  }
  put(directory + "/backup_label", reader.manifest().backup_label);
  std::string map;
  for (const auto& [oid, place] : tablespaces) map += std::to_string(oid) + " " + place + "\n";
  if (!map.empty()) put(directory + "/tablespace_map", as_bytes(map));
}

}  // namespace holdfast
