#pragma once
// `holdfast store add`: which options belong to which kind, and waiting for what the coordinator finds.
#include "coordinator/cli/grammar.h"

namespace holdfast {

void add_store_add(CommandWord& noun);

}  // namespace holdfast
