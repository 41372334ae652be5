// What the agent says of itself: whether everything that it looks after is well, and whether it really protects. And
// what it leaves to another agent of this host.
#include <algorithm>

#include "agent/daemon/agent.h"

namespace holdfast {
namespace {

constexpr Micros look_at_health_every = std::chrono::milliseconds(500);
constexpr Micros sign_of_life_every = std::chrono::seconds(30);
// A coordinator that is there has answered an inventory by then; one that is not does not make an agent unready.
constexpr Micros time_to_decide = std::chrono::seconds(30);
// Told again twice a second as long as it stops: no step of that is longer.
constexpr Micros longer_to_stop = std::chrono::seconds(60);

}  // namespace

HealthKeeper::Parts Agent::health_parts(const Parts& parts) {
  HealthLimits looks;
  looks.interval = Micros(0);
  looks.timeout = parts.config.discovery.interval + std::chrono::seconds(30);
  return {parts.files, parts.clock, parts.service, parts.state_directory, parts.log, {}, looks};
}

void Agent::leave_to_others(std::map<std::string, HostDatabase>& host) {
  std::map<std::string, std::string> wanted;
  for (const auto& assigned : assignment_.databases) {
    if (assigned.engine != Engine::postgres || !assigned.protect) continue;
    if (!assigned.active && !takes_backups(assigned)) continue;
    const auto found = host.find(assigned.key);
    if (found == host.end() || !found->second.endpoint || found->second.found.excluded) continue;
    wanted.emplace(assigned.key, found->second.found.path);
  }
  std::set<std::string> others;
  for (auto& [key, error] : claims_.hold(wanted)) {
    HostDatabase& database = host.at(key);
    database.endpoint.reset();
    database.found.running = false;  // for us
    database.found.problem = error.message;
    database.found.hint = error.hint;
    if (!others_.contains(key)) parts_.log.error("a database is left to another agent", error, {{"database", key}});
    others.insert(key);
  }
  others_ = std::move(others);
}

// Between two looks at the host: what it was told of it is another thing now.
void Agent::leave_to_others_now() {
  const auto before = others_;
  leave_to_others(host_);
  if (others_ == before) return;
  std::vector<FoundDatabase> found;
  for (const auto& [key, database] : host_) found.push_back(database.found);
  if (auto noted = link_.inventory_changed(std::move(found)); !noted) {
    parts_.log.error("the inventory could not be noted", noted.error());
  }
}

ProtectedFacts Agent::health_facts(const Assigned& assigned, const std::vector<WalPosition>& positions) {
  ProtectedFacts out;
  out.id = assigned.database;
  out.name = assigned.name;
  out.engine = assigned.engine;
  out.ships = assigned.active && assigned.engine == Engine::postgres;
  out.rpo = assigned.policy.rpo_cut;
  const HostDatabase* host = on_host(assigned.key);
  if (host == nullptr) return out;
  out.present = true;
  out.problem = host->found.problem;
  out.runs = host->found.running && (assigned.engine == Engine::sqlite || host->endpoint);
  // Promoted or demoted, and not said yet whose its log is now.
  if (host->found.standby) out.ships = false;
  if (const auto receiver = shipping_.find(assigned.database)) {
    out.log = receiver->status();
  } else if (out.runs) {
    auto database = protected_database(assigned, host->found, assignment_.stores, stores_);
    if (!database) out.hindered = database.error();
  }
  const auto position = std::ranges::find(positions, assigned.database, &WalPosition::database);
  if (position != positions.end()) {
    for (const auto& arrears : position->arrears) out.missed += arrears.objects;
  }
  return out;
}

void Agent::look_after_health() {
  parts_.service.alive();
  const Micros now = parts_.clock.monotonic();
  if (now < next_health_) return;
  next_health_ = now + look_at_health_every;
  if (parts_.stop.stop_requested()) {  // ordered by an operator it may come to nothing, and the agent goes on
    parts_.service.stopping("on the way out");
    parts_.service.extend(longer_to_stop);
    return;
  }
  if (now >= next_sign_of_life_) {
    next_sign_of_life_ = now + sign_of_life_every;
    auto saved = parts_.state.save_last_seen(parts_.clock.now());
    state_problem_ = saved ? std::nullopt : std::optional(saved.error().text());
  }
  HealthFacts facts;
  facts.look = last_look_;
  facts.state = state_problem_;
  if (!connection_.connected()) facts.coordinator = "it is not connected";
  facts.host.looked = last_look_ > 0;
  std::set<std::string> mentioned;
  const auto positions = shipping_.positions();
  for (const auto& assigned : assignment_.databases) {
    mentioned.insert(assigned.key);
    const HostDatabase* host = on_host(assigned.key);
    if (!assigned.protect || (host != nullptr && host->found.excluded)) continue;
    if (!assigned.active && !takes_backups(assigned)) continue;
    facts.host.databases.push_back(health_facts(assigned, positions));
  }
  std::erase_if(first_seen_, [this](const auto& seen) { return on_host(seen.first) == nullptr; });
  for (const auto& [key, database] : host_) {
    const bool usable = database.found.running && !database.found.excluded && database.found.problem.empty();
    if (!usable || mentioned.contains(key)) continue;
    if (now < first_seen_.try_emplace(key, now).first->second + time_to_decide) {
      facts.host.undecided.push_back(database.found.name);
    }
  }
  health_.take(facts);
}

}  // namespace holdfast
