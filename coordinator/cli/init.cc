#include <fmt/format.h>

#include <charconv>
#include <memory>

#include "coordinator/cli/nouns.h"
#include "coordinator/cli/recovery.h"
#include "coordinator/cli/session.h"
#include "coordinator/shell/state_directory.h"

namespace holdfast {
namespace {

struct Options {
  std::string directory;
  std::string fleet = "fleet";
  std::string endpoint;
  std::uint16_t fleet_port = 7400;
  std::uint16_t enrol_port = 7401;
  std::string passphrase_file;
  bool no_passphrase = false;
};

Result<std::uint16_t> parse_port(const std::string& text) {
  std::uint16_t port = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (problem != std::errc{} || end != text.data() + text.size() || port == 0) {
    return fail(Code::invalid, "\"" + text + "\" is not a port");
  }
  return port;
}

Result<std::optional<Passphrase>> choose_passphrase(Session& session, const Options& options) {
  std::optional<Passphrase> chosen;
  if (options.no_passphrase) return chosen;
  if (!options.passphrase_file.empty()) {
    chosen.emplace(TRY(passphrase_from_file(session.files(), options.passphrase_file)));
    return chosen;
  }
  Result<Passphrase> first = typed_passphrase(session.console(), "passphrase for the recovery key and the root key: ");
  if (!first) {
    return fail(Code::invalid, "the recovery key needs a passphrase, and there is no terminal to ask at",
                "--passphrase-file FILE, or --no-passphrase for a trial");
  }
  const Passphrase again = TRY(typed_passphrase(session.console(), "the same again: "));
  if (!equal_constant_time(first->bytes(), again.bytes())) return fail(Code::invalid, "the two differ");
  if (first->bytes().empty()) return fail(Code::invalid, "the passphrase is empty", "--no-passphrase says so openly");
  chosen.emplace(*std::move(first));
  return chosen;
}

// An absolute path: what is printed must be right from wherever it is used.
Result<std::string> absolute(Session& session, const std::string& path) {
  if (path.starts_with('/')) return path;
  const auto here = session.console().environment("PWD");
  if (!here) return fail(Code::invalid, "--directory: \"" + path + "\" is not absolute");
  return *here + "/" + path;
}

Result<ExitCode> init(Session& session, const Options& options) {
  CreateFleetOptions create;
  create.directory = TRY(absolute(session, options.directory));
  create.fleet_name = options.fleet;
  create.endpoint_host = options.endpoint;
  create.fleet_port = options.fleet_port;
  create.enrol_port = options.enrol_port;
  std::optional<Passphrase> passphrase = TRY(choose_passphrase(session, options));
  if (passphrase) create.passphrase.emplace(*std::move(passphrase));
  const CreatedFleet made =
      TRY(create_fleet(session.files(), session.entropy(), session.clock().now(), std::move(create)));
  if (options.endpoint.empty()) {
    session.note("hint: without --endpoint only this machine finds the coordinator");
  }
  session.print(fmt::format(
      "keep safe:  {} opens every backup, {} makes a coordinator for this fleet again; copy both elsewhere\n"
      "next:       holdfast-coordinator --state {}\n"
      "then:       export HOLDFAST_OPERATOR={}; holdfast store add local posix --path DIR; holdfast token create\n",
      made.recovery_key, made.root_key, made.state_directory, made.operator_file));
  return ExitCode::done;
}

}  // namespace

void add_init(CommandWord root) {
  auto options = std::make_shared<Options>();
  CommandWord verb = root.add("init", "make a fleet: keys, the coordinator's state and the first operator");
  verb.option("--directory", options->directory, "where it all goes; nothing in it is overwritten")
      .required()
      .completes(Completes::directories);
  verb.option("--fleet", options->fleet, "its name (fleet)");
  verb.option("--endpoint", options->endpoint, "host name or address under which agents reach the coordinator");
  const auto port = [](std::uint16_t& into) {
    return [&into](const std::string& text) -> Result<> {
      into = TRY(parse_port(text));
      return {};
    };
  };
  verb.parsed("--fleet-port", port(options->fleet_port), "for enrolled nodes and operators (7400)");
  verb.parsed("--enrol-port", port(options->enrol_port), "for new nodes (7401)");
  const Argument file = verb.option("--passphrase-file", options->passphrase_file,
                                    "a file with the passphrase for the recovery key; asked for otherwise")
                            .completes(Completes::files);
  verb.flag("--no-passphrase", options->no_passphrase, "leave the recovery key open: for trials").excludes(file);
  verb.runs([options](Session& session) { return init(session, *options); });
}

}  // namespace holdfast
