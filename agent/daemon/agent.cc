#include "agent/daemon/agent.h"

#include <fmt/format.h>

#include "agent/daemon/interrupted.h"
#include "agent/daemon/slot_duty.h"
#include "agent/jobs/finished_backup.h"
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

std::string_view origin_of(DueReason reason) {
  switch (reason) {
    case DueReason::first_backup:
      return "first backup";
    case DueReason::schedule:
      return "schedule";
    case DueReason::retry:
      return "retry";
    case DueReason::log_lost:
      return "log was lost";
  }
  return "schedule";
}

}  // namespace

Agent::Agent(Parts parts)
    : parts_(std::move(parts)),
      stores_(parts_.files, parts_.state_directory + "/stores"),
      epochs_(parts_.identity, parts_.keys, parts_.state, parts_.clock, parts_.entropy),
      incremental_(parts_.files, parts_.clock, parts_.log, parts_.state_directory + "/incremental"),
      shipping_(
          parts_.identity, parts_.keys, parts_.state, epochs_, parts_.clock, parts_.entropy, parts_.log,
          {[this] { mail_.send(SomethingToReport{}); }, [this](DatabaseId database) { mail_.send(LogLost{database}); }},
          [this](DatabaseId database) { return incremental_.tracker(database); }),
      runner_(parts_.state, parts_.clock, parts_.log, {},
              [this](const JobReport& report, JobRunner::Stored stored) {
                mail_.send(JobTold{report, stored});
              }),
      schedule_(parts_.state, parts_.log),
      link_(parts_.state, parts_.clock, parts_.entropy, parts_.facts, parts_.facts.agent_version),
      connection_(parts_.context, parts_.identity, parts_.keys, link_, parts_.clock, parts_.entropy, parts_.log,
                  {mail_.fd(), parts_.stop.fd()}) {}

Result<> Agent::run() {
  TRY(begin());
  while (!parts_.stop.stop_requested()) {
    for (auto& received : connection_.poll(tick)) take_in(std::move(received));
    read_mail();
    start_waiting_orders();
    start_due_backups();
    hurry_while_watched();
    forget_old_jobs();
    if (auto due = link_.due(shipping_.positions(), runner_.running())) {
      connection_.send(*due);
    } else {
      parts_.log.error("what is due for the coordinator could not be read", due.error());
    }
  }
  parts_.log.info("stopping");
  watch_.reset();
  runner_.stop("the agent was stopped while the job ran");
  shipping_.stop_all();
  read_mail();
  // A last word, when somebody listens: the journal keeps it otherwise.
  if (auto due = link_.due({}, 0)) connection_.send(*due);
  return {};
}

Result<> Agent::begin() {
  if (auto assignment = TRY(parts_.state.assignment())) assignment_ = std::move(*assignment);
  const FindBackup find_backup = [this](const Job& job) -> Result<std::optional<Backup>> {
    const StoreSet stores = TRY(stores_.open_all(assignment_.stores, 1));
    return finished_backup(stores, {parts_.identity.fleet, parts_.identity.root}, job);
  };
  TRY_DURING("finish what a crash left", end_interrupted_jobs(parts_.state, parts_.config.postgres.commands,
                                                              parts_.clock, parts_.log, find_backup));
  TRY_DURING("read which backups are owed", schedule_.remember());
  // Confirmed to the coordinator, but the agent died before they began: they are ours to carry out.
  for (const auto& order : TRY(parts_.state.orders_without_report())) waiting_orders_.push_back(order);
  std::set<std::string> shipped_from;
  for (const DatabaseId database : TRY(parts_.state.shipped_databases())) shipped_from.insert(slot_name(database));
  watch_ = std::make_unique<HostWatch>(parts_.config, open_files_, parts_.log, std::move(shipped_from),
                                       [this](std::vector<HostDatabase> found) { mail_.send(std::move(found)); });
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

void Agent::take(std::vector<HostDatabase> databases) {
  std::map<std::string, HostDatabase> now;
  for (auto& database : databases) now.emplace(database.found.key, std::move(database));
  for (auto& [key, slots] : slots_to(SlotFate::report, now, assignment_)) {
    now.at(key).found.unused_slots.assign(slots.begin(), slots.end());
  }
  std::vector<FoundDatabase> found;
  bool changed = !host_known_ || now.size() != host_.size();
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
    host_known_ = true;
    if (auto noted = link_.inventory_changed(std::move(found)); !noted) {
      parts_.log.error("the inventory could not be noted", noted.error());
    }
  }
  ship_wal();
  if (watch_) watch_->set_unwanted(slots_to(SlotFate::drop, host_, assignment_));
}

