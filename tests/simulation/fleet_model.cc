#include "tests/simulation/fleet_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/catalog/audit.h"
#include "coordinator/catalog/migrations.h"
#include "shared/wire/codec.h"

namespace holdfast {
namespace {

constexpr std::chrono::seconds step_length{1};

bool happens(SeededEntropy& entropy, std::uint64_t per_mille) {
  return entropy.below(1000) < per_mille;
}

int rank(JobState state) {
  return state == JobState::queued ? 0 : state == JobState::running ? 1 : 2;
}

}  // namespace

FleetModel::FleetModel(const ModelOptions& options)
    : options_(options),
      entropy_(options.seed),
      core_entropy_(options.seed + 1'000'003),
      root_(make_sign_key(entropy_)),
      intermediate_(make_sign_key(entropy_)),
      recovery_(make_box_key(entropy_)),
      admin_(entropy_),
      object_store_(options.store_fault) {
  world_.store = &object_store_;
  world_.fleet = entropy_.id<FleetId>();
  world_.recovery = recovery_.public_key;
  intermediate_certificate_ =
      issue_intermediate(root_, {world_.fleet, intermediate_.public_key, now_, now_ + std::chrono::hours(24 * 3650)})
          .encode();
  epoch_ = *store_.begin_epoch();
  if (!migrate(store_, epoch_, all_migrations())) violation("the catalog could not be made");
  Operator admin;
  admin.id = entropy_.id<OperatorId>();
  admin.name = "ann";
  admin.role = Role::admin;
  admin.curve = admin_.key();
  StoreInfo store;
  store.id = entropy_.id<StoreId>();
  store.name = "local";
  store.path = "/srv/store";
  commit({put_row(admin), put_row(default_policy()), put_row(store)});
  load();
  MessageCame came;
  came.peer = admin_.key();
  CreateTokenRequest request;
  request.uses = options.token_uses;
  request.labels = {{"fleet", "demo"}};
  came.message.body = OperatorRequest{protocol_min, protocol_max, request};
  const Effects effects = core_->apply(came, now_);
  commit(effects.changes);
  world_.token = std::get<TokenReply>(std::get<OperatorReply>(effects.sends.at(0).message.body).body).text;
  for (std::uint32_t i = 0; i < options.agents; ++i) {
    agents_.emplace_back(i, world_, entropy_);
    agent_by_key_[agents_.back().key()] = i;
  }
}

void FleetModel::load() {
  core_.reset();
  work_.clear();
  epoch_ = *store_.begin_epoch();
  CoreIdentity identity;
  identity.fleet = world_.fleet;
  identity.root = root_.public_key;
  identity.recovery = recovery_.public_key;
  identity.intermediate_certificate = *SignedBytes::decode(intermediate_certificate_);
  identity.intermediate = {intermediate_.public_key, intermediate_.secret_key.clone()};
  identity.epoch = epoch_;
  identity.enrol_endpoints = {"tcp://hub:7401"};
  identity.fleet_endpoints = {"tcp://hub:7400"};
  identity.version = "0.1.0";
  identity.sweep_every = std::chrono::seconds(30);
  identity.sweep_grace = std::chrono::seconds(45);
  auto loaded = Core::load(store_, std::move(identity), core_entropy_, now_);
  if (!loaded) {
    violation("the catalog cannot be loaded: " + loaded.error().text());
    return;
  }
  core_ = *std::move(loaded);
}

void FleetModel::run(std::uint32_t steps, const Weather& weather) {
  for (std::uint32_t i = 0; i < steps && violations_.empty(); ++i) step(weather);
}

bool FleetModel::settle(std::uint32_t steps_at_most) {
  for (std::uint32_t i = 0; i < steps_at_most && violations_.empty(); ++i) {
    step(fair_weather);
    const auto quiet = static_cast<std::size_t>(
        std::count_if(agents_.begin(), agents_.end(), [](const SimulatedAgent& agent) { return agent.is_quiet(); }));
    if (quiet >= std::min(options_.agents, options_.token_uses) && open_orders_.empty() && admin_.is_quiet()) {
      return true;
    }
  }
  return false;
}

void FleetModel::step(const Weather& weather) {
  ++steps_;
  now_ = now_ + step_length;
  for (SimulatedAgent& agent : agents_) {
    if (happens(entropy_, weather.agent_crash_per_mille)) agent.crash();
    if (entropy_.below(3) != 0) continue;  // not everybody speaks in every second
    for (auto& [door, message] : agent.step(now_)) post({0, 0, true, door, agent.key(), std::move(message)}, weather);
  }
  operator_round(weather);
  coordinator_round(weather);
  deliver();
}

void FleetModel::post(InFlight message, const Weather& weather) {
  if (happens(entropy_, weather.lost_per_mille)) return;
  const int copies = happens(entropy_, weather.doubled_per_mille) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    message.due = steps_ + entropy_.below(weather.delay_steps + 1);
    message.number = weather.delay_steps == 0 ? ++posted_ : entropy_.below(UINT64_MAX);
    network_.push_back(message);
  }
}

