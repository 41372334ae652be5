#pragma once
// Where passes to buckets are asked for: many threads want them, one speaks with the coordinator.
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "shared/base/result.h"
#include "shared/os/clock.h"
#include "shared/wire/messages.h"

namespace holdfast {

class PassDesk {
 public:
  struct Patience {
    // For an answer, which takes milliseconds when somebody is there. By the machine's own clock: the thread that would
    // bring it may itself be waiting for the one that asks.
    Micros answer = std::chrono::seconds(5);
    // After no answer came: so long nobody is kept waiting for one again, unless the coordinator is heard.
    Micros silence = std::chrono::seconds(15);
  };
  // `wake` is called when something waits to be sent, on the thread that asks. Until the coordinator is heard there is
  // nobody to ask.
  PassDesk(Clock& clock, std::function<void()> wake, Patience patience);

  // --- any thread but the one below
  // Code::unavailable: there is no coordinator to ask now. Its refusal otherwise.
  Result<BucketPass> ask(const PassRequest& request);

  // --- the thread that speaks with the coordinator
  using Told = std::function<void(Result<BucketPass>)>;
  // Does not wait; told on this thread, or never when no answer comes.
  void ask_later(PassRequest request, Told told);
  // Sends what waits: `send` gives the id of the message, or nullopt when nobody is connected.
  void send_waiting(const std::function<std::optional<std::uint64_t>(const PassRequest&)>& send);
  void answered(std::uint64_t message, const PassReply& reply);
  // The coordinator said something, whatever it was.
  void heard();
  // Nobody is answered any more; who waits hears so.
  void close();

 private:
  struct Question {
    PassRequest request;
    Told told;
    Micros since{0};
    std::optional<std::uint64_t> message;  // once sent
  };
  void no_answer_to(std::uint64_t question);
  Clock& clock_;
  const std::function<void()> wake_;
  const Patience patience_;
  std::mutex mutex_;  // guards everything below
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, Question> questions_;
  Micros quiet_until_ = Micros::max();
  std::thread::id speaker_;  // that speaks with the coordinator: it would wait for itself
  bool closed_ = false;
};

}  // namespace holdfast
