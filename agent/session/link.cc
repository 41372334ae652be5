#include "agent/session/link.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {
namespace {

constexpr Micros first_heartbeat_every = std::chrono::seconds(60);
constexpr Micros resend_every = std::chrono::seconds(5);
constexpr Micros watched_for = std::chrono::seconds(10);
constexpr Micros watched_heartbeat_every = std::chrono::milliseconds(500);

}  // namespace

CoordinatorLink::CoordinatorLink(AgentState& state, Clock& clock, Entropy& entropy, NodeFacts facts, std::string build)
    : state_(state),
      clock_(clock),
      entropy_(entropy),
      facts_(std::move(facts)),
      build_(std::move(build)),
      heartbeat_every_(first_heartbeat_every) {}

Message CoordinatorLink::make(MessageBody body) {
  Message message;
  message.id = next_id_++;
  message.body = std::move(body);
  return message;
}

Result<Message> CoordinatorLink::hello() {
  Hello hello;
  hello.build = build_;
  hello.generation = TRY(state_.next("generation"));
  hello.clock = clock_.now();
  hello.facts = facts_;
  hello.coordinator_epoch = TRY(state_.coordinator_epoch());
  if (const auto assignment = TRY(state_.assignment())) hello.assignment_revision = assignment->revision;
  welcomed_ = false;
  last_heard_ = clock_.monotonic();
  next_resend_ = Micros(0);
  // What the coordinator knows of this host may be older than its own crash; telling it again costs one message.
  if (!inventory_ && !known_.empty()) TRY(inventory_changed(known_));
  return make(hello);
}

bool CoordinatorLink::silent() const {
  // Before the welcome, an answer is due within seconds.
  const Micros patience = welcomed_ ? heartbeat_every_ * 3 : Micros(std::chrono::seconds(20));
  return clock_.monotonic() - last_heard_ > patience;
}

// False: an older coordinator that does not know it has been replaced.
Result<bool> CoordinatorLink::obey(std::uint64_t epoch) {
  if (!epoch_loaded_) {
    highest_epoch_ = TRY(state_.coordinator_epoch());
    epoch_loaded_ = true;
  }
  if (epoch < highest_epoch_) return false;
  if (epoch > highest_epoch_) {
    TRY(state_.save_coordinator_epoch(epoch));
    highest_epoch_ = epoch;
  }
  return true;
}

Result<CoordinatorLink::Received> CoordinatorLink::receive(const Message& message) {
  Received out;
  last_heard_ = clock_.monotonic();
  if (const auto* refused = std::get_if<Refused>(&message.body)) {
    out.refused = true;
    out.refusal = {refused->code, refused->message, refused->hint};
  } else if (const auto* welcome_message = std::get_if<Welcome>(&message.body)) {
    TRY(welcome(*welcome_message, out));
  } else if (const auto* order = std::get_if<Order>(&message.body)) {
    TRY(take_order(*order, out));
  } else if (const auto* assignment = std::get_if<Assignment>(&message.body)) {
    TRY(take_assignment(*assignment, out));
  } else if (const auto* ack = std::get_if<JobReportAck>(&message.body)) {
    TRY(state_.confirm_report(ack->job, ack->sequence));
  } else if (const auto* epoch = std::get_if<EpochReportAck>(&message.body)) {
    TRY(state_.confirm_epoch(epoch->epoch));
  } else if (const auto* history = std::get_if<HistoryReportAck>(&message.body)) {
    TRY(state_.confirm_history(history->database, history->timeline));
  } else if (const auto* pass = std::get_if<PassReply>(&message.body)) {
    out.passes.emplace_back(message.in_reply_to, *pass);
  } else if (const auto* slot = std::get_if<SlotReply>(&message.body)) {
    out.slots.emplace_back(message.in_reply_to, *slot);
  } else if (const auto* inventory = std::get_if<InventoryAck>(&message.body)) {
    if (inventory_ && inventory_->revision == inventory->revision) inventory_.reset();
  }
  // HeartbeatAck says only that it is there, which last_heard_ has noted; anything else is not for agents.
  return out;
}

Result<> CoordinatorLink::welcome(const Welcome& welcome, Received& out) {
  if (!TRY(obey(welcome.epoch))) {
    out.refused = true;
    out.refusal = {Code::conflict,
                   fmt::format("the coordinator's epoch {} is older than {} which this agent has obeyed", welcome.epoch,
                               highest_epoch_),
                   "an old coordinator is still running, or it was started from an old copy of its state"};
    return {};
  }
  welcomed_ = true;
  heartbeat_every_ = std::chrono::seconds(std::max(welcome.heartbeat_seconds, 1U));
  next_heartbeat_ = Micros(0);
  return {};
}

