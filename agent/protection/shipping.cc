#include "agent/protection/shipping.h"

#include <fmt/format.h>

#include <filesystem>

#include "shared/postgres/timeline_history.h"

namespace holdfast {
namespace {

constexpr Micros last_bytes_timeout = std::chrono::seconds(10);
// For each of many databases: what a store that is away misses beyond it is brought by a copy job.
constexpr std::size_t lane_bytes = 16U << 20U;

std::vector<std::string> store_names(const StoreSet& stores) {
  std::vector<std::string> names;
  for (const auto& store : stores.stores()) names.push_back(store.name);
  return names;
}

bool same(const ShippedCluster& a, const ShippedCluster& b) {
  return a.endpoint.socket_directory == b.endpoint.socket_directory && a.endpoint.port == b.endpoint.port &&
         a.data_directory == b.data_directory && a.endpoint.role == b.endpoint.role &&
         a.endpoint.os_user.uid == b.endpoint.os_user.uid && a.database.recipients == b.database.recipients &&
         a.database.system_id == b.database.system_id &&
         store_names(a.database.stores) == store_names(b.database.stores) &&
         a.database.stores.min_copies() == b.database.stores.min_copies() && a.zstd_level == b.zstd_level;
}

}  // namespace

// The receiver's memory in the agent's state.
class Shipping::Positions final : public WalPositions {
 public:
  Positions(AgentState& state, DatabaseId database) : state_(state), database_(database) {}
  Result<std::optional<WalResumePoint>> load() override {
    const auto stored = TRY(state_.wal(database_));
    if (!stored) return std::nullopt;
    return WalResumePoint{stored->system_id,   stored->timeline,  stored->first,       stored->durable,
                          stored->predecessor, stored->from_time, stored->through_time};
  }
  Result<> save(const WalResumePoint& point) override {
    return state_.save_wal(database_, {point.system_id, point.timeline, point.first, point.durable, point.predecessor,
                                       point.from_time, point.through_time});
  }

