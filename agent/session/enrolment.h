#pragma once
// A node's way in: token in, certificate out. The secret is never sent.
#include "agent/state/node_keys.h"
#include "shared/identity/token.h"
#include "shared/log/log.h"
#include "shared/os/clock.h"
#include "shared/os/stop.h"
#include "shared/wire/messages.h"
#include "shared/wire/transport.h"

namespace holdfast {

// One try over one open connection: hello, challenge, proof, answer. Enrolled, or EnrolPending when an operator must
// approve. Code::denied: the coordinator refused the token, and asking again will not help; Code::unavailable and
// Code::timed_out: nobody answered.
Result<std::variant<Enrolled, EnrolPending>> try_enrolment(ClientTransport& transport, const TokenText& token,
                                                           const NodeKeys& keys, const NodeFacts& facts,
                                                           Entropy& entropy, Clock& clock);

// Tries the token's endpoints until it is in, refused or told to stop (Code::cancelled); waits with jitter in between.
Result<Enrolled> enrol(ZmqContext& context, const TokenText& token, const NodeKeys& keys, const NodeFacts& facts,
                       Entropy& entropy, Clock& clock, const StopToken& stop, const Logger& log);

// Doubles from `base` to `limit` with full jitter, for the given number of failures so far (0: the first wait).
Micros backoff(Micros base, Micros limit, std::uint32_t failures, Entropy& entropy);

}  // namespace holdfast
