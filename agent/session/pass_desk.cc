#include "agent/session/pass_desk.h"

#include <future>
#include <memory>
#include <vector>

namespace holdfast {
namespace {

Error away() {
  return {Code::unavailable, "the coordinator is away, and this host has no access key of its own",
          "what is there already stays; new log and backups go on being put"};
}

}  // namespace

PassDesk::PassDesk(Clock& clock, std::function<void()> wake, Patience patience)
    : clock_(clock), wake_(std::move(wake)), patience_(patience) {}

Result<BucketPass> PassDesk::ask(const PassRequest& request) {
  const auto answer = std::make_shared<std::promise<Result<BucketPass>>>();
  auto waiting = answer->get_future();
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    const bool itself = speaker_ == std::this_thread::get_id();
    if (closed_ || itself || clock_.monotonic() < quiet_until_) return std::unexpected(away());
    number = next_++;
    questions_[number] = {request, [answer](Result<BucketPass> pass) { answer->set_value(std::move(pass)); },
                          clock_.monotonic(), std::nullopt};
  }
  wake_();
  if (waiting.wait_for(patience_.answer) == std::future_status::ready) return waiting.get();
  no_answer_to(number);
  return std::unexpected(away());
}

void PassDesk::no_answer_to(std::uint64_t question) {
  const std::lock_guard lock(mutex_);
  questions_.erase(question);
  quiet_until_ = clock_.monotonic() + patience_.silence;
}

void PassDesk::ask_later(PassRequest request, Told told) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  questions_[next_++] = {std::move(request), std::move(told), clock_.monotonic(), std::nullopt};
}

void PassDesk::send_waiting(const std::function<std::optional<std::uint64_t>(const PassRequest&)>& send) {
  std::vector<Told> unheard;
  {
    const std::lock_guard lock(mutex_);
    speaker_ = std::this_thread::get_id();
    for (auto at = questions_.begin(); at != questions_.end();) {
      Question& question = at->second;
      if (!question.message) question.message = send(question.request);
      const bool forgotten = clock_.monotonic() - question.since >= patience_.silence;
      if (!question.message) unheard.push_back(std::move(question.told));
      at = !question.message || forgotten ? questions_.erase(at) : std::next(at);
    }
  }
  for (const Told& told : unheard) told(std::unexpected(away()));
}

void PassDesk::answered(std::uint64_t message, const PassReply& reply) {
  Told told;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = questions_.begin(); at != questions_.end(); ++at) {
      if (at->second.message != message) continue;
      told = std::move(at->second.told);
      questions_.erase(at);
      break;
    }
  }
  if (!told) return;  // it came too late
  if (reply.refused) {
    told(fail(reply.refused->code, reply.refused->message, reply.refused->hint));
  } else {
    told(reply.pass);
  }
}

void PassDesk::heard() {
  const std::lock_guard lock(mutex_);
  quiet_until_ = Micros(0);
}

void PassDesk::close() {
  std::map<std::uint64_t, Question> left;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    left = std::move(questions_);
    questions_.clear();
  }
  for (auto& [number, question] : left) question.told(std::unexpected(away()));
}

}  // namespace holdfast