void Agent::take_in(CoordinatorLink::Received received) {
  if (received.assignment) put_in_force(std::move(*received.assignment));
  if (received.look_again && watch_) watch_->look_now();
  for (const auto& job : received.cancels) {
    runner_.cancel(job);
    cancelled_.insert(job);  // it may not have begun, or come only now
  }
  for (const auto& order : received.orders) waiting_orders_.push_back(order);
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
  if (watch_) watch_->set_unwanted({});  // before a receiver may begin to use one of them
  ship_wal();
  look_after_slots();
  std::set<DatabaseId> written;
  for (const auto& assigned : assignment_.databases) {
    if (assigned.active && assigned.protect) written.insert(assigned.database);
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
    clusters.push_back({std::move(*database), *host->endpoint, assigned.policy.rpo_cut, assigned.policy.zstd_level});
  }
  shipping_.set(std::move(clusters), unseen, assignment_.fleet_record);
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
  if (!assigned.active || !assigned.protect) {
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

void Agent::start_due_backups() {
  const Timestamp now = parts_.clock.now();
  for (const auto& [database, reason] : schedule_.due(assignment_, now)) {
    if (runner_.busy_with(database->database, JobKind::backup) ||
        runner_.busy_with(database->database, JobKind::restore)) {
      continue;
    }
    // Not on this host just now: the run stays due, and is caught up when it is back.
    const HostDatabase* host = on_host(database->key);
    if (host == nullptr || !host->found.running) continue;
    JobReport report;
    report.job.id = parts_.entropy.id<JobId>();
    report.job.kind = JobKind::backup;
    report.job.node = parts_.identity.node;
    report.job.database = database->database;
    report.job.origin = origin_of(reason);
    auto began = schedule_.began(database->database, now);
    auto task = backup_task(*database);
    auto started = !began ? began
                          : runner_.start(std::move(report),
                                          task ? backup_work(std::move(*task), backup_parts()) : failing(task.error()));
    if (!started)
      parts_.log.error("a due backup could not be started", started.error(), {{"database", database->name}});
  }
}

BackupParts Agent::backup_parts() {
  return {parts_.identity,       parts_.keys, stores_,      epochs_,        shipping_,
          incremental_,          open_files_, parts_.clock, parts_.entropy, parts_.log,
          parts_.state_directory};
}

void Agent::start_waiting_orders() {
  if (!host_known_) return;  // what an order is about is known after the first look at the host
  for (const auto& order : std::exchange(waiting_orders_, {})) start_order(order);
  cancelled_.clear();  // what begins later was ordered after that
}

void Agent::start_order(const Order& order) {
  JobReport report;
  report.job.id = order.id;
  report.job.node = parts_.identity.node;
  report.job.deadline = order.deadline;
  report.job.origin = "order";
  JobWork work = std::visit([&](const auto& body) { return work_for(body, report); }, order.body);
  if (!order.deadline.is_never() && order.deadline < parts_.clock.now()) {
    work = failing({Code::timed_out, "the order came after its deadline", "is this host's clock right?"});
  }
  if (cancelled_.contains(order.id)) work = failing({Code::cancelled, "it was cancelled before it began", {}});
  if (auto started = runner_.start(std::move(report), std::move(work)); !started) {
    parts_.log.error("an order could not be started", started.error(), {{"job", order.id}});
  }
}

JobWork Agent::work_for(const BackupOrder& order, JobReport& report) {
  report.job.kind = JobKind::backup;
  report.job.database = order.database;
  for (const auto& assigned : assignment_.databases) {
    if (assigned.database != order.database || !assigned.active) continue;
    auto task = backup_task(assigned);
    if (!task) return failing(task.error());
    if (!order.backup.is_null()) task->backup = order.backup;
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

// The link answers these itself.
JobWork Agent::work_for(const RefreshOrder&, JobReport& report) {
  report.job.kind = JobKind::refresh;
  return [](JobReport&, const JobControl&) -> Result<> { return {}; };
}
JobWork Agent::work_for(const CancelOrder&, JobReport&) {
  return [](JobReport&, const JobControl&) -> Result<> { return {}; };
}

}  // namespace holdfast
