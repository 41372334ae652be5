#include "agent/changes/change_log.h"

#include <algorithm>
#include <limits>

namespace holdfast {
namespace {

constexpr std::string_view temporary_prefix = ".holdfast-tmp-";  // what FileSystem's writes leave in a crash
constexpr std::uint32_t file_mode = 0600;
constexpr std::uint32_t directory_mode = 0700;

// The doubts of a map brought into the interval, so that whoever asks for their place meets this interval; it grows
// over those at its end. A doubt costs bytes, so one that seems misplaced is moved, not refused.
void take_in_doubts(ChangeInterval& interval, ChangeMap& map) {
  const std::vector<Doubt> doubts = map.doubts();
  map.forget_doubts();
  constexpr Lsn highest{std::numeric_limits<std::uint64_t>::max() - 1};
  for (Doubt doubt : doubts) {
    doubt.first = std::clamp(doubt.first, interval.from, interval.to);
    doubt.last = std::clamp(doubt.last, doubt.first, std::max(highest, doubt.first));
    interval.to = std::max(interval.to, doubt.last + 1);
    map.doubted(std::move(doubt));
  }
}

std::vector<ChangeInterval> keys_of(const auto& index) {
  std::vector<ChangeInterval> out;
  for (const auto& entry : index) out.push_back(entry.first);
  return out;
}

}  // namespace

Result<std::unique_ptr<ChangeLog>> ChangeLog::open(FileSystem& files, std::string directory, SystemId system,
                                                   Limits limits) {
  TRY(files.make_directories(directory, directory_mode));
  std::unique_ptr<ChangeLog> log(new ChangeLog(files, std::move(directory), system, limits));
  TRY_DURING("open the log of changed blocks", log->load());
  return log;
}

Result<> ChangeLog::load() {
  const auto entries = TRY(files_.list(directory_));
  for (const DirectoryEntry& entry : entries) {
    if (entry.kind != FileKind::file) continue;
    if (entry.name.starts_with(temporary_prefix)) {
      TRY(files_.remove(directory_ + "/" + entry.name));
    } else if (const auto interval = parse_interval_name(entry.name)) {
      TRY(load_file(*interval));
    }
  }
  TRY(forget_contained());
  return keep_limits();
}

Result<> ChangeLog::load_file(const ChangeInterval& interval) {
  const std::string path = path_of(interval);
  const auto info = TRY(files_.stat(path));
  if (!info) return {};
  const Bytes header = TRY(files_.read_range(path, 0, interval_header_size));
  const auto system = interval_system(header);
  if (system && *system != system_) return files_.remove(path);
  index_.with([&](Index& index) { index[interval] = {info->size, !system}; });
  return {};
}

Result<> ChangeLog::append(Timeline timeline, Lsn from, Lsn to, const ChangeMap& map) {
  if (to < from || timeline.value() == 0) {
    return fail(Code::invalid,
                fmt::format("no interval of changes is from {} to {} on timeline {}", from, to, timeline));
  }
  if (from == to && map.doubts().empty()) return {};
  const std::lock_guard lock(writing_);
  ChangeInterval interval{timeline, from, to};
  if (map.doubts().empty()) {
    TRY(write(interval, map));
  } else {
    ChangeMap with_doubts = map;
    take_in_doubts(interval, with_doubts);
    TRY(write(interval, with_doubts));
  }
  TRY(forget_contained());
  return keep_limits();
}

Result<ChangeMap> ChangeLog::union_of(const TimelineHistory& history, const WalPlace& from, const WalPlace& to) const {
  // Files that were joined while they were read are found again under their new name; if that goes on, nobody writes.
  constexpr int attempts = 4;
  for (int attempt = 1;; ++attempt) {
    std::unique_lock lock(writing_, std::defer_lock);
    if (attempt == attempts) lock.lock();
    const std::vector<ChangeInterval> known = intervals();
    const std::vector<CoveredStretch> way = TRY(cover(known, history, from, to));
    Result<ChangeMap> changes = read_all(way);
    if (changes || lock.owns_lock() || known == intervals()) return changes;
  }
}

Result<> ChangeLog::covered(const TimelineHistory& history, const WalPlace& from, const WalPlace& to) const {
  TRY(cover(intervals(), history, from, to));
  return {};
}

Result<ChangeMap> ChangeLog::read_all(const std::vector<CoveredStretch>& way) const {
  ChangeMap all(limits_.map);
  std::optional<ChangeInterval> done;  // the last one of a stretch may be the first one of the next
  for (const CoveredStretch& covered : way) {
    for (const ChangeInterval& interval : covered.intervals) {
      const ChangeMap map = TRY(read(interval));
      for (const Doubt& doubt : map.doubts()) {
        if (doubt.first >= covered.stretch.to || doubt.last < covered.stretch.from) continue;
        return fail(Code::not_found, fmt::format("what changed at {} on timeline {} is in doubt: {}", doubt.first,
                                                 covered.stretch.timeline, doubt.reason));
      }
      if (done != interval) all.merge(map);
      done = interval;
    }
  }
  all.forget_doubts();  // they lie outside
  return all;
}

Result<ChangeMap> ChangeLog::read(const ChangeInterval& interval) const {
  const std::string path = path_of(interval);
  const auto content = files_.read(path);
  if (!content) {
    Error error = content.error();
    if (error.code == Code::not_found) error.code = Code::corrupt;  // it was there; not_found is for gaps
    return std::unexpected(std::move(error));
  }
  auto map = decode_interval(*content, system_, interval, limits_.map);
  if (!map) return std::unexpected(std::move(map).error().during(fmt::format("\"{}\"", path)));
  return map;
}

Result<> ChangeLog::prune_before(const WalPlace& place) {
  const std::lock_guard lock(writing_);
  for (const ChangeInterval& interval : intervals()) {
    if (interval.timeline <= place.timeline && interval.to <= place.lsn) TRY(forget(interval));
  }
  return {};
}

std::optional<Lsn> ChangeLog::end_of(Timeline timeline) const {
  std::optional<Lsn> end;
  for (const ChangeInterval& interval : intervals()) {
    if (interval.timeline == timeline) end = std::max(end.value_or(interval.to), interval.to);
  }
  return end;
}

std::vector<ChangeInterval> ChangeLog::intervals() const {
  return index_.with([](const Index& index) { return keys_of(index); });
}

std::uint64_t ChangeLog::bytes() const {
  return index_.with([](const Index& index) {
    std::uint64_t total = 0;
    for (const auto& entry : index) total += entry.second.bytes;
    return total;
  });
}

std::string ChangeLog::path_of(const ChangeInterval& interval) const {
  return directory_ + "/" + interval_name(interval);
}

Result<> ChangeLog::write(const ChangeInterval& interval, const ChangeMap& map) {
  const Bytes content = encode_interval(system_, interval, map);
  TRY(files_.replace_durably(path_of(interval), content, file_mode));
  index_.with([&](Index& index) { index[interval] = {content.size(), false}; });
  return {};
}

Result<> ChangeLog::forget(const ChangeInterval& interval) {
  index_.with([&](Index& index) { index.erase(interval); });
  return files_.remove(path_of(interval));
}

// A crash between writing a joined interval and removing its parts leaves them; reading a stretch again too.
Result<> ChangeLog::forget_contained() {
  const Index index = index_.with([](const Index& now) { return now; });
  for (const auto& [interval, state] : index) {
    const bool needless = std::ranges::any_of(index, [&inner = interval](const auto& other) {
      return other.first != inner && other.first.contains(inner) && !other.second.damaged;
    });
    if (needless) TRY(forget(interval));
  }
  return {};
}

Result<> ChangeLog::keep_limits() {
  while (over_limits()) {
    const auto pair = pair_to_join();
    if (pair) {
      TRY_DURING("join intervals of changed blocks", join(pair->first, pair->second));
    } else {
      TRY(forget(intervals().front()));
    }
  }
  return {};
}

bool ChangeLog::over_limits() const {
  return intervals().size() > limits_.files || bytes() > limits_.bytes;
}

// Of neighbours, the two that cost the least; to save bytes the oldest two, which are asked for the least. What would
// become too large stays apart, so that dropping the oldest does not drop almost everything.
std::optional<std::pair<ChangeInterval, ChangeInterval>> ChangeLog::pair_to_join() const {
  const bool save_bytes = bytes() > limits_.bytes;
  return index_.with([&](const Index& index) {
    std::optional<std::pair<ChangeInterval, ChangeInterval>> best;
    std::uint64_t least = limits_.bytes / 4;
    for (auto later = index.begin(), earlier = later; later != index.end(); earlier = later++) {
      if (earlier == later || earlier->second.damaged || later->second.damaged) continue;
      const bool neighbours =
          earlier->first.timeline == later->first.timeline && later->first.from <= earlier->first.to;
      const std::uint64_t cost = earlier->second.bytes + later->second.bytes;
      if (!neighbours || cost > least || (cost == least && best)) continue;
      least = cost;
      best.emplace(earlier->first, later->first);
      if (save_bytes) break;
    }
    return best;
  });
}

Result<> ChangeLog::join(const ChangeInterval& earlier, const ChangeInterval& later) {
  auto joined = TRY(read_or_note_damage(earlier));
  const auto more = TRY(read_or_note_damage(later));
  if (!joined || !more) return {};
  joined->merge(*more);
  const ChangeInterval both{earlier.timeline, earlier.from, std::max(earlier.to, later.to)};
  TRY(write(both, *joined));
  TRY(forget(earlier));
  return forget(later);
}

Result<std::optional<ChangeMap>> ChangeLog::read_or_note_damage(const ChangeInterval& interval) {
  auto map = read(interval);
  if (map) return std::move(*map);
  if (map.error().code != Code::corrupt) return std::unexpected(std::move(map).error());
  index_.with([&](Index& index) { index[interval].damaged = true; });
  return std::nullopt;
}

}  // namespace holdfast
