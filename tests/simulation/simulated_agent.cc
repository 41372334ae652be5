#include "tests/simulation/simulated_agent.h"

#include <fmt/format.h>

#include "shared/identity/token.h"
#include "shared/repository/layout.h"
#include "shared/repository/record.h"

namespace holdfast {
namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

}  // namespace

SimulatedAgent::SimulatedAgent(std::uint32_t number, const SimulatedWorld& world, SeededEntropy& entropy)
    : number_(number), world_(&world), entropy_(&entropy) {
  Host& host = journal_.host;
  host.hostname = fmt::format("host{}", number);
  host.curve = make_curve_key(entropy);
  host.signer = make_sign_key(entropy);
  host.recipient = make_box_key(entropy);
}

void SimulatedAgent::say(std::vector<std::pair<Door, Message>>& out, Door door, MessageBody body) {
  Message message;
  message.id = ++messages_;
  message.body = std::move(body);
  out.emplace_back(door, std::move(message));
}

std::vector<FoundDatabase> SimulatedAgent::found() const {
  FoundDatabase database;
  const std::string path = fmt::format("/srv/db{}", number_);
  database.key = "postgres:" + path;
  database.path = path;
  database.system_id = SystemId(1000 + number_ / 10 * 10);
  database.timeline = Timeline(1);
  if (number_ % 10 == 1) {  // every tenth host has the standby of its neighbour
    database.standby = true;
  } else {
    database.system_id = SystemId(1000 + number_);
  }
  return {database};
}

void SimulatedAgent::enrol_step(std::vector<std::pair<Door, Message>>& out) {
  if (!hello_) {
    hello_ = EnrolHello{};
    hello_->token = decode_token(world_->token)->id;
    hello_->nonce = entropy_->bytes<32>();
    challenge_.reset();
  }
  if (!challenge_) {
    say(out, Door::enrol, *hello_);
    return;
  }
  const auto text = decode_token(world_->token);
  EnrolProof proof;
  proof.token = hello_->token;
  proof.client_nonce = hello_->nonce;
  proof.server_nonce = challenge_->nonce;
  proof.signer = journal_.host.signer.public_key;
  proof.recipient = journal_.host.recipient.public_key;
  proof.facts.hostname = journal_.host.hostname;
  EnrolmentTranscript transcript;
  transcript.token = proof.token;
  transcript.client_nonce = proof.client_nonce;
  transcript.server_nonce = proof.server_nonce;
  transcript.curve = key();
  transcript.signer = proof.signer;
  transcript.recipient = proof.recipient;
  transcript.facts = encode_facts({proof.facts.hostname, "", "", "", ""});
  proof.mac = enrolment_mac(token_verifier(text->id, text->secret), transcript);
  say(out, Door::enrol, proof);
  if (entropy_->below(4) == 0) hello_.reset();  // no answer for long: from the beginning
}

void SimulatedAgent::take_enrolment(const Message& message) {
  std::visit(Overloaded{[&](const EnrolChallenge& challenge) { challenge_ = challenge; },
                        [&](const Enrolled& enrolled) {
                          if (is_enrolled() && journal_.host.node != enrolled.node) {
                            complaints_.push_back(fmt::format("host {} was enrolled as two nodes", number_));
                          }
                          journal_.host.node = enrolled.node;
                          journal_.host.chain = enrolled.chain;
                        },
                        [&](const Refused&) { hello_.reset(); }, [](const auto&) {}},
             message.body);
}

std::vector<std::pair<Door, Message>> SimulatedAgent::step(Timestamp now) {
  std::vector<std::pair<Door, Message>> out;
  if (!is_enrolled()) {
    enrol_step(out);
    return out;
  }
  if (!greeted_) {
    Hello hello;
    hello.generation = journal_.generation;
    hello.clock = now;
    hello.facts.hostname = journal_.host.hostname;
    hello.coordinator_epoch = journal_.epoch;
    hello.assignment_revision = journal_.assignment.revision;
    say(out, Door::fleet, hello);
    return out;
  }
  for (auto& answer : answers_) say(out, Door::fleet, std::move(answer));
  answers_.clear();
  if (inventory_acked_ < inventory_revision_) say(out, Door::fleet, Inventory{inventory_revision_, found()});
  advance_jobs(now);
  for (const auto& [id, report] : journal_.epochs) say(out, Door::fleet, report);
  for (const auto& [id, pending] : journal_.reports) {
    if (!pending.acked) say(out, Door::fleet, pending.report);
  }
  if (now - heartbeat_at_ >= std::chrono::seconds(20)) {
    heartbeat_at_ = now;
    Heartbeat heartbeat;
    heartbeat.clock = now;
    heartbeat.running_jobs = running();
    say(out, Door::fleet, heartbeat);
  }
  return out;
}

