#include "shared/store/store_lane.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <thread>

#include "shared/os/clock.h"

namespace holdfast {
namespace {

constexpr Micros least_patience = std::chrono::seconds(15);
constexpr double patience_bytes_per_second = 1e6;
// For threads that are in the middle of an object that nobody waits for any more.
constexpr Micros farewell = std::chrono::seconds(1);

}  // namespace

bool may_succeed_later(const Error& error) {
  switch (error.code) {
    case Code::unavailable:
    case Code::timed_out:
    case Code::exhausted:
    case Code::denied:  // "read-only file system"
      return true;
    default:
      return false;
  }
}

Micros patience_for(std::size_t bytes) {
  return least_patience +
         Micros(static_cast<std::int64_t>(static_cast<double>(bytes) / patience_bytes_per_second * 1e6));
}

struct StoreLane::State {
  struct Waiting {
    std::shared_ptr<LanePut> put;
    Urgency urgency = Urgency::can_wait;
    std::uint64_t round = 0;
  };

  State(std::shared_ptr<Store> its_store, LaneLimits its_limits) : store(std::move(its_store)), limits(its_limits) {}

  const std::shared_ptr<Store> store;
  const LaneLimits limits;
  const SystemClock clock{};

  std::mutex mutex;  // guards everything below
  std::condition_variable changed;
  std::deque<Waiting> queue;
  std::list<Waiting> under_way;
  std::size_t outstanding = 0;  // bytes of both
  std::uint64_t round = 0;      // counts settle(): what is older is given up
  unsigned threads = 0;
  unsigned idle = 0;
  Micros pause{0};  // not zero: it is failing
  Micros paused_until{0};
  Micros moved_at{0};  // when an object arrived last, or the first one began to wait
  bool closing = false;

  bool failing() const { return pause.count() > 0; }
  bool has_room(std::size_t bytes) const { return outstanding == 0 || outstanding + bytes <= limits.bytes; }
  Micros still_until() const {
    std::size_t largest = 0;
    for (const Waiting& entry : under_way) largest = std::max(largest, entry.put->content().size());
    return moved_at + patience_for(largest);
  }
  bool moves() const { return !failing() && clock.monotonic() < still_until(); }
  // What may be tried now; end(): nothing.
  std::deque<Waiting>::iterator next() {
    const bool held_back = failing() && (clock.monotonic() < paused_until || !under_way.empty());
    if (!held_back) return queue.begin();
    return std::ranges::find(queue, Urgency::needed, &Waiting::urgency);
  }
  void note(const Result<>& outcome) {
    if (outcome) {
      pause = Micros(0);
      moved_at = clock.monotonic();
    } else if (may_succeed_later(outcome.error())) {
      pause = failing() ? std::min(pause * 2, limits.longest_pause) : limits.first_pause;
      paused_until = clock.monotonic() + pause;
    }
  }
  std::vector<std::shared_ptr<LanePut>> give_up_all() {
    ++round;
    std::vector<std::shared_ptr<LanePut>> left;
    for (const Waiting& entry : queue) {
      outstanding -= entry.put->content().size();
      left.push_back(entry.put);
    }
    queue.clear();
    for (const Waiting& entry : under_way) left.push_back(entry.put);
    return left;
  }
};

StoreLane::StoreLane(std::shared_ptr<Store> store, LaneLimits limits)
    : state_(std::make_shared<State>(std::move(store), limits)) {}

StoreLane::~StoreLane() {
  std::unique_lock lock(state_->mutex);
  state_->closing = true;
  const auto left = state_->give_up_all();
  state_->changed.notify_all();
  state_->changed.wait_for(lock, farewell, [this] { return state_->threads == 0; });
  lock.unlock();
  for (const auto& put : left) put->given_up();
}

bool StoreLane::offer(std::shared_ptr<LanePut> put, Urgency urgency) {
  const std::size_t size = put->content().size();
  const std::lock_guard lock(state_->mutex);
  if (urgency == Urgency::can_wait && !state_->has_room(size)) return false;
  if (state_->outstanding == 0) state_->moved_at = state_->clock.monotonic();
  state_->outstanding += size;
  state_->queue.push_back({std::move(put), urgency, state_->round});
  const bool everyone_is_busy = state_->idle < state_->queue.size();
  if (everyone_is_busy && state_->threads < state_->limits.threads) {
    ++state_->threads;
    std::thread([state = state_] { work(state); }).detach();
  }
  state_->changed.notify_all();
  return true;
}

void StoreLane::hurry(const LanePut& put) {
  const std::lock_guard lock(state_->mutex);
  for (State::Waiting& entry : state_->queue) {
    if (entry.put.get() == &put) entry.urgency = Urgency::needed;
  }
  state_->changed.notify_all();
}

bool StoreLane::wait_for_room(std::size_t bytes, Micros longest) {
  std::unique_lock lock(state_->mutex);
  const Micros until = state_->clock.monotonic() + longest;
  while (!state_->has_room(bytes)) {
    const Micros now = state_->clock.monotonic();
    if (now >= until || !state_->moves()) return false;
    state_->changed.wait_for(lock, std::min(until, state_->still_until()) - now);
  }
  return true;
}

bool StoreLane::is_failing() const {
  const std::lock_guard lock(state_->mutex);
  return state_->failing();
}

void StoreLane::settle() {
  std::unique_lock lock(state_->mutex);
  bool failed = false;
  if (state_->failing()) {
    state_->paused_until = Micros(0);
    state_->changed.notify_all();
  }
  Micros pause = state_->pause;
  while (state_->outstanding > 0 && !failed) {
    const Micros now = state_->clock.monotonic();
    if (now >= state_->still_until()) break;
    state_->changed.wait_for(lock, state_->still_until() - now);
    // A pause that is new or has grown is a try that failed since.
    failed = state_->pause > pause || (state_->failing() && state_->clock.monotonic() < state_->paused_until);
    pause = state_->pause;
  }
  const auto left = state_->give_up_all();
  lock.unlock();
  for (const auto& put : left) put->given_up();
}

void StoreLane::work(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  while (!state->closing) {
    const auto next = state->next();
    if (next == state->queue.end()) {
      ++state->idle;
      if (state->queue.empty() || !state->under_way.empty()) {
        state->changed.wait(lock);
      } else {
        const Micros left = state->paused_until - state->clock.monotonic();
        state->changed.wait_for(lock, std::max(left, Micros(1000)));
      }
      --state->idle;
      continue;
    }
    const auto entry = state->under_way.insert(state->under_way.end(), std::move(*next));
    state->queue.erase(next);
    const std::shared_ptr<LanePut> put = entry->put;
    lock.unlock();
    const Result<> outcome = state->store->put(put->name(), put->content());
    lock.lock();
    state->note(outcome);
    lock.unlock();
    const auto wanted = put->tried(outcome);
    lock.lock();
    const bool again = !outcome && wanted == LanePut::Wanted::yes && may_succeed_later(outcome.error());
    if (again && entry->round == state->round) {
      state->queue.push_front({put, Urgency::can_wait, entry->round});
    } else {
      state->outstanding -= put->content().size();
    }
    state->under_way.erase(entry);
    state->changed.notify_all();
  }
  --state->threads;
  state->changed.notify_all();
}

}  // namespace holdfast
