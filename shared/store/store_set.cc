#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "shared/base/mutex.h"
#include "shared/os/clock.h"
#include "shared/store/read_balance.h"
#include "shared/store/store.h"
#include "shared/store/store_lane.h"
#include "shared/store/wait_budget.h"

namespace holdfast {
namespace {

constexpr std::chrono::milliseconds look_again{200};

// One put into several stores, as long as any of them is at it.
class Ticket {
 public:
  enum class State : std::uint8_t { unasked, asked, failed, durable };

  Ticket(const std::vector<NamedStore>& stores, StoreSet::Told told) : told_(std::move(told)), copies_(stores.size()) {
    for (std::size_t i = 0; i < stores.size(); ++i) copies_[i].store = stores[i].name;
  }

  void asked(std::size_t i) {
    const std::lock_guard lock(mutex_);
    if (copies_[i].state == State::unasked) copies_[i].state = State::asked;
  }
  LanePut::Wanted tried(std::size_t i, const Result<>& outcome) {
    std::optional<CopyOutcome> news;
    {
      const std::lock_guard lock(mutex_);
      Copy& copy = copies_[i];
      if (outcome) {
        copy.state = State::durable;
      } else if (copy.state != State::durable) {
        copy.state = State::failed;
        copy.error = outcome.error();
        if (!abandoned_ && may_succeed_later(outcome.error())) {
          changed_.notify_all();
          return LanePut::Wanted::yes;
        }
      }
      news = settle(copy);
    }
    changed_.notify_all();
    if (news && told_) told_(*news);
    return LanePut::Wanted::no;
  }
  void given_up(std::size_t i, std::string_view why) {
    std::optional<CopyOutcome> news;
    {
      const std::lock_guard lock(mutex_);
      Copy& copy = copies_[i];
      if (copy.state != State::durable) {
        copy.state = State::failed;
        if (!copy.error) copy.error = Error{Code::unavailable, std::string(why), {}};
      }
      news = settle(copy);
    }
    changed_.notify_all();
    if (news && told_) told_(*news);
  }
  // Nobody waits for it any more: lanes let it go.
  void abandon() {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
  }

  // The caller's view while it waits; `look` returns whether it has seen enough.
  template <class Look>
  void wait(Look look) {
    std::unique_lock lock(mutex_);
    // Whether a store is failing changes without a word to who waits for another object of it.
    while (!look(std::as_const(*this))) changed_.wait_for(lock, look_again);
  }
  std::vector<CopyOutcome> outcomes() const {
    const std::lock_guard lock(mutex_);
    std::vector<CopyOutcome> out;
    for (const Copy& copy : copies_) {
      out.push_back({copy.store, copy.state == State::durable ? std::nullopt
                                 : copy.error                 ? copy.error
                                              : Error{Code::unavailable, "it is still on its way", {}}});
    }
    return out;
  }
  // Only inside wait().
  std::size_t count(State state) const {
    return static_cast<std::size_t>(std::ranges::count(copies_, state, &Copy::state));
  }
  State state(std::size_t i) const { return copies_[i].state; }

 private:
  struct Copy {
    std::string store;
    State state = State::unasked;
    std::optional<Error> error;
    bool settled = false;
  };
  static std::optional<CopyOutcome> settle(Copy& copy) {
    if (std::exchange(copy.settled, true)) return std::nullopt;
    return CopyOutcome{copy.store, copy.state == State::durable ? std::nullopt : copy.error};
  }

  const StoreSet::Told told_;
  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable changed_;
  std::vector<Copy> copies_;
  bool abandoned_ = false;
};

class CopyOnItsWay final : public LanePut {
 public:
  CopyOnItsWay(std::shared_ptr<Ticket> ticket, std::size_t index, std::string name, SharedBytes content)
      : LanePut(std::move(name), std::move(content)), ticket_(std::move(ticket)), index_(index) {}
  Wanted tried(const Result<>& outcome) override { return ticket_->tried(index_, outcome); }
  void given_up() override { ticket_->given_up(index_, "the store did not take it in time"); }