void SimulatedAgent::take(const Message& message, Timestamp now) {
  if (message.epoch != 0 && message.epoch < journal_.epoch) return;  // of a coordinator that is no more
  journal_.epoch = std::max(journal_.epoch, message.epoch);
  std::visit(Overloaded{[&](const Welcome&) { greeted_ = true; },
                        [&](const InventoryAck& ack) { inventory_acked_ = std::max(inventory_acked_, ack.revision); },
                        [&](const Assignment& assignment) {
                          if (assignment.revision > journal_.assignment.revision) journal_.assignment = assignment;
                          answers_.push_back(AssignmentAck{journal_.assignment.revision});
                        },
                        [&](const Order& order) { take_order(order, now); },
                        [&](const EpochReportAck& ack) {
                          std::erase_if(journal_.epochs,
                                        [&](const auto& entry) { return entry.second.epoch.id == ack.epoch; });
                        },
                        [&](const JobReportAck& ack) {
                          const auto pending = journal_.reports.find(ack.job);
                          if (pending == journal_.reports.end()) return;
                          if (ack.sequence == pending->second.report.sequence) pending->second.acked = true;
                        },
                        [&](const auto&) { take_enrolment(message); }},
             message.body);
}

void SimulatedAgent::take_order(const Order& order, Timestamp now) {
  answers_.push_back(OrderAck{order.id, true, {}, {}});
  if (!journal_.order_acks.insert(order.id).second) return;  // it came again
  if (const auto* backup = std::get_if<BackupOrder>(&order.body)) {
    begin_backup(order.id, backup->database, backup->backup, now);
  } else if (const auto* cancel = std::get_if<CancelOrder>(&order.body)) {
    const auto pending = journal_.reports.find(cancel->job);
    if (pending == journal_.reports.end() || is_final(pending->second.report.job.state)) return;
    pending->second.report.job.state = JobState::cancelled;
    if (pending->second.report.backup) pending->second.report.backup->state = BackupState::failed;
    ++pending->second.report.sequence;
    pending->second.acked = false;
  }
}

void SimulatedAgent::begin_backup(JobId job, DatabaseId database, BackupId backup, Timestamp now) {
  ++journal_.begun[job];
  Pending pending;
  JobReport& report = pending.report;
  report.sequence = 1;
  report.job.id = job;
  report.job.kind = JobKind::backup;
  report.job.state = JobState::running;
  report.job.database = database;
  report.job.backup = backup;
  report.job.created_at = now;
  report.job.started_at = now;
  Backup row;
  row.id = backup;
  row.database = database;
  row.job = job;
  row.node = journal_.host.node;
  row.started_at = now;
  report.backup = row;
  world_->store->put(pack_name(database, backup, 0));
  journal_.reports[job] = pending;
}

void SimulatedAgent::advance_jobs(Timestamp now) {
  for (const Assigned& assigned : journal_.assignment.databases) {
    if (!assigned.active || !assigned.protect || !journal_.backed_up.insert(assigned.database).second) continue;
    if (!assigned.last_backup_at.is_never()) continue;
    begin_backup(entropy_->id<JobId>(), assigned.database, entropy_->id<BackupId>(), now);  // its first backup
  }
  for (auto& [id, pending] : journal_.reports) {
    if (is_final(pending.report.job.state)) continue;
    const auto dice = entropy_->below(20);
    if (dice > 4) continue;
    ++pending.report.sequence;
    pending.acked = false;
    const Job& job = pending.report.job;
    world_->store->put(pack_name(job.database, job.backup, static_cast<std::uint32_t>(pending.report.sequence)));
    if (dice == 0) {
      pending.report.job.state = JobState::failed;
      pending.report.job.error = "bad luck";
      pending.report.backup->state = BackupState::failed;
    } else if (dice <= 3) {
      finish_backup(pending, now);
    }
  }
}

