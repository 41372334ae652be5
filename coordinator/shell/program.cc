#include "coordinator/shell/program.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "coordinator/catalog/migrations.h"
#include "coordinator/catalog/rocks_store.h"
#include "coordinator/shell/checkpoint_writer.h"
#include "coordinator/shell/pass_signer.h"
#include "coordinator/shell/round.h"
#include "coordinator/shell/state_directory.h"
#include "coordinator/shell/store_opener.h"
#include "coordinator/shell/vault_access.h"
#include "coordinator/shell/worker.h"
#include "shared/os/posix_file_system.h"
#include "shared/os/service_notify.h"
#include "shared/os/system_entropy.h"

namespace holdfast {
namespace {

// A name by which others may reach a socket that is bound to `bind`.
std::string reachable_host(const std::string& bind) {
  if (bind != "0.0.0.0" && bind != "::" && bind != "*") return bind;
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "127.0.0.1";
}

std::vector<std::string> first_set(const std::vector<std::string>& configured, const std::vector<std::string>& at_init,
                                   std::string fallback) {
  if (!configured.empty()) return configured;
  if (!at_init.empty()) return at_init;
  return {std::move(fallback)};
}

CoreIdentity identity_of(StateDirectory& state, const ProgramOptions& options, const ServerTransport& transport,
                         std::uint64_t epoch) {
  const std::string host = reachable_host(options.config.bind);
  CoreIdentity out;
  out.fleet = state.fleet;
  out.fleet_name = state.fleet_name;
  out.root = state.root;
  out.recovery = state.recovery;
  out.fleet_record = state.fleet_record;
  out.intermediate_certificate = state.intermediate_certificate;
  out.intermediate = std::move(state.intermediate);
  out.enrol_server = state.enrol_server.public_key;
  out.fleet_server = state.fleet_server.public_key;
  out.enrol_endpoints =
      first_set(options.config.enrol_endpoints, state.enrol_endpoints, endpoint_of(host, transport.port(Door::enrol)));
  out.fleet_endpoints =
      first_set(options.config.fleet_endpoints, state.fleet_endpoints, endpoint_of(host, transport.port(Door::fleet)));
  out.epoch = epoch;
  out.heartbeat_seconds = options.config.heartbeat_seconds;
  out.sweep_every = options.config.sweep_every;
  out.sweep_grace = options.config.sweep_grace;
  out.version = options.version;
  return out;
}

// Before the core takes the keys over.
Result<CheckpointIdentity> checkpoint_identity_of(FileSystem& files, const StateDirectory& state,
                                                  const std::string& directory, std::uint64_t epoch) {
  CheckpointIdentity out;
  out.fleet = state.fleet;
  out.root = state.root;
  out.recovery = state.recovery;
  out.intermediate_certificate = state.intermediate_certificate;
  out.intermediate = {state.intermediate.public_key, state.intermediate.secret_key.clone()};
  out.epoch = epoch;
  out.files = TRY(read_state_files(files, directory));
  return out;
}

constexpr Micros checkpoint_soon = std::chrono::seconds(5);

}  // namespace

Result<> run_coordinator(const ProgramOptions& options, const StopToken& stop, const Logger& log) {
  PosixFileSystem files;
  SystemEntropy entropy;
  SystemClock clock;
  ServiceNotify service(clock);
  StateDirectory state = TRY(read_state_directory(files, options.state_directory));
  const StateLock lock = TRY(StateLock::take(options.state_directory));
  const auto catalog = TRY_DURING("open the catalog", RocksStore::open(state.catalog, OpenCatalog::existing_only));
  const std::uint64_t epoch = TRY(catalog->begin_epoch());
  TRY_DURING("bring the catalog up to date", migrate(*catalog, epoch, all_migrations()));

  // Nobody is known until the core has been loaded; handshakes before that are told to come again.
  KnownKeys keys;
  ZmqContext context;
  VaultAccess vaults(context, clock, state);
  Worker worker(store_opener({files, clock, entropy}, &vaults), log);
  ServerTransportOptions sockets;
  sockets.bind = options.config.bind;
  sockets.fleet_port = options.config.fleet_port;
  sockets.enrol_port = options.config.enrol_port;
  sockets.enrol_messages_per_minute = options.config.enrol_messages_per_minute;
  const auto admission = [&keys](Door door, const CurvePublicKey& key) { return keys.admission(door, key); };
  const auto transport = TRY(open_server_transport(
      context, sockets, {state.enrol_server.public_key, state.enrol_server.secret_key.clone()},
      {state.fleet_server.public_key, state.fleet_server.secret_key.clone()}, admission, {stop.fd(), worker.fd()}));
  CheckpointChanges changes;
  TRY_DURING("load the catalog", changes.learn(*catalog));
  CheckpointWriter checkpoints({.identity = TRY(checkpoint_identity_of(files, state, options.state_directory, epoch)),
                                .every = options.config.checkpoint_every,
                                .soon = checkpoint_soon,
                                .snapshot = [&catalog] { return catalog->snapshot(); },
                                .open = store_opener({files, clock, entropy}, &vaults),
                                .clock = clock,
                                .entropy = entropy,
                                .log = log});
  const auto core = TRY(Core::load(*catalog, identity_of(state, options, *transport, epoch), entropy, clock.now()));
  Round round({.core = RoundCore::of(*core),
               .catalog = *catalog,
               .epoch = epoch,
               .transport = *transport,
               .keys = keys,
               .give_work = [&worker](Work work) { worker.give(std::move(work)); },
               .sign = [&](const GrantPass& pass) { return sign_pass(pass, files, clock.now()); },
               .take_answers = [&worker] { return worker.take_answers(); },
               .clock = clock,
               .log = log,
               .committed = [&](const auto& batch) { checkpoints.changed(changes.notice(batch)); }});
  log.info("coordinator ready", {{"fleet", state.fleet_name},
                                 {"epoch", epoch},
                                 {"fleet_port", transport->port(Door::fleet)},
                                 {"enrol_port", transport->port(Door::enrol)},
                                 {"version", options.version}});
  service.ready(fmt::format("serves fleet \"{}\"", state.fleet_name));
  while (!stop.stop_requested()) {
    TRY(round.run());
    service.alive();
  }
  service.stopping("stopping");
  log.info("coordinator stopped");
  return {};
}

}  // namespace holdfast
