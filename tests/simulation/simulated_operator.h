#pragma once
// An operator's tool as far as the coordinator can tell: it asks, asks again under the same id while it hears nothing,
// and gives up after a while.
#include <map>

#include "tests/simulation/simulated_agent.h"

namespace holdfast {

class SimulatedOperator {
 public:
  explicit SimulatedOperator(Entropy& entropy) : key_(make_curve_key(entropy)) {}

  const CurvePublicKey& key() const { return key_.public_key; }
  // A new question; what it asks for carries the question's id, so that doing it twice shows.
  void ask_for_token();
  void ask_for_store();
  void ask_for_backup(const std::string& selector);
  void ask_to_cancel(JobId job);
  // What it says in this step.
  std::vector<Message> step(std::uint64_t now);
  // Empty, or what is wrong with the answer.
  std::string take(const Message& message);

  bool is_quiet() const { return open_.empty(); }
  std::size_t answered() const { return answered_; }
  std::size_t repeated() const { return repeated_; }

 private:
  struct Question {
    Message message;
    std::uint64_t asked_at = 0;
    std::uint64_t said_at = 0;
  };
  std::uint64_t next_id() { return ++last_id_; }
  void open(OperatorBody body);

  CurveKeyPair key_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Question> open_;
  std::size_t answered_ = 0;
  std::size_t repeated_ = 0;
};

}  // namespace holdfast
