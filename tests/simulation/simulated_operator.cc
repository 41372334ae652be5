#include "tests/simulation/simulated_operator.h"

#include <fmt/format.h>

namespace holdfast {
namespace {

// As the tool does, in steps of a second.
constexpr std::uint64_t again_after = 2;
constexpr std::uint64_t gives_up_after = 20;

}  // namespace

void SimulatedOperator::open(OperatorBody body) {
  Question question;
  question.message.id = last_id_;
  question.message.body = OperatorRequest{protocol_min, protocol_max, std::move(body)};
  open_[last_id_] = std::move(question);
}

void SimulatedOperator::ask_for_token() {
  CreateTokenRequest request;
  request.labels = {{"request", std::to_string(next_id())}};
  open(request);
}
void SimulatedOperator::ask_for_store() {
  const std::string name = fmt::format("store{}", next_id());
  AddStoreRequest request;
  request.name = name;
  request.path = "/srv/" + name;
  open(request);
}
void SimulatedOperator::ask_for_backup(const std::string& selector) {
  CreateBackupRequest request;
  request.selection.selector = selector;
  request.note = std::to_string(next_id());
  open(request);
}
void SimulatedOperator::ask_to_cancel(JobId job) {
  next_id();
  open(CancelJobRequest{job.text()});
}

std::vector<Message> SimulatedOperator::step(std::uint64_t now) {
  std::vector<Message> said;
  for (auto at = open_.begin(); at != open_.end();) {
    Question& question = at->second;
    if (question.asked_at == 0) question.asked_at = now;
    if (now - question.asked_at > gives_up_after) {
      at = open_.erase(at);
      continue;
    }
    if (question.said_at == 0 || now - question.said_at >= again_after) {
      if (question.said_at != 0) ++repeated_;
      question.said_at = now;
      said.push_back(question.message);
    }
    ++at;
  }
  return said;
}

std::string SimulatedOperator::take(const Message& message) {
  const auto found = open_.find(message.in_reply_to);
  if (found == open_.end()) return {};  // answered before
  const Question question = std::move(found->second);
  open_.erase(found);
  ++answered_;
  const auto& asked = std::get<OperatorRequest>(question.message.body).body;
  const auto& answer = std::get<OperatorReply>(message.body).body;
  const auto* refused = std::get_if<Refused>(&answer);
  // Nobody else takes these names, so nothing is in the way of it.
  if (std::holds_alternative<AddStoreRequest>(asked) && refused != nullptr) {
    return "a store was added and its operator was told: " + refused->message;
  }
  return {};
}

}  // namespace holdfast
