#include "agent/postgres/wal_receiver.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <set>
#include <thread>

#include "agent/postgres/replication_stream.h"
#include "agent/postgres/wal_shipper.h"
#include "agent/postgres/wal_start.h"
#include "shared/base/mutex.h"
#include "shared/os/mailbox.h"

namespace holdfast {
namespace {

constexpr Micros first_pause = std::chrono::milliseconds(200);
constexpr Micros longest_pause = std::chrono::seconds(20);
constexpr Micros longest_silence = std::chrono::seconds(10);
constexpr Micros answer_spacing = std::chrono::milliseconds(20);
constexpr Micros slot_look_interval = std::chrono::seconds(10);
constexpr Micros slot_look_timeout = std::chrono::seconds(5);
// Not closer together: a proof needs the server to have looked for log between two answers.
constexpr Micros shortest_probe = std::chrono::milliseconds(500);
constexpr Micros longest_probe = std::chrono::seconds(5);

}  // namespace

std::string_view to_string(WalReceiverState state) {
  switch (state) {
    case WalReceiverState::connecting:
      return "connecting";
    case WalReceiverState::streaming:
      return "streaming";
    case WalReceiverState::waiting:
      return "waiting";
    case WalReceiverState::stopped:
      return "stopped";
  }
  return "stopped";
}

class WalReceiver::Work {
 public:
  Work(Settings settings, Parts parts)
      : settings_(std::move(settings)),
        parts_(std::move(parts)),
        rpo_(settings_.rpo.count()),
        shipper_({settings_.fleet, settings_.database, settings_.node, settings_.zstd_level}, parts_, stop_,
                 [this] { attention_.send(0); }),
        thread_([this] { run(); }) {}
  ~Work() { stop(); }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  void stop() {
    stop_.request_stop();
    attention_.send(0);
    if (thread_.joinable()) thread_.join();
    shipper_.stop();
  }

  WalReceiverStatus status() const {
    WalReceiverStatus status = status_.with([](const WalReceiverStatus& value) { return value; });
    if (const auto position = shipper_.position()) {
      if (position->timeline == status.timeline) status.durable = position->durable;
      status.first = position->first;
      status.from_time = position->from_time;
    }
    status.buffered_bytes += shipper_.buffered();
    if (auto error = shipper_.error()) status.error = std::move(error);
    return status;
  }

  Result<> wait_until_streaming(Micros timeout, const StopToken& stop) const {
    return wait(timeout, stop, "the log is not streamed yet", [this] {
      return status_.with([](const WalReceiverStatus& value) { return value.state == WalReceiverState::streaming; });
    });
  }

  Result<> wait_until_durable(Timeline timeline, Lsn position, Micros timeout, const StopToken& stop) {
    wanted_.store(std::max(wanted_.load(), position.value()));
    attention_.send(0);
    return wait(timeout, stop, fmt::format("the log up to {} is not durable yet", position), [&] {
      const auto durable = shipper_.position();
      return durable &&
             (durable->timeline > timeline || (durable->timeline == timeline && durable->durable >= position));
    });
  }

  void set_rpo(Micros rpo) {
    rpo_.store(rpo.count());
    attention_.send(0);
  }

 private:
  template <class Done>
  Result<> wait(Micros timeout, const StopToken& stop, std::string_view problem, Done done) const {
    const Micros deadline = parts_.clock.monotonic() + timeout;
    while (!done()) {
      if (stop_.stop_requested()) return fail(Code::cancelled, fmt::format("{}: the receiver stops", problem));
      if (parts_.clock.monotonic() >= deadline) {
        const auto error = status().error;
        return fail(Code::timed_out, error ? fmt::format("{}: {}", problem, error->message) : std::string(problem),
                    error ? error->hint : std::string());
      }
      if (stop.wait_for(std::chrono::milliseconds(20))) return fail(Code::cancelled, "a stop was requested");
    }
    return {};
  }

  void set_state(WalReceiverState state) {
    status_.with([state](WalReceiverStatus& status) { status.state = state; });
  }

