#include <memory>

#include "coordinator/cli/arguments.h"
#include "coordinator/cli/nouns.h"
#include "coordinator/cli/rehearse.h"
#include "coordinator/cli/session.h"

namespace holdfast {
namespace {

using Verb = NodeRequest::Verb;

void add_list(CommandWord& noun) {
  struct Options {
    SelectionArguments selection;
  };
  auto options = std::make_shared<Options>();
  CommandWord verb = noun.add("list", "all nodes, or those selected");
  add_selection(verb, options->selection, "node", Completes::nodes);
  verb.runs([options](Session& session) -> Result<ExitCode> {
    const ListReply reply = TRY(session.list(listing(Listing::nodes, options->selection.selection())));
    session.print_list(show_nodes(reply.nodes, session.style()),
                       "no nodes; holdfast token create makes a token for the first one");
    return ExitCode::done;
  });
}

void add_describe(CommandWord& noun) {
  auto name = std::make_shared<std::string>();
  CommandWord verb = noun.add("describe", "everything about one node");
  verb.option("node", *name, "its name, id or the beginning of its id").required().completes(Completes::nodes);
  verb.runs([name](Session& session) -> Result<ExitCode> {
    const ListReply reply = TRY(session.list(listing(Listing::nodes, {{*name}, ""})));
    if (reply.nodes.empty()) return fail(Code::not_found, "no node \"" + *name + "\"", "holdfast node list");
    session.print(show_node(reply.nodes.front(), session.style()));
    return ExitCode::done;
  });
}

enum class Asks : std::uint8_t { no, yes };

void add_change(CommandWord& noun, Verb verb_kind, const std::string& name, const std::string& description, Asks asks) {
  struct Options {
    std::vector<std::string> nodes;
    bool yes = false;
    bool dry_run = false;
  };
  auto options = std::make_shared<Options>();
  CommandWord verb = noun.add(name, description);
  verb.option("node", options->nodes, "their names, ids or beginnings of ids").required().completes(Completes::nodes);
  if (asks == Asks::yes) add_yes(verb, options->yes);
  add_dry_run(verb, options->dry_run);
  verb.runs([options, verb_kind, name, asks](Session& session) -> Result<ExitCode> {
    if (options->dry_run) {
      std::vector<OperatorBody> requests;
      for (const std::string& node : options->nodes) requests.emplace_back(NodeRequest{verb_kind, node, {}, {}});
      return rehearse(session, requests);
    }
    std::vector<std::string> lines;
    for (const std::string& node : options->nodes) {
      if (asks == Asks::yes) TRY(session.confirm(options->yes, name + " node \"" + node + "\""));
      const DoneReply done = TRY(session.ask_for<DoneReply>(NodeRequest{verb_kind, node, {}, {}}));
      lines.insert(lines.end(), done.lines.begin(), done.lines.end());
    }
    session.print(show_done(lines, session.style()));
    return ExitCode::done;
  });
}

// "env=prod" sets, "env-" takes away.
Result<NodeRequest> label_request(const std::string& node, const std::vector<std::string>& changes) {
  NodeRequest request;
  request.verb = Verb::label;
  request.node = node;
  std::vector<std::string> set;
  for (const std::string& change : changes) {
    if (change.size() > 1 && change.back() == '-' && change.find('=') == std::string::npos) {
      request.unset.push_back(change.substr(0, change.size() - 1));
    } else {
      set.push_back(change);
    }
  }
  request.set = TRY(parse_labels(set));
  return request;
}

void add_label(CommandWord& noun) {
  struct Options {
    std::string node;
    std::vector<std::string> changes;
    bool dry_run = false;
  };
  auto options = std::make_shared<Options>();
  CommandWord verb = noun.add("label", "set labels (key=value) or take them away (key-)");
  verb.option("node", options->node, "its name, id or the beginning of its id").required().completes(Completes::nodes);
  verb.option("label", options->changes, "key=value or key-").required();
  add_dry_run(verb, options->dry_run);
  verb.runs([options](Session& session) -> Result<ExitCode> {
    const NodeRequest request = TRY(label_request(options->node, options->changes));
    if (options->dry_run) return rehearse(session, {request});
    const DoneReply done = TRY(session.ask_for<DoneReply>(request));
    session.print(show_done(done.lines, session.style()));
    return ExitCode::done;
  });
}

}  // namespace

void add_node(CommandWord root) {
  CommandWord noun = root.add("node", "hosts with an agent");
  add_list(noun);
  add_describe(noun);
  add_change(noun, Verb::approve, "approve", "let a node in that waits for it", Asks::no);
  add_change(noun, Verb::revoke, "revoke", "shut a node out for good", Asks::yes);
  add_label(noun);
  add_change(noun, Verb::cordon, "cordon", "give a node no new jobs", Asks::no);
  add_change(noun, Verb::uncordon, "uncordon", "give a cordoned node jobs again", Asks::no);
  add_node_departures(noun);
}

}  // namespace holdfast
