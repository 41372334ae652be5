#pragma once
// Which passes to buckets a node may have: for the databases it is assigned, and for those that a job it has now is
// about. Nobody is given one that removes.
#include "coordinator/core/state.h"

namespace holdfast {

// Code::denied, and Code::invalid of a wish that is none, say why not.
Result<> may_have_pass(const CoreState& state, const Node& node, const PassRequest& request);

// Granted ones go to the shell, which has the credentials; the others are answered at once.
void pass_asked(Turn& turn, const MessageCame& event, const Node& node, const PassRequest& request);

// A store as hosts are told of it: where the coordinator has its credentials is nothing to them when they have none.
StoreInfo as_hosts_see(StoreInfo store);

}  // namespace holdfast
