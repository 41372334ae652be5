#include "agent/incremental/incremental_memory.h"

namespace holdfast {

IncrementalMemory::IncrementalMemory(FileSystem& files, Clock& clock, Logger log, std::string directory)
    : files_(files),
      clock_(clock),
      log_(std::move(log)),
      directory_(std::move(directory)),
      parents_(files, directory_ + "/parents"),
      attempts_(files, directory_ + "/attempts"),
      trust_(files, directory_ + "/distrusted") {}

std::shared_ptr<ChangeTracker> IncrementalMemory::tracker(DatabaseId database) {
  return trackers_.with([&](auto& trackers) {
    auto& tracker = trackers[database];
    if (!tracker) {
      ChangeTracker::Settings settings;
      settings.directory = directory_ + "/changes/" + database.text();
      tracker = std::make_shared<ChangeTracker>(settings, files_, clock_, log_.with({{"database", database}}));
    }
    return tracker;
  });
}

}  // namespace holdfast
