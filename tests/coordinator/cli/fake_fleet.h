#pragma once
// The command line's surroundings without a machine: a coordinator that answers from a function, a terminal that writes
// into strings, time that moves by itself only when somebody waits.
#include <deque>
#include <functional>
#include <map>

#include "coordinator/cli/app.h"
#include "shared/os/posix_file_system.h"
#include "shared/wire/codec.h"
#include "tests/harness/manual_clock.h"
#include "tests/harness/seeded_entropy.h"

namespace holdfast {

class FakeConsole final : public Console {
 public:
  void out(std::string_view text) override { output += text; }
  void err(std::string_view text) override { errors += text; }
  bool err_is_terminal() const override { return terminal; }
  bool in_is_terminal() const override { return terminal; }
  std::optional<std::string> environment(const std::string& name) const override {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  }
  Result<std::string> read_input() override { return input; }
  Result<std::string> ask_line(std::string_view prompt) override { return answer(prompt); }
  Result<std::string> ask_secret(std::string_view prompt) override { return answer(prompt); }

  std::string output;
  std::string errors;
  std::string input;
  bool terminal = false;
  std::map<std::string, std::string> variables;
  std::deque<std::string> answers;
  std::vector<std::string> prompts;

 private:
  Result<std::string> answer(std::string_view prompt) {
    prompts.emplace_back(prompt);
    if (answers.empty()) return fail(Code::unavailable, "there is no terminal to ask at");
    std::string first = answers.front();
    answers.pop_front();
    return first;
  }
};

// What went over a connection, and how it behaves.
struct FakeWire {
  // nullopt: no answer to this one.
  std::function<std::optional<OperatorReplyBody>(const OperatorBody&)> answer;
  std::vector<Message> sent;
  std::size_t lose = 0;  // so many messages are lost before one arrives
  std::function<void()> while_waiting = [] {};
};

class FakeTransport final : public ClientTransport {
 public:
  FakeTransport(FakeWire& wire, ManualClock& clock) : wire_(wire), clock_(clock) {}
  Result<> send(ByteView bytes) override {
    const Message message = decode_message(bytes).value();
    wire_.sent.push_back(message);
    if (wire_.lose > 0) {
      --wire_.lose;
      return {};
    }
    auto reply = wire_.answer(std::get<OperatorRequest>(message.body).body);
    if (!reply) return {};
    Message answer;
    answer.id = ++last_id_;
    answer.in_reply_to = message.id;
    answer.body = OperatorReply{std::move(*reply)};
    arrived_.push_back(encode_message(answer));
    return {};
  }
  Result<std::optional<Bytes>> receive(Micros timeout) override {
    wire_.while_waiting();
    if (arrived_.empty()) {
      clock_.advance(timeout);
      return std::optional<Bytes>();
    }
    Bytes first = std::move(arrived_.front());
    arrived_.pop_front();
    return std::optional(std::move(first));
  }
  void arrive(Bytes bytes) { arrived_.push_back(std::move(bytes)); }

 private:
  FakeWire& wire_;
  ManualClock& clock_;
  std::deque<Bytes> arrived_;
  std::uint64_t last_id_ = 0;
};

struct FakeFleet {
  FakeConsole console;
  ManualClock clock;
  PosixFileSystem files;
  SeededEntropy entropy{7};
  StopToken stop;
  FakeWire wire;
  FleetId fleet;
  SignPublicKey root;
  std::string operator_file = "/nowhere/admin.operator";

  int run(std::vector<std::string> arguments) {
    console.output.clear();
    console.errors.clear();
    if (!console.variables.contains("HOLDFAST_OPERATOR")) console.variables["HOLDFAST_OPERATOR"] = operator_file;
    Surroundings surroundings{
        console,
        clock,
        files,
        entropy,
        stop,
        [this](const std::string&) -> Result<FleetAccess> {
          return FleetAccess{std::make_unique<FakeTransport>(wire, clock), "tcp://c:7400", fleet, root};
        },
        "0.1.0"};
    return run_cli(std::move(arguments), surroundings);
  }
  // The last request of this kind; nullptr when there was none.
  template <class Body>
  const Body* last() const {
    for (auto message = wire.sent.rbegin(); message != wire.sent.rend(); ++message) {
      const auto* body = std::get_if<Body>(&std::get<OperatorRequest>(message->body).body);
      if (body != nullptr) return body;
    }
    return nullptr;
  }
};

}  // namespace holdfast
