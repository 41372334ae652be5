#include <memory>

#include "coordinator/cli/arguments.h"
#include "coordinator/cli/nouns.h"
#include "coordinator/cli/session.h"

namespace holdfast {

void add_window(CommandWord root) {
  CommandWord noun = root.add("window", "from when to when each database can be restored");
  auto selection = std::make_shared<SelectionArguments>();
  CommandWord verb = noun.add("list", "all windows, or those selected");
  add_selection(verb, *selection, "database", Completes::databases);
  verb.runs([selection](Session& session) -> Result<ExitCode> {
    const ListReply reply = TRY(session.list(listing(Listing::windows, selection->selection())));
    session.print_list(show_windows(reply.windows, session.style()), "no databases");
    return ExitCode::done;
  });
}

}  // namespace holdfast
