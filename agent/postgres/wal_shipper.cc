#include "agent/postgres/wal_shipper.h"

#include <algorithm>

#include "shared/repository/layout.h"

namespace holdfast {
namespace {

constexpr Micros first_pause = std::chrono::milliseconds(200);
constexpr Micros longest_pause = std::chrono::seconds(15);

std::size_t size_of(const Shipment& shipment) {
  if (const auto* cut = std::get_if<WalCut>(&shipment)) return cut->bytes.size();
  return std::get<HistoryCut>(shipment).content.size();
}

// Nobody may remove it from here, and it will never be ours.
bool is_of_no_use(const Error& taken) {
  return taken.code == Code::corrupt || taken.code == Code::denied;
}

}  // namespace

Micros Backoff::next() {
  current_ = current_.count() == 0 ? first_ : std::min(current_ * 2, longest_);
  const auto random = read_le<std::uint32_t>(entropy_.bytes<4>());
  return current_ - Micros(current_.count() / 2 * static_cast<std::int64_t>(random % 1000) / 1000);
}

WalShipper::WalShipper(Identity identity, const WalReceiver::Parts& parts, StopToken stop,
                       std::function<void()> changed)
    : identity_(identity),
      parts_(parts),
      stop_(std::move(stop)),
      tell_(std::move(changed)),
      encoder_(identity.zstd_level),
      thread_([this] { run(); }) {}

WalShipper::~WalShipper() {
  stop();
}

void WalShipper::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_.request_stop();
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void WalShipper::set_server(SystemId system_id, WalSegmentSize segment_size) {
  const std::lock_guard lock(mutex_);
  system_id_ = system_id;
  segment_size_ = segment_size;
}

void WalShipper::set_position(const WalResumePoint& position) {
  const std::lock_guard lock(mutex_);
  position_ = position;
}

void WalShipper::set_through(Timestamp through) {
  const std::lock_guard lock(mutex_);
  if (position_) position_->through_time = std::max(position_->through_time, through);
}

void WalShipper::send(Shipment shipment) {
  {
    const std::lock_guard lock(mutex_);
    buffered_ += size_of(shipment);
    queue_.push_back(std::move(shipment));
  }
  changed_.notify_all();
}

std::size_t WalShipper::buffered() const {
  const std::lock_guard lock(mutex_);
  return buffered_;
}

bool WalShipper::idle() const {
  const std::lock_guard lock(mutex_);
  return queue_.empty();
}

std::optional<WalResumePoint> WalShipper::position() const {
  const std::lock_guard lock(mutex_);
  return position_;
}

std::optional<Error> WalShipper::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

void WalShipper::run() {
  Backoff backoff(parts_.entropy, first_pause, longest_pause);
  while (true) {
    const Shipment* next = nullptr;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stop_.stop_requested() || !queue_.empty(); });
      if (stop_.stop_requested()) return;
      next = &queue_.front();  // only this thread removes, and a deque's elements stay where they are
    }
    auto shipped = ship(*next);
    {
      const std::lock_guard lock(mutex_);
      if (!shipped) {
        error_ = shipped.error();
      } else if (*shipped == Shipped::stored) {
        error_.reset();
        buffered_ -= size_of(queue_.front());
        queue_.pop_front();
      }
    }
    tell_();
    if (shipped) {
      backoff.reset();
      continue;
    }
    parts_.log.warning("log cannot be stored and is tried again",
                       {{"database", identity_.database}, {"error", shipped.error().text()}});
    if (stop_.wait_for(backoff.next())) return;
  }
}

Result<WalShipper::Shipped> WalShipper::ship(const Shipment& shipment) {
  if (const auto* cut = std::get_if<WalCut>(&shipment)) return ship_cut(*cut);
  TRY(ship_history(std::get<HistoryCut>(shipment)));
  return Shipped::stored;
}

