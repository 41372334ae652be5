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

Result<Backup> find_backup(Session& session, const std::string& id) {
  const ListReply reply = TRY(session.list(listing_by_id(Listing::backups, {id})));
  if (reply.backups.empty()) return fail(Code::not_found, "no backup \"" + id + "\"", "holdfast backup list");
  return reply.backups.front();
}

// The backups that these jobs are about, shown; failures told; and how it ended.
using Show = std::string (*)(const std::vector<Backup>&, const std::vector<Job>&, const Names&, const Style&);

std::string show_taken(const std::vector<Backup>& backups, const std::vector<Job>&, const Names& names,
                       const Style& style) {
  return show_backups(backups, names, style);
}

// A job that failed before it began has a backup's id and no backup.
Result<std::vector<Backup>> backups_of(Session& session, const std::vector<Job>& jobs) {
  std::vector<Backup> out;
  ListRequest complete = listing(Listing::backups);
  for (const Job& job : jobs) {
    if (job.backup.is_null()) continue;
    if (job.state == JobState::complete) {
      complete.ids.push_back(job.backup.text());
      continue;
    }
    auto found = session.list(listing_by_id(Listing::backups, {job.backup.text()}));
    if (!found && found.error().code == Code::not_found) continue;
    const ListReply reply = TRY(std::move(found));
    out.insert(out.end(), reply.backups.begin(), reply.backups.end());
  }
  if (!complete.ids.empty()) {
    const ListReply reply = TRY(session.list(complete));
    out.insert(out.end(), reply.backups.begin(), reply.backups.end());
  }
  return out;
}

Result<ExitCode> finish(Session& session, const std::vector<Job>& jobs, Show show) {
  const Names* names = TRY(session.names());
  for (const Job& job : jobs) {
    if (job.state == JobState::complete && !job.outcome.empty()) session.note(job.outcome);
  }
  session.print(show(TRY(backups_of(session, jobs)), jobs, *names, session.style()));
  report_failures(session, jobs, *names);
  return judge(jobs);
}

struct CreateOptions {
  SelectionArguments selection;
  bool all = false;
  std::string type = "full";
  std::string note;
  bool dry_run = false;
  bool no_verify = false;
  WaitArguments wait;
};

// --all is a selection somebody typed, not the absence of one: every database that is not excluded.
Result<Selection> chosen(Session& session, const CreateOptions& options) {
  Selection selection = options.selection.selection();
  if (!options.all) {
    TRY(require_selection(selection, "back up"));
    return selection;
  }
  if (!selection.empty()) return fail(Code::invalid, "--all and a selection cannot be given together");
  const ListReply reply = TRY(session.list(listing(Listing::databases)));
  for (const DatabaseView& view : reply.databases) {
    if (view.database.protection != Protection::excluded) selection.names.push_back(view.database.id.text());
  }
  if (selection.empty()) return fail(Code::not_found, "the fleet has no database");
  return selection;
}

Result<ExitCode> create(Session& session, const CreateOptions& options) {
  CreateBackupRequest request;
  request.selection = TRY(chosen(session, options));
  request.note = options.note;
  request.skip_page_check = options.no_verify;
  if (options.type == "incremental") request.type = BackupType::incremental;
  if (options.type == "differential") request.type = BackupType::differential;
  if (options.dry_run) {
    const ListReply reply = TRY(session.list(listing(Listing::databases, request.selection)));
    session.note("would back up:");
    session.print(show_databases(reply.databases, *TRY(session.names()), session.style()));
    return ExitCode::done;
  }
  const JobsReply started = TRY(session.ask_for<JobsReply>(request));
  for (const std::string& warning : started.warnings) session.warn(warning);
  if (options.wait.detach) return show_detached(session, started.jobs);
  return finish(session, TRY(wait_for_jobs(session, started.jobs, options.wait.timeout)), show_taken);
}

void add_create(CommandWord& noun) {
  auto options = std::make_shared<CreateOptions>();
  CommandWord verb = noun.add("create", "back up now, and wait for it");
  add_selection(verb, options->selection, "database", Completes::databases);
  verb.flag("--all", options->all, "every database of the fleet");
  verb.option("--type", options->type, "how to make it").one_of({"full", "incremental", "differential"});
  verb.option("--note", options->note, "a text that stays with the backup");
  verb.flag("--no-verify", options->no_verify, "do not look at page checksums (PostgreSQL) while reading");
  add_dry_run(verb, options->dry_run);
  add_wait_arguments(verb, options->wait);
  verb.runs([options](Session& session) { return create(session, *options); });
}

void add_list(CommandWord& noun) {
  auto selection = std::make_shared<SelectionArguments>();
  CommandWord verb = noun.add("list", "backups of all databases, or of those selected");
  add_selection(verb, *selection, "database", Completes::databases);
  verb.runs([selection](Session& session) -> Result<ExitCode> {
    const ListReply reply = TRY(session.list(listing(Listing::backups, selection->selection())));
    session.print_list(show_backups(reply.backups, *TRY(session.names()), session.style()), "no backups");
    return ExitCode::done;
  });
}