  void run() {
    Backoff backoff(parts_.entropy, first_pause, longest_pause);
    while (!stop_.stop_requested()) {
      set_state(WalReceiverState::connecting);
      const auto streamed = stream(backoff);
      if (stop_.stop_requested()) break;
      // The server may be gone for good, and with it what only we have now.
      if (auto rest = cutter_.take()) ship(std::move(*rest));
      const Error error = streamed ? Error{Code::unavailable, "the stream ended", {}} : streamed.error();
      status_.with([&error](WalReceiverStatus& status) {
        status.state = WalReceiverState::waiting;
        status.error = error;
      });
      const LogField cause{"error", error.text()};
      if (observer_refused_) {
        // Shipping has all it needs and goes on at once.
        parts_.log.info("what changed earlier is not known: the server has removed that log",
                        {{"database", settings_.database}, cause});
      } else if (std::exchange(last_problem_, error.text()) != error.text()) {
        parts_.log.warning("the log is not streamed", {{"database", settings_.database}, cause});
      } else {
        parts_.log.debug("the log is still not streamed", {{"database", settings_.database}, cause});
      }
      if (stop_.wait_for(backoff.next())) break;
    }
    set_state(WalReceiverState::stopped);
  }

  // From connecting to the loss of the connection.
  Result<> stream(Backoff& backoff) {
    auto stream = TRY(ReplicationStream::open(settings_.endpoint, settings_.slot, stop_));
    auto identity = TRY(stream.identify());
    const Micros sender_timeout = TRY(stream.sender_timeout());
    silence_ = sender_timeout.count() == 0 ? longest_silence : std::min(longest_silence, sender_timeout / 3);
    auto start = TRY(prepare(stream, identity));
    while (true) {
      begin(start);
      past_ = start.timeline != identity.timeline;
      auto end = stream.start(settings_.slot, begin_observing(start), start.timeline);
      if (!end) return log_problem(std::move(end).error(), start);
      if (!*end) {
        set_state(WalReceiverState::streaming);
        status_.with([](WalReceiverStatus& status) { status.error.reset(); });
        last_problem_.clear();
        auto ended = follow(stream, backoff);
        if (!ended) return log_problem(std::move(ended).error(), start);
        *end = *ended;
      }
      if (auto rest = cutter_.take()) ship(std::move(*rest));
      TRY(store_history(stream, (*end)->next));
      parts_.log.info("the log goes on on another timeline",
                      {{"database", settings_.database}, {"timeline", (*end)->next}, {"lsn", (*end)->switched_at}});
      start = start_after_switch(**end, identity.segment_size);
      // It may have been promoted since it was asked: its timeline then is the one that we go on with, and no past one.
      identity = TRY(stream.identify());
    }
  }

  // What we asked for is not there: remembered, so that the next try begins with what is.
  std::unexpected<Error> log_problem(Error error, const WalStart& start) {
    if (error.code == Code::not_found && !got_something_) {
      // What only the observer wanted may well be gone; that says nothing about what shipping needs.
      if (observed_again_) {
        observer_refused_ = true;
      } else {
        saved_log_ = WalStartFacts::SavedLog::gone;
        slot_is_hollow_ = slot_start_ && *slot_start_ <= start.from;
      }
    }
    return std::unexpected(std::move(error));
  }

  // Where to begin: before `start` when the observer still has something to read there.
  Lsn begin_observing(const WalStart& start) {
    observed_again_ = false;
    if (parts_.observer == nullptr) return start.from;
    const auto server = status_.with([](const WalReceiverStatus& status) { return status; });
    WalObserver::Stream observed{server.system_id, server.segment_size, start.timeline, start.from};
    if (!std::exchange(observer_refused_, false)) {
      observed.from = std::min(start.from, parts_.observer->wants_from(observed));
    }
    observed_again_ = observed.from < start.from;
    parts_.observer->begin(observed);
    return observed.from;
  }

