#pragma once
// Once a day through the stores, one database after another: what failed and killed backups left there goes. What may
// go is decided by stray_rules.
#include "coordinator/core/state.h"

namespace holdfast {

// Asks for the next listing when one is due and none is under way.
void watch_sweeps(Turn& turn);
void backups_listed(Turn& turn, const BackupsListed& listed);
void strays_removed(Turn& turn, const StraysRemoved& removed);

}  // namespace holdfast