void add_describe(CommandWord& noun) {
  auto id = std::make_shared<std::string>();
  CommandWord verb = noun.add("describe", "everything about one backup");
  verb.option("backup", *id, "its id or the beginning of it").required().completes(Completes::backups);
  verb.runs([id](Session& session) -> Result<ExitCode> {
    const Backup backup = TRY(find_backup(session, *id));
    session.print(show_backup(backup, *TRY(session.names()), session.style()));
    return ExitCode::done;
  });
}

struct VerifyOptions {
  std::string id;
  RecoveryArguments recovery;
  bool with_wal = false;
  WaitArguments wait;
};

// Without a key it checks sizes, hashes, signatures and the WAL's chain; with the recovery key every content of the
// backup. The log behind it is checked without keys, for the newest backup without being asked.
Result<ExitCode> verify(Session& session, const VerifyOptions& options) {
  const Backup backup = TRY(find_backup(session, options.id));
  VerifyRequest request;
  request.backup = backup.id.text();
  request.with_wal = options.with_wal;
  if (!options.recovery.key_file.empty()) {
    VerifyRequest plan = request;
    plan.plan_only = true;
    const VerifyPlanReply needed = TRY(session.ask_for<VerifyPlanReply>(plan));
    const BoxKeyPair recovery = TRY(open_recovery_key(session, options.recovery));
    const FleetAccess* fleet = TRY(session.fleet());
    request.node = needed.node;
    for (auto& grant : TRY(seal_for_nodes(needed.epochs, recovery, fleet->fleet, fleet->root))) {
      request.keys.push_back(std::move(grant.key));
    }
  } else if (!options.recovery.passphrase_file.empty()) {
    return fail(Code::invalid, "--passphrase-file needs --recovery-key");
  }
  const JobsReply started = TRY(session.ask_for<JobsReply>(request));
  for (const std::string& warning : started.warnings) session.warn(warning);
  if (options.wait.detach) return show_detached(session, started.jobs);
  return finish(session, TRY(wait_for_jobs(session, started.jobs, options.wait.timeout)), show_verified);
}

void add_verify(CommandWord& noun) {
  auto options = std::make_shared<VerifyOptions>();
  CommandWord verb = noun.add("verify", "read a backup in its stores; with the recovery key check all content too");
  verb.option("backup", options->id, "its id or the beginning of it").required().completes(Completes::backups);
  verb.option("--recovery-key", options->recovery.key_file, "open and check every content with this key")
      .completes(Completes::files);
  verb.option("--passphrase-file", options->recovery.passphrase_file, "a file with its passphrase; asked for otherwise")
      .completes(Completes::files);
  verb.flag("--wal", options->with_wal, "the log behind it too, as always for its database's newest backup");
  add_wait_arguments(verb, options->wait);
  verb.runs([options](Session& session) { return verify(session, *options); });
}

using Verb = BackupRequest::Verb;

void add_change(CommandWord& noun, Verb kind, const std::string& name, const std::string& description) {
  struct Options {
    std::vector<std::string> ids;
    bool yes = false;
    bool dry_run = false;
  };
  auto options = std::make_shared<Options>();
  CommandWord verb = noun.add(name, description);
  verb.option("backup", options->ids, "their ids or the beginnings of them").required().completes(Completes::backups);
  if (kind == Verb::remove) add_yes(verb, options->yes);
  add_dry_run(verb, options->dry_run);
  verb.runs([options, kind](Session& session) -> Result<ExitCode> {
    std::vector<Backup> backups;
    for (const std::string& id : options->ids) backups.push_back(TRY(find_backup(session, id)));
    if (options->dry_run) {
      std::vector<OperatorBody> requests;
      for (const Backup& backup : backups) requests.emplace_back(BackupRequest{kind, backup.id.text()});
      return rehearse(session, requests);
    }
    if (kind == Verb::remove) {
      TRY(session.confirm(options->yes, "delete " + std::to_string(backups.size()) + " backup(s) from all stores"));
    }
    std::vector<std::string> lines;
    for (const Backup& backup : backups) {
      const DoneReply done = TRY(session.ask_for<DoneReply>(BackupRequest{kind, backup.id.text()}));
      lines.insert(lines.end(), done.lines.begin(), done.lines.end());
    }
    session.print(show_done(lines, session.style()));
    return ExitCode::done;
  });
}

}  // namespace

void add_backup(CommandWord root) {
  CommandWord noun = root.add("backup", "backups of databases");
  add_create(noun);
  add_list(noun);
  add_describe(noun);
  add_verify(noun);
  add_change(noun, Verb::keep, "keep", "hold it, whatever retention says");
  add_change(noun, Verb::release, "release", "end the hold");
  add_change(noun, Verb::remove, "delete", "remove it from all stores");
}

}  // namespace holdfast
