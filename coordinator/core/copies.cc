#include "coordinator/core/copies.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/core/assignment.h"
#include "coordinator/core/backup_reports.h"
#include "coordinator/core/copy_slots.h"
#include "coordinator/core/jobs.h"
#include "coordinator/core/selection.h"
#include "shared/repository/layout.h"

namespace holdfast {
namespace {

constexpr std::chrono::minutes first_look{1};  // agents are heard before
constexpr std::chrono::seconds look_every{30};
constexpr std::chrono::hours compare_every{6};
// What was put shows in every list by then.
constexpr std::chrono::minutes lists_behind{10};
constexpr std::chrono::minutes first_pause{1};
constexpr std::chrono::hours longest_pause{1};
constexpr std::chrono::hours job_deadline{24};

std::string store_named(const CopyKey& key) {
  return key.backup.is_null() ? fmt::format("the log in store \"{}\"", key.store)
                              : fmt::format("backup {} in store \"{}\"", key.backup, key.store);
}

CopyKey key_of(const Job& job) {
  return {job.database, job.backup, job.store};
}

std::vector<StoreInfo> infos(const CoreState& state, const std::vector<std::string>& names) {
  std::vector<StoreInfo> out;
  for (const auto& name : names) {
    const auto store = state.stores.find(name);
    if (store != state.stores.end()) out.push_back(store->second);
  }
  return out;
}

// Logs that were whole when they were compared last, which is long ago.
void add_comparisons(const CoreState& state, const Database& database, const CopyInput& input, Timestamp now,
                     std::vector<CopyNeed>& needs) {
  if (!input.has_log || input.chosen.size() < 2) return;
  for (const LogCopy& copy : database.log_copies) {
    const bool wanted = std::ranges::find(input.chosen, copy.store) != input.chosen.end();
    if (!wanted || copy.state != "ok" || now - copy.compared_at < compare_every) continue;
    CopyNeed need{{database.id, {}, copy.store}, "unknown", {}, 0, {}, {}};
    for (const auto& store : input.chosen) {
      if (store != copy.store && state.stores.contains(store)) need.sources.push_back(store);
    }
    needs.push_back(std::move(need));
  }
}

JobId start_copy(Turn& turn, const CopyNeed& need, NodeId node, const std::string& origin) {
  const CoreState& state = turn.state;
  NewJob job;
  job.kind = JobKind::copy;
  job.node = node;
  job.database = need.key.database;
  job.backup = need.key.backup;
  job.store = need.key.store;
  job.origin = origin;
  job.deadline = job_deadline;
  CopyOrder order;
  order.database = need.key.database;
  order.backup = need.key.backup;
  order.target = state.stores.at(need.key.store);
  order.sources = infos(state, need.sources);
  order.doubtful = need.state == "damaged";
  const Database* database = state.database(need.key.database);
  if (const Policy* policy = policy_of(state, *database)) order.bandwidth = policy->bandwidth;
  if (need.key.backup.is_null()) {
    const auto arrears = state.copies.arrears.find({need.key.database, need.key.store});
    turn.state.copies.repairs[need.key].arrears = arrears == state.copies.arrears.end() ? 0 : arrears->second;
  }
  return start_job(turn, job, std::move(order));
}

// What can be started now of these; nothing is started twice.
std::vector<JobId> start_copies(Turn& turn, const std::vector<CopyNeed>& needs, const std::string& origin) {
  CoreState& state = turn.state;
  CopySlots slots(state, turn.now);
  std::vector<JobId> started;
  for (const CopyNeed& need : needs) {
    if (slots.full()) break;
    if (need.sources.empty() || state.copies.removing.contains(need.key) || slots.is_running(need.key)) continue;
    const auto tries = state.copies.repairs.find(need.key);
    const CopyTries* known = tries == state.copies.repairs.end() ? nullptr : &tries->second;
    if (known != nullptr && turn.now < known->not_before) continue;
    const auto node = slots.take(need.key, known);
    if (node) started.push_back(start_copy(turn, need, *node, origin));
  }
  return started;
}

void failed(CopyTries& tries, const Job& job, Timestamp now) {
  const unsigned doublings = std::min(tries.failures, 10U);
  ++tries.failures;
  tries.error = job.error;
  tries.not_before = now + std::min<Micros>(first_pause * (1U << doublings), longest_pause);
  tries.failed_on[job.node] = now;
}

std::string state_of(const CoreState& state, const CopyKey& key) {
  if (key.backup.is_null()) {
    const Database* database = state.database(key.database);
    if (database == nullptr) return {};
    const auto copy = std::ranges::find(database->log_copies, key.store, &LogCopy::store);
    return copy == database->log_copies.end() ? std::string() : copy->state;
  }
  const Backup* backup = state.backup(key.backup);
  if (backup == nullptr) return {};
  const auto copy = std::ranges::find(backup->copies, key.store, &BackupCopy::store);
  return copy == backup->copies.end() ? std::string() : copy->state;
}

// What the copy of a log lacks is known from the lists of other stores alone, and the newest may not have shown yet.
void compare_again_soon(Turn& turn, const CopyKey& key) {
  const Database* known = turn.state.database(key.database);
  if (known == nullptr) return;
  Database row = *known;
  const auto copy = std::ranges::find(row.log_copies, key.store, &LogCopy::store);
  if (copy == row.log_copies.end()) return;
  copy->compared_at = turn.now - compare_every + lists_behind;
  turn.put(row);
}

// The objects that a copy job found damaged and may not replace. An agent names them; what may go at all is decided
// here, and whether it is damaged is looked at again before it goes.
Result<RemoveDamaged> removal_of(const CoreState& state, const Job& job) {
  RemoveDamaged work;
  work.fleet = state.identity.fleet;
  work.root = state.identity.root;
  work.database = job.database;
  work.backup = job.backup;
  work.store = state.stores.at(job.store);
  for (const auto& [name, store] : state.stores) {
    if (name != job.store) work.sources.push_back(store);
  }
  std::set<std::string> allowed;
  if (const Backup* backup = state.backup(job.backup)) {
    const BackupRecord record = TRY(signed_record_of(state, *backup));
    work.expected = record.objects;
    for (const NeededPack& pack : record.needed_packs) work.expected.push_back(pack.object);
    work.expected.push_back(
        {record_name(job.database, job.backup), backup->record.size(), sha256(ByteView(backup->record))});
    for (const StoredObject& object : work.expected) allowed.insert(object.name);
  }
  const std::string prefix = database_prefix(job.database);
  for (const Finding& finding : job.findings) {
    const bool signed_by_itself = finding.object.starts_with(prefix + "wal/") ||
                                  finding.object.starts_with(prefix + "epochs/") ||
                                  finding.object == database_record_name(job.database);
    if (signed_by_itself || allowed.contains(finding.object)) work.names.push_back(finding.object);
  }
  if (work.names.empty()) return fail(Code::invalid, "none of the objects it names belongs to the copy");
  return work;
}

void make_room(Turn& turn, const Job& job) {
  const CopyKey key = key_of(job);
  auto work = removal_of(turn.state, job);
  if (!work) {
    turn.alert_once(fmt::format("{} cannot be repaired: {}", store_named(key), work.error().message));
    return;
  }
  turn.state.copies.removing.insert(key);
  turn.effects.work.emplace_back(std::move(*work));
}

}  // namespace

void set_copy(Turn& turn, const CopyKey& key, std::string_view state_now, Looked looked) {
  if (key.backup.is_null()) {
    const Database* known = turn.state.database(key.database);
    if (known == nullptr) return;
    Database row = *known;
    auto copy = std::ranges::find(row.log_copies, key.store, &LogCopy::store);
    if (copy == row.log_copies.end()) copy = row.log_copies.insert(copy, {key.store, {}, {}, {}});
    copy->state = state_now;
    if (state_now == "ok") copy->compared_at = turn.now;
    if (looked == Looked::at_content) copy->checked_at = turn.now;
    if (row != *known) turn.put(row);
    return;
  }
  const Backup* known = turn.state.backup(key.backup);
  if (known == nullptr || known->state != BackupState::complete) return;
  Backup row = *known;
  auto copy = std::ranges::find(row.copies, key.store, &BackupCopy::store);
  if (copy == row.copies.end()) copy = row.copies.insert(copy, {key.store, {}, {}});
  copy->state = state_now;
  if (looked == Looked::at_content) copy->checked_at = turn.now;
  if (row != *known) turn.put(row);
}

CopyInput copy_input(const CoreState& state, const Database& database) {
  CopyInput input;
  input.database = database.id;
  const auto backups = state.backups.find(database.id);
  if (backups != state.backups.end()) {
    for (const auto& [id, backup] : backups->second) {
      if (backup.state == BackupState::complete) input.backups.push_back(&backup);
    }
  }
  input.log_copies = database.log_copies;
  const auto log = state.wal.find(database.id);
  input.has_log = log != state.wal.end() && !log->second.ranges.empty();
  for (const auto& [name, store] : state.stores) input.stores.insert(name);
  if (const Policy* policy = policy_of(state, database)) {
    input.want = policy->copies_want;
    input.chosen = chosen_stores(state, *policy, database.active);
  }
  // More than there are stores for cannot be made.
  input.want = std::min<std::uint32_t>(input.want, static_cast<std::uint32_t>(state.stores.size()));
  return input;
}

std::vector<CopyNeed> all_copies_needed(const CoreState& state, const std::set<DatabaseId>* only) {
  std::vector<CopyNeed> needs;
  for (const auto& [id, database] : state.databases) {
    if (only != nullptr && !only->contains(id)) continue;
    auto of_database = copies_needed(copy_input(state, database));
    std::ranges::move(of_database, std::back_inserter(needs));
  }
  sort_by_risk(needs);
  return needs;
}

void watch_copies(Turn& turn) {
  CoreState& state = turn.state;
  if (state.copies.look_at.is_never()) state.copies.look_at = state.loaded_at + first_look;
  if (turn.now < state.copies.look_at) return;
  state.copies.look_at = turn.now + look_every;
  if (state.stores.size() < 2) return;
  auto needs = all_copies_needed(state);
  for (const auto& [id, database] : state.databases) {
    add_comparisons(state, database, copy_input(state, database), turn.now, needs);
  }
  start_copies(turn, needs, "copies");
}

void copy_ended(Turn& turn, const Job& job) {
  CoreState& state = turn.state;
  const CopyKey key = key_of(job);
  state.copies.look_at = turn.now;
  if (!state.stores.contains(key.store)) return;
  CopyTries& tries = state.copies.repairs[key];
  if (job.state == JobState::complete) {
    const auto arrears = state.copies.arrears.find({key.database, key.store});
    const bool more_came =
        key.backup.is_null() && arrears != state.copies.arrears.end() && arrears->second > tries.arrears;
    const std::string before = state_of(state, key);
    set_copy(turn, key, more_came ? "missing" : "ok", before == "damaged" ? Looked::at_content : Looked::at_names);
    if (key.backup.is_null() && (before == "missing" || before == "damaged")) compare_again_soon(turn, key);
    state.copies.repairs.erase(key);
    return;
  }
  if (job.state == JobState::cancelled) {
    failed(tries, job, turn.now);
    return;
  }
  if (!job.findings.empty()) {
    set_copy(turn, key, "damaged", Looked::at_names);
    make_room(turn, job);
  }
  failed(tries, job, turn.now);
}

void damaged_removed(Turn& turn, const DamagedRemoved& removed) {
  CoreState& state = turn.state;
  const CopyKey key{removed.database, removed.backup, removed.store};
  state.copies.removing.erase(key);
  if (!removed.removed.empty()) {
    turn.audit("copies", fmt::format("removed {} damaged objects of {}, of which other stores have sound copies: {}{}",
                                     removed.removed.size(), store_named(key), removed.removed.front(),
                                     removed.removed.size() > 1 ? ", ..." : ""));
  }
  CopyTries& tries = state.copies.repairs[key];
  if (removed.error) {
    tries.error = removed.error->message;
    turn.alert_once(fmt::format("{} cannot be repaired: {}", store_named(key), removed.error->message));
    return;  // tried again when its pause is over
  }
  tries = {};
  state.copies.look_at = turn.now;
}

void log_arrears_came(Turn& turn, const WalPosition& position) {
  CoreState& state = turn.state;
  for (const LogArrears& behind : position.arrears) {
    const CopyKey key{position.database, {}, behind.store};
    if (!state.stores.contains(behind.store)) continue;
    auto& known = state.copies.arrears[{position.database, behind.store}];
    const bool more = behind.objects > known;
    known = behind.objects;  // counts from zero again with a new receiver
    if (more && state_of(state, key) != "damaged") set_copy(turn, key, "missing", Looked::at_names);
  }
}

Answer copy_request(Turn& turn, const std::string& who, const CopyRequest& request) {
  CoreState& state = turn.state;
  const auto list = TRY(select_databases(state, request.selection, WhenEmpty::everything));
  const std::set<DatabaseId> databases(list.begin(), list.end());
  if (!request.lost_store.empty()) {
    if (!state.stores.contains(request.lost_store)) {
      return fail(Code::not_found, fmt::format("there is no store \"{}\"", request.lost_store), "holdfast store list");
    }
    turn.audit(who, fmt::format("said that store {} has lost its copies", request.lost_store));
    for (const DatabaseId id : databases) {
      const auto backups = state.backups.find(id);
      std::vector<CopyKey> keys;
      if (backups != state.backups.end()) {
        for (const auto& [backup, row] : backups->second) {
          const bool there = std::ranges::find(row.copies, request.lost_store, &BackupCopy::store) != row.copies.end();
          if (there) keys.push_back({id, backup, request.lost_store});
        }
      }
      const CopyKey log{id, {}, request.lost_store};
      if (!state_of(state, log).empty()) keys.push_back(log);
      for (const CopyKey& key : keys) set_copy(turn, key, "missing", Looked::at_names);
    }
  }
  for (auto& [key, tries] : state.copies.repairs) {
    if (!databases.contains(key.database)) continue;
    tries.not_before = {};
    tries.failed_on.clear();
  }
  const auto needs = all_copies_needed(state, &databases);
  JobsReply reply;
  reply.jobs = start_copies(turn, needs, who);
  if (!reply.jobs.empty()) turn.audit(who, fmt::format("ordered the repair of {} copies", reply.jobs.size()));
  const auto shown = static_cast<std::size_t>(
      std::ranges::count_if(needs, [](const CopyNeed& need) { return need.state != "unknown"; }));
  if (shown > reply.jobs.size()) {
    reply.warnings.push_back(
        fmt::format("{} copies wait for their turn: holdfast copy list", shown - reply.jobs.size()));
  }
  return reply;
}

Result<> list_copies(const CoreState& state, const std::set<DatabaseId>& databases, Timestamp now, ListReply& reply) {
  constexpr std::size_t most = 10'000;  // more than anybody reads, and the most urgent are first
  const CopySlots slots(state, now);
  for (const CopyNeed& need : all_copies_needed(state, &databases)) {
    if (reply.copies.size() == most) break;
    if (need.state == "unknown") continue;
    CopyView view;
    view.database = need.key.database;
    view.database_name = state.databases.at(need.key.database).name;
    view.backup = need.key.backup;
    view.store = need.key.store;
    view.state = need.state;
    view.reason = need.reason;
    view.since = need.since;
    view.good_copies = need.good;
    if (const auto job = slots.running(need.key)) view.job = *job;
    const auto tries = state.copies.repairs.find(need.key);
    if (need.sources.empty()) view.reason += "; no other store has a copy";
    if (tries != state.copies.repairs.end() && !tries->second.error.empty()) {
      view.reason += fmt::format("; the last try failed: {}", tries->second.error);
    }
    reply.copies.push_back(std::move(view));
  }
  return {};
}

}  // namespace holdfast
