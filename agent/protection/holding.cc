#include "agent/protection/holding.h"

namespace holdfast {
namespace {

constexpr Micros interval = std::chrono::seconds(15);
// Between a promotion and the first byte that is shipped from there, and what was not shipped before.
constexpr Micros held_for = std::chrono::minutes(10);

bool same(const PostgresEndpoint& a, const PostgresEndpoint& b) {
  return a.socket_directory == b.socket_directory && a.port == b.port && a.role == b.role;
}

}  // namespace

struct Holding::Held {
  HeldCluster cluster;
  HeldLog log;
  std::optional<Micros> left_at;  // when it was not wanted any more
  std::string last_problem;
};

Holding::Holding(Clock& clock, Logger log) : clock_(clock), log_(std::move(log)), thread_([this] { run(); }) {}

Holding::~Holding() {
  stop_.request_stop();
}

void Holding::set(std::vector<HeldCluster> clusters) {
  const std::lock_guard lock(mutex_);
  wanted_.clear();
  for (auto& cluster : clusters) wanted_.insert_or_assign(cluster.database, std::move(cluster));
}

void Holding::run() {
  do {
    std::map<DatabaseId, HeldCluster> wanted;
    {
      const std::lock_guard lock(mutex_);
      wanted = wanted_;
    }
    for (auto& [id, cluster] : wanted) {
      auto& held = held_[id];
      if (held && same(held->cluster.endpoint, cluster.endpoint)) continue;
      held.reset();  // first: the name of its slot is the same
      held = std::make_unique<Held>(
          Held{cluster, HeldLog(cluster.endpoint, id, {.longest = held_for, .stop = stop_}), {}, {}});
    }
    for (auto& [id, held] : held_) renew(*held, wanted.contains(id));
    std::erase_if(held_, [&](const auto& entry) {
      const Held& held = *entry.second;
      return held.left_at && (!held.log.holds() || clock_.monotonic() - *held.left_at >= held_for);
    });
  } while (!stop_.wait_for(interval));
}

void Holding::renew(Held& held, bool wanted) {
  if (wanted) {
    held.left_at.reset();
  } else if (!held.left_at) {
    held.left_at = clock_.monotonic();
  }
  if (!wanted && !held.log.holds()) return;  // its server was stopped: nobody waits for it
  const auto renewed = held.log.renew(clock_.monotonic());
  const std::string problem = renewed ? std::string() : renewed.error().text();
  if (!problem.empty() && problem != held.last_problem && !stop_.stop_requested()) {
    log_.warning("a standby's log is not held: a failover to it may leave a gap",
                 {{"database", held.cluster.name}, {"error", problem}});
  }
  held.last_problem = problem;
}

}  // namespace holdfast
