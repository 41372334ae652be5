#include <memory>

#include "coordinator/cli/arguments.h"
#include "coordinator/cli/nouns.h"
#include "coordinator/cli/rehearse.h"
#include "coordinator/cli/session.h"
#include "coordinator/cli/words.h"
#include "shared/identity/operator_file.h"

namespace holdfast {
namespace {

struct CreateOptions {
  std::string name;
  std::string role;
  std::string file;
  bool dry_run = false;
};

Role role_of(const std::string& text) {
  return text == "admin" ? Role::admin : text == "operator" ? Role::operator_ : Role::viewer;
}

// For the same fleet as the one who asks, with a key of its own.
OperatorFile file_for(const FleetAccess& fleet, const CreateOptions& options, CurveKeyPair key) {
  OperatorFile file;
  file.fleet = fleet.fleet;
  file.fleet_name = fleet.fleet_name;
  file.name = options.name;
  file.role = options.role;
  file.endpoint = fleet.endpoint;
  file.fleet_server = fleet.fleet_server;
  file.root = fleet.root;
  file.key = std::move(key);
  return file;
}

// The file comes first: a key that the coordinator knows and nobody has could only be revoked.
Result<ExitCode> create(Session& session, const CreateOptions& options) {
  const FleetAccess* fleet = TRY(session.fleet());
  CurveKeyPair key = make_curve_key(session.entropy());
  const CreateOperatorRequest request{options.name, role_of(options.role), key.public_key};
  if (options.dry_run) return rehearse(session, {request});
  TRY(write_operator_file(session.files(), session.entropy(), options.file, file_for(*fleet, options, std::move(key)),
                          std::nullopt));
  const Result<ListReply> reply = session.ask_for<ListReply>(request);
  if (!reply) {
    const bool unanswered = reply.error().code == Code::unavailable || reply.error().code == Code::cancelled;
    if (unanswered) {
      session.note("\"" + options.file + "\" stays: whether its key was let in is not known (holdfast operator list)");
    } else {
      (void)session.files().remove(options.file);
    }
    return std::unexpected(reply.error());
  }
  if (reply->operators.size() != 1) return fail(Code::unsupported, "the coordinator's answer names no operator");
  if (session.for_people()) {
    session.print(show_done({"operator " + options.name + " let in with the role " + options.role}, session.style()));
  } else {
    session.print(show_operator(reply->operators.front(), session.style()));
  }
  session.note("give \"" + options.file + "\" to " + options.name + " and to nobody else: holdfast --operator FILE");
  return ExitCode::done;
}

void add_create(CommandWord& noun) {
  auto options = std::make_shared<CreateOptions>();
  CommandWord verb = noun.add("create", "let another operator in; makes the key and the file");
  verb.option("name", options->name, "what to call it, in the audit log too").required();
  verb.option("--role", options->role, "viewer: look; operator: back up and restore too; admin: everything")
      .required()
      .one_of({"viewer", "operator", "admin"});
  verb.option("--file", options->file, "where its operator file goes; nothing is overwritten")
      .required()
      .completes(Completes::files);
  add_dry_run(verb, options->dry_run);
  verb.runs([options](Session& session) { return create(session, *options); });
}

void add_revoke(CommandWord& noun) {
  struct Options {
    std::string name;
    bool yes = false;
    bool dry_run = false;
  };
  auto options = std::make_shared<Options>();
  CommandWord verb = noun.add("revoke", "shut an operator out for good; the last admin stays");
  verb.option("operator", options->name, "its name").required().completes(Completes::operators);
  add_yes(verb, options->yes);
  add_dry_run(verb, options->dry_run);
  verb.runs([options](Session& session) -> Result<ExitCode> {
    const RevokeOperatorRequest request{options->name};
    if (options->dry_run) return rehearse(session, {request});
    TRY(session.confirm(options->yes, "revoke operator \"" + options->name + "\""));
    const DoneReply done = TRY(session.ask_for<DoneReply>(request));
    session.print(show_done(done.lines, session.style()));
    return ExitCode::done;
  });
}

}  // namespace

void add_operator(CommandWord root) {
  CommandWord noun = root.add("operator", "people and programs that may use this tool");
  add_create(noun);
  noun.add("list", "all operators, revoked ones too").runs([](Session& session) -> Result<ExitCode> {
    const ListReply reply = TRY(session.list(listing(Listing::operators)));
    session.print_list(show_operators(reply.operators, session.style()), "no operators");
    return ExitCode::done;
  });
  add_revoke(noun);
}

}  // namespace holdfast
