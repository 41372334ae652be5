#include "shared/base/exit_code.h"

namespace holdfast {

ExitCode exit_code_of(Code code) {
  switch (code) {
    case Code::invalid:
      return ExitCode::usage;
    case Code::denied:
      return ExitCode::denied;
    case Code::conflict:
    case Code::already_exists:
      return ExitCode::conflict;
    case Code::not_restorable:
      return ExitCode::not_restorable;
    case Code::not_found:
      return ExitCode::not_found;
    case Code::timed_out:
      return ExitCode::timed_out;
    default:
      return ExitCode::failed;
  }
}

}  // namespace holdfast
