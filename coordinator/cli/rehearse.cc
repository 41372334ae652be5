#include "coordinator/cli/rehearse.h"

namespace holdfast {

Result<ExitCode> rehearse(Session& session, const std::vector<OperatorBody>& requests) {
  std::vector<std::string> lines;
  for (const OperatorBody& request : requests) {
    const DoneReply would = TRY(session.would(request));
    lines.insert(lines.end(), would.lines.begin(), would.lines.end());
  }
  session.print(show_done(lines, session.style()));
  session.note("nothing was changed (--dry-run)");
  return ExitCode::done;
}

}  // namespace holdfast
