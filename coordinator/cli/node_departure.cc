// `node drain` and `node shutdown`: one node or many, each to its end before the next.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "coordinator/cli/arguments.h"
#include "coordinator/cli/nouns.h"
#include "coordinator/cli/rehearse.h"
#include "coordinator/cli/rolling.h"
#include "coordinator/cli/session.h"
#include "coordinator/cli/wait.h"

namespace holdfast {
namespace {

using Verb = NodeRequest::Verb;

struct Options {
  SelectionArguments selection;
  bool force = false;
  bool keep_databases = false;
  bool yes = false;
  bool dry_run = false;
  Micros deadline{0};
  std::uint32_t at_a_time = 1;
  WaitArguments wait;
};

NodeRequest request_for(Verb verb, const Options& options, const RollingNode& node) {
  NodeRequest request;
  request.verb = verb;
  request.node = node.id.text();
  request.force = options.force;
  request.keep_databases = options.keep_databases;
  request.deadline = options.deadline;
  return request;
}

std::string names_of(const std::vector<RollingNode>& nodes) {
  std::vector<std::string> names;
  for (const RollingNode& node : nodes) names.push_back(node.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

// Those that were selected and are not down already.
Result<std::vector<RollingNode>> chosen(Session& session, Verb verb, const Options& options) {
  const Selection selection = options.selection.selection();
  if (selection.empty()) return fail(Code::invalid, "name nodes, or select them with -l", "holdfast node list");
  ListReply nodes = TRY(session.list(listing(Listing::nodes, selection)));
  if (nodes.nodes.empty()) return fail(Code::not_found, "no node is selected", "holdfast node list");
  if (verb == Verb::shutdown) {
    std::erase_if(nodes.nodes, [&](const NodeView& node) {
      if (!is_down_already(node)) return false;
      session.note(fmt::format("node {} is down already: {}", node.node.name, node.last_shutdown->outcome));
      return true;
    });
  }
  const ListReply databases = TRY(session.list(listing(Listing::databases)));
  return rolling_nodes(nodes.nodes, databases.databases);
}

// The jobs of one wave, as far as they could be ordered, and why the others could not.
struct Wave {
  std::vector<JobId> jobs;
  std::vector<Error> refused;
};
Wave order(Session& session, Verb verb, const Options& options, const std::vector<RollingNode>& nodes) {
  Wave out;
  for (const RollingNode& node : nodes) {
    const auto started = session.ask_for<JobsReply>(request_for(verb, options, node));
    if (!started) {
      out.refused.push_back(started.error());
      continue;
    }
    out.jobs.insert(out.jobs.end(), started->jobs.begin(), started->jobs.end());
  }
  return out;
}

Result<ExitCode> depart(Session& session, Verb verb, const Options& options) {
  const auto plan = waves(TRY(chosen(session, verb, options)), options.at_a_time);
  if (options.dry_run) {
    std::vector<OperatorBody> requests;
    for (const auto& wave : plan) {
      for (const RollingNode& node : wave) requests.emplace_back(request_for(verb, options, node));
    }
    return rehearse(session, requests);
  }
  if (options.wait.detach && plan.size() > 1) {
    return fail(Code::invalid, "--detach cannot be given for nodes that come one after the other",
                "the tool keeps the order, and stops at the first failure");
  }
  if (verb == Verb::shutdown) {
    std::vector<RollingNode> all;
    for (const auto& wave : plan) all.insert(all.end(), wave.begin(), wave.end());
    if (!all.empty()) TRY(session.confirm(options.yes, "shut down " + names_of(all)));
  }
  std::vector<Job> jobs;
  const auto fine = [&] {
    return std::ranges::all_of(jobs, [](const Job& job) { return job.state == JobState::complete; });
  };
  bool refused = false;
  for (auto wave = plan.begin(); wave != plan.end() && fine() && !refused; ++wave) {
    const Wave ordered = order(session, verb, options, *wave);
    for (const Error& error : ordered.refused) session.report(error);
    refused = !ordered.refused.empty();
    if (options.wait.detach) return ordered.jobs.empty() ? ExitCode::failed : show_detached(session, ordered.jobs);
    const auto ended = TRY(wait_for_jobs(session, ordered.jobs, options.wait.timeout));
    jobs.insert(jobs.end(), ended.begin(), ended.end());
    if (fine() && !refused) continue;
    for (auto rest = std::next(wave); rest != plan.end(); ++rest) {
      session.warn(fmt::format("stopped at the first failure; not begun: {}", names_of(*rest)));
    }
  }
  const Names* names = TRY(session.names());
  session.print(show_departures(jobs, *names, session.style()));
  report_failures(session, jobs, *names);
  if (refused) return jobs.empty() || judge(jobs) == ExitCode::failed ? ExitCode::failed : ExitCode::done_in_part;
  return jobs.empty() ? ExitCode::done : judge(jobs);
}

void add_verb(CommandWord& noun, Verb kind, const std::string& name, const std::string& description) {
  auto options = std::make_shared<Options>();
  CommandWord verb = noun.add(name, description);
  add_selection(verb, options->selection, "node", Completes::nodes);
  verb.parsed(
      "--deadline",
      [options](const std::string& text) -> Result<> {
        options->deadline = TRY(parse_duration(text));
        if (options->deadline.count() <= 0) return fail(Code::invalid, "a deadline lies in the future, like 10m");
        return {};
      },
      "how long what runs there may go on before it is cut off (10m)");
  verb.flag("--force", options->force, "wait for nothing, and go on whatever may be missing; it is all recorded");
  verb.option("--at-a-time", options->at_a_time, "how many nodes at once; 1 when left out");
  if (kind == Verb::shutdown) {
    verb.flag("--keep-database", options->keep_databases, "databases run on; only the agent stops");
    add_yes(verb, options->yes);
  }
  add_dry_run(verb, options->dry_run);
  add_wait_arguments(verb, options->wait);
  verb.runs([options, kind](Session& session) { return depart(session, kind, *options); });
}

}  // namespace

void add_node_departures(CommandWord noun) {
  add_verb(noun, Verb::drain, "drain", "let what runs there end and give it nothing new; it stays cordoned");
  add_verb(noun, Verb::shutdown, "shutdown",
           "stop its databases, with all of their log in the stores, and its agent; standbys before primaries");
}

}  // namespace holdfast
