#include <memory>

#include "coordinator/cli/arguments.h"
#include "coordinator/cli/nouns.h"
#include "coordinator/cli/session.h"
#include "coordinator/cli/wait.h"

namespace holdfast {
namespace {

void add_list(CommandWord& noun) {
  auto selection = std::make_shared<SelectionArguments>();
  CommandWord verb = noun.add("list", "copies that are not as their policy wants them, the most urgent first");
  add_selection(verb, *selection, "database", Completes::databases);
  verb.runs([selection](Session& session) -> Result<ExitCode> {
    const ListReply reply = TRY(session.ask_for<ListReply>(listing(Listing::copies, selection->selection())));
    session.print_list(show_copies(reply.copies, session.style()), "every copy is as its policy wants it");
    return ExitCode::done;
  });
}

struct RepairOptions {
  SelectionArguments selection;
  std::string lost_store;
  bool yes = false;
  WaitArguments wait;
};

Result<ExitCode> repair(Session& session, const RepairOptions& options) {
  CopyRequest request{options.selection.selection(), options.lost_store};
  if (!request.lost_store.empty()) {
    TRY(session.confirm(options.yes, "count every copy in store \"" + request.lost_store + "\" as lost"));
  }
  const JobsReply started = TRY(session.ask_for<JobsReply>(request));
  for (const std::string& warning : started.warnings) session.warn(warning);
  if (started.jobs.empty()) {
    session.note("nothing was started");
    return ExitCode::done;
  }
  if (options.wait.detach) return show_detached(session, started.jobs);
  const std::vector<Job> jobs = TRY(wait_for_jobs(session, started.jobs, options.wait.timeout));
  session.print(show_jobs(jobs, *TRY(session.names()), session.style()));
  report_failures(session, jobs, *TRY(session.names()));
  return judge(jobs);
}

void add_repair(CommandWord& noun) {
  auto options = std::make_shared<RepairOptions>();
  CommandWord verb = noun.add("repair", "bring what copies lack now, instead of when their turn comes");
  add_selection(verb, options->selection, "database", Completes::databases);
  verb.option("--lost-store", options->lost_store, "it has lost what it had: nothing in it counts any more");
  add_yes(verb, options->yes);
  add_wait_arguments(verb, options->wait);
  verb.runs([options](Session& session) { return repair(session, *options); });
}

}  // namespace

void add_copy(CommandWord root) {
  CommandWord noun = root.add("copy", "backups and logs in each store, and what they lack");
  add_list(noun);
  add_repair(noun);
}

}  // namespace holdfast
