#include <fmt/format.h>

#include <memory>

#include "coordinator/cli/arguments.h"
#include "coordinator/cli/human.h"
#include "coordinator/cli/nouns.h"
#include "coordinator/cli/session.h"

namespace holdfast {
namespace {

// The decisions, and what there is to say about them all.
void show(Session& session, const RetentionReply& reply) {
  session.print_list(show_retention(reply.decisions, session.style()), "no backups");
  const RetentionTotals totals = totals_of(reply.decisions);
  if (totals.kept + totals.released > 0) {
    session.note(fmt::format("{} kept, {} in each store; {} to release, which frees {}", totals.kept,
                             human_bytes(totals.kept_bytes), totals.released, human_bytes(totals.freed_bytes)));
  }
  for (const std::string& line : reply.lines) session.note(line);
}

}  // namespace

void add_retention(CommandWord root) {
  CommandWord noun = root.add("retention", "which backups are kept, and why");

  auto selection = std::make_shared<SelectionArguments>();
  CommandWord preview = noun.add("preview", "what retention would do now, with its reasons");
  add_selection(preview, *selection, "database", Completes::databases);
  preview.runs([selection](Session& session) -> Result<ExitCode> {
    const RetentionReply reply = TRY(session.ask_for<RetentionReply>(RetentionRequest{false, selection->selection()}));
    show(session, reply);
    return ExitCode::done;
  });

  struct Options {
    SelectionArguments selection;
    bool yes = false;
    bool dry_run = false;
  };
  auto options = std::make_shared<Options>();
  CommandWord run = noun.add("run", "release now what the policies do not keep");
  add_selection(run, options->selection, "database", Completes::databases);
  add_yes(run, options->yes);
  add_dry_run(run, options->dry_run);
  run.runs([options](Session& session) -> Result<ExitCode> {
    const Selection chosen = options->selection.selection();
    if (!options->dry_run) {
      TRY(require_selection(chosen, "release backups of"));
      TRY(session.confirm(options->yes, "release the backups that retention does not keep"));
    }
    const RetentionReply reply = TRY(session.ask_for<RetentionReply>(RetentionRequest{!options->dry_run, chosen}));
    show(session, reply);
    return ExitCode::done;
  });
}

}  // namespace holdfast