  // The slot, the history, and the position that fits them.
  Result<WalStart> prepare(ReplicationStream& stream, const ServerIdentity& identity) {
    TRY(ensure_slot(stream));
    WalStartFacts facts;
    facts.expected = settings_.system_id;
    facts.server = identity;
    facts.saved_log = saved_log_;
    facts.slot_start = slot_start_.value_or(identity.flushed);
    facts.history = TimelineHistory(identity.timeline);
    if (identity.timeline > Timeline(1)) {
      facts.history = TRY(stream.timeline_history(identity.timeline)).history;
      TRY(store_history(stream, identity.timeline));
      for (const auto& ancestor : facts.history.switches()) {
        if (ancestor.parent > Timeline(1)) TRY(store_history(stream, ancestor.parent));
      }
    }
    facts.saved = TRY(known_position(facts.history));
    WalStart start = TRY(decide_wal_start(facts));
    shipper_.set_server(identity.system_id, identity.segment_size);
    status_.with([&identity](WalReceiverStatus& status) {
      status.system_id = identity.system_id;
      status.segment_size = identity.segment_size;
    });
    if (!cutter_made_) cutter_ = WalCutter(identity.segment_size);
    cutter_made_ = true;
    if (start.lost) {
      TRY(tell_of_loss(start));
      // Found once is enough: from here on the position is where the new stretch begins.
      lost_to_ = start;
      saved_log_ = WalStartFacts::SavedLog::wanted;
    }
    return start;
  }

  // A server that took up an earlier timeline again (a restore that was rolled back) goes on where that one was left,
  // and its log is stored up to there: then nothing is lost.
  Result<> tell_of_loss(const WalStart& start) {
    const auto& lost = *start.lost;
    const bool goes_on = TRY(stored_through(parts_.stores, settings_.database, start.timeline, start.from));
    const std::vector<LogField> fields{{"database", settings_.database},
                                       {"timeline", lost.timeline},
                                       {"from", lost.from},
                                       {"to", lost.to},
                                       {"reason", lost.reason}};
    if (goes_on) {
      parts_.log.info("an earlier timeline is taken up again where it was left", fields);
      return {};
    }
    parts_.log.error("log was lost", fields);
    if (parts_.events.gap) TRY(parts_.events.gap({lost.timeline, lost.from, lost.to, lost.reason}));
    return {};
  }

  Result<> ensure_slot(ReplicationStream& stream) {
    auto slot = TRY(look_at_slot());
    if (slot && (slot->wal == SlotWal::lost || slot_is_hollow_)) {
      parts_.log.error("the slot was lost: the server has dropped log that we needed",
                       {{"database", settings_.database}, {"slot", settings_.slot}});
      TRY(stream.drop_slot(settings_.slot));
      slot.reset();
    }
    slot_is_hollow_ = false;
    if (!slot) {
      TRY(stream.create_slot(settings_.slot));
      slot = TRY(look_at_slot());
    }
    if (slot && !slot->physical) {
      return fail(Code::conflict, fmt::format("slot \"{}\" is a logical one", settings_.slot),
                  "drop it or give this agent another name");
    }
    slot_start_ = slot ? slot->restart_lsn : std::nullopt;
    return {};
  }

  // With a connection of its own each time: one that stayed open would keep a server from its smart stop for ever,
  // which waits for every client but those that stream.
  Result<std::optional<SlotStatus>> look_at_slot() {
    PostgresConnection::Settings settings;
    settings.application_name = "holdfast slot watch";
    settings.statement_timeout = slot_look_timeout;
    settings.stop = stop_;
    PostgresConnection connection = TRY(PostgresConnection::open(settings_.endpoint, settings));
    auto slot = TRY(read_slot(connection, settings_.slot));
    status_.with([&slot](WalReceiverStatus& status) { status.slot = slot; });
    next_slot_look_ = parts_.clock.monotonic() + slot_look_interval;
    return slot;
  }

  // Where we are: what is still in memory counts as received, since it will be stored without asking the server again.
  Result<std::optional<WalResumePoint>> known_position(const TimelineHistory& history) {
    if (lost_to_) {
      WalResumePoint position = shipper_.position().value_or(WalResumePoint{});
      position.system_id = SystemId();
      position.timeline = lost_to_->timeline;
      position.durable = lost_to_->from;
      return std::optional(position);
    }
    if (began_) {
      WalResumePoint position = shipper_.position().value_or(WalResumePoint{});
      position.timeline = cutter_.timeline();
      position.durable = cutter_.end();
      return std::optional(position);
    }
    auto position = TRY(parts_.positions.load());
    // Of a group another node may have shipped since, from the same server or from one that this one comes from.
    if (!position || TRY(is_stored_beyond(parts_.stores, settings_.database, history, position->timeline))) {
      position = TRY(find_wal_position(parts_.stores, settings_.database, history));
    }
    if (!position) return position;
    *position = TRY(advance_over_stored(parts_.stores, settings_.database, *position));
    shipper_.set_position(*position);
    recovered_through_ = position->through_time;
    return position;
  }

