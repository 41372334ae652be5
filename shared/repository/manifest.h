#pragma once
// What one backup holds: every file, and where each page of it lies. Complete in every backup, so restoring never walks
// a chain. Encrypted in the store; the byte layout is in FORMAT.md.
#include <cstdint>
#include <string>
#include <vector>

#include "shared/base/ids.h"
#include "shared/base/time.h"
#include "shared/repository/frame.h"

namespace holdfast {

enum class EntryKind : std::uint8_t { file = 0, directory = 1, link = 2 };

// `pages` consecutive pages of a file from `first_page` on, found in frame `frame` (an index into Manifest::frames)
// from byte `offset` of its plain text on. The last page of a file may be short. Pages no extent names are zero.
struct Extent {
  std::uint64_t first_page = 0;
  std::uint32_t pages = 0;
  std::uint32_t frame = 0;
  std::uint32_t offset = 0;
  friend bool operator==(const Extent&, const Extent&) = default;
};

struct ManifestFile {
  std::string path;  // relative to the database directory; a SQLite file's own name
  EntryKind kind = EntryKind::file;
  std::uint32_t mode = 0;
  std::string owner;  // names, not numbers: restores go to other hosts
  std::string group;
  std::uint64_t size = 0;
  Timestamp modified;
  std::string link_target;      // kind link
  std::vector<Extent> extents;  // ordered by first_page, not overlapping
  friend bool operator==(const ManifestFile&, const ManifestFile&) = default;
};

// Which object a frame was first written to. Packs of earlier backups may appear (incrementals).
struct PackRef {
  BackupId backup;
  std::uint32_t number = 0;
  EpochId epoch;
  friend bool operator==(const PackRef&, const PackRef&) = default;
};

struct FrameRef {
  std::uint32_t pack = 0;    // index into Manifest::packs
  std::uint32_t number = 0;  // in that pack
  std::uint64_t offset = 0;  // in that pack object
  std::uint32_t stored_size = 0;
  std::uint32_t plain_size = 0;
  FrameEnd end = FrameEnd::more;
  XxHash128 hash;  // of the plain bytes
  friend bool operator==(const FrameRef&, const FrameRef&) = default;
};

struct Tablespace {
  std::uint32_t oid = 0;
  std::string location;  // absolute path on the source
  friend bool operator==(const Tablespace&, const Tablespace&) = default;
};

struct Manifest {
  DatabaseId database;
  BackupId backup;
  std::uint32_t page_size = 8192;
  std::vector<PackRef> packs;
  std::vector<FrameRef> frames;
  std::vector<ManifestFile> files;  // ordered by path; a directory before what is in it
  Bytes backup_label;               // PostgreSQL: byte for byte
  Bytes tablespace_map;
  std::vector<Tablespace> tablespaces;
  friend bool operator==(const Manifest&, const Manifest&) = default;
};

// Code::invalid: what decode_manifest() would refuse to give back.
Result<> check_manifest(const Manifest& manifest);
// Of a manifest that passes check_manifest().
Bytes encode_manifest(const Manifest& manifest);  // plain bytes, before compression and encryption
// Strict: every index in range, order as promised, nothing trailing. Code::corrupt.
Result<Manifest> decode_manifest(ByteView bytes);

}  // namespace holdfast
