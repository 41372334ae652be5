#pragma once
// The coordinator's heartbeat: take what is waiting, let the core decide, commit once, and only then send. Nothing
// leaves before it is durable.
#include <deque>
#include <functional>

#include "coordinator/core/core.h"
#include "coordinator/shell/known_keys.h"
#include "shared/log/log.h"
#include "shared/os/clock.h"

namespace holdfast {

// The core as the round sees it.
struct RoundCore {
  std::function<Effects(const Event&, Timestamp)> apply;
  std::function<std::uint64_t()> keys_revision;
  std::function<std::vector<Core::KnownKey>()> keys;
  static RoundCore of(Core& core);
};

struct RoundParts {
  RoundCore core;
  KeyValueStore& catalog;
  std::uint64_t epoch;  // of this writer
  ServerTransport& transport;
  KnownKeys& keys;
  std::function<void(Work)> give_work;
  std::function<PassReply(const GrantPass&)> sign;
  std::function<std::deque<Event>()> take_answers;
  Clock& clock;
  Logger log;
  std::function<void(const std::vector<CatalogChange>&)> committed = {};  // told of every batch, when it is durable
};

class Round {
 public:
  explicit Round(RoundParts parts);

  // One round: waits until something comes, at the longest until the next tick. An error ends the program: the core has
  // decided what the catalog does not have, and only a fresh start from the catalog makes them agree again.
  Result<> run();

 private:
  void add_message(Incoming&& incoming, std::vector<Event>& into);
  void answer_unknown(const Incoming& incoming);
  void update_keys();
  void send(const Send& message);

  RoundParts parts_;
  Micros next_tick_;
  std::uint64_t keys_revision_ = 0;
};

}  // namespace holdfast
