#include <memory>

#include "coordinator/cli/arguments.h"
#include "coordinator/cli/nouns.h"
#include "coordinator/cli/rehearse.h"
#include "coordinator/cli/session.h"

namespace holdfast {
namespace {

void add_apply(CommandWord& noun) {
  struct Options {
    std::string file;
    bool dry_run = false;
  };
  auto options = std::make_shared<Options>();
  CommandWord verb = noun.add("apply", "make or change a policy from a YAML file");
  verb.option("-f,--file", options->file, "the file; - for standard input").required().completes(Completes::files);
  add_dry_run(verb, options->dry_run);
  verb.runs([options](Session& session) -> Result<ExitCode> {
    std::string text;
    if (options->file == "-") {
      text = TRY(session.console().read_input());
    } else {
      const Bytes content = TRY(session.files().read(options->file));
      text = as_text(content);
    }
    ApplyPolicyRequest request;
    request.policy = TRY(parse_policy(text, options->file == "-" ? "standard input" : options->file));
    request.dry_run = options->dry_run;
    const PolicyReply reply = TRY(session.ask_for<PolicyReply>(request));
    for (const std::string& warning : reply.warnings) session.warn(warning);
    if (session.for_people()) {
      session.print(show_done(reply.changes, session.style()));
      session.note(options->dry_run ? "nothing was changed (--dry-run)"
                                    : "policy \"" + reply.policy.name + "\" is now at revision " +
                                          std::to_string(reply.policy.revision));
    } else {
      session.print(show_policy(reply.policy, {}, session.style()));
    }
    return ExitCode::done;
  });
}

constexpr std::size_t runs_shown = 10;

// SQLite's backups are whole whatever is asked for.
Result<NextRuns> next_runs(const Policy& policy, const Database& database, Timestamp now) {
  NextRuns out{database.name, {}};
  for (Timestamp after = now; out.runs.size() < runs_shown; after = out.runs.back().at) {
    auto run = TRY(next_backup_run(policy, database.id, after));
    if (!run) break;
    if (database.engine == Engine::sqlite) run->type = BackupType::full;
    out.runs.push_back(*run);
  }
  return out;
}

Result<std::vector<NextRuns>> next_runs(Session& session, const Policy& policy) {
  std::vector<NextRuns> out;
  const ListReply reply = TRY(session.list(listing(Listing::databases)));
  for (const DatabaseView& view : reply.databases) {
    const Database& database = view.database;
    if (database.policy != policy.name || database.protection != Protection::protected_) continue;
    out.push_back(TRY(next_runs(policy, database, session.style().now)));
  }
  return out;
}

void add_describe(CommandWord& noun) {
  auto name = std::make_shared<std::string>();
  CommandWord verb = noun.add(
      "describe", "one policy as YAML that can be applied again, and the next ten backups of each of its databases");
  verb.option("policy", *name, "its name").required().completes(Completes::policies);
  verb.runs([name](Session& session) -> Result<ExitCode> {
    const ListReply reply = TRY(session.list(listing(Listing::policies)));
    for (const Policy& policy : reply.policies) {
      if (policy.name != *name) continue;
      session.print(show_policy(policy, TRY(next_runs(session, policy)), session.style()));
      return ExitCode::done;
    }
    return fail(Code::not_found, "no policy \"" + *name + "\"", "holdfast policy list");
  });
}

void add_delete(CommandWord& noun) {
  struct Options {
    std::string name;
    bool yes = false;
    bool dry_run = false;
  };
  auto options = std::make_shared<Options>();
  CommandWord verb = noun.add("delete", "remove a policy; its databases go to the next one that matches");
  verb.option("policy", options->name, "its name").required().completes(Completes::policies);
  add_yes(verb, options->yes);
  add_dry_run(verb, options->dry_run);
  verb.runs([options](Session& session) -> Result<ExitCode> {
    if (options->dry_run) return rehearse(session, {DeletePolicyRequest{options->name}});
    TRY(session.confirm(options->yes, "delete policy \"" + options->name + "\""));
    const DoneReply done = TRY(session.ask_for<DoneReply>(DeletePolicyRequest{options->name}));
    session.print(show_done(done.lines, session.style()));
    return ExitCode::done;
  });
}

}  // namespace

void add_policy(CommandWord root) {
  CommandWord noun = root.add("policy", "what is wanted for which databases");
  add_apply(noun);
  noun.add("list", "all policies").runs([](Session& session) -> Result<ExitCode> {
    const ListReply reply = TRY(session.list(listing(Listing::policies)));
    session.print_list(show_policies(reply.policies, session.style()), "no policies; every database is unprotected");
    return ExitCode::done;
  });
  add_describe(noun);
  add_delete(noun);
}

}  // namespace holdfast
