#include "shared/repository/wal_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <set>

#include "shared/base/mutex.h"
#include "shared/repository/layout.h"
#include "shared/repository/sound_copy.h"

namespace holdfast {
namespace {

bool starts_before(const WalName& a, const WalName& b) {
  if (a.timeline != b.timeline) return a.timeline < b.timeline;
  if (a.first != b.first) return a.first < b.first;
  return a.last > b.last;
}

// What is in the stores of one timeline, and what could not be asked.
struct Listing {
  std::vector<WalName> names;  // ordered by starts_before
  std::optional<Error> unasked;
  std::uint64_t longest = 0;  // of an object
  bool reaches(Lsn end) const {
    return std::ranges::any_of(names, [&](const WalName& name) { return name.last >= end; });
  }
  // Those that have this byte, the one that goes furthest first.
  std::vector<WalName> covering(Lsn at) const {
    std::vector<WalName> found;
    auto name = std::ranges::upper_bound(names, at, {}, &WalName::first);
    while (name != names.begin()) {
      --name;
      if (at - name->first >= longest) break;
      if (at < name->last) found.push_back(*name);
    }
    std::ranges::sort(found, std::ranges::greater{}, &WalName::last);
    return found;
  }
};
using ListingPtr = std::shared_ptr<const Listing>;

// A place of the WAL up to which bytes were found and given to a sink.
struct Filled {
  ListingPtr listing;
  Lsn at;
};

}  // namespace

std::vector<WalStretch> merge_wal(std::vector<WalName> names) {
  std::ranges::sort(names, starts_before);
  std::vector<WalStretch> stretches;
  for (const WalName& name : names) {
    if (name.last <= name.first) continue;
    WalStretch* last = stretches.empty() ? nullptr : &stretches.back();
    if (last != nullptr && last->timeline == name.timeline && name.first <= last->last) {
      last->last = std::max(last->last, name.last);
    } else {
      stretches.push_back({name.timeline, name.first, name.last});
    }
  }
  return stretches;
}

std::optional<Lsn> first_gap(const std::vector<WalStretch>& stretches, Timeline timeline, Lsn from, Lsn to) {
  Lsn at = from;
  for (const WalStretch& stretch : stretches) {  // ordered
    if (stretch.timeline == timeline && stretch.first <= at) at = std::max(at, stretch.last);
  }
  return at < to ? std::optional(at) : std::nullopt;
}

struct WalReader::State {
  State(const StoreSet& set, TrustAnchor trust, DatabaseId id, const KeyRing& ring)
      : stores(set), anchor(trust), database(id), keys(ring) {}

  const StoreSet& stores;
  const TrustAnchor anchor;
  const DatabaseId database;
  const KeyRing& keys;
  std::atomic<std::uint64_t> wanted_end = ~std::uint64_t{0};  // as end_at() says
  Guarded<std::map<Timeline, ListingPtr>> listings;
  Guarded<std::map<EpochId, EpochDocument>> epochs;