 private:
  AgentState& state_;
  DatabaseId database_;
};

struct Shipping::Running {
  Running(ShippedCluster cluster_in, AgentState& state)
      : cluster(std::move(cluster_in)), positions(state, cluster.database.id) {
    LaneLimits limits;
    limits.bytes = lane_bytes;
    limits.threads = 2;
    const StoreSet& stores = cluster.database.stores;
    cluster.database.stores = StoreSet(stores.stores(), stores.min_copies(), limits);
  }
  ShippedCluster cluster;
  Positions positions;
  std::shared_ptr<WalObserver> observer;
  std::shared_ptr<WalReceiver> receiver;  // last: it uses the others
};

Shipping::Shipping(const Enrolled& identity, const NodeKeys& keys, AgentState& state, Epochs& epochs, Clock& clock,
                   Entropy& entropy, Logger log, Events events, ObserverOf observer)
    : identity_(identity),
      keys_(keys),
      state_(state),
      epochs_(epochs),
      clock_(clock),
      entropy_(entropy),
      log_(std::move(log)),
      events_(std::move(events)),
      observer_(std::move(observer)) {}

Shipping::~Shipping() {
  stop_all();
}

std::shared_ptr<Shipping::Running> Shipping::start(ShippedCluster cluster) {
  auto running = std::make_shared<Running>(std::move(cluster), state_);
  const ProtectedDatabase& database = running->cluster.database;
  WalReceiver::Settings settings;
  settings.endpoint = running->cluster.endpoint;
  settings.fleet = identity_.fleet;
  settings.database = database.id;
  settings.node = identity_.node;
  settings.system_id = database.system_id;
  settings.slot = slot_name(database.id);
  settings.rpo = running->cluster.rpo;
  settings.zstd_level = running->cluster.zstd_level;
  if (observer_) running->observer = observer_(database.id);
  running->receiver = std::make_shared<WalReceiver>(std::move(settings), parts_for(*running));
  return running;
}

WalReceiver::Parts Shipping::parts_for(Running& running) {
  const ProtectedDatabase& database = running.cluster.database;
  const Logger log = log_.with({{"database", database.name}});
  WalReceiverEvents events;
  events.gap = [this, id = database.id](const WalGap& gap) -> Result<> {
    TRY_DURING("note that log was lost", state_.save_wal_loss(id, {clock_.now(), gap.to}));
    events_.log_lost(id);
    return {};
  };
  events.history_stored = [this, log, id = database.id](Timeline timeline, const Bytes& content) {
    const auto history = TimelineHistory::parse(timeline, as_text(content));
    if (!history || history->switches().empty()) return;
    const auto& last = history->switches().back();
    if (auto noted = state_.add_to_outbox(HistoryReport{{id, timeline, last.parent, last.at}}); !noted) {
      log.error("a timeline could not be noted for the coordinator", noted.error(), {{"timeline", timeline}});
    }
    events_.changed();
  };
  return {database.stores,
          keys_.signer,
          [this, &database]() -> Result<std::shared_ptr<const EpochKey>> {
            Bytes record;
            {
              const std::lock_guard lock(mutex_);
              record = fleet_record_;
            }
            auto key = epochs_.current(database, record);
            events_.changed();
            return key;
          },
          running.positions,
          clock_,
          entropy_,
          log,
          std::move(events),
          running.observer.get()};
}

void Shipping::set(std::vector<ShippedCluster> clusters, const std::set<DatabaseId>& unseen, Bytes fleet_record) {
  // Receivers are ended outside the lock: their threads may be asking for an epoch, which takes it.
  std::vector<std::shared_ptr<Running>> ended;
  std::vector<ShippedCluster> to_start;
  {
    const std::lock_guard lock(mutex_);
    fleet_record_ = std::move(fleet_record);
    std::map<DatabaseId, std::shared_ptr<Running>> kept;
    for (auto& cluster : clusters) {
      const DatabaseId id = cluster.database.id;
      if (suspended_.contains(id)) continue;
      const auto found = running_.find(id);
      if (found != running_.end() && same(found->second->cluster, cluster)) {
        found->second->cluster.rpo = cluster.rpo;
        found->second->receiver->set_rpo(rpo_of(cluster));
        kept.emplace(id, std::move(found->second));
        running_.erase(found);
      } else {
        to_start.push_back(std::move(cluster));
      }
    }
    for (auto& [id, running] : running_) {
      if (unseen.contains(id)) {
        kept.emplace(id, std::move(running));
      } else {
        ended.push_back(std::move(running));
      }
    }
    running_ = std::move(kept);
  }
  // A job may still hold one: were it only let go, two would stream from one slot.
  for (const auto& running : ended) running->receiver->stop();
  for (auto& cluster : to_start) {
    const DatabaseId id = cluster.database.id;
    auto running = start(std::move(cluster));
    const std::lock_guard lock(mutex_);
    if (!suspended_.contains(id)) running_.insert_or_assign(id, std::move(running));
  }
}

Micros Shipping::rpo_of(const ShippedCluster& cluster) const {
  return hurry_ ? std::min(*hurry_, cluster.rpo) : cluster.rpo;
}

void Shipping::hurry(std::optional<Micros> longest_wait) {
  const std::lock_guard lock(mutex_);
  hurry_ = longest_wait;
  for (const auto& [id, running] : running_) running->receiver->set_rpo(rpo_of(running->cluster));
}

std::vector<std::string> Shipping::send_out(Micros timeout, const StopToken& stop) {
  std::vector<std::pair<std::shared_ptr<Running>, WalReceiverStatus>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, running] : running_) {
      const WalReceiverStatus status = running->receiver->status();
      if (status.received != Lsn()) all.emplace_back(running, status);
    }
  }
  const Micros deadline = clock_.monotonic() + timeout;
  const auto wait = [&](const auto& one, Micros patience) {
    return one.first->receiver->wait_until_durable(one.second.timeline, one.second.received, patience, stop);
  };
  // Asked for all at once, so that none waits for another's turn.
  for (const auto& one : all) (void)wait(one, Micros(0));
  std::vector<std::string> late;
  for (const auto& one : all) {
    const auto sent = wait(one, std::max(Micros(0), deadline - clock_.monotonic()));
    if (!sent) late.push_back(one.first->cluster.database.name);
  }
  return late;
}

