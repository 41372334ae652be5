#pragma once
// Arguments that several verbs share, and how their texts become values.
#include <string>
#include <utility>
#include <vector>

#include "coordinator/cli/grammar.h"
#include "shared/wire/messages.h"

namespace holdfast {

// "[DB..] [-l SELECTOR]"
struct SelectionArguments {
  std::vector<std::string> names;
  std::string selector;
  Selection selection() const { return {names, selector}; }
};
void add_selection(CommandWord& verb, SelectionArguments& arguments, const std::string& what, Completes completes);
// Code::invalid for an empty selection; `verb` is for its text: "restore".
Result<> require_selection(const Selection& selection, const std::string& verb);

// The point to restore to; at most one of the texts and flags may be there, none means latest.
struct TargetArguments {
  std::string time;
  std::string lsn;
  std::string xid;
  std::string name;
  bool latest = false;
  bool immediate = false;
  bool exclusive = false;
  std::string timeline;
  std::string backup;
};
void add_target(CommandWord& verb, TargetArguments& arguments);
// Code::invalid names the arguments that contradict each other or what cannot be read. A backup alone means its own
// end.
Result<RecoveryTarget> parse_target(const TargetArguments& arguments);

void add_yes(CommandWord& verb, bool& yes);
void add_dry_run(CommandWord& verb, bool& dry_run);

// "env=prod" ... Code::invalid names the text that is none, or a key that comes twice.
Result<Labels> parse_labels(const std::vector<std::string>& texts);
// "/old=/new" ...
Result<std::vector<std::pair<std::string, std::string>>> parse_mappings(const std::vector<std::string>& texts);
// Lines "database,node,directory": an empty node or directory stays where it was. A first line with exactly these words
// is a heading; empty lines and lines that begin with # are skipped; a field may stand in double quotes. `source` is
// for messages.
Result<std::vector<RestorePlanRequest::Mapping>> parse_map(const std::string& text, const std::string& source);

}  // namespace holdfast
