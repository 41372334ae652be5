#include "agent/daemon/run_command.h"

#include <cctype>

#include "agent/daemon/agent.h"
#include "agent/health/health_file.h"
#include "agent/restore/reachable_program.h"
#include "agent/session/enrolment.h"
#include "agent/session/host_facts.h"
#include "agent/startup/gathering.h"
#include "agent/startup/judgement.h"
#include "shared/os/posix_file_system.h"
#include "shared/os/system_entropy.h"

namespace holdfast {
namespace {

Result<AgentConfig> load_config(FileSystem& files, const std::string& path) {
  if (path.empty()) return AgentConfig{};
  auto text = files.read(path);
  if (!text) return fail(Code::invalid, "configuration: " + text.error().message);
  return parse_agent_config(as_text(*text), path);
}

// Out of the options, wherever it stands; they forget it.
Result<TokenText> read_token(FileSystem& files, RunOptions& options) {
  if (options.token.empty() && !options.token_file.empty()) {
    const Bytes content = TRY_DURING("token file", files.read(options.token_file));
    options.token = as_text(content);
  }
  while (!options.token.empty() && std::isspace(static_cast<unsigned char>(options.token.back())) != 0) {
    options.token.pop_back();
  }
  if (options.token.empty()) {
    return fail(Code::invalid, "this node has not enrolled and there is no token",
                "make one with \"holdfast token create\" and give it in HOLDFAST_TOKEN or --token-file");
  }
  auto token = decode_token(options.token);
  sodium_memzero(options.token.data(), options.token.size());
  options.token.clear();
  return token;
}

// What the process needs from the moment it starts.
struct Host {
  PosixFileSystem files;
  SystemClock clock;
  SystemEntropy entropy;
  StopToken stop;
};

Result<Enrolled> identity_of(Host& host, ZmqContext& context, RunOptions& options, AgentState& state,
                             const NodeKeys& keys, const NodeFacts& facts, ServiceNotify& service, const Logger& log) {
  if (auto known = TRY(state.identity())) return std::move(*known);
  const TokenText token = TRY(read_token(host.files, options));
  service.status("waits to be enrolled");
  Enrolled identity = TRY(enrol(context, token, keys, facts, host.entropy, host.clock, host.stop, log));
  TRY(state.save_identity(identity));
  log.info("enrolled", {{"node", identity.node}, {"name", identity.name}, {"fleet", identity.fleet}});
  return identity;
}

// What an agent must have before it speaks to anybody.
struct Begun {
  AgentConfig config;
  std::unique_ptr<AgentState> state;
  NodeKeys keys;
  std::vector<Obstacle> warnings;
};

// Everything that is wrong is told at once; as long as anything is, nothing is made or changed.
Result<Begun> begin(Host& host, const RunOptions& options) {
  Begun out;
  StartupFacts facts =
      gather_startup_facts(host.files, host.clock, {options.state_directory, options.config_file, options.token_file});
  facts.built = parse_time(HOLDFAST_BUILT).value_or(Timestamp());
  auto config = load_config(host.files, options.config_file);
  if (!config) facts.configuration = config.error();
  std::vector<Obstacle> found = judge_startup(facts);
  const auto note = [&found](Error error) { found.push_back({Obstacle::Weight::error, std::move(error)}); };
  if (has_errors(found)) {
    // Whether it could go on with this state it can say all the same.
    const auto state = host.files.stat(options.state_directory + "/state.db");
    if (state && *state) {
      if (auto readable = AgentState::open_to_read(options.state_directory); !readable) note(readable.error());
    }
    return std::unexpected(as_one(found));
  }
  TRY(make_usable(host.files, options.state_directory));
  out.state = TRY(AgentState::open(options.state_directory));
  TRY(remove_health(host.files, options.state_directory));  // of an agent that died
  out.keys =
      TRY_DURING("node keys", load_or_make_node_keys(host.files, host.entropy, options.state_directory + "/node.key"));
  out.config = std::move(*config);
  out.warnings = std::move(found);
  for (auto& warning : judge_clock(facts.now, TRY(out.state->last_seen()))) out.warnings.push_back(std::move(warning));
  return out;
}

void tell(const Begun& begun, const Logger& log) {
  for (const Obstacle& obstacle : begun.warnings) {
    log.warning(obstacle.error.message, {{"hint", obstacle.error.hint}});
  }
  if (begun.state->repaired()) log.warning(*begun.state->repaired());
}

}  // namespace

Result<ExitCode> run_agent(RunOptions options) {
  Host host;
  const StopOnSignal signals(host.stop);
  Begun begun = TRY(begin(host, options));
  AgentConfig& config = begun.config;
  config.discovery.exclude.push_back(options.state_directory);  // our own state is no database of anybody's
  const Logger log(make_stderr_sink(config.log.format, config.log.level));
  tell(begun, log);
  ServiceNotify service(host.clock);
  const ReadyAtLast at_last(service, config.service.ready_within,
                            "up, but not ready: \"holdfast-agent status\" says what is missing");
  AgentState& state = *begun.state;
  const NodeKeys& keys = begun.keys;
  const NodeFacts facts = host_facts(HOLDFAST_VERSION, config.name);

  ZmqContext context;
  auto identity = identity_of(host, context, options, state, keys, facts, service, log);
  if (!identity && identity.error().code == Code::cancelled) return ExitCode::done;  // stopped while waiting to get in
  if (!identity) return std::unexpected(std::move(identity).error());
  const std::string program = TRY(own_program());
  Agent agent({config, options.state_directory, program, state, keys, *identity, facts, host.files, host.clock,
               host.entropy, context, log.with({{"node", identity->name}}), host.stop, service});
  log.info("agent running", {{"version", HOLDFAST_VERSION}, {"state", options.state_directory}});
  const AgentEnd end = TRY(agent.run());
  log.info("agent stopped");
  return end == AgentEnd::whole ? ExitCode::done : ExitCode::done_in_part;
}

}  // namespace holdfast
