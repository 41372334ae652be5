#pragma once
// --dry-run of a verb that changes something: the coordinator says what each of its requests would do by itself.
#include <vector>

#include "coordinator/cli/session.h"

namespace holdfast {

Result<ExitCode> rehearse(Session& session, const std::vector<OperatorBody>& requests);

}  // namespace holdfast
