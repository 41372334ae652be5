// Every copy is read and judged once in a while: the one whose last check is the longest ago first.
#include <fmt/format.h>

#include <algorithm>

#include "coordinator/core/assignment.h"
#include "coordinator/core/copies.h"
#include "coordinator/core/copy_slots.h"
#include "coordinator/core/jobs.h"

namespace holdfast {
namespace {

constexpr std::chrono::minutes first_look{1};
constexpr std::chrono::seconds look_every{30};
constexpr std::chrono::hours usual_period{24 * 30};
constexpr std::chrono::hours pause_after_failure{1};
// Nobody waits for a scrub: it leaves the stores to those who do.
constexpr std::uint64_t usual_bandwidth = 100'000'000;

struct DueScrub {
  Timestamp since;
  CopyKey key;
  std::vector<std::string> others;
};

void add_due(const CoreState& state, const Database& database, Timestamp now, std::vector<DueScrub>& due) {
  const Policy* policy = policy_of(state, database);
  const Micros period =
      policy != nullptr && policy->verify_full_every.count() > 0 ? policy->verify_full_every : Micros(usual_period);
  const CopyInput input = copy_input(state, database);
  for (const Backup* backup : input.backups) {
    for (const BackupCopy& copy : backup->copies) {
      const Timestamp since = std::max(copy.checked_at, backup->finished_at);
      if (copy.state != "ok" || !input.stores.contains(copy.store) || now - since < period) continue;
      DueScrub scrub{since, {database.id, backup->id, copy.store}, {}};
      for (const BackupCopy& other : backup->copies) {
        if (other.store != copy.store && input.stores.contains(other.store)) scrub.others.push_back(other.store);
      }
      due.push_back(std::move(scrub));
    }
  }
  if (!input.has_log) return;
  for (const std::string& store : input.chosen) {
    const auto known = std::ranges::find(database.log_copies, store, &LogCopy::store);
    const bool listed = known != database.log_copies.end();
    const Timestamp since = std::max(listed ? known->checked_at : Timestamp(), database.created_at);
    if ((listed && known->state != "ok") || now - since < period) continue;
    DueScrub scrub{since, {database.id, {}, store}, {}};
    std::ranges::copy_if(input.chosen, std::back_inserter(scrub.others),
                         [&](const auto& name) { return name != store; });
    due.push_back(std::move(scrub));
  }
}

void start_scrub(Turn& turn, const DueScrub& due, NodeId node) {
  const CoreState& state = turn.state;
  NewJob job;
  job.kind = JobKind::scrub;
  job.node = node;
  job.database = due.key.database;
  job.backup = due.key.backup;
  job.store = due.key.store;
  job.origin = "scrub";
  ScrubOrder order;
  order.database = due.key.database;
  order.backup = due.key.backup;
  order.store = state.stores.at(due.key.store);
  for (const std::string& name : due.others) order.others.push_back(state.stores.at(name));
  const Policy* policy = policy_of(state, state.databases.at(due.key.database));
  order.bandwidth = policy != nullptr && policy->bandwidth != 0 ? policy->bandwidth : usual_bandwidth;
  start_job(turn, job, std::move(order));
}

}  // namespace

void watch_scrubs(Turn& turn) {
  CoreState& state = turn.state;
  if (state.copies.scrub_at.is_never()) state.copies.scrub_at = state.loaded_at + first_look;
  if (turn.now < state.copies.scrub_at) return;
  state.copies.scrub_at = turn.now + look_every;
  std::vector<DueScrub> due;
  for (const auto& [id, database] : state.databases) add_due(state, database, turn.now, due);
  if (due.empty()) return;
  std::ranges::sort(due, {}, [](const DueScrub& scrub) { return std::tie(scrub.since, scrub.key); });
  CopySlots slots(state, turn.now);
  std::set<std::string> stores_at_work;
  for (const JobId id : state.open_jobs) {
    const Job& job = state.jobs.at(id).job;
    if (job.kind == JobKind::scrub) stores_at_work.insert(job.store);
  }
  for (const DueScrub& scrub : due) {
    if (slots.full()) return;
    const auto tries = state.copies.scrubs.find(scrub.key);
    const CopyTries* known = tries == state.copies.scrubs.end() ? nullptr : &tries->second;
    if (stores_at_work.contains(scrub.key.store) || slots.is_running(scrub.key)) continue;
    if (known != nullptr && turn.now < known->not_before) continue;
    const auto node = slots.take(scrub.key, known);
    if (!node) continue;
    stores_at_work.insert(scrub.key.store);
    start_scrub(turn, scrub, *node);
  }
}

void scrub_ended(Turn& turn, const Job& job) {
  CoreState& state = turn.state;
  const CopyKey key{job.database, job.backup, job.store};
  if (!state.databases.contains(key.database)) return;
  const bool found_something = job.state == JobState::failed && !job.findings.empty();
  if (job.state == JobState::complete || found_something) {
    state.copies.scrubs.erase(key);
    set_copy(turn, key, found_something ? "damaged" : "ok", Looked::at_content);
    state.copies.look_at = turn.now;
    state.copies.scrub_at = turn.now;
    return;
  }
  CopyTries& tries = state.copies.scrubs[key];
  ++tries.failures;
  tries.error = job.error;
  tries.not_before = turn.now + pause_after_failure;
  tries.failed_on[job.node] = turn.now;
}

}  // namespace holdfast