void Shipping::suspend(DatabaseId database) {
  if (const auto receiver = find(database)) {
    const WalReceiverStatus status = receiver->status();
    auto shipped = receiver->wait_until_durable(status.timeline, status.received, last_bytes_timeout, StopToken());
    if (!shipped)
      log_.warning("the last log that was received is not in the stores", {{"cause", shipped.error().message}});
  }
  std::shared_ptr<Running> ended;
  {
    const std::lock_guard lock(mutex_);
    suspended_.insert(database);
    const auto found = running_.find(database);
    if (found == running_.end()) return;
    ended = std::move(found->second);
    running_.erase(found);
  }
  ended->receiver->stop();
}

void Shipping::resume(DatabaseId database) {
  const std::lock_guard lock(mutex_);
  suspended_.erase(database);
  stopped_.erase(database);
}

Result<Lsn> Shipping::ship_stopped(const ProtectedDatabase& database, int zstd_level, const StoppedLog& log,
                                   Micros timeout, const StopToken& stop) {
  suspend(database.id);
  Running running({database, log.server().data_directory, {}}, state_);
  const auto durable = ship_stopped_log(log, {identity_.fleet, database.id, identity_.node, zstd_level},
                                        parts_for(running), timeout, stop);
  if (const auto reached = state_.wal(database.id); reached && *reached) {
    WalPosition position;
    position.database = database.id;
    position.timeline = (*reached)->timeline;
    position.first = (*reached)->first;
    position.durable = (*reached)->durable;
    position.written = log.server().log_end;
    position.from_time = (*reached)->from_time;
    position.through_time = (*reached)->through_time;
    position.segment_size = log.server().segment_size.bytes();
    const std::lock_guard lock(mutex_);
    stopped_.insert_or_assign(database.id, std::move(position));
  }
  return durable;
}

bool Shipping::ships_from(DatabaseId database, const std::string& directory) const {
  const std::lock_guard lock(mutex_);
  const auto found = running_.find(database);
  if (found == running_.end()) return false;
  const std::string& own = found->second->cluster.data_directory;
  std::error_code problem;
  return own == directory || std::filesystem::equivalent(own, directory, problem);
}

void Shipping::stop_all() {
  set({}, {}, {});
}

std::vector<WalPosition> Shipping::positions() const {
  std::vector<std::shared_ptr<Running>> all;
  std::vector<WalPosition> out;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, running] : running_) all.push_back(running);
    for (const auto& [id, position] : stopped_) out.push_back(position);
  }
  for (const auto& running : all) {
    const WalReceiverStatus status = running->receiver->status();
    WalPosition position;
    position.database = running->cluster.database.id;
    position.timeline = status.timeline;
    position.first = status.first;
    position.durable = status.durable;
    position.written = status.received;
    position.from_time = status.from_time;
    position.through_time = status.recoverable_through;
    position.segment_size = status.segment_size.bytes();
    if (status.slot) {
      position.slot_state = to_string(status.slot->wal);
      position.slot_retained_bytes = status.slot->held_bytes;
    }
    if (status.error) position.error = status.error->text();
    for (const auto& missed : running->cluster.database.stores.missed()) {
      if (missed.objects > 0) position.arrears.push_back({missed.store, missed.objects});
    }
    out.push_back(std::move(position));
  }
  return out;
}

std::shared_ptr<WalReceiver> Shipping::find(DatabaseId database) const {
  const std::lock_guard lock(mutex_);
  const auto found = running_.find(database);
  if (found == running_.end()) return nullptr;
  // The receiver lives as long as everything it was made of.
  return {found->second, found->second->receiver.get()};
}

}  // namespace holdfast