  void begin(const WalStart& start) {
    if (!began_ || cutter_.timeline() != start.timeline || cutter_.end() != start.from) {
      if (auto rest = cutter_.take(); rest && began_) ship(std::move(*rest));
      cutter_.begin(start.timeline, start.from);
    }
    began_ = true;
    got_something_ = false;
    through_.begin();
    publish();
  }

  Result<> store_history(ReplicationStream& stream, Timeline timeline) {
    if (histories_.contains(timeline)) return {};
    auto history = stream.timeline_history(timeline);
    // An old ancestor's file may have been removed; the newest one's content tells all of it.
    if (!history && history.error().code == Code::not_found) return {};
    if (!history) return std::unexpected(std::move(history).error());
    histories_.insert(timeline);
    shipper_.send(HistoryCut{timeline, std::move(history->content)});
    return {};
  }

  // --- the stream itself
  Result<EndOfTimeline> follow(ReplicationStream& stream, Backoff& backoff) {
    Micros next_status{0};
    Micros next_probe{0};
    while (true) {
      (void)attention_.take_all();
      Micros now = parts_.clock.monotonic();
      cut_when_due(now);
      publish();
      const Lsn flushed = confirmed_position();
      const bool probe = now >= next_probe;
      if (probe || now >= next_status || flushed != reported_) {
        const Reply reply = probe ? Reply::at_once : Reply::not_asked;
        // A server that shuts down waits for `flushed`, or for `written` where that is 0 (WalSndDone in
        // replication/walsender.c): what is in memory alone must not be what it is content with.
        const Lsn written = flushed == Lsn() ? Lsn() : cutter_.end();
        TRY(stream.send_status(written, flushed, Lsn(), parts_.clock.now(), reply));
        reported_ = flushed;
        last_status_ = now;
        next_status = now + silence_;
        if (probe) next_probe = now + std::clamp(Micros(rpo_.load()) / 2, shortest_probe, longest_probe);
      }
      if (now >= next_slot_look_) watch_slot();
      const Micros patience = time_to_next(now, std::min({next_status, next_probe, next_slot_look_}));
      if (cutter_.size() + shipper_.buffered() >= settings_.buffer_limit) {
        wait_for_room(patience);
        continue;
      }
      const auto event = TRY(stream.receive(patience, attention_.fd()));
      now = parts_.clock.monotonic();
      if (const auto* end = std::get_if<EndOfTimeline>(&event)) return *end;
      TRY(handle(event, now, next_status));
      if (got_something_) backoff.reset();
    }
  }

  Result<> handle(const StreamEvent& event, Micros now, Micros& next_status) {
    if (const auto* data = std::get_if<WalData>(&event)) {
      got_something_ = true;
      lost_to_.reset();
      auto complete = TRY(cutter_.add(data->start, data->bytes, data->server_clock, now));
      if (!past_) through_.saw_data(data->server_end, data->server_clock);
      if (parts_.observer != nullptr) parts_.observer->received(data->start, data->bytes);
      for (auto& cut : complete) ship(std::move(cut));
    } else if (const auto* alive = std::get_if<Keepalive>(&event)) {
      if (!past_) through_.saw_keepalive(alive->server_end, alive->server_clock);
      if (alive->reply == Reply::at_once) {
        // Soon, but not so soon that two that wait for a store do nothing but greet each other.
        next_status = std::min(next_status, last_status_ + answer_spacing);
        // A server that shuts down asks for an answer and waits until everything is confirmed.
        ship_all();
      }
    }
    return {};
  }

  void cut_when_due(Micros now) {
    const auto since = cutter_.waiting_since();
    // While the store is slow the bytes are gathered: fewer, larger objects.
    if (!since || !shipper_.idle()) return;
    const auto durable = shipper_.position();
    const bool wanted = durable && durable->durable.value() < wanted_.load() && cutter_.end().value() >= wanted_.load();
    if (wanted || !durable || now - *since >= Micros(rpo_.load())) ship_all();
  }

  // A store alone must be able to say up to which moment its log tells everything, so each object carries it.
  void ship(WalCut cut) {
    cut.recoverable_through = std::max(recovered_through_, through_.at(cut.last()));
    shipper_.send(std::move(cut));
  }

