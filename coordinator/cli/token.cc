#include <fmt/format.h>

#include <memory>

#include "coordinator/cli/arguments.h"
#include "coordinator/cli/human.h"
#include "coordinator/cli/nouns.h"
#include "coordinator/cli/rehearse.h"
#include "coordinator/cli/session.h"

namespace holdfast {
namespace {

void add_create(CommandWord& noun) {
  struct Options {
    std::vector<std::string> labels;
    std::string approval = "auto";
    CreateTokenRequest request;
    bool dry_run = false;
  };
  auto options = std::make_shared<Options>();
  CommandWord verb = noun.add("create", "make a token that new hosts enrol with; prints it, this one time");
  verb.option("--label", options->labels, "label of the nodes it lets in, key=value; may be repeated");
  verb.parsed(
      "--ttl",
      [options](const std::string& text) -> Result<> {
        options->request.ttl = TRY(parse_duration(text));
        return {};
      },
      "how long it is good (24h)");
  verb.option("--uses", options->request.uses, "how many nodes may enrol with it (1)");
  verb.option("--approval", options->approval, "auto, or manual: wait for node approve").one_of({"auto", "manual"});
  verb.option("--cidr", options->request.cidrs, "networks it may be used from; may be repeated");
  verb.option("--host", options->request.host_pattern, "pattern the host name must fit, like db*");
  add_dry_run(verb, options->dry_run);
  verb.runs([options](Session& session) -> Result<ExitCode> {
    CreateTokenRequest request = options->request;
    request.labels = TRY(parse_labels(options->labels));
    if (options->approval == "manual") request.approval = Approval::manual;
    if (request.uses == 0) return fail(Code::invalid, "--uses: a token with no uses lets nobody in");
    if (options->dry_run) return rehearse(session, {request});
    const TokenReply reply = TRY(session.ask_for<TokenReply>(request));
    session.print(show_new_token(reply, session.style()));
    session.note(fmt::format(
        "good for {} {} until {}; give it to a host: HOLDFAST_TOKEN=... holdfast-agent run --state DIR",
        reply.token.uses_total, reply.token.uses_total == 1 ? "node" : "nodes", human_time(reply.token.expires_at)));
    return ExitCode::done;
  });
}

void add_revoke(CommandWord& noun) {
  struct Options {
    std::string id;
    bool dry_run = false;
  };
  auto options = std::make_shared<Options>();
  CommandWord verb = noun.add("revoke", "let nobody in with it any more; nodes that are in stay");
  verb.option("token", options->id, "its id or the beginning of it").required().completes(Completes::tokens);
  add_dry_run(verb, options->dry_run);
  verb.runs([options](Session& session) -> Result<ExitCode> {
    if (options->dry_run) return rehearse(session, {RevokeTokenRequest{options->id}});
    const DoneReply done = TRY(session.ask_for<DoneReply>(RevokeTokenRequest{options->id}));
    session.print(show_done(done.lines, session.style()));
    return ExitCode::done;
  });
}

}  // namespace

void add_token(CommandWord root) {
  CommandWord noun = root.add("token", "what lets new hosts in");
  add_create(noun);
  noun.add("list", "all tokens").runs([](Session& session) -> Result<ExitCode> {
    const ListReply reply = TRY(session.list(listing(Listing::tokens)));
    session.print_list(show_tokens(reply.tokens, session.style()), "no tokens");
    return ExitCode::done;
  });
  add_revoke(noun);
}

}  // namespace holdfast
