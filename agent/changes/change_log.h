#pragma once
// The changed blocks of a cluster on disk: a directory of intervals, each the map of every record that begins in it.
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/changes/change_interval.h"
#include "agent/changes/wal_cover.h"
#include "shared/base/mutex.h"
#include "shared/os/file_system.h"

namespace holdfast {

// Safe from many threads; union_of() does not hold up append() as a rule. One object a directory.
class ChangeLog {
 public:
  struct Limits {
    // More than this, and neighbouring intervals become one (exact about what changed, less so about when); where that
    // is not enough, the oldest are dropped. A single interval that is too large is dropped as well.
    std::size_t files = 256;
    std::uint64_t bytes = 256U << 20U;
    ChangeMap::Limits map{};  // of one map in memory; append() and union_of() hold up to two
  };

  // Makes the directory when it is not there. Removes what a crash left, and intervals of another cluster: they would
  // tell of other files under the same names. Damaged files stay and are named when they are needed. `files` outlives
  // the log.
  static Result<std::unique_ptr<ChangeLog>> open(FileSystem& files, std::string directory, SystemId system,
                                                 Limits limits);
  static Result<std::unique_ptr<ChangeLog>> open(FileSystem& files, std::string directory, SystemId system) {
    return open(files, std::move(directory), system, Limits{});
  }

  // `map` has every record that begins in [from, to), and bytes that were not read are in no interval. Durable when it
  // returns. Intervals within it are replaced by it; others may overlap. A doubt at or past `to` makes the interval
  // reach over it; without doubts an empty interval is fine and leaves nothing. Code::invalid when `to` < `from`.
  // An error may come when the interval is durable already and only the limits could not be kept.
  Result<> append(Timeline timeline, Lsn from, Lsn to, const ChangeMap& map);

  // At least what changed by the records that begin between the two places along the history; without doubts.
  // Code::not_found: there is a gap or a doubt on the way. Code::corrupt: a file (named) is damaged. Code::invalid:
  // `to` is before `from`. Each message is fit to be the reason for a full backup instead.
  Result<ChangeMap> union_of(const TimelineHistory& history, const WalPlace& from, const WalPlace& to) const;
  // What union_of() would say of gaps; it looks into no file.
  Result<> covered(const TimelineHistory& history, const WalPlace& from, const WalPlace& to) const;

  // No backup will ask for changes from before this place any more. Forgets the intervals that end at or before it, of
  // this timeline and older ones.
  Result<> prune_before(const WalPlace& place);

  // Where the newest interval of the timeline ends: where to go on reading.
  std::optional<Lsn> end_of(Timeline timeline) const;
  std::vector<ChangeInterval> intervals() const;  // sorted
  std::uint64_t bytes() const;

 private:
  struct FileState {
    std::uint64_t bytes = 0;
    bool damaged = false;
  };
  using Index = std::map<ChangeInterval, FileState>;

  ChangeLog(FileSystem& files, std::string directory, SystemId system, Limits limits)
      : files_(files), directory_(std::move(directory)), system_(system), limits_(limits) {}

  std::string path_of(const ChangeInterval& interval) const;
  Result<ChangeMap> read(const ChangeInterval& interval) const;
  Result<ChangeMap> read_all(const std::vector<CoveredStretch>& way) const;

  // Below: only with writing_ held, or in open().
  Result<> load();
  Result<> load_file(const ChangeInterval& interval);
  Result<> write(const ChangeInterval& interval, const ChangeMap& map);
  Result<> forget(const ChangeInterval& interval);
  Result<> forget_contained();
  Result<> keep_limits();
  bool over_limits() const;
  std::optional<std::pair<ChangeInterval, ChangeInterval>> pair_to_join() const;
  Result<> join(const ChangeInterval& earlier, const ChangeInterval& later);
  // nullopt: it is damaged, and that is noted.
  Result<std::optional<ChangeMap>> read_or_note_damage(const ChangeInterval& interval);

  FileSystem& files_;
  const std::string directory_;
  const SystemId system_;
  const Limits limits_;
  mutable std::mutex writing_;  // one change of the directory at a time
  Guarded<Index> index_;
};

}  // namespace holdfast