 private:
  std::shared_ptr<Ticket> ticket_;
  std::size_t index_;
};

// Asks one store after the other. Only when all of them are certain that it is not there is it not there; otherwise the
// error of the first store that may have it.
template <class Ask>
auto first_answer(const StoreSet& stores, const std::string& name, Ask ask)
    -> decltype(ask(*stores.stores().front().store)) {
  std::optional<Error> missing;
  std::optional<Error> other;
  for (const std::size_t i : stores.read_order()) {
    const NamedStore& store = stores.stores()[i];
    MeasuredRead read(stores.reads(), i);
    auto answer = ask(*store.store);
    if (answer) {
      read.done(answer->size());
      return answer;
    }
    auto& slot = answer.error().code == Code::not_found ? missing : other;
    if (!slot) slot = std::move(answer).error().during(fmt::format("store \"{}\"", store.name));
  }
  if (other) return std::unexpected(std::move(*other));
  if (missing) return std::unexpected(std::move(*missing));
  return fail(Code::invalid, fmt::format("no store to read \"{}\" from", name));
}

Error too_few(const std::vector<CopyOutcome>& outcomes, std::size_t wanted, const std::string& name) {
  std::size_t durable = 0;
  const CopyOutcome* failed = nullptr;
  for (const CopyOutcome& outcome : outcomes) {
    if (!outcome.error) ++durable;
    if (outcome.error && failed == nullptr) failed = &outcome;
  }
  return Error(*failed->error)
      .during(fmt::format("{} of {} copies of \"{}\", store \"{}\"", durable, wanted, name, failed->store));
}

}  // namespace

// What the copies of a StoreSet share.
class StoreLanes {
 public:
  StoreLanes(const std::vector<NamedStore>& stores, LaneLimits limits) {
    for (const NamedStore& store : stores) {
      lanes_.push_back(std::make_unique<StoreLane>(store.store, limits));
      missed_->with([&](auto& missed) { missed.push_back({store.name, 0}); });
    }
  }

  std::vector<StoreSet::Missed> missed() const {
    return missed_->with([](const auto& missed) { return missed; });
  }

  std::vector<CopyOutcome> put(const std::vector<NamedStore>& stores, std::size_t enough, const std::string& name,
                               const SharedBytes& content, const StoreSet::Told& told) {
    const auto ticket = std::make_shared<Ticket>(stores, [told, missed = missed_](const CopyOutcome& outcome) {
      if (outcome.error)
        missed->with([&](auto& all) { ++std::ranges::find(all, outcome.store, &StoreSet::Missed::store)->objects; });
      if (told) told(outcome);
    });
    std::vector<std::shared_ptr<LanePut>> puts;
    for (std::size_t i = 0; i < stores.size(); ++i) {
      puts.push_back(std::make_shared<CopyOnItsWay>(ticket, i, name, content));
    }
    std::vector<std::size_t> without_room;
    for (std::size_t i = 0; i < puts.size(); ++i) {
      if (!offer(*ticket, puts, i, StoreLane::Urgency::can_wait)) without_room.push_back(i);
    }
    if (wait_for(enough, *ticket, puts, without_room)) {
      for (const std::size_t i : without_room) offer_patiently(*ticket, puts, i);
    } else {
      ticket->abandon();
      for (const std::size_t i : without_room) ticket->given_up(i, "it was not asked");
    }
    return ticket->outcomes();
  }
  void settle() {
    for (const auto& lane : lanes_) lane->settle();
  }

 private:
  using Puts = std::vector<std::shared_ptr<LanePut>>;

  bool offer(Ticket& ticket, const Puts& puts, std::size_t i, StoreLane::Urgency urgency) {
    if (!lanes_[i]->offer(puts[i], urgency)) return false;
    ticket.asked(i);
    return true;
  }

  // Until `enough` stores have it, or so many cannot come together any more: false. Stores without room, and those that
  // have just failed, are only asked when it does not go without them.
  bool wait_for(std::size_t enough, Ticket& ticket, const Puts& puts, std::vector<std::size_t>& without_room) {
    while (true) {
      bool over = false;
      ticket.wait([&](const Ticket& now) {
        const std::size_t durable = now.count(Ticket::State::durable);
        std::size_t hopeful = 0;
        for (std::size_t i = 0; i < puts.size(); ++i) {
          if (now.state(i) == Ticket::State::asked && !lanes_[i]->is_failing()) ++hopeful;
        }
        over = durable >= enough;
        return over || durable + hopeful < enough;
      });
      if (over) return true;
      if (!ask_more(ticket, puts, without_room)) break;
    }
    bool over = false;
    ticket.wait([&](const Ticket& now) {
      over = now.count(Ticket::State::durable) >= enough;
      return over || now.count(Ticket::State::asked) == 0;
    });
    return over;
  }
  // False: everybody has been asked as urgently as can be.
  bool ask_more(Ticket& ticket, const Puts& puts, std::vector<std::size_t>& without_room) {
    if (!without_room.empty()) {
      offer(ticket, puts, without_room.back(), StoreLane::Urgency::needed);
      without_room.pop_back();
      return true;
    }
    for (std::size_t i = 0; i < puts.size(); ++i) lanes_[i]->hurry(*puts[i]);
    return false;
  }
  void offer_patiently(Ticket& ticket, const Puts& puts, std::size_t i) {
    const Micros began = clock_.monotonic();
    const std::size_t size = puts[i]->content().size();
    if (lanes_[i]->wait_for_room(size, budget_.with([&](WaitBudget& budget) { return budget.left(began); }))) {
      if (offer(ticket, puts, i, StoreLane::Urgency::can_wait)) {
        note_waited(began);
        return;
      }
    }
    note_waited(began);
    ticket.given_up(i, "the store is too far behind; a copy job brings what it lacks");
  }
  void note_waited(Micros began) {
    const Micros now = clock_.monotonic();
    budget_.with([&](WaitBudget& budget) { budget.waited(now - began, now); });
  }