std::set<std::string> SimulatedAgent::store_backup(const Pending& pending) {
  const Job& job = pending.report.job;
  std::set<std::string> needed;
  if (const auto parent = journal_.parents.find(job.database); parent != journal_.parents.end()) {
    needed.insert(pack_name(job.database, parent->second, 0));
  }
  world_->store->put(manifest_name(job.database, job.backup));
  world_->store->put_record(job.database, job.backup, needed);
  return needed;
}

void SimulatedAgent::finish_backup(Pending& pending, Timestamp now) {
  Host& host = journal_.host;
  const DatabaseId database = pending.report.job.database;
  if (!host.epochs.contains(database)) {
    const auto made = make_epoch(*entropy_, world_->fleet, database, host.node, {{"recovery", world_->recovery}},
                                 *CertificateChain::decode(host.chain), host.signer, now);
    host.epochs[database] = made->document.epoch;
    EpochReport report;
    report.epoch.database = database;
    report.epoch.id = made->document.epoch;
    report.epoch.object = made->object;
    journal_.epochs[database] = report;
  }
  BackupRecord record;
  record.fleet = world_->fleet;
  record.database = database;
  record.node = host.node;
  record.backup = pending.report.job.backup;
  record.job = pending.report.job.id;
  record.start_lsn = Lsn(100);
  record.stop_lsn = Lsn(200);
  record.timeline = Timeline(1);
  record.started_at = pending.report.job.started_at;
  record.finished_at = now;
  record.epoch = host.epochs[database];
  record.needed_epochs = {record.epoch};
  for (const auto& pack : store_backup(pending)) record.needed_packs.push_back({{pack, 100, {}}, 50});
  if (!record.needed_packs.empty()) record.type = BackupType::incremental;
  journal_.parents[database] = record.backup;
  JobReport& report = pending.report;
  report.job.state = JobState::complete;
  report.job.finished_at = now;
  report.backup->state = BackupState::complete;
  report.backup->epoch = record.epoch;
  report.backup->record = encode_record(record, host.signer);
  journal_.finished.insert(record.backup);
}

void SimulatedAgent::crash() {
  hello_.reset();
  challenge_.reset();
  greeted_ = false;
  inventory_acked_ = 0;
  answers_.clear();
  heartbeat_at_ = {};
  ++journal_.generation;
  for (auto& [id, pending] : journal_.reports) {
    if (is_final(pending.report.job.state)) continue;
    // The end came behind the record, and the store cannot be asked when it is back: a backup that nobody knows of.
    if (entropy_->below(4) == 0) store_backup(pending);
    pending.report.job.state = JobState::failed;  // cut off: it is never begun again
    pending.report.job.error = "the agent was interrupted";
    pending.report.backup->state = BackupState::failed;
    ++pending.report.sequence;
    pending.acked = false;
  }
}

std::uint32_t SimulatedAgent::running() const {
  std::uint32_t count = 0;
  for (const auto& [id, pending] : journal_.reports) count += is_final(pending.report.job.state) ? 0 : 1;
  return count;
}

std::string SimulatedAgent::unrest() const {
  if (!is_enrolled()) return fmt::format("host {} is not enrolled", number_);
  if (!greeted_) return fmt::format("host {} got no welcome", number_);
  if (!journal_.epochs.empty()) return fmt::format("host {} has a data key to report", number_);
  if (inventory_acked_ < inventory_revision_) return fmt::format("host {} has its inventory to send", number_);
  for (const auto& [id, pending] : journal_.reports) {
    if (!is_final(pending.report.job.state)) return fmt::format("host {} works on job {}", number_, id);
    if (!pending.acked) return fmt::format("host {} has job {} to report", number_, id);
  }
  return {};
}

bool SimulatedAgent::is_quiet() const {
  return unrest().empty();
}

}  // namespace holdfast
