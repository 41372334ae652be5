#pragma once
// Where a policy asks for a lock, what is kept stays under it: agents put objects with it, and it is made longer here
// before it ends, as long as something that is kept needs the object.
#include "coordinator/core/state.h"

namespace holdfast {

// Asks for what is due: soon after a start, then twice in a policy's lock; an hour after a failure.
void watch_locks(Turn& turn);
void objects_kept(Turn& turn, const ObjectsKept& kept);

}  // namespace holdfast
