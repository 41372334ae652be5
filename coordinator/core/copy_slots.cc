#include "coordinator/core/copy_slots.h"

namespace holdfast {
namespace {

constexpr unsigned jobs_per_store = 2;
constexpr std::chrono::minutes failure_remembered{30};

}  // namespace

CopySlots::CopySlots(const CoreState& state, Timestamp now) : state_(state), now_(now) {
  for (const auto& [id, node] : state.nodes) {
    if (node.state == NodeState::active && state.is_online(id)) idle_.insert(id);
  }
  for (const JobId id : state.open_jobs) {
    const Job& job = state.jobs.at(id).job;
    if (job.kind == JobKind::backup) backing_up_.insert({job.node, job.database});
    if (job.kind != JobKind::copy && job.kind != JobKind::scrub) continue;
    running_[{job.database, job.backup, job.store}] = id;
    ++by_store_[job.store];
    idle_.erase(job.node);
  }
}

std::optional<JobId> CopySlots::running(const CopyKey& key) const {
  const auto found = running_.find(key);
  return found == running_.end() ? std::nullopt : std::optional(found->second);
}

bool CopySlots::suits(NodeId node, const CopyKey& key, const CopyTries* tries) const {
  if (!idle_.contains(node) || backing_up_.contains({node, key.database})) return false;
  if (tries == nullptr) return true;
  const auto failed = tries->failed_on.find(node);
  return failed == tries->failed_on.end() || now_ - failed->second >= failure_remembered;
}

std::optional<NodeId> CopySlots::take(const CopyKey& key, const CopyTries* tries) {
  if (by_store_[key.store] >= jobs_per_store) return std::nullopt;
  std::optional<NodeId> chosen;
  const auto consider = [&](NodeId node) {
    if (!chosen && suits(node, key, tries)) chosen = node;
  };
  if (const Database* database = state_.database(key.database)) {
    consider(database->active);
    for (const Member& member : database->members) consider(member.node);
  }
  for (const NodeId node : idle_) consider(node);
  // All that could have failed at it: the pause between tries is enough, then.
  if (!chosen && tries != nullptr) return take(key, nullptr);
  if (!chosen) return std::nullopt;
  idle_.erase(*chosen);
  ++by_store_[key.store];
  return chosen;
}

}  // namespace holdfast
