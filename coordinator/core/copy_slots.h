#pragma once
// Who may do something with copies now: one job of the kind on a node, few on a store.
#include "coordinator/core/state.h"

namespace holdfast {

// A view of one moment; what is taken counts from then on.
class CopySlots {
 public:
  CopySlots(const CoreState& state, Timestamp now);

  // Of this copy, repaired or scrubbed.
  bool is_running(const CopyKey& key) const { return running_.contains(key); }
  std::optional<JobId> running(const CopyKey& key) const;
  // As many as there are nodes to do it.
  bool full() const { return idle_.empty(); }
  // The node to do it: the database's own before others, none that failed at it a short while ago or backs the
  // database up now. nullopt: nobody, or the store has enough to do.
  std::optional<NodeId> take(const CopyKey& key, const CopyTries* tries);

 private:
  bool suits(NodeId node, const CopyKey& key, const CopyTries* tries) const;

  const CoreState& state_;
  Timestamp now_;
  std::map<CopyKey, JobId> running_;
  std::map<std::string, unsigned> by_store_;
  std::set<NodeId> idle_;
  std::set<std::pair<NodeId, DatabaseId>> backing_up_;
};

}  // namespace holdfast
