#pragma once
// What a program's exit code says, the same for all three programs.
#include "shared/base/result.h"

namespace holdfast {

enum class ExitCode : int {
  done = 0,
  failed = 1,
  usage = 2,
  done_in_part = 3,
  coordinator_unreachable = 4,
  denied = 5,
  conflict = 6,
  not_restorable = 7,
  not_found = 8,
  timed_out = 124,
};

// Of a failure: bad input is usage, a coordinator that cannot be reached is said by the caller, not by
// Code::unavailable.
ExitCode exit_code_of(Code code);

}  // namespace holdfast
