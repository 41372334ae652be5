// What goes down without being told by us.
//
// The host: logind waits until the log that was received by then is in the stores.
//
// Servers that somebody else stops, for instance with the host: one that has written its last record waits until all of
// its log was taken. When the stores do not take it, it is let go of after the policy's stop_timeout: stopped in order,
// with the end of its log on its own disk only, is better than killed. It is shipped when the server runs again.
#include "agent/daemon/agent.h"

#include <fmt/ranges.h>

namespace holdfast {
namespace {

// logind waits for 5 s unless it was configured to wait longer.
constexpr Micros host_waits = std::chrono::milliseconds(4500);

}  // namespace

// Servers stop later, and their last records are shipped then (deploy/systemd/README.md); but what is out now need not
// go out while everything else on the host goes down, its network perhaps too.
void Agent::watch_for_host_shutdown() {
  HostShutdown::Settings settings;
  settings.who = "holdfast-agent";
  settings.why = "the newest log of the databases goes to the stores";
  HostShutdown::Events events;
  events.goes_down = [this] {
    const auto late = shipping_.send_out(host_waits, parts_.stop);
    if (late.empty()) {
      parts_.log.info("the host goes down: the log that was received is in the stores");
    } else {
      parts_.log.warning("the host goes down before all log is in the stores",
                         {{"databases", fmt::format("{}", fmt::join(late, ", "))}});
    }
  };
  events.stays = [this] { parts_.log.info("the host stays up after all"); };
  events.without_lock = [this](const Error& error) {
    parts_.log.debug("the host would not wait for us before it goes down", {{"cause", error.text()}});
  };
  events.with_lock = [this] { parts_.log.debug("the host waits for us before it goes down"); };
  host_shutdown_ = std::make_unique<HostShutdown>(std::move(settings), std::move(events));
}

void Agent::let_go_of_stopping_servers() {
  if (departure_) return;  // it knows better which servers it stops, and how patiently
  const Micros now = parts_.clock.monotonic();
  std::set<DatabaseId> waiting;
  for (const auto& assigned : assignment_.databases) {
    const HostDatabase* host = on_host(assigned.key);
    if (host == nullptr || !host->waits_for_its_log || !assigned.active || !assigned.protect) continue;
    const DatabaseId id = assigned.database;
    waiting.insert(id);
    const Micros since = stopping_since_.try_emplace(id, now).first->second;
    if (now - since < assigned.policy.shutdown_stop_timeout || let_go_.contains(id) || !shipping_.find(id)) continue;
    parts_.log.warning("a server waits in its stop for its log, which the stores do not take: it is let go of",
                       {{"database", assigned.name}, {"waited", to_text(assigned.policy.shutdown_stop_timeout)}});
    let_go_.emplace(id, std::jthread([this, id] { shipping_.suspend(id); }));
  }
  std::erase_if(stopping_since_, [&](const auto& entry) { return !waiting.contains(entry.first); });
  for (auto entry = let_go_.begin(); entry != let_go_.end();) {
    if (waiting.contains(entry->first)) {
      ++entry;
      continue;
    }
    entry->second.join();  // it has ended with the stream that the server was waiting for
    shipping_.resume(entry->first);
    entry = let_go_.erase(entry);
  }
}

}  // namespace holdfast
