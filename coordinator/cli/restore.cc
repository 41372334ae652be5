#include <algorithm>
#include <memory>

#include "coordinator/cli/arguments.h"
#include "coordinator/cli/nouns.h"
#include "coordinator/cli/recovery.h"
#include "coordinator/cli/rehearse.h"
#include "coordinator/cli/session.h"
#include "coordinator/cli/wait.h"

namespace holdfast {
namespace {

struct PlanArguments {
  SelectionArguments selection;
  TargetArguments target;
  std::string target_node;
  std::string target_directory;
  std::string map_file;
  std::vector<std::string> tablespaces;
  bool no_start = false;
  bool delta = false;
};

void add_plan_arguments(CommandWord& verb, PlanArguments& arguments) {
  add_selection(verb, arguments.selection, "database", Completes::databases);
  add_target(verb, arguments.target);
  const Argument node = verb.option("--target-node", arguments.target_node, "restore on this node (default: its own)")
                            .completes(Completes::nodes);
  const Argument directory =
      verb.option("--target-directory", arguments.target_directory, "restore into this directory (default: in place)");
  verb.option("--map", arguments.map_file, "a file with lines database,node,directory")
      .completes(Completes::files)
      .excludes(node)
      .excludes(directory);
  verb.option("--tablespace", arguments.tablespaces, "put a tablespace elsewhere: /from=/to; may be repeated");
  verb.flag("--no-start", arguments.no_start, "leave the server stopped behind its recovery settings");
  verb.flag("--delta", arguments.delta, "fetch only what differs from what is in the directory (PostgreSQL)");
}

Result<RestorePlanRequest> plan_request(Session& session, const PlanArguments& arguments) {
  RestorePlanRequest request;
  request.selection = arguments.selection.selection();
  request.target = TRY(parse_target(arguments.target));
  request.backup = arguments.target.backup;
  request.target_node = arguments.target_node;
  request.target_directory = arguments.target_directory;
  request.tablespaces = TRY_DURING("--tablespace", parse_mappings(arguments.tablespaces));
  if (arguments.no_start) request.start = StartAfter::no_start;
  if (arguments.delta) request.method = RestoreMethod::delta;
  if (!arguments.map_file.empty()) {
    const Bytes text = TRY_DURING("--map", session.files().read(arguments.map_file));
    request.map = TRY_DURING("--map", parse_map(std::string(as_text(text)), arguments.map_file));
    if (request.selection.empty()) {
      for (const auto& line : request.map) request.selection.names.push_back(line.database);
    }
  }
  // A backup names its database.
  if (request.backup.empty()) TRY(require_selection(request.selection, "restore"));
  return request;
}

// A moment that has only just passed may not be in the stores yet: the agents are asked to send their WAL at once, and
// the plan is asked for again, for a while.
Result<RestorePlanReply> plan_with_newest_wal(Session& session, const RestorePlanRequest& request) {
  constexpr Micros patience = std::chrono::seconds(20);
  constexpr Micros refresh_every = std::chrono::seconds(8);
  const Micros start = session.clock().monotonic();
  Micros next_refresh{0};
  while (true) {
    auto plan = session.ask_for<RestorePlanReply>(request);
    const Micros now = session.clock().monotonic();
    const bool may_come = !plan && plan.error().code == Code::not_restorable &&
                          request.target.kind == TargetKind::time && request.target.time <= session.clock().now() &&
                          now - start < patience;
    if (!may_come) return plan;
    if (now >= next_refresh) {
      if (next_refresh == Micros(0)) session.note("waiting for the newest WAL to be in the stores");
      next_refresh = now + refresh_every;
      if (!session.ask(RefreshRequest{request.selection})) return plan;  // nobody is there who could send more
    }
    session.clock().sleep_for(std::chrono::milliseconds(300));
  }
}

Result<RestorePlanReply> make_plan(Session& session, const PlanArguments& arguments) {
  const RestorePlanRequest request = TRY(plan_request(session, arguments));
  RestorePlanReply plan = TRY(plan_with_newest_wal(session, request));
  if (plan.restore.targets.empty()) return fail(Code::not_found, "no database fits the selection");
  return plan;
}

// To stderr, as people read it, whatever -o is for the data.
void show_plan(Session& session, const RestorePlanReply& plan, const Names& names) {
  Style style = session.style();
  style.format = OutputFormat::table;
  session.console().err(show_restore(plan.restore, names, style));
  for (const std::string& line : plan.notes) session.note("note: " + line);
}

Result<Restore> find_restore(Session& session, const std::string& id) {
  const ListReply reply = TRY(session.list(listing_by_id(Listing::restores, {id})));
  if (reply.restores.empty()) return fail(Code::not_found, "no restore \"" + id + "\"", "holdfast restore list");
  return reply.restores.front();
}

struct Ended {
  Restore restore;
  std::vector<Job> jobs;
};

// Restores run in waves, so the jobs of the first answer need not be all of them.
Result<Ended> wait_for_restore(Session& session, const RestoreId& id, std::vector<JobId> jobs, Micros timeout) {
  const Micros start = session.clock().monotonic();
  while (true) {
    Micros left{0};
    if (timeout.count() > 0) left = std::max(Micros{1}, timeout - (session.clock().monotonic() - start));
    std::vector<Job> ended = TRY(wait_for_jobs(session, jobs, left));
    Restore restore = TRY(find_restore(session, id.text()));
    if (restore.state != "planned" && restore.state != "running") return Ended{std::move(restore), std::move(ended)};
    jobs.clear();
    for (const RestoreTarget& target : restore.targets) {
      if (!target.job.is_null()) jobs.push_back(target.job);
    }
    session.clock().sleep_for(std::chrono::milliseconds(200));
  }
}

struct RunOptions {
  PlanArguments plan;
  RecoveryArguments recovery;
  WaitArguments wait;
  bool yes = false;
  bool dry_run = false;
};

Result<> confirm_plan(Session& session, const Restore& restore, bool yes) {
  std::size_t in_place = 0;
  std::size_t delta = 0;
  for (const RestoreTarget& target : restore.targets) {
    in_place += target.in_place ? 1 : 0;
    delta += target.method == RestoreMethod::delta ? 1 : 0;
  }
  if (in_place == 0 && delta == 0) return {};
  if (delta == 0) {
    return session.confirm(yes, "restore " + std::to_string(in_place) +
                                    " database(s) in place, which stops each and sets its files aside");
  }
  return session.confirm(yes, "restore " + std::to_string(restore.targets.size()) +
                                  " database(s) by delta, which stops each and, without reflinks, overwrites its files "
                                  "with no way back");
}

Result<ExitCode> run(Session& session, const RunOptions& options) {
  const RestorePlanReply plan = TRY(make_plan(session, options.plan));
  const Names* names = TRY(session.names());
  if (options.dry_run) {
    session.print(show_restore(plan.restore, *names, session.style()));
    for (const std::string& line : plan.notes) session.note("note: " + line);
    return ExitCode::done;
  }
  show_plan(session, plan, *names);
  TRY(confirm_plan(session, plan.restore, options.yes));

  RestoreRunRequest request;
  request.restore = plan.restore.id;
  if (!plan.epochs.empty()) {
    const BoxKeyPair recovery = TRY(open_recovery_key(session, options.recovery));
    const FleetAccess* fleet = TRY(session.fleet());
    request.keys = TRY(seal_for_nodes(plan.epochs, recovery, fleet->fleet, fleet->root));
  }
  const JobsReply started = TRY(session.ask_for<JobsReply>(request));
  for (const std::string& warning : started.warnings) session.warn(warning);
  session.note("restore " + plan.restore.id.text() + " runs");
  if (options.wait.detach) return show_detached(session, started.jobs);

  const Ended ended = TRY(wait_for_restore(session, plan.restore.id, started.jobs, options.wait.timeout));
  session.print(show_restore(ended.restore, *names, session.style()));
  report_failures(session, ended.jobs, *names);
  for (const RestoreTarget& target : ended.restore.targets) {
    if (target.way_back == WayBack::kept) continue;
    session.note("note: " + target.database_name + ": what was there before is overwritten, it cannot be rolled back");
  }
  const bool set_aside = std::any_of(ended.restore.targets.begin(), ended.restore.targets.end(),
                                     [](const RestoreTarget& target) { return !target.aside.empty(); });
  if (set_aside) {
    session.note("hint: the files from before are kept; holdfast restore rollback|finalize " +
                 ended.restore.id.text().substr(0, 12) + " puts them back | removes them");
  }
  return judge(ended.jobs);
}

void add_plan(CommandWord& noun) {
  auto arguments = std::make_shared<PlanArguments>();
  CommandWord verb = noun.add("plan", "what a restore would do; changes nothing");
  add_plan_arguments(verb, *arguments);
  verb.runs([arguments](Session& session) -> Result<ExitCode> {
    const RestorePlanReply plan = TRY(make_plan(session, *arguments));
    session.print(show_restore(plan.restore, *TRY(session.names()), session.style()));
    for (const std::string& line : plan.notes) session.note("note: " + line);
    return ExitCode::done;
  });
}

void add_run(CommandWord& noun) {
  auto options = std::make_shared<RunOptions>();
  CommandWord verb = noun.add("run", "restore databases, and wait for it");
  add_plan_arguments(verb, options->plan);
  add_recovery_arguments(verb, options->recovery);
  add_yes(verb, options->yes);
  add_dry_run(verb, options->dry_run);
  add_wait_arguments(verb, options->wait);
  verb.footer(
      "In place, the default, stops the database, sets its files aside, restores, starts and checks it.\n"
      "With --delta only what differs is fetched. On file systems with reflinks (XFS, Btrfs) the files are set aside "
      "all\n"
      "the same; on others they are overwritten, there is no rollback, and a failed run leaves the database down "
      "until\n"
      "it is run again. Files that the backup does not have are moved beside the directory, never deleted.");
  verb.runs([options](Session& session) { return run(session, *options); });
}

void add_list(CommandWord& noun) {
  noun.add("list", "restores, newest first").runs([](Session& session) -> Result<ExitCode> {
    const ListReply reply = TRY(session.list(listing(Listing::restores)));
    session.print_list(show_restores(reply.restores, *TRY(session.names()), session.style()), "no restores");
    return ExitCode::done;
  });
}

void add_describe(CommandWord& noun) {
  auto id = std::make_shared<std::string>();
  CommandWord verb = noun.add("describe", "everything about one restore");
  verb.option("restore", *id, "its id or the beginning of it").required().completes(Completes::restores);
  verb.runs([id](Session& session) -> Result<ExitCode> {
    const Restore restore = TRY(find_restore(session, *id));
    session.print(show_restore(restore, *TRY(session.names()), session.style()));
    return ExitCode::done;
  });
}

void add_change(CommandWord& noun, RestoreRequest::Verb kind, const std::string& name, const std::string& description) {
  struct Options {
    std::string id;
    bool yes = false;
    bool dry_run = false;
    WaitArguments wait;
  };
  auto options = std::make_shared<Options>();
  CommandWord verb = noun.add(name, description);
  verb.option("restore", options->id, "its id or the beginning of it").required().completes(Completes::restores);
  add_yes(verb, options->yes);
  add_dry_run(verb, options->dry_run);
  add_wait_arguments(verb, options->wait);
  verb.runs([options, kind, name](Session& session) -> Result<ExitCode> {
    const Restore restore = TRY(find_restore(session, options->id));
    if (options->dry_run) return rehearse(session, {RestoreRequest{kind, restore.id.text()}});
    const Names* names = TRY(session.names());
    TRY(session.confirm(options->yes, name + " restore " + restore.id.text()));
    const OperatorReplyBody reply = TRY(session.ask(RestoreRequest{kind, restore.id.text()}));
    if (const auto* done = std::get_if<DoneReply>(&reply)) {
      session.print(show_done(done->lines, session.style()));
      return ExitCode::done;
    }
    const auto* started = std::get_if<JobsReply>(&reply);
    if (started == nullptr) return fail(Code::unsupported, "the coordinator's answer is of an unknown kind");
    for (const std::string& warning : started->warnings) session.warn(warning);
    if (options->wait.detach) return show_detached(session, started->jobs);
    const std::vector<Job> jobs = TRY(wait_for_jobs(session, started->jobs, options->wait.timeout));
    session.print(show_restore(TRY(find_restore(session, restore.id.text())), *names, session.style()));
    report_failures(session, jobs, *names);
    return judge(jobs);
  });
}

}  // namespace

void add_restore(CommandWord root) {
  CommandWord noun = root.add("restore", "bring databases back");
  add_plan(noun);
  add_run(noun);
  add_list(noun);
  add_describe(noun);
  add_change(noun, RestoreRequest::Verb::rollback, "rollback", "put back the files from before a restore");
  add_change(noun, RestoreRequest::Verb::finalize, "finalize", "remove the files from before a restore");
}

}  // namespace holdfast