Result<WalShipper::Shipped> WalShipper::ship_cut(const WalCut& cut) {
  const std::string name = wal_name(identity_.database, cut.timeline, cut.first, cut.last());
  if (!ready_) {
    const auto key = TRY(parts_.epoch_key());
    WalHeader header;
    header.fleet = identity_.fleet;
    header.database = identity_.database;
    header.node = identity_.node;
    header.epoch = key->id;
    header.timeline = cut.timeline;
    header.first = cut.first;
    header.last = cut.last();
    header.received_from = cut.received_from;
    header.received_through = cut.received_through;
    header.recoverable_through = cut.recoverable_through;
    {
      const std::lock_guard lock(mutex_);
      header.system_id = system_id_;
      header.segment_size = segment_size_.bytes();
      if (position_) header.predecessor = position_->predecessor;
    }
    // Kept between tries: some stores may have it already, and only the same bytes may be put again.
    ready_ = TRY(encode_wal_object(header, cut.bytes, *key, parts_.signer, parts_.entropy, encoder_));
  }
  Sha256 sha256 = ready_->sha256;
  if (auto put = parts_.stores.put(name, ready_->object); !put) {
    if (put.error().code != Code::already_exists) return std::unexpected(std::move(put).error());
    const auto adopted = adopt_existing(name);
    if (!adopted && is_of_no_use(adopted.error()) && cut.bytes.size() > 1) {
      cut_front_in_two(adopted.error());
      return Shipped::cut_in_two;
    }
    sha256 = TRY(adopted);
  }
  ready_.reset();
  moved_to(cut, sha256);
  return Shipped::stored;
}

// The name of an object is where it begins and ends, so the halves have names of their own; readers pass over what is
// damaged when another object has the same log.
void WalShipper::cut_front_in_two(const Error& reason) {
  const std::lock_guard lock(mutex_);
  WalCut& back = std::get<WalCut>(queue_.front());
  parts_.log.warning("an object of no use has the name of a stretch of log, which is stored in two parts",
                     {{"database", identity_.database}, {"lsn", back.first}, {"error", reason.text()}});
  const auto middle = back.bytes.begin() + static_cast<std::ptrdiff_t>(back.bytes.size() / 2);
  WalCut front = back;
  front.bytes.assign(back.bytes.begin(), middle);
  // Of its end nothing is known but what the objects before it say.
  front.recoverable_through = position_ ? position_->through_time : Timestamp();
  back.first = front.last();
  back.bytes.erase(back.bytes.begin(), middle);
  queue_.push_front(std::move(front));
  ready_.reset();
}

// Put before a crash that came too early to remember it.
Result<Sha256> WalShipper::adopt_existing(const std::string& name) {
  const Bytes existing = TRY(parts_.stores.get(name));
  const auto header = TRY_DURING(name, verify_wal_object(existing, parts_.signer.public_key));
  {
    const std::lock_guard lock(mutex_);
    if (header.system_id != system_id_) {
      return fail(Code::conflict, fmt::format("\"{}\" is of another cluster", name));
    }
    if (wal_name(header.database, header.timeline, header.first, header.last) != name) {
      return fail(Code::corrupt, fmt::format("\"{}\" is the WAL of another name", name));
    }
  }
  TRY(parts_.stores.put(name, existing));
  return sha256(existing);
}

void WalShipper::moved_to(const WalCut& cut, const Sha256& sha256) {
  WalResumePoint position;
  {
    const std::lock_guard lock(mutex_);
    position = position_.value_or(WalResumePoint{});
    if (position.timeline != cut.timeline || position.durable != cut.first || position.first == Lsn()) {
      position.first = cut.first;
      position.from_time = cut.received_from;
    }
    position.system_id = system_id_;
    position.timeline = cut.timeline;
    position.durable = cut.last();
    position.predecessor = sha256;
    position_ = position;
  }
  if (auto saved = parts_.positions.save(position); !saved) {
    parts_.log.warning("the position in the log cannot be saved; the stores know it too",
                       {{"database", identity_.database}, {"error", saved.error().text()}});
  }
}

Result<> WalShipper::ship_history(const HistoryCut& cut) {
  auto put = parts_.stores.put(history_name(identity_.database, cut.timeline), cut.content);
  if (!put) return std::unexpected(std::move(put).error());
  if (parts_.events.history_stored) parts_.events.history_stored(cut.timeline, cut.content);
  return {};
}

}  // namespace holdfast
