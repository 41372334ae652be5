#include "coordinator/cli/app.h"

#include "coordinator/cli/nouns.h"

namespace holdfast {

void build_grammar(Grammar& grammar, Globals& globals) {
  CommandWord root = grammar.root();
  root.option("--operator", globals.operator_file,
              "your operator file (default: $HOLDFAST_OPERATOR, ~/.config/holdfast/operator)")
      .completes(Completes::files);
  root.option("-o,--output", globals.format, "how to print: table, wide, json, yaml, name")
      .one_of({"table", "wide", "json", "yaml", "name"});
  root.flag("--no-headers", globals.no_headers, "tables without their first line");
  root.footer(
      "Data goes to standard output, everything else to standard error.\n"
      "Exit codes: 0 done, 1 failed, 2 usage, 3 done in part, 4 coordinator unreachable, 5 denied, 6 conflict,\n"
      "7 not restorable to that point, 8 not found, 124 stopped waiting (the work goes on).");
  add_init(root);
  add_status(root);
  add_token(root);
  add_node(root);
  add_operator(root);
  add_database(root);
  add_store(root);
  add_policy(root);
  add_backup(root);
  add_copy(root);
  add_window(root);
  add_restore(root);
  add_retention(root);
  add_job(root);
  add_completion(root, grammar);
}

int run_cli(std::vector<std::string> arguments, Surroundings& surroundings) {
  Globals globals;
  Grammar grammar("holdfast", "Backups and restores of a fleet of databases.", surroundings.version);
  build_grammar(grammar, globals);
  Session session(surroundings, globals);

  const Result<std::optional<std::string>> parsed = grammar.parse(std::move(arguments));
  if (!parsed) {
    session.report(parsed.error());
    return static_cast<int>(ExitCode::usage);
  }
  if (*parsed) {
    session.print(**parsed);
    return 0;
  }
  const Result<ExitCode> ended = grammar.chosen()(session);
  if (ended) return static_cast<int>(*ended);
  session.report(ended.error());
  return static_cast<int>(exit_code(ended.error(), session.contact()));
}

}  // namespace holdfast
