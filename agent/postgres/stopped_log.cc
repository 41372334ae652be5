#include "agent/postgres/stopped_log.h"

#include <algorithm>

namespace holdfast {
namespace {

constexpr std::uint64_t page_size = 8192;
constexpr std::uint64_t largest_piece = 8U << 20U;
// Of a page's header: magic 2, info 2, timeline 4, address 8 (access/xlog_internal.h).
constexpr std::size_t timeline_at = 4;
constexpr std::size_t address_at = 8;

// A page may be of an older timeline: the segment in which a new one began starts as a copy of the old one's.
bool is_page_of(ByteView page, const StoppedServer& server, Lsn address) {
  const auto timeline = read_le<std::uint32_t>(page.subspan(timeline_at, 4));
  return read_le<std::uint16_t>(page.first(2)) != 0 && timeline != 0 && timeline <= server.timeline.value() &&
         read_le<std::uint64_t>(page.subspan(address_at, 8)) == address.value();
}

// Where the stores' log of it ends, known to them or to the agent's state.
Result<WalResumePoint> reached(const StoppedServer& server, DatabaseId database, const WalReceiver::Parts& parts) {
  const auto saved = TRY(parts.positions.load());
  if (!saved) return fail(Code::not_found, "nothing of its log was ever shipped from here");
  if (saved->system_id != server.system_id || saved->timeline != server.timeline) {
    return fail(Code::conflict,
                fmt::format("its log was shipped up to {} of timeline {}, and it stopped on timeline {}",
                            saved->durable, saved->timeline, server.timeline),
                "start the server and the agent: the log is shipped on from there");
  }
  return advance_over_stored(parts.stores, database, *saved);
}

class Sending {
 public:
  Sending(const WalShipper::Identity& identity, const WalReceiver::Parts& parts, Micros timeout, const StopToken& stop)
      : parts_(parts),
        deadline_(parts.clock.monotonic() + timeout),
        stop_(stop),
        shipper_(identity, parts, own_stop_, [] {}) {}

  void begin(const StoppedServer& server, const WalResumePoint& position) {
    shipper_.set_server(server.system_id, server.segment_size);
    shipper_.set_position(position);
    through_ = position.through_time;
  }
  // Returns when it is durable, so that no more than one segment is in memory.
  Result<> send(WalCut cut) {
    cut.recoverable_through = std::max(through_, cut.recoverable_through);
    shipper_.set_through(cut.recoverable_through);
    shipper_.send(std::move(cut));
    while (!shipper_.idle()) {
      const bool hurried = stop_.wait_for(std::chrono::milliseconds(10));
      if (!hurried && parts_.clock.monotonic() < deadline_) continue;
      const auto error = shipper_.error();
      return fail(hurried ? Code::cancelled : Code::timed_out,
                  "the rest of its log is not in the stores" + (error ? ": " + error->message : std::string()),
                  error ? error->hint : std::string());
    }
    return {};
  }

 private:
  const WalReceiver::Parts& parts_;
  const Micros deadline_;
  const StopToken stop_;
  const StopToken own_stop_;
  Timestamp through_;
  WalShipper shipper_;
};

}  // namespace

Result<Bytes> StoppedLog::read(Lsn from) const {
  const WalSegment segment = segment_at(server_.timeline, from, server_.segment_size);
  const Lsn first = start_of(segment, server_.segment_size);
  const std::uint64_t skipped = (from - first) % page_size;
  const Lsn first_page(from.value() - skipped);
  const Lsn last = std::min({end_of(segment, server_.segment_size), server_.log_end, first_page + largest_piece});
  // The server leaves whole pages, so that the last one can be looked at like the others.
  const std::uint64_t wanted = (last - first_page + page_size - 1) / page_size * page_size;
  const std::string path = server_.data_directory + "/pg_wal/" + segment_name(segment, server_.segment_size);
  Bytes pages;
  {
    const auto acting = TRY(ActingAs::user(server_.owner));
    pages = TRY(files_.read_range(path, first_page - first, wanted));
  }
  if (pages.size() != wanted) return fail(Code::corrupt, fmt::format("\"{}\" is shorter than its log", path));
  for (std::uint64_t at = 0; at < wanted; at += page_size) {
    if (!is_page_of(ByteView(pages).subspan(at, page_size), server_, first_page + at)) {
      return fail(Code::corrupt, fmt::format("\"{}\" has no log at {}", path, first_page + at));
    }
  }
  const auto begin = pages.begin() + static_cast<std::ptrdiff_t>(skipped);
  return Bytes(begin, begin + static_cast<std::ptrdiff_t>(last - from));
}

Result<Lsn> ship_stopped_log(const StoppedLog& log, const WalShipper::Identity& identity,
                             const WalReceiver::Parts& parts, Micros timeout, const StopToken& stop) {
  const StoppedServer& server = log.server();
  const WalResumePoint position = TRY(reached(server, identity.database, parts));
  Lsn at = position.durable;
  Sending sending(identity, parts, timeout, stop);
  sending.begin(server, position);
  WalCutter cutter(server.segment_size);
  cutter.begin(server.timeline, at);
  while (at < server.log_end) {
    const Bytes bytes = TRY(log.read(at));
    auto cuts = TRY(cutter.add(at, bytes, server.stopped_at, parts.clock.monotonic()));
    at = at + bytes.size();
    if (auto rest = at == server.log_end ? cutter.take() : std::nullopt) cuts.push_back(std::move(*rest));
    for (auto& cut : cuts) {
      if (cut.last() == server.log_end) cut.recoverable_through = server.stopped_at;
      TRY(sending.send(std::move(cut)));
    }
  }
  return at;
}

}  // namespace holdfast
