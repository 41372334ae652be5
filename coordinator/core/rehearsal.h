#pragma once
// What a request would do: it is carried out in earnest, and then the core is put back as it was. So every verb has a
// dry run that judges exactly as the verb does.
#include "coordinator/core/operators.h"

namespace holdfast {

// The answer in sentences where the real one names what was made; a refusal is the one that the request would get.
// `state` is the same afterwards; nothing is committed or sent. It costs a copy of all that the core knows.
OperatorReplyBody rehearse(CoreState& state, Timestamp now, const std::string& who, const OperatorBody& body);

}  // namespace holdfast