Result<> CoordinatorLink::take_order(const Order& order, Received& out) {
  OrderAck ack;
  ack.job = order.id;
  if (!TRY(obey(order.epoch))) {
    ack.accepted = false;
    ack.code = Code::conflict;
    ack.error = fmt::format("epoch {} is older than {}", order.epoch, highest_epoch_);
  } else if (const auto* cancel = std::get_if<CancelOrder>(&order.body)) {
    out.cancels.push_back(cancel->job);  // idempotent by nature, so not journalled
  } else if (std::holds_alternative<RefreshOrder>(order.body)) {
    out.look_again = true;
    watched_until_ = clock_.monotonic() + watched_for;
    next_heartbeat_ = Micros(0);
  } else if (!refusing_.empty() && !std::holds_alternative<ShutdownOrder>(order.body) && !TRY(state_.order(order.id))) {
    ack.accepted = false;
    ack.code = Code::unavailable;
    ack.error = refusing_;
  } else if (const auto taken = state_.accept_order(order); !taken) {
    // Not begun: after a crash nobody would know how far it came. Whoever ordered it is told, and does not wait.
    ack.accepted = false;
    ack.code = taken.error().code;
    ack.error = "the order cannot be written into the agent's journal: " + taken.error().message;
  } else if (*taken) {
    out.orders.push_back(order);
  }
  out.replies.push_back(make(ack));
  return {};
}

Result<> CoordinatorLink::take_assignment(const Assignment& assignment, Received& out) {
  const auto known = TRY(state_.assignment());
  // Revisions count up, but a coordinator rebuilt from the stores starts over: equal is the only thing to pass over.
  if (!known || *known != assignment) {
    TRY(state_.save_assignment(assignment));
    out.assignment = assignment;
  }
  out.replies.push_back(make(AssignmentAck{assignment.revision}));
  return {};
}

Result<> CoordinatorLink::inventory_changed(std::vector<FoundDatabase> databases) {
  known_ = databases;
  inventory_ = Inventory{TRY(state_.next("inventory")), std::move(databases)};
  next_resend_ = Micros(0);
  return {};
}

std::optional<Message> CoordinatorLink::progress(JobReport report) {
  if (!welcomed_) return std::nullopt;
  return make(std::move(report));
}

std::optional<Message> CoordinatorLink::ask(PassRequest request) {
  if (!welcomed_) return std::nullopt;
  return make(std::move(request));
}

std::optional<Message> CoordinatorLink::ask(const SlotRequest& request) {
  if (!welcomed_) return std::nullopt;
  return make(request);
}

Result<std::vector<Message>> CoordinatorLink::due(const std::vector<WalPosition>& positions,
                                                  std::uint32_t running_jobs) {
  std::vector<Message> out;
  if (!welcomed_) return out;
  const Micros now = clock_.monotonic();
  if (now >= next_resend_) {
    next_resend_ = now + resend_every;
    if (inventory_) out.push_back(make(*inventory_));
    // Epochs before reports: a record can only be checked against its epoch.
    for (auto& item : TRY(state_.outbox())) {
      std::visit([&](auto& report) { out.push_back(make(std::move(report))); }, item.report);
    }
    auto reports = TRY(state_.unconfirmed_reports());
    // How far the log has come before the backup that waited for it: the other way round the log between the two would
    // look lost until the next beat.
    const auto tells_of_backup = [](const JobReport& report) {
      return report.backup && report.backup->state == BackupState::complete;
    };
    if (std::ranges::any_of(reports, tells_of_backup)) {
      out.push_back(make(Heartbeat{clock_.now(), positions, running_jobs}));
    }
    for (auto& report : reports) out.push_back(make(std::move(report)));
  }
  if (now >= next_heartbeat_) {
    // 20 % to either side, so that a fleet does not beat in step.
    const auto random = read_be<std::uint32_t>(entropy_.bytes<4>());
    const std::int64_t fifth = heartbeat_every_.count() / 5;
    next_heartbeat_ =
        now + Micros(heartbeat_every_.count() - fifth + static_cast<std::int64_t>(random) % (2 * fifth + 1));
    if (watched()) next_heartbeat_ = std::min(next_heartbeat_, now + watched_heartbeat_every);
    out.push_back(make(Heartbeat{clock_.now(), positions, running_jobs}));
  }
  return out;
}

}  // namespace holdfast