void FleetModel::operator_round(const Weather& weather) {
  if (weather.lost_per_mille > 0) {
    if (happens(entropy_, 200)) {
      const std::uint64_t one = entropy_.below(options_.agents);
      admin_.ask_for_backup(fmt::format("node in (host{},host{})", one, entropy_.below(options_.agents)));
    }
    if (happens(entropy_, 100)) admin_.ask_for_token();
    if (happens(entropy_, 10)) admin_.ask_for_store();
    if (happens(entropy_, 30) && !jobs_.empty()) {
      auto job = jobs_.begin();
      std::advance(job, static_cast<std::ptrdiff_t>(entropy_.below(jobs_.size())));
      admin_.ask_to_cancel(job->first);
    }
  }
  for (Message& said : admin_.step(steps_)) {
    post({0, 0, true, Door::fleet, admin_.key(), std::move(said)}, weather);
  }
}

// A store takes its time: what was asked for in one second is sometimes done some seconds later.
void FleetModel::worker_round(std::vector<Event>& events) {
  while (!work_.empty() && !happens(entropy_, 100)) {
    if (const auto* list = std::get_if<ListBackups>(&work_.front()))
      events.emplace_back(object_store_.carry_out(*list));
    if (const auto* strays = std::get_if<RemoveStrays>(&work_.front())) {
      events.emplace_back(object_store_.carry_out(*strays));
      for (const auto& lost : object_store_.losses()) violation(fmt::format("\"{}\" is gone and was needed", lost));
    }
    work_.pop_front();
  }
}

