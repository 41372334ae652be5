#include <memory>

#include "coordinator/cli/arguments.h"
#include "coordinator/cli/nouns.h"
#include "coordinator/cli/rehearse.h"
#include "coordinator/cli/session.h"
#include "coordinator/cli/wait.h"
#include "coordinator/cli/words.h"

namespace holdfast {
namespace {

Result<Job> find_job(Session& session, const std::string& id) {
  const ListReply reply = TRY(session.list(listing_by_id(Listing::jobs, {id})));
  if (reply.jobs.empty()) return fail(Code::not_found, "no job \"" + id + "\"", "holdfast job list");
  return reply.jobs.front();
}

void add_list(CommandWord& noun) {
  struct Options {
    SelectionArguments selection;
    std::string state;
  };
  auto options = std::make_shared<Options>();
  CommandWord verb = noun.add("list", "jobs, newest first");
  add_selection(verb, options->selection, "database", Completes::databases);
  verb.option("--state", options->state, "only those in this state")
      .one_of({"queued", "running", "complete", "failed", "cancelled", "lost"});
  verb.runs([options](Session& session) -> Result<ExitCode> {
    ListReply reply = TRY(session.list(listing(Listing::jobs, options->selection.selection())));
    if (!options->state.empty()) {
      std::erase_if(reply.jobs, [&](const Job& job) { return word(job.state) != options->state; });
    }
    session.print_list(show_jobs(reply.jobs, *TRY(session.names()), session.style()), "no jobs");
    return ExitCode::done;
  });
}

void add_describe(CommandWord& noun) {
  auto id = std::make_shared<std::string>();
  CommandWord verb = noun.add("describe", "everything about one job");
  verb.option("job", *id, "its id or the beginning of it").required().completes(Completes::jobs);
  verb.runs([id](Session& session) -> Result<ExitCode> {
    const Job job = TRY(find_job(session, *id));
    session.print(show_job(job, *TRY(session.names()), session.style()));
    return ExitCode::done;
  });
}

void add_watch(CommandWord& noun) {
  struct Options {
    std::string id;
    WaitArguments wait;
  };
  auto options = std::make_shared<Options>();
  CommandWord verb = noun.add("watch", "wait for a job with its progress; ends like the job did");
  verb.option("job", options->id, "its id or the beginning of it").required().completes(Completes::jobs);
  add_wait_arguments(verb, options->wait);
  verb.runs([options](Session& session) -> Result<ExitCode> {
    const Job job = TRY(find_job(session, options->id));
    const std::vector<Job> jobs = TRY(wait_for_jobs(session, {job.id}, options->wait.timeout));
    const Names* names = TRY(session.names());
    session.print(show_job(jobs.front(), *names, session.style()));
    report_failures(session, jobs, *names);
    return judge(jobs);
  });
}

void add_cancel(CommandWord& noun) {
  struct Options {
    std::string id;
    bool yes = false;
    bool dry_run = false;
  };
  auto options = std::make_shared<Options>();
  CommandWord verb = noun.add("cancel", "stop a job; what it made so far is dropped");
  verb.option("job", options->id, "its id or the beginning of it").required().completes(Completes::jobs);
  add_yes(verb, options->yes);
  add_dry_run(verb, options->dry_run);
  verb.runs([options](Session& session) -> Result<ExitCode> {
    const Job job = TRY(find_job(session, options->id));
    if (options->dry_run) return rehearse(session, {CancelJobRequest{job.id.text()}});
    TRY(session.confirm(options->yes, "cancel job \"" + job.id.text() + "\""));
    const DoneReply done = TRY(session.ask_for<DoneReply>(CancelJobRequest{job.id.text()}));
    session.print(show_done(done.lines, session.style()));
    return ExitCode::done;
  });
}

}  // namespace

void add_job(CommandWord root) {
  CommandWord noun = root.add("job", "work that runs or ran");
  add_list(noun);
  add_describe(noun);
  add_watch(noun);
  add_cancel(noun);
}

}  // namespace holdfast
