#include "tests/simulation/schedule_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/core/slots.h"
#include "shared/fleet/backup_runs.h"
#include "shared/fleet/words.h"

namespace holdfast {
namespace {

constexpr std::chrono::seconds tick_every{10};
constexpr std::chrono::minutes chance_every{10};
constexpr std::chrono::hours day{24};
constexpr std::uint64_t groups_each = 10;  // every tenth node has the standby of the one before it

}  // namespace

ScheduleModel::ScheduleModel(const ScheduleOptions& options) : options_(options) {
  entropy_ = SeededEntropy(options.seed);
  coordinator_comes();
  add_store("local");
  add_store("second");
  world_.finished = [this](ScheduleAgent& agent, const ScheduleAgent::Running& running) {
    return finished(agent, running);
  };
  world_.fate = [this] {
    const Micros takes = std::chrono::seconds(60 + static_cast<std::int64_t>(entropy_.below(600)));
    return std::pair(takes, chance(80) ? JobState::failed : JobState::complete);
  };
  world_.new_job = [this] { return entropy_.id<JobId>(); };
  fleet_limit_ = options.per_fleet;
  nightly_.name = "nightly";
  nightly_.match = {{"env", "prod"}};
  nightly_.full = "0 1 * * *";
  nightly_.window = "00:00-08:00";
  nightly_.splay = std::chrono::hours(2);
  nightly_.per_fleet = fleet_limit_;
  nightly_.stores = {"local"};
  apply_policy(nightly_);
  apply_policy(often());
  for (std::uint32_t i = 0; i < options.nodes; ++i) add_node(i % groups_each == 1);
  at(now_, TickTime{});
  at(now_ + chance_every, Chance{});
}

// A few hosts have runs all day, limited by their zone.
Policy ScheduleModel::often() const {
  Policy policy;
  policy.name = "often";
  policy.match = {{"env", "dev"}};
  policy.full = "30 3 * * *";
  policy.incremental = "0 */6 * * *";
  policy.splay = std::chrono::minutes(30);
  policy.per_zone = options_.per_zone;
  policy.stores = {"local"};
  return policy;
}

void ScheduleModel::add_node(bool standby_of_last) {
  const std::size_t number = agents_.size();
  agents_.push_back(std::make_unique<ScheduleAgent>(world_));
  ScheduleAgent& agent = *agents_.back();
  const Labels labels{{"env", number % 5 >= 3 ? "dev" : "prod"}, {"zone", fmt::format("z{}", number % 4)}};
  env_[number] = labels.at("env");
  agent.host = join(fmt::format("host{}", number), labels);
  const std::uint64_t system = 1000 + number;
  agent.found = standby_of_last ? standby("/srv/db", system - 1) : postgres("/srv/db", system);
  if (standby_of_last) {
    partner_[number] = number - 1;
    partner_[number - 1] = number;
  }
  const auto sends = inventory(agent.host, {agent.found});
  const auto* assignment = find_body<Assignment>(sends);
  if (assignment == nullptr || assignment->databases.empty()) return violation("a new node was assigned nothing");
  agent.database = assignment->databases.front().database;
  report_epoch(agent.host, agent.database);
  agent.clock_offset = std::chrono::seconds(static_cast<std::int64_t>(entropy_.below(600)) - 300);
  agent_by_key_[agent.host.curve.public_key] = number;
  // The first words of all are not in one second.
  at(now_ + std::chrono::seconds(entropy_.below(60)), Wake{number});
}

void ScheduleModel::at(Timestamp when, What what) {
  queue_.push({when, ++number_, std::move(what)});
}

Micros ScheduleModel::delay() {
  return rough_ ? std::chrono::milliseconds(10 + entropy_.below(4000)) : std::chrono::milliseconds(10);
}

void ScheduleModel::go_on(Timestamp until) {
  while (!queue_.empty() && queue_.top().at <= until && violations_.empty()) {
    Happening event = queue_.top();
    queue_.pop();
    now_ = std::max(now_, event.at);
    ++counts_.events;
    std::visit([this](auto& what) { happen(what); }, event.what);
  }
  now_ = std::max(now_, until);
}

void ScheduleModel::run() {
  go_on(now_ + day * options_.days);
}

bool ScheduleModel::settle() {
  rough_ = false;
  if (!up_) coordinator_comes();
  for (std::size_t i = 0; i < agents_.size(); ++i) {
    ScheduleAgent& agent = *agents_[i];
    agent.cut = false;
    agent.database_runs = true;
    agent.unlucky = false;
    if (agent.off) agent.start(now_);
    if (!agent.revoked) ask_of_node(NodeRequest::Verb::uncordon, i, {});
    at(now_, Wake{i});
  }
  for (int hour = 0; hour < 72 && violations_.empty(); ++hour) {
    go_on(now_ + std::chrono::hours(1));
    if (unrest().empty()) return true;
  }
  return false;
}

std::string ScheduleModel::unrest() const {
  std::string text;
  int named = 0;
  for (const auto& agent : agents_) {
    const std::string why = agent->unrest();
    if (!why.empty() && ++named <= 10) text += (text.empty() ? "" : "; ") + why;
  }
  return text;
}

// ---- messages ------------------------------------------------------------------------------------------------------

void ScheduleModel::send_to_coordinator(std::size_t agent, Message message) {
  if (chance(20)) return;
  if (chance(20)) at(now_ + delay(), ToCoordinator{agent, message});
  at(now_ + delay(), ToCoordinator{agent, std::move(message)});
}

void ScheduleModel::post(const std::vector<Send>& sends) {
  for (const Send& sent : sends) {
    const auto to = agent_by_key_.find(sent.peer);
    // Nothing hangs on the answer to a beat here.
    if (to == agent_by_key_.end() || std::holds_alternative<HeartbeatAck>(sent.message.body) || chance(20)) continue;
    if (chance(20)) at(now_ + delay(), ToAgent{to->second, sent.message});
    at(now_ + delay(), ToAgent{to->second, sent.message});
  }
}

void ScheduleModel::happen(ToCoordinator& came) {
  ScheduleAgent& agent = *agents_[came.agent];
  if (!up_ || agent.cut || core_->admission(Door::fleet, agent.host.curve.public_key) != Admission::admit) return;
  ++counts_.messages;
  last_heard_[came.agent] = now_;
  const auto* report = std::get_if<JobReport>(&came.message.body);
  if (report != nullptr && !report->job.started_at.is_never()) {
    heard_.insert(report->job.id);
    leases_.erase(came.agent);
  }
  const bool asks = std::holds_alternative<SlotRequest>(came.message.body);
  MessageCame event;
  event.peer = agent.host.curve.public_key;
  event.address = agent.host.address;
  event.message = std::move(came.message);
  const auto sends = take_effects(event);
  const auto* reply = asks ? find_body<SlotReply>(sends) : nullptr;
  if (reply != nullptr && reply->granted) watch_grant(came.agent);
  post(sends);
}

void ScheduleModel::happen(ToAgent& came) {
  ScheduleAgent& agent = *agents_[came.agent];
  if (agent.off || agent.cut) return;
  agent.take(came.message, now_);
  at(now_, Wake{came.agent});
}

void ScheduleModel::happen(const Wake& wake) {
  ScheduleAgent& agent = *agents_[wake.agent];
  if (agent.off || agent.revoked || agent.wake_at() > now_) return;
  const bool ran = agent.running().has_value();
  for (Message& message : agent.step(now_)) send_to_coordinator(wake.agent, std::move(message));
  if (!ran && agent.running()) watch_beginning(wake.agent);
  at(agent.wake_at(), Wake{wake.agent});
}

void ScheduleModel::happen(const TickTime&) {
  at(now_ + tick_every, TickTime{});
  if (up_) post(take_effects(Tick{}));
}

std::vector<Send> ScheduleModel::take_effects(const Event& event) {
  auto sends = apply(event);
  alerts_.clear();
  work_.clear();
  return sends;
}

JobReport ScheduleModel::finished(ScheduleAgent& agent, const ScheduleAgent::Running& running) {
  const Job& job = running.report.job;
  JobReport report = complete_backup(agent.host, job.database, job.id, entropy_.id<BackupId>(), {});
  report.job.node = job.node;
  report.job.created_at = job.created_at;
  report.job.started_at = job.started_at;
  report.job.finished_at = job.finished_at;
  report.job.due_at = job.due_at;
  report.job.missed = job.missed;
  report.job.steps = job.steps;
  return report;
}

// ---- what goes wrong -----------------------------------------------------------------------------------------------

void ScheduleModel::coordinator_dies(Micros away) {
  up_ = false;
  up_at_ = now_ + away;
  for (const auto& agent : agents_) {
    if (!agent->cut) agent->disconnect();
  }
}

void ScheduleModel::coordinator_comes() {
  core_.reset();
  epoch_ = *store_.begin_epoch();
  CoreIdentity me = identity();
  me.heartbeat_seconds = 600;
  auto loaded = Core::load(store_, std::move(me), entropy_, now_);
  if (!loaded) return violation("the catalog cannot be loaded: " + loaded.error().text());
  core_ = *std::move(loaded);
  up_ = true;
  leases_.clear();
  ++counts_.restarts;
  // Whoever was cut off notices now.
  for (std::size_t i = 0; i < agents_.size(); ++i) {
    last_heard_[i] = now_;
    agents_[i]->disconnect();
    at(now_ + std::chrono::seconds(entropy_.below(10)), Wake{i});
  }
}

void ScheduleModel::change_policy() {
  if (entropy_.below(3) == 0) {
    nightly_.full = fmt::format("{} {} * * *", entropy_.below(60), entropy_.below(4));  // another schedule
  } else {
    nightly_.per_fleet = static_cast<std::uint32_t>(options_.per_fleet + entropy_.below(options_.per_fleet));
  }
  if (nightly_.per_fleet < fleet_limit_) {
    for (const auto& agent : agents_) {
      if (agent->running()) excused_.insert(agent->running()->report.job.id);
    }
    // Leave that was given under the old limit.
    for (const auto& [agent, until] : leases_) excused_agents_[agent] = until;
  }
  fleet_limit_ = nightly_.per_fleet;
  apply_policy_now(nightly_);
}

void ScheduleModel::apply_policy_now(const Policy& policy) {
  ApplyPolicyRequest request;
  request.policy = policy;
  post(take_effects(from_operator(request)));
}

MessageCame ScheduleModel::from_operator(OperatorBody body) {
  MessageCame came;
  came.peer = admin_.public_key;
  came.message.id = ++requests_;
  came.message.body = OperatorRequest{protocol_min, protocol_max, std::move(body)};
  return came;
}

void ScheduleModel::ask_of_node(NodeRequest::Verb verb, std::size_t agent, const Labels& labels) {
  NodeRequest request;
  request.verb = verb;
  request.node = agents_[agent]->host.hostname;
  request.set = labels;
  post(take_effects(from_operator(request)));
}

// A group has one policy: its nodes are labelled together.
void ScheduleModel::change_label(std::size_t number) {
  if (!up_) return;
  const std::string env = entropy_.below(2) == 0 ? "dev" : "prod";
  std::vector<std::size_t> numbers{number};
  if (const auto partner = partner_.find(number); partner != partner_.end()) numbers.push_back(partner->second);
  for (const std::size_t one : numbers) {
    if (agents_[one]->revoked) continue;
    ask_of_node(NodeRequest::Verb::label, one, {{"env", env}});
    env_[one] = env;
    // What began under the other policy had other limits.
    if (agents_[one]->running()) excused_.insert(agents_[one]->running()->report.job.id);
    if (const auto lease = leases_.find(one); lease != leases_.end()) excused_agents_[one] = lease->second;
  }
}

// A standby is promoted, and the old primary comes back as one.
void ScheduleModel::fail_over(std::size_t one) {
  const auto partner = partner_.find(one);
  if (partner == partner_.end()) return;
  for (const std::size_t side : {one, partner->second}) {
    ScheduleAgent& agent = *agents_[side];
    if (agent.off || agent.cut || agent.revoked) return;
  }
  for (const std::size_t side : {one, partner->second}) {
    ScheduleAgent& agent = *agents_[side];
    agent.found.standby = !agent.found.standby;
    agent.look_again(now_);
    at(now_, Wake{side});
  }
}

void ScheduleModel::happen(const Chance&) {
  if (!rough_) return;
  at(now_ + chance_every, Chance{});
  const auto node = [&] { return static_cast<std::size_t>(entropy_.below(agents_.size())); };
  if (!up_ && now_ >= up_at_) coordinator_comes();
  for (std::size_t i = 0; i < back_at_.size();) {
    if (now_ < back_at_[i].first) {
      ++i;
      continue;
    }
    ScheduleAgent& agent = *agents_[back_at_[i].second];
    agent.cut = false;
    agent.database_runs = true;
    agent.unlucky = false;
    if (agent.off) agent.start(now_);
    at(now_, Wake{back_at_[i].second});
    back_at_.erase(back_at_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  // A fleet of a hundred has ten times the trouble of one of ten.
  for (std::size_t i = 0; i < std::max<std::size_t>(1, agents_.size() / 50); ++i) trouble(node());
  if (!up_) return;
  if (chance(15)) coordinator_dies(std::chrono::minutes(entropy_.below(30)));
  if (chance(1)) coordinator_dies(day);
  if (chance(10)) change_policy();
  if (chance(10) && agents_.size() < options_.nodes + options_.nodes / 10) add_node(false);
}

void ScheduleModel::trouble(std::size_t number) {
  ScheduleAgent& agent = *agents_[number];
  const bool busy = std::ranges::any_of(back_at_, [&](const auto& entry) { return entry.second == number; });
  if (busy || agent.revoked) return;
  const Timestamp later = now_ + std::chrono::minutes(10 + entropy_.below(300));
  switch (entropy_.below(60)) {
    case 0:  // off for a while, or for a day
    case 1:
      agent.stop(now_);
      back_at_.emplace_back(entropy_.below(3) == 0 ? now_ + day : later, number);
      break;
    case 2:
    case 3:
      agent.cut = true;
      back_at_.emplace_back(entropy_.below(5) == 0 ? now_ + day : later, number);
      break;
    case 4:  // killed, and started again
      agent.stop(now_);
      agent.start(now_);
      at(now_, Wake{number});
      break;
    case 5:
      agent.database_runs = false;
      back_at_.emplace_back(later, number);
      break;
    case 14:
      agent.unlucky = true;
      back_at_.emplace_back(entropy_.below(2) == 0 ? now_ + day + day / 4 : later, number);
      break;
    case 6:  // its clock is set
      agent.clock_offset = std::chrono::seconds(static_cast<std::int64_t>(entropy_.below(600)) - 300);
      break;
    case 7:
      change_label(number);
      break;
    case 8:
      if (up_) ask_of_node(NodeRequest::Verb::cordon, number, {});
      break;
    case 9:
    case 10:
      if (up_) ask_of_node(NodeRequest::Verb::uncordon, number, {});
      break;
    case 11:
    case 12:
      fail_over(number);
      break;
    case 13:
      if (up_ && entropy_.below(20) == 0 && !partner_.contains(number)) {
        ask_of_node(NodeRequest::Verb::revoke, number, {});
        agent.revoked = true;
      }
      break;
    default:
      break;
  }
}

void ScheduleModel::violation(std::string text) {
  violations_.push_back(fmt::format("seed {}, {}: {}", options_.seed, to_rfc3339(now_), text));
}

}  // namespace holdfast