  ListingPtr refresh(Timeline timeline);
  ListingPtr known_listing(Timeline timeline, Lsn end) const;
  Result<EpochDocument> epoch(EpochId id);
  Result<> read(const WalName& name, Lsn& at, Lsn end, const WalSink& sink);
  Result<WalHeader> header(const WalName& name);
  Result<std::set<Timeline>> timelines() const;
  Result<> fill(Filled& filled, Lsn end, const WalSink& sink);
  Result<Filled> fill(Timeline timeline, Lsn begin, Lsn end, const WalSink& sink);
  Result<TimelineHistory> history_of(Timeline timeline);
  Result<Bytes> history(Timeline timeline);
  Result<std::optional<Filled>> from_ancestor(Timeline timeline, const Filled& own, Lsn begin, Lsn end,
                                              const WalSink& sink);
  Result<Lsn> segment(Timeline timeline, Lsn begin, Lsn end, const WalSink& sink);
};

ListingPtr WalReader::State::refresh(Timeline timeline) {
  Listing fresh;
  for (const NamedStore& store : stores.stores()) {
    auto objects = store.store->list(wal_prefix(database, timeline));
    if (!objects) {
      if (!fresh.unasked) fresh.unasked = std::move(objects).error().during(fmt::format("store \"{}\"", store.name));
      continue;
    }
    for (const ObjectInfo& object : *objects) {
      const auto name = parse_wal_name(object.name);
      if (name && wal_name(database, name->timeline, name->first, name->last) == object.name)
        fresh.names.push_back(*name);
    }
  }
  std::ranges::sort(fresh.names, starts_before);
  fresh.names.erase(std::ranges::unique(fresh.names).begin(), fresh.names.end());
  for (const WalName& name : fresh.names) {
    if (name.last > name.first) fresh.longest = std::max(fresh.longest, name.last - name.first);
  }
  auto shared = std::make_shared<const Listing>(std::move(fresh));
  listings.with([&](auto& known) { known[timeline] = shared; });
  return shared;
}

// nullptr: none, or one that cannot know about everything before `end`.
ListingPtr WalReader::State::known_listing(Timeline timeline, Lsn end) const {
  return listings.with([&](const auto& all) -> ListingPtr {
    const auto found = all.find(timeline);
    if (found == all.end() || found->second->unasked || !found->second->reaches(end)) return nullptr;
    return found->second;
  });
}

Result<EpochDocument> WalReader::State::epoch(EpochId id) {
  auto known = epochs.with([&](const auto& all) -> std::optional<EpochDocument> {
    const auto found = all.find(id);
    return found == all.end() ? std::nullopt : std::optional(found->second);
  });
  if (known) return std::move(*known);
  EpochDocument document = TRY(load_epoch(stores, anchor, database, id));
  epochs.with([&](auto& all) { all.insert_or_assign(id, document); });
  return document;
}

// [at, ..) out of one object, until its end or `end`; `at` goes along.
Result<> WalReader::State::read(const WalName& name, Lsn& at, Lsn end, const WalSink& sink) {
  const std::string object_name = wal_name(database, name.timeline, name.first, name.last);
  const auto judged = first_sound_object(stores, object_name, [&](const Bytes& object) -> Result<bool> {
    const WalHeader header = TRY(peek_wal_header(object));
    const EpochDocument document = TRY(epoch(header.epoch));
    if (header.fleet != anchor.fleet || header.database != database || header.node != document.node ||
        header.timeline != name.timeline || header.first != name.first || header.last != name.last) {
      return fail(Code::denied, "it is the WAL of another name");
    }
    FrameDecoder decoder;
    Lsn piece_begins = name.first;
    TRY(read_wal_object(object, document.signer, keys, decoder, [&](ByteView piece) -> Result<> {
      const Lsn piece_ends = piece_begins + piece.size();
      const Lsn until = std::min(piece_ends, end);
      // What another copy gave before it turned out to be damaged is not given again.
      if (at < until) TRY(sink(piece.subspan(at - piece_begins, until - at)));
      at = std::max(at, until);
      piece_begins = piece_ends;
      return {};
    }));
    return true;
  });
  if (!judged) return std::unexpected(judged.error());
  return {};
}

Result<WalHeader> WalReader::State::header(const WalName& name) {
  const std::string object_name = wal_name(database, name.timeline, name.first, name.last);
  return first_sound_object(stores, object_name, [&](const Bytes& object) -> Result<WalHeader> {
    const EpochDocument document = TRY(epoch(TRY(peek_wal_header(object)).epoch));
    const WalHeader found = TRY(verify_wal_object(object, document.signer));
    if (found.fleet != anchor.fleet || found.database != database || found.node != document.node ||
        found.timeline != name.timeline || found.first != name.first || found.last != name.last) {
      return fail(Code::denied, "it is the WAL of another name");
    }
    return found;
  });
}

Result<std::set<Timeline>> WalReader::State::timelines() const {
  std::set<Timeline> found;
  for (const NamedStore& store : stores.stores()) {
    const auto objects =
        TRY_DURING(fmt::format("store \"{}\"", store.name), store.store->list(database_prefix(database) + "wal/"));
    for (const ObjectInfo& object : objects) {
      if (const auto name = parse_wal_name(object.name)) found.insert(name->timeline);
    }
  }
  return found;
}

// From where it is, of one timeline, until `end` or until nothing goes on there. An object that is listed and cannot be
// had is an error, unless another one covers the same place.
Result<> WalReader::State::fill(Filled& filled, Lsn end, const WalSink& sink) {
  while (filled.at < end) {
    const std::vector<WalName> covering = filled.listing->covering(filled.at);
    if (covering.empty()) return {};
    std::optional<Error> first;
    const Lsn before = filled.at;
    for (const WalName& name : covering) {
      const auto done = read(name, filled.at, end, sink);
      if (done) break;
      if (!first) first = done.error();
      if (filled.at != before) break;  // others may cover what comes now
    }
    if (first && filled.at == before) {
      // It was listed a moment ago. That it is gone now is no proof that there is no WAL.
      if (first->code == Code::not_found) first->code = Code::unavailable;
      return std::unexpected(std::move(*first));
    }
  }
  return {};
}

// With the listing there is when that is enough, else with a new one: stores only grow, or retention and merging have
// put something else in place of what is gone.
Result<Filled> WalReader::State::fill(Timeline timeline, Lsn begin, Lsn end, const WalSink& sink) {
  Filled filled{known_listing(timeline, end), begin};
  if (filled.listing != nullptr && fill(filled, end, sink) && filled.at == end) return filled;
  filled.listing = refresh(timeline);
  TRY(fill(filled, end, sink));
  return filled;
}

Result<Bytes> WalReader::State::history(Timeline timeline) {
  return stores.get(history_name(database, timeline));
}

Result<TimelineHistory> WalReader::State::history_of(Timeline timeline) {
  if (timeline <= Timeline(1)) return TimelineHistory(timeline);
  auto content = history(timeline);
  if (!content && content.error().code == Code::not_found) return TimelineHistory(timeline);
  if (!content) return std::unexpected(std::move(content).error());
  return TRY_DURING(history_name(database, timeline), TimelineHistory::parse(timeline, as_text(*content)));
}

// A timeline that began within this stretch shares the front of it with the one it left. nullopt: it did not.
Result<std::optional<Filled>> WalReader::State::from_ancestor(Timeline timeline, const Filled& own, Lsn begin, Lsn end,
                                                              const WalSink& sink) {
  const TimelineHistory past = TRY(history_of(timeline));
  if (past.switches().empty()) return std::nullopt;
  const TimelineSwitch& left = past.switches().back();
  if (left.at <= begin || left.at >= end || !own.listing->reaches(left.at + 1)) return std::nullopt;
  auto front = segment(left.parent, begin, left.at, sink);
  // There is WAL behind it, so this is a gap and not the end.
  if (!front && front.error().code == Code::not_found) front.error().code = Code::corrupt;
  if (!front) return std::unexpected(std::move(front).error());
  if (*front != left.at) {
    return fail(Code::corrupt, fmt::format("WAL of timeline {} ends at {}, before timeline {} left it at {}",
                                           left.parent, *front, timeline, left.at));
  }
  Filled filled{own.listing, left.at};
  TRY(fill(filled, end, sink));
  return filled;
}

// Where it ends.
Result<Lsn> WalReader::State::segment(Timeline timeline, Lsn begin, Lsn end, const WalSink& sink) {
  const std::string what = fmt::format("WAL of timeline {} from {}", timeline, begin);
  Filled filled = TRY_DURING(what, fill(timeline, begin, end, sink));
  if (filled.at == begin) {
    if (auto whole = TRY_DURING(what, from_ancestor(timeline, filled, begin, end, sink))) filled = std::move(*whole);
  }
  if (filled.at == end) return end;

  const Listing& listing = *filled.listing;
  if (listing.unasked) return std::unexpected(Error{*listing.unasked}.during(what));
  const bool later = listing.reaches(filled.at + 1);
  const bool earlier = std::ranges::any_of(listing.names, [&](const WalName& name) { return name.first < begin; });
  if (later && (filled.at > begin || earlier)) {
    return fail(Code::corrupt, fmt::format("{}: nothing at {}, though there is newer WAL", what, filled.at));
  }
  if (filled.at == begin) return fail(Code::not_found, fmt::format("{}: no store has it", what));
  return filled.at;
}

WalReader::WalReader(const StoreSet& stores, TrustAnchor anchor, DatabaseId database, const KeyRing& keys)
    : state_(std::make_unique<State>(stores, anchor, database, keys)) {}
WalReader::~WalReader() = default;

Result<std::vector<WalStretch>> WalReader::stretches(Timeline timeline) {
  const ListingPtr listing = state_->refresh(timeline);
  if (listing->unasked) return std::unexpected(Error{*listing->unasked});
  return merge_wal(listing->names);
}

Result<std::uint64_t> WalReader::read_segment(Timeline timeline, Lsn at, std::uint64_t segment_size,
                                              const WalSink& sink) {
  if (segment_size == 0) return fail(Code::invalid, "a WAL segment of no bytes");
  const Lsn begin(at.value() / segment_size * segment_size);
  const Lsn end = std::min(begin + segment_size, Lsn(state_->wanted_end.load()));
  if (end <= begin) return fail(Code::not_found, fmt::format("the log ends at {}", end));
  return TRY(state_->segment(timeline, begin, end, sink)) - begin;
}

Result<Bytes> WalReader::segment(Timeline timeline, Lsn at, std::uint64_t segment_size) {
  Bytes out;
  (void)TRY(read_segment(timeline, at, segment_size, [&](ByteView piece) -> Result<> {
    out.reserve(segment_size);
    append(out, piece);
    return {};
  }));
  out.resize(segment_size, 0);
  return out;
}

void WalReader::end_at(Lsn end) {
  state_->wanted_end = end.value();
}

// The newest object is enough: its times never fall along a chain.
Result<WalTimes> WalReader::times(Timeline timeline, Lsn end) {
  const ListingPtr listing = state_->refresh(timeline);
  if (listing->unasked) return std::unexpected(Error{*listing->unasked});
  const WalName* newest = nullptr;
  for (const WalName& name : listing->names) {
    if (name.last <= end && (newest == nullptr || name.last > newest->last)) newest = &name;
  }
  if (newest == nullptr) return WalTimes();
  const WalHeader header = TRY(state_->header(*newest));
  return WalTimes{header.received_through, header.recoverable_through};
}

Result<std::vector<WalTimeline>> WalReader::timelines() {
  std::vector<WalTimeline> out;
  for (const Timeline timeline : TRY(state_->timelines())) {
    WalTimeline found{timeline, {}, {}, {}};
    std::vector<WalName> names = state_->refresh(timeline)->names;
    for (const WalName& name : names) {
      const auto header = state_->header(name);
      if (!header) continue;
      found.begun = header->received_from;
      break;
    }
    std::ranges::sort(names, std::ranges::greater{}, &WalName::last);
    for (const WalName& name : names) {
      const auto header = state_->header(name);
      if (!header) continue;
      found.received_through = header->received_through;
      found.recoverable_through = header->recoverable_through;
      break;
    }
    out.push_back(found);
  }
  return out;
}

Result<Bytes> WalReader::history(Timeline timeline) {
  return state_->history(timeline);
}

}  // namespace holdfast