  // Lanes tell of the last objects while they go.
  const std::shared_ptr<Guarded<std::vector<StoreSet::Missed>>> missed_ =
      std::make_shared<Guarded<std::vector<StoreSet::Missed>>>();
  std::vector<std::unique_ptr<StoreLane>> lanes_;
  const SystemClock clock_{};
  Guarded<WaitBudget> budget_;
};

StoreSet::StoreSet(std::vector<NamedStore> stores, std::size_t min_copies, LaneLimits limits)
    : stores_(std::move(stores)), min_copies_(min_copies) {
  if (stores_.size() < 2) return;
  lanes_ = std::make_shared<StoreLanes>(stores_, limits);
  std::vector<std::string> names;
  for (const NamedStore& store : stores_) names.push_back(store.name);
  reads_ = std::make_shared<ReadBalance>(std::move(names));
}

std::vector<std::size_t> StoreSet::read_order() const {
  if (reads_) return reads_->order(SystemClock().monotonic());
  return std::vector<std::size_t>(stores_.size(), 0);
}

std::vector<ReadShare> StoreSet::read_shares() const {
  return reads_ ? reads_->shares() : std::vector<ReadShare>();
}

Result<std::vector<CopyOutcome>> StoreSet::put(const std::string& name, ByteView content, const Told& told) const {
  if (stores_.size() > 1) return put(name, std::make_shared<const Bytes>(content.begin(), content.end()), told);
  TRY(check_counts(name));
  CopyOutcome outcome{stores_.front().name, std::nullopt};
  if (auto done = stores_.front().store->put(name, content); !done) outcome.error = std::move(done).error();
  if (told) told(outcome);
  if (outcome.error) return std::unexpected(too_few({outcome}, 1, name));
  return std::vector{std::move(outcome)};
}

Result<std::vector<CopyOutcome>> StoreSet::put(const std::string& name, SharedBytes content, const Told& told) const {
  const SharedBytes kept = std::move(content);
  if (stores_.size() < 2) return put(name, ByteView(*kept), told);
  TRY(check_counts(name));
  const std::size_t enough = std::max<std::size_t>(min_copies_, 1);
  auto outcomes = lanes_->put(stores_, enough, name, kept, told);
  const auto durable =
      static_cast<std::size_t>(std::ranges::count_if(outcomes, [](const auto& outcome) { return !outcome.error; }));
  if (durable < enough) return std::unexpected(too_few(outcomes, enough, name));
  return outcomes;
}

Result<> StoreSet::check_counts(const std::string& name) const {
  if (!stores_.empty() && min_copies_ <= stores_.size()) return {};
  return fail(Code::invalid, fmt::format("\"{}\" needs {} copies and there are {} stores", name,
                                         std::max<std::size_t>(min_copies_, 1), stores_.size()));
}

Result<> StoreSet::put_into(const std::string& store, const std::string& name, ByteView content) const {
  const auto found = std::ranges::find(stores_, store, &NamedStore::name);
  if (found == stores_.end()) return fail(Code::not_found, fmt::format("no store \"{}\" to put into", store));
  return found->store->put(name, content);
}

std::vector<StoreSet::Missed> StoreSet::missed() const {
  if (lanes_) return lanes_->missed();
  return {};
}

void StoreSet::settle() const {
  if (lanes_) lanes_->settle();
}

Result<Bytes> StoreSet::get(const std::string& name) const {
  return first_answer(*this, name, [&](Store& store) { return store.get(name); });
}

Result<Bytes> StoreSet::get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) const {
  return first_answer(*this, name, [&](Store& store) { return store.get_range(name, offset, length); });
}

}  // namespace holdfast
