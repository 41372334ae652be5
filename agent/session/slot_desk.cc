#include "agent/session/slot_desk.h"

#include <algorithm>

#include "shared/schedule/timetable.h"

namespace holdfast {
namespace {

// What a coordinator says is taken within reason: nobody is kept waiting for a day by a wrong number.
constexpr Micros longest_wait = std::chrono::minutes(10);
constexpr Micros shortest_wait = std::chrono::seconds(1);
constexpr std::string_view asks = "it asked for a slot and had no answer yet";

}  // namespace

Micros SlotDesk::patience_for(DatabaseId database, const Question& question) const {
  return question.reason.empty() ? patience_.answer : patience_.answer + splay_of(database, patience_.spread);
}

SlotDesk::Answer SlotDesk::may_begin(DatabaseId database, Timestamp due_at, Micros now) {
  const auto [at, fresh] = questions_.try_emplace(database);
  Question& question = at->second;
  if (fresh) {
    question.ask_at = now;
    question.unanswered_since = now;
  }
  question.due_at = due_at;
  if (now < question.granted_until) return {Verdict::granted, {}};
  if (question.granted_until.count() != 0) {  // not used in time
    question.granted_until = Micros(0);
    question.ask_at = now;
  }
  // Told to come back later: silence counts from then on.
  if (!question.unanswered_since && now >= question.ask_at) question.unanswered_since = now;
  if (question.unanswered_since && now - *question.unanswered_since >= patience_for(database, question)) {
    return {Verdict::alone, "the coordinator did not answer"};
  }
  return {Verdict::wait, question.reason.empty() ? std::string(asks) : question.reason};
}

void SlotDesk::keep_only(const std::function<bool(DatabaseId)>& wanted) {
  std::erase_if(questions_, [&](const auto& entry) { return !wanted(entry.first); });
}

void SlotDesk::send_waiting(const Send& send, Micros now) {
  for (auto& [database, question] : questions_) {
    if (now < question.ask_at || now < question.granted_until) continue;
    SlotRequest request;
    request.database = database;
    request.due_at = question.due_at;
    const auto message = send(request);
    if (!message) return;  // nobody is there, for the others neither
    question.message = message;
    question.sent_at = now;
    question.ask_at = now + patience_.again;
    if (!question.unanswered_since) question.unanswered_since = now;
  }
}

void SlotDesk::answered(std::uint64_t message, const SlotReply& reply, Micros now) {
  const auto found = questions_.find(reply.database);
  if (found == questions_.end() || found->second.message != message) return;
  Question& question = found->second;
  question.message.reset();
  question.unanswered_since.reset();
  if (reply.granted) {
    // From when it was asked: the coordinator counts from a later moment.
    question.granted_until = question.sent_at + std::min(reply.wait, longest_wait);
    question.ask_at = question.granted_until;
    return;
  }
  question.reason = reply.reason.empty() ? "the coordinator let it wait" : reply.reason;
  question.ask_at = now + std::clamp(reply.wait, shortest_wait, longest_wait);
}

}  // namespace holdfast
