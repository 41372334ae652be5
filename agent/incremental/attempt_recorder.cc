#include "agent/incremental/attempt_recorder.h"

namespace holdfast {

void AttemptRecorder::frame_stored(std::uint32_t frame, std::vector<CopiedStretch> stretches) {
  const std::lock_guard lock(mutex_);
  waiting_[frame] = std::move(stretches);
}

AttemptPack AttemptRecorder::describe(const StoredPack& stored) {
  AttemptPack pack;
  pack.traits = traits_;
  pack.start = start_;
  pack.stored_at = parts_.clock.now();
  pack.pack = stored.pack;
  pack.object = stored.object;
  std::map<std::size_t, std::uint32_t> files;  // by entry
  const std::lock_guard lock(mutex_);
  for (const auto& [number, frame] : stored.frames) {
    const auto index = static_cast<std::uint32_t>(pack.frames.size());
    pack.frames.push_back(frame);
    pack.frames.back().pack = 0;
    const auto waiting = waiting_.find(number);
    if (waiting == waiting_.end()) continue;
    for (CopiedStretch& from : waiting->second) {
      const auto [file, is_new] = files.try_emplace(from.entry, static_cast<std::uint32_t>(pack.files.size()));
      if (is_new) pack.files.push_back({entries_[from.entry].path, entries_[from.entry].size});
      AttemptStretch stretch{file->second, from.offset, from.length, std::move(from.extents)};
      for (Extent& extent : stretch.extents) extent.frame = index;
      pack.stretches.push_back(std::move(stretch));
    }
    waiting_.erase(waiting);
  }
  return pack;
}

void AttemptRecorder::pack_stored(const StoredPack& stored) {
  if (auto saved = parts_.cache.save(database_, describe(stored)); !saved) {
    parts_.log.warning("cut off now, this backup would begin anew", {{"error", saved.error().text()}});
  }
}

}  // namespace holdfast
