#include "coordinator/cli/nouns.h"
#include "coordinator/cli/session.h"

namespace holdfast {

void add_status(CommandWord root) {
  CommandWord verb = root.add("status", "one page: what is unprotected, behind, failing, running");
  verb.runs([](Session& session) -> Result<ExitCode> {
    const ListReply reply = TRY(session.list(listing(Listing::status)));
    session.print(show_status(reply, *TRY(session.names()), session.style()));
    return ExitCode::done;
  });
}

}  // namespace holdfast