  void ship_all() {
    if (!shipper_.idle()) return;
    if (auto cut = cutter_.take()) ship(std::move(*cut));
  }

  // Nothing is confirmed of a timeline before the first of it is durable.
  Lsn flushed_position() const {
    const auto position = shipper_.position();
    if (!position || position->timeline != cutter_.timeline()) return {};
    return std::min(position->durable, cutter_.end());
  }

  // The server takes any answer for the slot's new position, also one behind it (PhysicalConfirmReceivedLocation in
  // replication/walsender.c): the slot then claims to hold log that is gone, and nothing shows it.
  Lsn confirmed_position() const {
    const Lsn flushed = flushed_position();
    return slot_start_ && flushed < *slot_start_ ? Lsn() : flushed;
  }

  Micros time_to_next(Micros now, Micros next) const {
    if (const auto since = cutter_.waiting_since()) next = std::min(next, *since + Micros(rpo_.load()));
    return std::clamp(next - now, Micros(std::chrono::milliseconds(1)), Micros(std::chrono::seconds(10)));
  }

  void wait_for_room(Micros patience) {
    std::array<pollfd, 2> waiting{{{attention_.fd(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}}};
    (void)::poll(waiting.data(), waiting.size(),
                 static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(patience).count()));
  }

  void watch_slot() {
    next_slot_look_ = parts_.clock.monotonic() + slot_look_interval;
    if (const auto slot = look_at_slot(); !slot) {
      parts_.log.debug("the slot cannot be looked at", {{"error", slot.error().text()}});
    }
  }

  void publish() {
    const Lsn flushed = flushed_position();
    recovered_through_ = std::max(recovered_through_, through_.durable(flushed));
    shipper_.set_through(recovered_through_);
    status_.with([this](WalReceiverStatus& status) {
      if (status.timeline != cutter_.timeline()) status.durable = Lsn();
      status.timeline = cutter_.timeline();
      status.received = cutter_.end();
      status.recoverable_through = recovered_through_;
      status.buffered_bytes = cutter_.size();
    });
  }

  const Settings settings_;
  const Parts parts_;
  StopToken stop_;
  std::atomic<std::int64_t> rpo_;
  std::atomic<std::uint64_t> wanted_{0};
  Guarded<WalReceiverStatus> status_;
  Mailbox<int> attention_;
  WalShipper shipper_;

  // The receiving thread's own.
  WalCutter cutter_;
  std::string last_problem_;  // so that a server that is down for days does not fill the log
  bool cutter_made_ = false;
  bool began_ = false;
  bool got_something_ = false;     // since the stream began
  bool past_ = false;              // of a timeline that ended: what was committed since is on another
  bool observed_again_ = false;    // the stream began before what shipping needs
  bool observer_refused_ = false;  // and the server did not have that any more
  WalStartFacts::SavedLog saved_log_ = WalStartFacts::SavedLog::wanted;
  std::optional<WalStart> lost_to_;  // where to go on after a loss, until the first byte has come
  std::optional<Lsn> slot_start_;
  bool slot_is_hollow_ = false;  // the server has not got what the slot says it holds
  RecoverableThrough through_;
  Timestamp recovered_through_;
  std::set<Timeline> histories_;
  Lsn reported_;
  Micros last_status_{0};
  Micros silence_ = longest_silence;
  Micros next_slot_look_{0};

  std::jthread thread_;  // last: it uses everything above
};

WalReceiver::WalReceiver(Settings settings, Parts parts)
    : work_(std::make_unique<Work>(std::move(settings), std::move(parts))) {}
WalReceiver::~WalReceiver() = default;
void WalReceiver::stop() {
  work_->stop();
}
WalReceiverStatus WalReceiver::status() const {
  return work_->status();
}
Result<> WalReceiver::wait_until_streaming(Micros timeout, const StopToken& stop) const {
  return work_->wait_until_streaming(timeout, stop);
}
Result<> WalReceiver::wait_until_durable(Timeline timeline, Lsn position, Micros timeout, const StopToken& stop) {
  return work_->wait_until_durable(timeline, position, timeout, stop);
}
void WalReceiver::set_rpo(Micros rpo) {
  work_->set_rpo(rpo);
}

}  // namespace holdfast
