#include "agent/daemon/agent.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/daemon/interrupted.h"
#include "agent/daemon/slot_duty.h"
#include "agent/jobs/copy_job.h"
#include "agent/jobs/verify_job.h"
#include "agent/postgres/slot_watch.h"

namespace holdfast {
namespace {

constexpr Micros tick = std::chrono::milliseconds(200);
constexpr Micros longest_wait_while_watched = std::chrono::milliseconds(250);

// Longer than any order lives: what comes after it, comes too late and is refused.
constexpr std::chrono::hours job_history{24 * 90};

JobWork failing(Error error) {
  return [error = std::move(error)](JobReport&, const JobControl&) -> Result<> { return std::unexpected(error); };
}

}  // namespace

Agent::Agent(Parts parts)
    : parts_(std::move(parts)),
      desk_(parts_.clock, [this] { mail_.send(PassWanted{}); }, {}),
      passes_(parts_.state, desk_, parts_.clock, parts_.log),
      peers_(parts_.context, parts_.clock, parts_.keys.curve),
      stores_({parts_.files, parts_.clock, parts_.entropy}, parts_.state_directory + "/stores"),
      vaults_({parts_.context, parts_.files, parts_.clock, parts_.keys.curve, parts_.identity.root,
               parts_.identity.fleet, parts_.state_directory + "/stores", parts_.log},
              {parts_.config.vault.bind, parts_.config.vault.port}),
      epochs_(parts_.identity, parts_.keys, parts_.state, parts_.clock, parts_.entropy),
      incremental_(parts_.files, parts_.clock, parts_.log, parts_.state_directory + "/incremental"),
      shipping_(
          parts_.identity, parts_.keys, parts_.state, epochs_, parts_.clock, parts_.entropy, parts_.log,
          {[this] { mail_.send(SomethingToReport{}); }, [this](DatabaseId database) { mail_.send(LogLost{database}); }},
          [this](DatabaseId database) { return incremental_.tracker(database); }),
      holding_(parts_.clock, parts_.log),
      runner_(parts_.state, parts_.clock, parts_.log, {},
              [this](const JobReport& report, JobRunner::Stored stored) {
                mail_.send(JobTold{report, stored});
              }),
      schedule_(parts_.identity.node, parts_.state, parts_.log),
      slots_({}),
      link_(parts_.state, parts_.clock, parts_.entropy, parts_.facts, parts_.facts.agent_version),
      connection_(parts_.context, parts_.identity, parts_.keys, link_, parts_.clock, parts_.entropy, parts_.log,
                  {mail_.fd()}),
      health_(health_parts(parts_)) {}

Result<AgentEnd> Agent::run() {
  TRY(begin());
  while (!going_) {
    for (auto& received : connection_.poll(tick)) take_in(std::move(received));
    read_mail();
    serve_passes();
    end_left_backups_when_possible();
    start_waiting_orders();
    start_due_backups();
    hurry_while_watched();
    forget_old_jobs();
    vaults_.retry();
    look_after_departure();
    look_after_health();
    if (auto due = link_.due(shipping_.positions(), runner_.running())) {
      connection_.send(*due);
    } else {
      parts_.log.error("what is due for the coordinator could not be read", due.error());
    }
  }
  return leave();
}

Result<> Agent::begin() {
  stores_.reach_peers_by(peers_);
  stores_.reach_buckets_by(passes_);
  TRY_DURING("read the passes to buckets", passes_.remember());
  if (auto assignment = TRY(parts_.state.assignment())) assignment_ = std::move(*assignment);
  vaults_.put_in_force(assignment_.vaults);
  passes_.want(assignment_);
  left_stores_ = assignment_.stores;
  // Nobody is connected yet, so what needs the coordinator is looked at later.
  const bool some_presigned = std::ranges::any_of(assignment_.stores, is_presigned);
  const bool was_on_its_way_out = std::ranges::any_of(
      TRY(parts_.state.unfinished()), [](const JobReport& report) { return is_departure(report.job.kind); });
  left_backups_ =
      TRY_DURING("finish what a crash left", end_interrupted_jobs(
                                                 parts_.state, parts_.config.postgres.commands, parts_.clock,
                                                 parts_.log, [this](const Job& job) { return find_backup(job); },
                                                 some_presigned ? WhenUnknown::leave : WhenUnknown::end));
  TRY_DURING("read which backups are owed", schedule_.remember());
  tell_of_unclean_stop(was_on_its_way_out);
  // Confirmed to the coordinator, but the agent died before they began: they are ours to carry out.
  for (const auto& order : TRY(parts_.state.orders_without_report()))
    waiting_orders_.push_back({order, 1, Heard::before});
  std::set<std::string> shipped_from;
  for (const DatabaseId database : TRY(parts_.state.shipped_databases())) shipped_from.insert(slot_name(database));
  watch_ = std::make_unique<HostWatch>(parts_.config, open_files_, parts_.log, std::move(shipped_from),
                                       [this](HostLook look) { mail_.send(std::move(look)); });
  watch_for_host_shutdown();
  return {};
}

void Agent::read_mail() {
  for (auto& mail : mail_.take_all()) {
    std::visit([this](auto& what) { take(std::move(what)); }, mail);
  }
}

void Agent::take(JobTold told) {
  if (told.stored == JobRunner::Stored::no) {
    if (auto message = link_.progress(std::move(told.report))) connection_.send({*message});
    return;
  }
  const Job& job = told.report.job;
  if (is_final(job.state)) {
    schedule_.ended(told.report);
    const std::vector<LogField> fields{{"job", job.id}, {"database", job.database}, {"outcome", job.outcome}};
    if (job.state == JobState::complete) {
      parts_.log.info("job complete", fields);
    } else {
      parts_.log.error("job did not complete", Error{job.code, job.error, job.hint}, fields);
    }
  }
  link_.report_now();
}

void Agent::take(SomethingToReport) {
  link_.report_now();
}

// What was committed since cannot be restored before there is a new backup.
void Agent::take(LogLost lost) {
  schedule_.log_lost(lost.database);
}

void Agent::take(HostLook look) {
  std::map<std::string, HostDatabase> now;
  for (auto& database : look.databases) now.emplace(database.found.key, std::move(database));
  for (auto& [key, slots] : slots_to(SlotFate::report, now, assignment_)) {
    now.at(key).found.unused_slots.assign(slots.begin(), slots.end());
  }
  leave_to_others(now);
  std::vector<FoundDatabase> found;
  bool changed = last_look_ == 0 || now.size() != host_.size();
  last_look_ = look.number;
  for (const auto& [key, database] : now) {
    found.push_back(database.found);
    const auto before = host_.find(key);
    // Sizes change all the time; they are worth a message only with something else, or by a tenth.
    if (before == host_.end() || worth_reporting(before->second.found, database.found)) changed = true;
  }
  if (!changed) {
    for (auto& [key, database] : now) {
      const auto told = host_.at(key).found.size_bytes;
      host_.at(key) = std::move(database);
      host_.at(key).found.size_bytes = told;
    }
  } else {
    host_ = std::move(now);
    if (auto noted = link_.inventory_changed(std::move(found)); !noted) {
      parts_.log.error("the inventory could not be noted", noted.error());
    }
  }
  let_go_of_stopping_servers();
  ship_wal();
  if (watch_) watch_->set_unwanted(slots_to(SlotFate::drop, host_, assignment_));
}

void Agent::take_in(CoordinatorLink::Received received) {
  desk_.heard();
  for (const auto& [message, reply] : received.passes) desk_.answered(message, reply);
  for (const auto& [message, reply] : received.slots) slots_.answered(message, reply, parts_.clock.monotonic());
  if (received.assignment) put_in_force(std::move(*received.assignment));
  if (received.look_again && watch_) watch_->look_now();
  for (const auto& job : received.cancels) {
    if (departure_ && departure_->job() == job) departure_->cancel();
    runner_.cancel(job);
    cancelled_.insert(job);  // it may not have begun, or come only now
  }
  for (const auto& order : received.orders) accept(order);
}

// A database that could not be backed up when it was last looked at may be well by now: its server has started since.
void Agent::accept(const Order& order) {
  WaitingOrder waiting{order};
  const auto* backup = std::get_if<BackupOrder>(&order.body);
  if (backup != nullptr && last_look_ > 0 && watch_) {
    for (const auto& assigned : assignment_.databases) {
      const HostDatabase* host = on_host(assigned.key);
      const bool well = host != nullptr && (host->found.excluded || host->found.problem.empty());
      if (assigned.database == backup->database && !well) waiting.look = watch_->look_now();
    }
  }
  waiting_orders_.push_back(std::move(waiting));
}

// An operator waits for the newest moment to be restorable: WAL goes out at once as long as he looks.
void Agent::hurry_while_watched() {
  if (link_.watched() == hurrying_) return;
  hurrying_ = link_.watched();
  shipping_.hurry(hurrying_ ? std::optional(longest_wait_while_watched) : std::nullopt);
}

void Agent::forget_old_jobs() {
  if (parts_.clock.monotonic() < next_forgetting_) return;
  next_forgetting_ = parts_.clock.monotonic() + std::chrono::hours(24);
  const auto forgotten = parts_.state.forget_jobs(parts_.clock.now() - job_history);
  if (!forgotten) parts_.log.error("old jobs could not be forgotten", forgotten.error());
}

void Agent::put_in_force(Assignment assignment) {
  parts_.log.info("new assignment", {{"revision", assignment.revision}, {"databases", assignment.databases.size()}});
  assignment_ = std::move(assignment);
  leave_to_others_now();
  vaults_.put_in_force(assignment_.vaults);
  passes_.want(assignment_);
  // Whoever holds a store of another node gets the renewed grant.
  for (const StoreInfo& store : assignment_.stores) {
    if (store.kind != StoreKind::peer) continue;
    if (auto opened = stores_.open(store); !opened) parts_.log.error("a store cannot be used", opened.error());
  }
  if (watch_) watch_->set_unwanted({});  // before a receiver may begin to use one of them
  ship_wal();
  look_after_slots();
  std::set<DatabaseId> written;
  for (const auto& assigned : assignment_.databases) {
    if ((assigned.active || takes_backups(assigned)) && assigned.protect) written.insert(assigned.database);
  }
  epochs_.keep_only(written);
}

// After the receivers that are not wanted any more have ended.
void Agent::look_after_slots() {
  auto unwanted = slots_to(SlotFate::drop, host_, assignment_);
  if (!watch_) return;
  const bool look = !unwanted.empty() || !slots_to(SlotFate::report, host_, assignment_).empty();
  watch_->set_unwanted(std::move(unwanted));
  if (look) watch_->look_now();
}

// Receivers for exactly the clusters that are ours to protect.
void Agent::ship_wal() {
  std::vector<ShippedCluster> clusters;
  std::set<DatabaseId> unseen;
  for (const auto& assigned : assignment_.databases) {
    if (assigned.engine != Engine::postgres || !assigned.active || !assigned.protect) continue;
    const HostDatabase* host = on_host(assigned.key);
    if (host != nullptr && (host->found.standby || host->found.excluded)) continue;
    if (host == nullptr || !host->endpoint) {
      unseen.insert(assigned.database);
      continue;
    }
    auto database = protected_database(assigned, host->found, assignment_.stores, stores_);
    if (!database) {
      parts_.log.error("WAL cannot be shipped", database.error(), {{"database", assigned.name}});
      continue;
    }
    clusters.push_back(
        {std::move(*database), host->found.path, *host->endpoint, assigned.policy.rpo_cut, assigned.policy.zstd_level});
  }
  shipping_.set(std::move(clusters), unseen, assignment_.fleet_record);
  hold_standbys_log();
}

// Of those that another node ships now, and may have to be shipped from here soon.
void Agent::hold_standbys_log() {
  std::vector<HeldCluster> clusters;
  // What holds it is a client like others: a server that waits for its clients to leave would wait for it.
  const bool stopping = departure_ && departure_->reach() == ShutdownReach::databases;
  for (const auto& assigned : assignment_.databases) {
    if (stopping) break;
    if (assigned.engine != Engine::postgres || assigned.active || !assigned.protect) continue;
    const HostDatabase* host = on_host(assigned.key);
    if (host == nullptr || !host->endpoint || host->found.excluded) continue;
    clusters.push_back({assigned.database, assigned.name, *host->endpoint});
  }
  holding_.set(std::move(clusters));
}

const HostDatabase* Agent::on_host(const std::string& key) const {
  const auto found = host_.find(key);
  return found == host_.end() ? nullptr : &found->second;
}

Result<BackupTask> Agent::backup_task(const Assigned& assigned) const {
  const HostDatabase* host = on_host(assigned.key);
  if (host == nullptr) {
    return fail(Code::not_found, fmt::format("database \"{}\" is not on this host now", assigned.name),
                "holdfast database describe " + assigned.name);
  }
  if ((!assigned.active && !takes_backups(assigned)) || !assigned.protect) {
    return fail(Code::conflict, fmt::format("database \"{}\" is not this node's to back up", assigned.name));
  }
  if (host->found.excluded) return fail(Code::conflict, fmt::format("database \"{}\" is excluded", assigned.name));
  if (!host->found.problem.empty()) return fail(Code::unavailable, host->found.problem, host->found.hint);
  BackupTask task;
  task.assigned = assigned;
  task.stores = assignment_.stores;
  task.fleet_record = assignment_.fleet_record;
  task.backup = parts_.entropy.id<BackupId>();
  task.found = host->found;
  task.endpoint = host->endpoint;
  return task;
}

BackupParts Agent::backup_parts() {
  return {parts_.identity,       parts_.keys, stores_,      epochs_,        shipping_,
          incremental_,          open_files_, parts_.clock, parts_.entropy, parts_.log,
          parts_.state_directory};
}

void Agent::start_waiting_orders() {
  for (auto& waiting : std::exchange(waiting_orders_, {})) {
    if (waiting.look <= last_look_) {
      start_order(waiting);
    } else {
      waiting_orders_.push_back(std::move(waiting));
    }
  }
  if (waiting_orders_.empty()) cancelled_.clear();  // what begins later was ordered after that
}

void Agent::start_order(const WaitingOrder& waiting) {
  const Order& order = waiting.order;
  const auto* shutdown = std::get_if<ShutdownOrder>(&order.body);
  const bool in_time = order.deadline.is_never() || parts_.clock.now() <= order.deadline;
  if (shutdown != nullptr && waiting.heard == Heard::now && in_time && !cancelled_.contains(order.id) && !departure_) {
    begin_departure(order, *shutdown);
    return;
  }
  JobReport report;
  report.job.id = order.id;
  report.job.node = parts_.identity.node;
  report.job.deadline = order.deadline;
  report.job.origin = "order";
  JobWork work = std::visit([&](const auto& body) { return work_for(body, report); }, order.body);
  if (!in_time) {
    work = failing({Code::timed_out, "the order came after its deadline", "is this host's clock right?"});
  }
  if (departure_ && shutdown == nullptr) work = failing({Code::unavailable, "the node is draining", {}});
  if (cancelled_.contains(order.id)) work = failing({Code::cancelled, "it was cancelled before it began", {}});
  if (auto started = runner_.start(std::move(report), std::move(work)); !started) {
    parts_.log.error("an order could not be started", started.error(), {{"job", order.id}});
  }
}

JobWork Agent::work_for(const BackupOrder& order, JobReport& report) {
  report.job.kind = JobKind::backup;
  report.job.database = order.database;
  for (const auto& assigned : assignment_.databases) {
    if (assigned.database != order.database || (!assigned.active && !takes_backups(assigned))) continue;
    auto task = backup_task(assigned);
    if (!task) return failing(task.error());
    if (!order.backup.is_null()) task->backup = order.backup;
    report.job.backup = task->backup;  // in the journal before anything of it is in a store
    task->asked = order.type;
    task->note = order.note;
    task->page_check = order.skip_page_check ? PageCheck::skip : PageCheck::verify;
    return backup_work(std::move(*task), backup_parts());
  }
  return failing({Code::not_found, fmt::format("database {} is not assigned to this node", order.database), {}});
}

JobWork Agent::work_for(const VerifyOrder& order, JobReport& report) {
  report.job.kind = JobKind::verify;
  report.job.database = order.database;
  report.job.backup = order.backup;
  return verify_work(order, stores_, parts_.identity, parts_.keys);
}

JobWork Agent::work_for(const StoreCheckOrder& order, JobReport& report) {
  report.job.kind = JobKind::store_check;
  return store_check_work(order, stores_);
}

JobWork Agent::work_for(const CopyOrder& order, JobReport& report) {
  report.job.kind = JobKind::copy;
  report.job.database = order.database;
  report.job.backup = order.backup;
  report.job.store = order.target.name;
  return copy_work(order, stores_, parts_.identity, parts_.clock);
}

JobWork Agent::work_for(const ScrubOrder& order, JobReport& report) {
  report.job.kind = JobKind::scrub;
  report.job.database = order.database;
  report.job.backup = order.backup;
  report.job.store = order.store.name;
  return scrub_work(order, stores_, parts_.identity, parts_.clock);
}

// The link answers these itself.
JobWork Agent::work_for(const RefreshOrder&, JobReport& report) {
  report.job.kind = JobKind::refresh;
  return [](JobReport&, const JobControl&) -> Result<> { return {}; };
}
JobWork Agent::work_for(const CancelOrder&, JobReport&) {
  return [](JobReport&, const JobControl&) -> Result<> { return {}; };
}

}  // namespace holdfast
