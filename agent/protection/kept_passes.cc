#include "agent/protection/kept_passes.h"

#include <algorithm>

#include "shared/repository/layout.h"

namespace holdfast {
namespace {

// A pass of a week is another one twice a day: an outage of six days is always bridged.
constexpr int renewals_in_a_life = 14;
constexpr Micros try_again_after = std::chrono::minutes(1);
constexpr std::size_t asked_at_once = 32;

}  // namespace

bool is_presigned(const StoreInfo& store) {
  return store.kind == StoreKind::s3 && store.s3.hosts == S3Place::Hosts::presigned;
}

bool is_put_once(const std::string& name) {
  return backup_of_object(name) || epoch_of_object(name) || parse_wal_name(name);
}

KeptPasses::KeptPasses(AgentState& state, PassDesk& desk, Clock& clock, Logger log)
    : state_(state), desk_(desk), clock_(clock), log_(std::move(log)) {}

Result<> KeptPasses::remember() {
  auto passes = TRY(state_.passes());
  const std::lock_guard lock(mutex_);
  for (KeptPass& pass : passes) kept_.insert_or_assign({pass.store, pass.scope}, std::move(pass));
  return {};
}

void KeptPasses::want(const Assignment& assignment) {
  std::map<Place, Wanted> wanted;
  for (const StoreInfo& store : assignment.stores) {
    if (!is_presigned(store)) continue;
    for (const Assigned& assigned : assignment.databases) {
      if ((!assigned.active && !takes_backups(assigned)) || !assigned.protect) continue;
      if (std::ranges::find(assigned.stores, store.name) == assigned.stores.end()) continue;
      wanted[{store.id, database_prefix(assigned.database)}] = {store.name, Micros(0)};
      wanted[{store.id, fleet_record_name()}] = {store.name, Micros(0)};
    }
  }
  const std::lock_guard lock(mutex_);
  std::erase_if(kept_, [&](const auto& entry) {
    if (wanted.contains(entry.first)) return false;
    if (auto gone = state_.forget_pass(entry.first.first, entry.first.second); !gone) {
      log_.error("a pass to a bucket could not be forgotten", gone.error());
    }
    return true;
  });
  wanted_ = std::move(wanted);
}

void KeptPasses::renew() {
  std::vector<std::pair<Place, std::string>> due;
  {
    const std::lock_guard lock(mutex_);
    const Micros now = clock_.monotonic();
    for (auto& [place, wanted] : wanted_) {
      if (due.size() == asked_at_once) break;
      const auto kept = kept_.find(place);
      const bool young =
          kept != kept_.end() && clock_.now() - kept->second.since < kept->second.pass.valid / renewals_in_a_life;
      if (young || now < wanted.next_try) continue;
      wanted.next_try = now + try_again_after;
      due.emplace_back(place, wanted.store);
    }
  }
  for (const auto& wanted : due) {
    const PassRequest request{wanted.second, {BucketWish::Kind::put, wanted.first.second}};
    desk_.ask_later(request, [this, wanted](const Result<BucketPass>& pass) {
      if (pass) {
        keep(wanted.first, *pass);
      } else if (pass.error().code != Code::unavailable) {
        log_.warning("no pass to put objects in a bucket", {{"store", wanted.second}, {"error", pass.error().text()}});
      }
    });
  }
}

void KeptPasses::keep(const Place& place, const BucketPass& pass) {
  const KeptPass kept{place.first, place.second, pass, clock_.now()};
  const std::lock_guard lock(mutex_);
  kept_.insert_or_assign(place, kept);
  if (auto saved = state_.save_pass(kept); !saved) {
    log_.error("a pass to a bucket is not remembered over a restart", saved.error());
  }
}

Result<BucketPass> KeptPasses::pass_for(const StoreInfo& store, const BucketWish& wish, PassAge age) {
  if (wish.kind != BucketWish::Kind::put) return desk_.ask({store.name, wish});
  const Place place{store.id, wish.name};
  if (age == PassAge::any) {
    const std::lock_guard lock(mutex_);
    const auto kept = kept_.find(place);
    if (kept != kept_.end() && clock_.now() < kept->second.until()) return kept->second.pass;
  }
  BucketPass pass = TRY(desk_.ask({store.name, wish}));
  keep(place, pass);
  return pass;
}

BucketAsking KeptPasses::asking_for(const StoreInfo& store) {
  return {[this, store](const BucketWish& wish, PassAge age) { return pass_for(store, wish, age); }, is_put_once};
}

}  // namespace holdfast
