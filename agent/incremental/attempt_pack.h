#pragma once
// What the agent remembers of each pack of a full backup that is not complete yet: enough to go on from it when the
// backup is cut off. In the store nothing tells which pages of which files a pack holds before the manifest is there.
#include <cstdint>
#include <string>
#include <vector>

#include "agent/changes/incremental_check.h"
#include "shared/base/time.h"
#include "shared/repository/manifest.h"
#include "shared/repository/record.h"

namespace holdfast {

// A file as it was when its cluster's files were listed.
struct AttemptFile {
  std::string path;
  std::uint64_t size = 0;
  friend bool operator==(const AttemptFile&, const AttemptFile&) = default;
};

// Everything that lay in [offset, offset + length) of a file: in the extents, and zeros elsewhere.
struct AttemptStretch {
  std::uint32_t file = 0;  // index into AttemptPack::files
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::vector<Extent> extents;  // Extent::frame: index into AttemptPack::frames
  friend bool operator==(const AttemptStretch&, const AttemptStretch&) = default;
};

// One pack that is in the stores.
struct AttemptPack {
  ClusterTraits traits;
  WalPlace start;  // of the backup it was read for: its pages are no older
  Timestamp stored_at;
  PackRef pack;
  StoredObject object;
  std::vector<FrameRef> frames;  // FrameRef::pack is 0
  std::vector<AttemptFile> files;
  std::vector<AttemptStretch> stretches;
};

Bytes encode_attempt_pack(const AttemptPack& pack);
// Code::corrupt, Code::unsupported (of another version).
Result<AttemptPack> decode_attempt_pack(ByteView bytes);

}  // namespace holdfast
