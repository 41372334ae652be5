#pragma once
// The agent's side of the conversation with its coordinator, without sockets: which messages are due, what an answer
// means, what is sent again until it was confirmed. One thread uses it.
#include <functional>
#include <vector>

#include "agent/state/state.h"
#include "shared/os/clock.h"
#include "shared/wire/messages.h"

namespace holdfast {

class CoordinatorLink {
 public:
  // What a received message asks of the agent, beside the replies.
  struct Received {
    std::vector<Message> replies;
    std::vector<Order> orders;  // journalled, new, to be carried out
    std::vector<JobId> cancels;
    bool look_again = false;               // refresh the inventory
    std::optional<Assignment> assignment;  // stored, to be put in force
    // Answers to ask(), by the id of what was asked.
    std::vector<std::pair<std::uint64_t, PassReply>> passes;
    std::vector<std::pair<std::uint64_t, SlotReply>> slots;
    bool refused = false;  // the coordinator will not talk to us; `refusal` says why
    Error refusal;
  };

  CoordinatorLink(AgentState& state, Clock& clock, Entropy& entropy, NodeFacts facts, std::string build);

  // A new connection: the hello to send first.
  Result<Message> hello();
  Result<Received> receive(const Message& message);
  // Messages whose time has come: heartbeat (with these positions), inventory, reports and outbox not confirmed yet.
  Result<std::vector<Message>> due(const std::vector<WalPosition>& positions, std::uint32_t running_jobs);

  // A changed inventory, sent until confirmed.
  Result<> inventory_changed(std::vector<FoundDatabase> databases);
  // Progress that need not survive a crash: sent once, when connected.
  std::optional<Message> progress(JobReport report);

  // To be sent now; nullopt: nobody is connected.
  std::optional<Message> ask(PassRequest request);
  std::optional<Message> ask(const SlotRequest& request);

  // From now on orders are refused with this word; what was taken on before stays. Empty: no more. Always welcome: to
  // cancel, to look again, and to come to an end.
  void refuse_orders(std::string why) { refusing_ = std::move(why); }

  // Something was stored that the coordinator should hear at once.
  void report_now() { next_resend_ = Micros(0); }

  // An operator looks at this node just now: positions are told every half second for a while.
  bool watched() const { return clock_.monotonic() < watched_until_; }

  bool welcomed() const { return welcomed_; }
  // No word for three beats: the caller makes a new connection.
  bool silent() const;

 private:
  Message make(MessageBody body);
  Result<> welcome(const Welcome& welcome, Received& out);
  Result<> take_order(const Order& order, Received& out);
  Result<> take_assignment(const Assignment& assignment, Received& out);
  Result<bool> obey(std::uint64_t epoch);

  AgentState& state_;
  Clock& clock_;
  Entropy& entropy_;
  NodeFacts facts_;
  std::string build_;
  std::uint64_t next_id_ = 1;
  std::uint64_t highest_epoch_ = 0;
  bool epoch_loaded_ = false;
  bool welcomed_ = false;
  Micros heartbeat_every_;
  Micros next_heartbeat_{0};
  Micros next_resend_{0};
  Micros last_heard_{0};
  Micros watched_until_{0};
  std::string refusing_;                // empty: orders are taken
  std::optional<Inventory> inventory_;  // not confirmed yet
  std::vector<FoundDatabase> known_;    // the newest, confirmed or not
};

}  // namespace holdfast
