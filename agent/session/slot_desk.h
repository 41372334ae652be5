#pragma once
// Where due backups wait for their turn in the fleet: which questions go to the coordinator and when, what an answer is
// worth and for how long, and when nobody is asked any more. No sockets, no clock; one thread uses it.
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "shared/base/time.h"
#include "shared/wire/messages.h"

namespace holdfast {

class SlotDesk {
 public:
  struct Patience {
    // For an answer, which takes milliseconds when somebody is there. Then the run goes on by the node's own limit.
    Micros answer = std::chrono::seconds(15);
    // A question without an answer is asked again: it may have been lost with its connection.
    Micros again = std::chrono::seconds(5);
    // Who was told to wait before the coordinator fell silent waits so much longer, each database a part of it of its
    // own: a short absence is to be nobody's leave, and a long one not the leave of all at once.
    Micros spread = std::chrono::minutes(5);
  };
  explicit SlotDesk(Patience patience) : patience_(patience) {}

  // alone: the coordinator does not answer, and nobody knows what the rest of the fleet does.
  enum class Verdict : std::uint8_t { wait, granted, alone };
  struct Answer {
    Verdict verdict = Verdict::wait;
    std::string reason;  // wait: for what; alone: since when. Without numbers that change all the time
  };
  // Whether this run may begin now. The first call for a database puts the question, the following ones look after it.
  Answer may_begin(DatabaseId database, Timestamp due_at, Micros now);
  // It began, or is not wanted any more.
  void forget(DatabaseId database) { questions_.erase(database); }
  // The same of all but these.
  void keep_only(const std::function<bool(DatabaseId)>& wanted);

  // Sends what is to be asked now: `send` gives the id of the message, or nullopt when nobody is connected.
  using Send = std::function<std::optional<std::uint64_t>(const SlotRequest&)>;
  void send_waiting(const Send& send, Micros now);
  // An answer to another message than the newest is passed over: what it grants may have lapsed since.
  void answered(std::uint64_t message, const SlotReply& reply, Micros now);

 private:
  struct Question {
    Timestamp due_at;
    std::optional<Micros> unanswered_since;  // none: an answer is there
    Micros ask_at{0};
    Micros sent_at{0};
    std::optional<std::uint64_t> message;  // the newest
    Micros granted_until{0};
    std::string reason;  // of the last refusal; empty: there was none
  };
  Micros patience_for(DatabaseId database, const Question& question) const;

  const Patience patience_;
  std::map<DatabaseId, Question> questions_;
};

}  // namespace holdfast
