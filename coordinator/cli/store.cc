#include <memory>

#include "coordinator/cli/arguments.h"
#include "coordinator/cli/nouns.h"
#include "coordinator/cli/rehearse.h"
#include "coordinator/cli/session.h"
#include "coordinator/cli/store_add.h"
#include "coordinator/cli/wait.h"

namespace holdfast {
namespace {

void add_check(CommandWord& noun) {
  auto name = std::make_shared<std::string>();
  CommandWord verb = noun.add("check", "have the agents write, read and remove a probe there");
  verb.option("store", *name, "its name").required().completes(Completes::stores);
  verb.runs([name](Session& session) -> Result<ExitCode> {
    const OperatorReplyBody reply = TRY(session.ask(StoreRequest{StoreRequest::Verb::check, *name}));
    if (const auto* done = std::get_if<DoneReply>(&reply)) {
      session.print(show_done(done->lines, session.style()));
      return ExitCode::done;
    }
    const auto* started = std::get_if<JobsReply>(&reply);
    if (started == nullptr) return fail(Code::unsupported, "the coordinator's answer is of an unknown kind");
    for (const std::string& warning : started->warnings) session.warn(warning);
    const std::vector<Job> jobs = TRY(wait_for_jobs(session, started->jobs, std::chrono::minutes(2)));
    const Names* names = TRY(session.names());
    session.print(show_jobs(jobs, *names, session.style()));
    report_failures(session, jobs, *names);
    return judge(jobs);
  });
}

void add_remove(CommandWord& noun) {
  struct Options {
    std::string name;
    bool yes = false;
    bool dry_run = false;
  };
  auto options = std::make_shared<Options>();
  CommandWord verb = noun.add("remove", "use it no more; its objects stay where they are");
  verb.option("store", options->name, "its name").required().completes(Completes::stores);
  add_yes(verb, options->yes);
  add_dry_run(verb, options->dry_run);
  verb.runs([options](Session& session) -> Result<ExitCode> {
    const StoreRequest request{StoreRequest::Verb::remove, options->name};
    if (options->dry_run) return rehearse(session, {request});
    TRY(session.confirm(options->yes, "remove store \"" + options->name + "\""));
    const DoneReply done = TRY(session.ask_for<DoneReply>(request));
    session.print(show_done(done.lines, session.style()));
    return ExitCode::done;
  });
}

}  // namespace

void add_store(CommandWord root) {
  CommandWord noun = root.add("store", "where backups are kept");
  add_store_add(noun);
  noun.add("list", "all stores").runs([](Session& session) -> Result<ExitCode> {
    const ListReply reply = TRY(session.list(listing(Listing::stores)));
    session.print_list(show_stores(reply.stores, session.style()),
                       "no stores; the first one: holdfast store add NAME posix --path DIR");
    return ExitCode::done;
  });
  add_check(noun);
  add_remove(noun);
}

}  // namespace holdfast
