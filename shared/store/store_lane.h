#pragma once
// The way into one store of several: objects that its fellows have already, or will have soon, wait here for their
// turn, so that a store that is slow or away holds nobody up.
#include "shared/base/time.h"
#include "shared/store/store.h"

namespace holdfast {

// Whether the same put may go well later: the store is away, full or broken, and nothing is wrong with the object.
bool may_succeed_later(const Error& error);

// One object on its way into one store. Called on threads of the lane, never with a lock held.
class LanePut {
 public:
  LanePut(std::string name, SharedBytes content) : name_(std::move(name)), content_(std::move(content)) {}
  virtual ~LanePut() = default;
  LanePut(const LanePut&) = delete;
  LanePut& operator=(const LanePut&) = delete;

  const std::string& name() const { return name_; }
  const Bytes& content() const { return *content_; }
  // After every try. After one that failed and may_succeed_later: whether it is still wanted.
  enum class Wanted : std::uint8_t { no, yes };
  virtual Wanted tried(const Result<>& outcome) = 0;
  // The lane does not try it any more, although it was wanted. A try that is under way may still call tried().
  virtual void given_up() = 0;

 private:
  std::string name_;
  SharedBytes content_;
};

// Safe from many threads. Threads of its own are started when there is something to do; the destructor leaves those
// that hang in the store behind, with all that they need.
class StoreLane {
 public:
  // `store` is shared: a thread that hangs in it may outlive the lane.
  StoreLane(std::shared_ptr<Store> store, LaneLimits limits);
  ~StoreLane();
  StoreLane(const StoreLane&) = delete;
  StoreLane& operator=(const StoreLane&) = delete;

  // can_wait: false when there is no room; tried again by itself, with pauses that grow, until it went well.
  // needed: taken whatever there is in the lane, and tried at once although the store has failed a moment ago.
  enum class Urgency : std::uint8_t { can_wait, needed };
  bool offer(std::shared_ptr<LanePut> put, Urgency urgency);
  // A put that was offered is needed now.
  void hurry(const LanePut& put);
  // Waits until there is room for so much, at most `longest`. At once false when nothing moves: there will be none.
  bool wait_for_room(std::size_t bytes, Micros longest);
  // Its last try failed, and nothing has gone well since.
  bool is_failing() const;
  // Waits as long as objects arrive, each within its patience; what is left then is given up. A store that is failing
  // gets one more try.
  void settle();

 private:
  struct State;
  static void work(const std::shared_ptr<State>& state);
  std::shared_ptr<State> state_;
};

// How long an object may take until its store counts as one where nothing moves: a store of 1 MB/s still moves.
Micros patience_for(std::size_t bytes);

}  // namespace holdfast
