#include <memory>

#include "coordinator/cli/arguments.h"
#include "coordinator/cli/nouns.h"
#include "coordinator/cli/session.h"
#include "coordinator/cli/wait.h"

namespace holdfast {
namespace {

void add_list(CommandWord& noun) {
  auto selection = std::make_shared<SelectionArguments>();
  CommandWord verb = noun.add("list", "all databases, or those selected");
  add_selection(verb, *selection, "database", Completes::databases);
  verb.runs([selection](Session& session) -> Result<ExitCode> {
    const ListReply reply = TRY(session.list(listing(Listing::databases, selection->selection())));
    session.print_list(show_databases(reply.databases, *TRY(session.names()), session.style()),
                       "no databases; agents report what they find soon after their start");
    return ExitCode::done;
  });
}

void add_describe(CommandWord& noun) {
  auto name = std::make_shared<std::string>();
  CommandWord verb = noun.add("describe", "everything about one database");
  verb.option("database", *name, "its name, id or the beginning of its id").required().completes(Completes::databases);
  verb.runs([name](Session& session) -> Result<ExitCode> {
    const ListReply reply = TRY(session.list(listing(Listing::databases, {{*name}, ""})));
    if (reply.databases.empty()) {
      return fail(Code::not_found, "no database \"" + *name + "\"", "holdfast database list");
    }
    session.print(show_database(reply.databases.front(), *TRY(session.names()), session.style()));
    return ExitCode::done;
  });
}

void add_ping(CommandWord& noun) {
  auto selection = std::make_shared<SelectionArguments>();
  CommandWord verb = noun.add("ping", "have the agents look at their databases again now");
  add_selection(verb, *selection, "database", Completes::databases);
  verb.runs([selection](Session& session) -> Result<ExitCode> {
    const OperatorReplyBody reply = TRY(session.ask(RefreshRequest{selection->selection()}));
    ExitCode code = ExitCode::done;
    if (const auto* started = std::get_if<JobsReply>(&reply)) {
      const std::vector<Job> jobs = TRY(wait_for_jobs(session, started->jobs, std::chrono::minutes(1)));
      report_failures(session, jobs, *TRY(session.names()));
      code = judge(jobs);
    }
    const ListReply now = TRY(session.list(listing(Listing::databases, selection->selection())));
    session.print_list(show_databases(now.databases, *TRY(session.names()), session.style()), "no databases");
    return code;
  });
}

}  // namespace

void add_database(CommandWord root) {
  CommandWord noun = root.add("database", "PostgreSQL clusters and SQLite files");
  add_list(noun);
  add_describe(noun);
  add_ping(noun);
}

}  // namespace holdfast
