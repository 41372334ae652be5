#include "agent/jobs/stored_log.h"

#include <fmt/format.h>

#include <algorithm>

#include "shared/store/read_balance.h"

namespace holdfast {
namespace {

constexpr Micros first_pause = std::chrono::milliseconds(500);
constexpr Micros longest_pause = std::chrono::seconds(10);

}  // namespace

void StoredLog::add_from(std::size_t store, Listed& listed) const {
  MeasuredRead read(stores_.reads(), store);
  auto objects = stores_.stores()[store].store->list(wal_prefix(database_, timeline_));
  if (!objects) {
    listed.problem = std::move(objects).error();
    return;
  }
  read.done(0);
  for (const auto& object : *objects) {
    const auto name = parse_wal_name(object.name);
    if (!name) continue;
    listed.names.push_back(*name);
    listed.sizes.insert_or_assign(object.name, object.size);
  }
}

StoredLog::Listed StoredLog::list() const {
  Listed listed;
  for (const std::size_t store : stores_.read_order()) add_from(store, listed);
  return listed;
}

// A store that is away need not be waited for when others have all of it together.
Result<std::optional<Lsn>> StoredLog::first_missing(Lsn from, Lsn to) const {
  Listed listed;
  std::optional<Lsn> missing = from;
  for (const std::size_t store : stores_.read_order()) {
    add_from(store, listed);
    missing = first_gap(merge_wal(listed.names), timeline_, from, to);
    if (!missing) return missing;
  }
  if (listed.problem) return std::unexpected(std::move(*listed.problem));
  return missing;
}

Result<bool> StoredLog::goes_back_to(Lsn from) const {
  Listed listed = list();
  const auto stretches = merge_wal(std::move(listed.names));
  if (!stretches.empty() && stretches.back().first <= from) return true;
  if (listed.problem) return std::unexpected(std::move(*listed.problem));
  return false;
}

Result<> StoredLog::wait_for(Lsn from, Lsn to, const Patience& patience, Clock& clock, const StopToken& stop) const {
  const Micros deadline = clock.monotonic() + patience.longest;
  for (Micros pause = first_pause;; pause = std::min(pause * 2, longest_pause)) {
    const auto missing = first_missing(from, to);
    if (missing && !*missing) return {};
    if (clock.monotonic() >= deadline) {
      const std::string shipper =
          patience.shipper.empty() ? "no node ships it" : fmt::format("node \"{}\" ships it", patience.shipper);
      return fail(Code::timed_out,
                  fmt::format("the log from {} to {} of timeline {} is not in the stores: {}; {}", from, to, timeline_,
                              missing ? fmt::format("nothing at {} yet", **missing) : missing.error().message, shipper),
                  "holdfast status; the backup is tried again");
    }
    if (stop.wait_for(pause)) return fail(Code::cancelled, "a stop was requested");
  }
}

Result<std::set<EpochId>> StoredLog::epochs(Lsn from, Lsn to, const TrustAnchor& anchor) const {
  std::set<EpochId> epochs;
  for (const auto& [object, size] : list().sizes) {
    const auto name = parse_wal_name(object);
    if (name->last <= from || name->first >= to) continue;
    const Bytes begin = TRY(stores_.get_range(object, 0, std::min<std::uint64_t>(size, wal_header_limit)));
    epochs.insert(TRY_DURING(object, peek_wal_header(begin)).epoch);
  }
  for (const EpochId epoch : epochs) {
    (void)TRY_DURING(fmt::format("data key {} of the log", epoch), load_epoch(stores_, anchor, database_, epoch));
  }
  return epochs;
}

}  // namespace holdfast