// The shell's round: apply all that came, commit it as one batch, then send. A crash may come before or after the
// commit; what was not sent by then never is.
void FleetModel::coordinator_round(const Weather& weather) {
  std::vector<InFlight> due;
  for (const auto& message : network_) {
    if (message.to_coordinator && message.due <= steps_) due.push_back(message);
  }
  std::erase_if(network_, [this](const InFlight& message) { return message.to_coordinator && message.due <= steps_; });
  std::sort(due.begin(), due.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  std::vector<Event> events;
  for (auto& message : due) {
    if (core_->admission(message.door, message.peer) != Admission::admit) continue;
    events.emplace_back(MessageCame{message.door, message.peer, "10.0.0.1", std::move(message.message)});
  }
  worker_round(events);
  events.emplace_back(Tick{});
  Effects round;
  for (const Event& event : events) round.add(core_->apply(event, now_));

  if (happens(entropy_, weather.coordinator_crash_per_mille)) {
    ++crashes_;
    if (entropy_.below(2) == 0) commit(round.changes);
    load();
    return;
  }
  commit(round.changes);
  for (auto& work : round.work) work_.push_back(std::move(work));
  for (const Send& sent : round.sends) {
    watch_send(sent);
    mix(sent.peer.bytes());
    mix(sent.message.body.index());
    if (!agent_by_key_.contains(sent.peer) && sent.peer != admin_.key()) continue;
    post({0, 0, false, sent.door, sent.peer, sent.message}, weather);
  }
}

void FleetModel::deliver() {
  std::vector<InFlight> due;
  for (const auto& message : network_) {
    if (!message.to_coordinator && message.due <= steps_) due.push_back(message);
  }
  std::erase_if(network_, [this](const InFlight& message) { return !message.to_coordinator && message.due <= steps_; });
  std::sort(due.begin(), due.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  for (const auto& message : due) {
    if (message.peer != admin_.key()) {
      agents_[agent_by_key_.at(message.peer)].take(message.message, now_);
    } else if (std::string wrong = admin_.take(message.message); !wrong.empty()) {
      violation(std::move(wrong));
    }
  }
}

void FleetModel::commit(const std::vector<CatalogChange>& changes) {
  if (const auto committed = store_.commit(changes, epoch_); !committed) violation(committed.error().text());
  for (const auto& change : changes) {
    mix(static_cast<std::uint64_t>(change.family));
    mix(change.key);
    if (!change.value) {
      if (change.family == Family::orders) open_orders_.erase(*JobId::from_bytes(change.key));
      continue;
    }
    if (change.family != Family::epochs) mix(*change.value);  // seals are made with the system's randomness
    const ByteView value = *change.value;
    switch (change.family) {
      case Family::jobs:
        watch_job({*decode_value<Job>(value.subspan(8)), read_be<std::uint64_t>(value)});
        break;
      case Family::orders:
        open_orders_.insert(*JobId::from_bytes(change.key));
        watch_order(*decode_value<Order>(value));
        break;
      case Family::nodes:
        nodes_[*NodeId::from_bytes(change.key)] = *decode_value<Node>(value);
        break;
      case Family::tokens:
        watch_token(*decode_value<Token>(value));
        break;
      case Family::epochs:
        epochs_.insert(*EpochId::from_bytes(ByteView(change.key).subspan(16)));
        break;
      case Family::backups: {
        const auto row = *decode_value<Backup>(value);
        const auto before = backups_.find(row.id);
        if (before != backups_.end() && before->second.state == BackupState::complete &&
            row.state != BackupState::complete) {
          violation(fmt::format("backup {} was complete and is not any more", row.id));
        }
        backups_[row.id] = row;
        break;
      }
      default:
        break;
    }
  }
  for (const auto& [id, token] : tokens_) {
    const auto used = static_cast<std::size_t>(
        std::count_if(nodes_.begin(), nodes_.end(), [&](const auto& entry) { return entry.second.token == id; }));
    if (used != token.uses_total - token.uses_left) {
      violation(
          fmt::format("the token made {} nodes and {} uses were taken", used, token.uses_total - token.uses_left));
    }
  }
}

void FleetModel::watch_job(const JobRow& row) {
  const auto before = jobs_.find(row.job.id);
  if (before != jobs_.end()) {
    const JobState was = before->second.job.state;
    const bool back = rank(row.job.state) < rank(was);
    const bool changed_end = rank(was) == 2 && was != JobState::lost && row.job.state != was;
    if (back || changed_end || row.sequence < before->second.sequence) {
      violation(fmt::format("job {} went from {} to {}", row.job.id, word(was), word(row.job.state)));
    }
  } else if (row.job.origin.starts_with("operator")) {
    ordered_.insert(row.job.id);
  }
  jobs_[row.job.id] = row;
}

void FleetModel::watch_token(const Token& row) {
  tokens_[row.id] = row;
  const auto request = row.labels.find("request");
  if (request == row.labels.end()) return;
  if (const TokenId first = token_by_request_.emplace(request->second, row.id).first->second; first != row.id) {
    violation(fmt::format("request {} made the tokens {} and {}", request->second, first, row.id));
  }
}

void FleetModel::watch_order(const Order& row) {
  const auto* backup = std::get_if<BackupOrder>(&row.body);
  if (backup == nullptr || backup->note.empty()) return;
  const JobId first = backup_by_request_.emplace(std::pair(backup->note, backup->database), row.id).first->second;
  if (first != row.id) {
    violation(fmt::format("request {} ordered the backups {} and {} of one database", backup->note, first, row.id));
  }
}

// What a message promises must be in the catalog already.
void FleetModel::watch_send(const Send& sent) {
  if (const auto* ack = std::get_if<JobReportAck>(&sent.message.body)) {
    const auto job = jobs_.find(ack->job);
    if (job == jobs_.end() || job->second.sequence < ack->sequence) {
      violation(fmt::format("a report of job {} was acknowledged and is not stored", ack->job));
    }
  } else if (const auto* epoch = std::get_if<EpochReportAck>(&sent.message.body)) {
    if (!epochs_.contains(epoch->epoch)) violation("a data key was acknowledged and is not stored");
  } else if (const auto* enrolled = std::get_if<Enrolled>(&sent.message.body)) {
    if (!nodes_.contains(enrolled->node)) violation("a node was told that it is enrolled and is not stored");
  } else if (const auto* order = std::get_if<Order>(&sent.message.body)) {
    if (!jobs_.contains(order->id) && !std::holds_alternative<CancelOrder>(order->body)) {
      violation("an order left without its job in the catalog");
    }
    if (order->epoch != epoch_) violation("an order left with another epoch than the coordinator's");
  }
}

void FleetModel::check_end() {
  std::set<BackupId> made;
  std::map<JobId, std::uint32_t> begun;
  for (const SimulatedAgent& agent : agents_) {
    made.insert(agent.finished_backups().begin(), agent.finished_backups().end());
    for (const auto& [id, count] : agent.begun()) begun[id] += count;
    for (const auto& complaint : agent.complaints()) violation(complaint);
  }
  for (const auto& [id, count] : begun) {
    if (count > 1) violation(fmt::format("job {} was run {} times", id, count));
    if (!jobs_.contains(id)) violation(fmt::format("job {} was run and the coordinator never heard of it", id));
  }
  for (const JobId id : ordered_) {
    const JobState state = jobs_.at(id).job.state;
    if (!is_final(state)) violation(fmt::format("job {} was ordered and is still {}", id, word(state)));
    if (!begun.contains(id) && state != JobState::cancelled) {
      violation(fmt::format("job {} was ordered, never run, and is {}", id, word(state)));
    }
  }
  for (const auto& [id, backup] : backups_) {
    if (backup.state == BackupState::complete && !made.contains(id)) {
      violation(fmt::format("backup {} is complete and nobody made it", id));
    }
    if (backup.state == BackupState::running) violation(fmt::format("backup {} is running for ever", id));
  }
  for (const BackupId id : made) {
    const auto row = backups_.find(id);
    if (row == backups_.end() || row->second.state != BackupState::complete) {
      const auto* job = row == backups_.end() ? nullptr : &jobs_.at(row->second.job).job;
      // One that was cancelled while its end was on the way counts as not taken.
      if (job == nullptr || job->state != JobState::cancelled) {
        violation(fmt::format("backup {} was made and is not complete in the catalog", id));
      }
    }
  }
  if (const auto audit = verify_audit(store_); !audit) violation(audit.error().text());
}

std::string FleetModel::unrest() const {
  std::string text = fmt::format("{} orders open", open_orders_.size());
  int named = 0;
  for (const SimulatedAgent& agent : agents_) {
    const std::string why = agent.unrest();
    if (!why.empty() && ++named <= 10) text += "; " + why;
  }
  return text;
}

std::size_t FleetModel::enrolled() const {
  return nodes_.size();
}
std::size_t FleetModel::complete_backups() const {
  return static_cast<std::size_t>(std::count_if(
      backups_.begin(), backups_.end(), [](const auto& entry) { return entry.second.state == BackupState::complete; }));
}

void FleetModel::violation(std::string text) {
  violations_.push_back(fmt::format("seed {}, step {}: {}", options_.seed, steps_, text));
}
void FleetModel::mix(ByteView bytes) {
  for (const std::uint8_t byte : bytes) trace_ = (trace_ ^ byte) * 0x100000001b3U;
}
void FleetModel::mix(std::uint64_t number) {
  Bytes bytes;
  append_be(bytes, number);
  mix(bytes);
}

}  // namespace holdfast
