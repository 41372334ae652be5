// The agent's way out: ordered by an operator or by the host, with everything it looks after brought to its end first.
#include <fmt/format.h>

#include <future>

#include "agent/daemon/agent.h"
#include "agent/shutdown/postgres_shutdown.h"
#include "agent/shutdown/sqlite_closing.h"
#include "shared/os/boot.h"

namespace holdfast {
namespace {

constexpr Micros drain_by_default = std::chrono::seconds(30);
constexpr Micros drain_without_end = std::chrono::hours(24);  // of an operator who said only that it is to be drained
constexpr Micros last_steps = std::chrono::seconds(60);       // everybody ends, the last is told
constexpr Micros goodbye = std::chrono::seconds(5);
constexpr Micros goodbye_tick = std::chrono::milliseconds(50);

ShutdownLimits limits_of(const Policy& policy) {
  ShutdownLimits limits;
  limits.checkpoint = policy.shutdown_checkpoint_timeout;
  limits.stop = policy.shutdown_stop_timeout;
  if (policy.shutdown_mode == "smart") limits.smart = policy.shutdown_stop_timeout;
  return limits;
}

DatabaseReceipt with_ids(DatabaseReceipt receipt, const DatabaseReceipt& of) {
  receipt.database = of.database;
  receipt.name = of.name;
  receipt.engine = of.engine;
  return receipt;
}

DatabaseReceipt receipt_of(const ShutdownReceipt& found, const DatabaseReceipt& of) {
  DatabaseReceipt out;
  out.steps = found.steps;
  out.state = found.state ? to_string(*found.state) : "";
  out.checkpoint = found.checkpoint;
  out.timeline = found.timeline;
  out.durable = found.durable;
  out.copies = found.log == ShutdownReceipt::Log::shipped_here ? found.min_copies : 0;
  out.whole = found.is_whole();
  out.verdict = found.verdict();
  return with_ids(std::move(out), of);
}

EndedDatabase::Standing standing(bool fine) {
  return fine ? EndedDatabase::Standing::fine : EndedDatabase::Standing::incomplete;
}

std::uint32_t copies_promised(const Assigned& assigned) {
  return std::min<std::uint32_t>(std::max(1U, assigned.policy.copies_min),
                                 static_cast<std::uint32_t>(std::max<std::size_t>(1, assigned.stores.size())));
}

}  // namespace

void Agent::tell_of_unclean_stop(bool of_departure) {
  const std::string boot = boot_id();
  const auto before = parts_.state.begin_run({parts_.clock.now(), boot});
  if (!before) parts_.log.error("the beginning of this run could not be noted", before.error());
  if (!before || !*before) return;
  const std::string what = (*before)->boot == boot
                               ? "the agent ended without being told to: it was killed, or it crashed"
                               : "the host went down without the agent being told";
  parts_.log.warning("unclean stop", {{"what", what}, {"ran_since", to_rfc3339((*before)->began)}});
  if (of_departure) return;  // its job says so already
  JobReport report;
  report.job.id = parts_.entropy.id<JobId>();
  report.job.kind = JobKind::shutdown;
  report.job.node = parts_.identity.node;
  report.job.origin = "unclean stop";
  report.job.state = JobState::failed;
  report.job.created_at = report.job.started_at = (*before)->began;
  report.job.finished_at = parts_.clock.now();
  report.job.code = Code::unavailable;
  report.job.error = what;
  report.job.hint = "what it had begun was ended or goes on; see its jobs";
  if (auto saved = parts_.state.save_report(std::move(report)); !saved) {
    parts_.log.error("an unclean stop could not be noted", saved.error());
  }
}

Micros Agent::drain_limit() const {
  Micros longest{0};
  for (const auto& assigned : assignment_.databases) {
    if (assigned.protect) longest = std::max(longest, assigned.policy.shutdown_drain);
  }
  return longest.count() > 0 ? longest : drain_by_default;
}

JobWork Agent::work_for(const ShutdownOrder& order, JobReport& report) {
  report.job.kind = order.reach == ShutdownReach::drain ? JobKind::drain : JobKind::shutdown;
  if (departure_ && order.force) {
    departure_->hurry();
    return [first = departure_->job()](JobReport& said, const JobControl&) -> Result<> {
      said.job.outcome = fmt::format("job {} waits for nothing more", first);
      return {};
    };
  }
  const Error why = departure_ ? Error{Code::conflict, fmt::format("job {} is on its way", departure_->job()), {}}
                               : Error{Code::unavailable, "the agent stopped before it began", "order it again"};
  return [why](JobReport&, const JobControl&) -> Result<> { return std::unexpected(why); };
}

void Agent::begin_departure(const Order& order, const ShutdownOrder& asked) {
  Departure::What what;
  what.report.job.id = order.id;
  what.report.job.kind = asked.reach == ShutdownReach::drain ? JobKind::drain : JobKind::shutdown;
  what.report.job.origin = "order";
  what.report.job.deadline = order.deadline;
  what.reach = asked.reach;
  if (asked.force) what.patience = Departure::What::Patience::forced;
  what.drain = asked.drain.count() > 0               ? asked.drain
               : asked.reach == ShutdownReach::drain ? drain_without_end
                                                     : drain_limit();
  begin_departure(std::move(what));
}

void Agent::begin_departure(Departure::What what) {
  what.report.job.node = parts_.identity.node;
  link_.refuse_orders("the node is draining");
  hurry_ = StopToken();
  departure_ = std::make_unique<Departure>(
      std::move(what), Departure::Parts{runner_, parts_.state, parts_.clock, parts_.log,
                                        [this] { return end_databases(); }, [this] { hurry_.request_stop(); },
                                        [this](const JobReport& report) {
                                          mail_.send(JobTold{report, JobRunner::Stored::yes});
                                        }});
  if (auto begun = departure_->begin(); !begun) parts_.log.error("the way out could not be noted", begun.error());
}

void Agent::look_after_departure() {
  if (parts_.stop.stop_requested()) {
    if (!departure_) {
      Departure::What what;
      what.report.job.id = parts_.entropy.id<JobId>();
      what.report.job.kind = JobKind::shutdown;
      what.report.job.origin = "signal";
      what.reach = ShutdownReach::agent;
      what.going = Departure::What::Going::unconditional;
      what.drain = drain_limit();
      begin_departure(std::move(what));
    }
    departure_->must_go(drain_limit());
  }
  if (!departure_) return;
  switch (departure_->go_on()) {
    case DepartureEnd::under_way:
      return;
    case DepartureEnd::goes:
      going_ = true;
      return;
    case DepartureEnd::drained:
    case DepartureEnd::stays:
      return back_to_work();
  }
}

void Agent::back_to_work() {
  if (databases_ending_.joinable()) databases_ending_.join();
  departure_.reset();
  link_.refuse_orders({});
  for (const auto& assigned : assignment_.databases) shipping_.resume(assigned.database);
  ship_wal();
}

void Agent::take(const StepTold& told) {
  if (departure_) departure_->note(told.of, told.step);
}

void Agent::take(EndedDatabase ended) {
  if (departure_) departure_->take(std::move(ended));
}

// Standbys first: their primary, when it is on this host too, waits in its stop until they have its log.
std::size_t Agent::end_databases() {
  std::vector<EndingDatabase> all;
  for (const auto& assigned : assignment_.databases) {
    if (auto one = ending(assigned)) all.push_back(std::move(*one));
  }
  hold_standbys_log();
  const std::size_t count = all.size();
  databases_ending_ = std::jthread([this, all = std::move(all)] {
    for (const auto wave : {EndingDatabase::Wave::first, EndingDatabase::Wave::second}) {
      std::vector<std::jthread> threads;
      for (const EndingDatabase& one : all) {
        if (one.wave == wave) threads.emplace_back([this, &one] { mail_.send(one.end()); });
      }
    }
  });
  return count;
}

std::optional<Agent::EndingDatabase> Agent::ending(const Assigned& assigned) {
  // A server that was stopped a while ago is not seen any more; the last of its log may be on its disk only.
  std::optional<HostDatabase> down;
  const HostDatabase* host = on_host(assigned.key);
  if (host == nullptr && assigned.protect && (down = look_at_cluster(parts_.config, assigned.key, hurry_))) {
    host = &*down;
  }
  if (host == nullptr && !assigned.protect) return std::nullopt;
  if (host != nullptr && host->found.excluded) return std::nullopt;
  if (!assigned.protect) return left_as_it_is(assigned, "it is not protected, and is left as it is");
  if (others_.contains(assigned.key)) {
    return left_as_it_is(assigned, "another agent protects it, and it is left as it is");
  }
  if (host == nullptr) return left_as_it_is(assigned, "it is not on this host any more");
  if (assigned.engine == Engine::sqlite) return ending_of_sqlite(assigned, *host);
  return ending_of_postgres(assigned, *host);
}

Agent::EndingDatabase Agent::left_as_it_is(const Assigned& assigned, std::string verdict) const {
  EndingDatabase out;
  out.receipt.database = assigned.database;
  out.receipt.name = assigned.name;
  out.receipt.engine = assigned.engine;
  out.receipt.verdict = std::move(verdict);
  out.end = [receipt = out.receipt] { return EndedDatabase{receipt, EndedDatabase::Standing::fine}; };
  return out;
}

Agent::EndingDatabase Agent::ending_of_postgres(const Assigned& assigned, const HostDatabase& host) {
  EndingDatabase out;
  out.receipt.database = assigned.database;
  out.receipt.name = assigned.name;
  out.wave = host.found.standby ? EndingDatabase::Wave::first : EndingDatabase::Wave::second;
  PostgresShutdown::Cluster cluster;
  cluster.data_directory = host.found.path;
  cluster.endpoint = host.endpoint;
  const bool stops = departure_->reach() == ShutdownReach::databases && assigned.policy.shutdown_stop_database;
  cluster.server = stops ? ShutdownReceipt::Server::stops : ShutdownReceipt::Server::runs_on;
  cluster.log = assigned.active ? ShutdownReceipt::Log::shipped_here : ShutdownReceipt::Log::shipped_elsewhere;
  cluster.min_copies = copies_promised(assigned);
  ServerControl::Settings control;
  control.data_directory = host.found.path;
  control.major_version = std::atoi(host.found.version.c_str());
  control.commands = commands_for(parts_.config.postgres.commands, host.found.path);
  auto database = protected_database(assigned, host.found, assignment_.stores, stores_);
  out.end = [this, of = out.receipt, cluster, control, limits = limits_of(assigned.policy),
             receiver = shipping_.find(assigned.database), database = std::move(database),
             zstd_level = assigned.policy.zstd_level]() mutable -> EndedDatabase {
    auto owner = user_owning(cluster.data_directory);
    if (!owner) {
      DatabaseReceipt receipt = of;
      receipt.verdict = owner.error().text();
      return {receipt, EndedDatabase::Standing::incomplete};
    }
    cluster.owner = control.owner = *owner;
    ServerControl server(control, parts_.clock);
    // A receiver that has stopped still knows how far it came.
    const auto current = [&]() -> std::shared_ptr<WalReceiver> {
      if (auto now = shipping_.find(of.database)) receiver = std::move(now);
      return receiver;
    };
    const auto durable_before = [&](Timeline timeline) {
      const auto known = parts_.state.wal(of.database);
      return known && *known && (*known)->timeline == timeline ? (*known)->durable : Lsn();
    };
    const auto let_go = [&] { shipping_.suspend(of.database); };
    const auto from_disk = [&](const StoppedLog& log, Micros timeout) -> Result<Lsn> {
      if (!database) return std::unexpected(database.error());
      return shipping_.ship_stopped(*database, zstd_level, log, timeout, hurry_);
    };
    const auto tell = [&](const JobStep& step) { mail_.send(StepTold{of, step}); };
    PostgresShutdown shutdown(
        cluster, limits,
        {server, parts_.files, parts_.clock, current, durable_before, let_go, from_disk, tell, hurry_});
    const ShutdownReceipt found = shutdown.run();
    return {receipt_of(found, of), standing(found.went_well())};
  };
  return out;
}

std::optional<Agent::EndingDatabase> Agent::ending_of_sqlite(const Assigned& assigned, const HostDatabase& host) {
  // As long as the host stays up its application goes on, and so do its backups when the agent is back.
  if (departure_->reach() != ShutdownReach::databases || !assigned.policy.shutdown_stop_database) return std::nullopt;
  EndingDatabase out;
  out.receipt.database = assigned.database;
  out.receipt.name = assigned.name;
  out.receipt.engine = Engine::sqlite;
  out.wave = EndingDatabase::Wave::second;
  auto task = backup_task(assigned);
  if (task) task->asked = BackupType::incremental;
  SqliteClosing::Database database{host.found.path, copies_promised(assigned)};
  database.busy_timeout = assigned.policy.shutdown_checkpoint_timeout;
  out.end = [this, of = out.receipt, database, task = std::move(task)] {
    SqliteClosing closing(database,
                          {open_files_, parts_.clock, [&]() -> Result<Backup> { return back_up_now(TRY(task)); },
                           [&](const JobStep& step) {
                             mail_.send(StepTold{of, step});
                           },
                           hurry_});
    DatabaseReceipt receipt = with_ids(closing.run(), of);
    return EndedDatabase{receipt, standing(receipt.whole)};
  };
  return out;
}

// A job like any other, in the journal and the catalog. From a thread that may wait.
Result<Backup> Agent::back_up_now(BackupTask task) {
  JobReport report;
  report.job.id = parts_.entropy.id<JobId>();
  report.job.kind = JobKind::backup;
  report.job.node = parts_.identity.node;
  report.job.database = task.assigned.database;
  report.job.backup = task.backup;
  report.job.origin = "shutdown";
  auto promised = std::make_shared<std::promise<Result<Backup>>>();
  auto result = promised->get_future();
  // The runner holds the only owner of the promise: when it drops the work, waiting for it ends.
  JobWork work = [promised = std::move(promised), inner = backup_work(std::move(task), backup_parts())](
                     JobReport& said, const JobControl& control) -> Result<> {
    auto done = inner(said, control);
    if (!done) {
      promised->set_value(std::unexpected(done.error()));
    } else if (!said.backup) {
      promised->set_value(fail(Code::internal, "a backup that is complete has no row"));
    } else {
      promised->set_value(*said.backup);
    }
    return done;
  };
  TRY(runner_.start(std::move(report), std::move(work)));
  try {
    return result.get();
  } catch (const std::future_error&) {
    return fail(Code::cancelled, "the backup was cut off before it began");
  }
}

AgentEnd Agent::leave() {
  parts_.log.info("stopping");
  parts_.service.stopping("stopping");
  parts_.service.extend(last_steps);
  health_.close();
  if (databases_ending_.joinable()) databases_ending_.join();
  watch_.reset();
  host_shutdown_.reset();
  desk_.close();  // whoever waits for an answer would wait for this thread
  if (left_ending_.joinable()) left_ending_.join();
  runner_.stop("the agent was stopped while the job ran");
  const auto positions = shipping_.positions();
  shipping_.stop_all();
  read_mail();
  const auto outcome = departure_->finish();
  read_mail();
  say_goodbye(positions);
  if (auto noted = parts_.state.end_run(); !noted)
    parts_.log.error("the end of this run could not be noted", noted.error());
  return outcome == Departure::Outcome::whole ? AgentEnd::whole : AgentEnd::incomplete;
}

// The last reports, when somebody listens: the journal keeps them otherwise.
void Agent::say_goodbye(const std::vector<WalPosition>& positions) {
  const Micros until = parts_.clock.monotonic() + goodbye;
  while (connection_.connected() && parts_.clock.monotonic() < until) {
    if (auto due = link_.due(positions, 0)) connection_.send(*due);
    const auto open = parts_.state.unconfirmed_reports();
    if (!open || open->empty()) return;
    (void)connection_.poll(goodbye_tick);
  }
}

}  // namespace holdfast
