#pragma once
// What operators were answered lately, by their key and the request's message id. A tool asks again under the same id
// when it heard nothing; a request that changed something is answered from here then and changes nothing more, also
// when the coordinator was started anew in between.
#include "coordinator/core/state.h"

namespace holdfast {

// A tool gives up after seconds: what it has not asked for again by then, it never will.
constexpr std::chrono::minutes replies_kept_for{10};
// For each key; the oldest goes first. More than this do not run at once under one key.
constexpr std::size_t replies_kept_per_key = 1000;

// nullptr: this request was not answered before, or it changed nothing.
const OperatorReplyBody* answered_before(const CoreState& state, const MessageCame& event);

// Durable with the changes of the turn. Of a token's text only the memory of this process keeps a copy: after a restart
// the same request is refused and its refusal names the token.
void remember_answer(Turn& turn, const MessageCame& event, const OperatorReplyBody& answer);

// With each tick.
void forget_old_answers(Turn& turn);

}  // namespace holdfast
