#pragma once
// How a host becomes a node. The enrol door knows two messages: a hello that is answered with a nonce, and a proof made
// with the token's secret over both nonces and the key that CURVE proved.
#include "coordinator/core/state.h"

namespace holdfast {

void enrol_hello(Turn& turn, const MessageCame& event, const EnrolHello& hello);
void enrol_proof(Turn& turn, const MessageCame& event, const EnrolProof& proof);
void expire_challenges(Turn& turn);

// A pending node becomes active: it gets its certificate. Code::conflict when it is not pending.
Result<> approve_node(Turn& turn, NodeId node);

}  // namespace holdfast
