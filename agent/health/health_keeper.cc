#include "agent/health/health_keeper.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {

HealthKeeper::Judged& HealthKeeper::judged(DatabaseId database, const std::string& name, HealthCheck check) {
  const HealthLimits& limits = check == HealthCheck::server ? parts_.looks : parts_.limits;
  auto& entry = judged_.try_emplace({database, check}, Judged{HealthJudge(limits, parts_.clock), name}).first->second;
  entry.name = name;
  return entry;
}

bool HealthKeeper::is_due(DatabaseId database, const std::string& name, HealthCheck check) {
  return judged(database, name, check).judge.is_due();
}

void HealthKeeper::tell(DatabaseId database, const std::string& name, HealthCheck check,
                        const std::optional<std::string>& failure) {
  Judged& entry = judged(database, name, check);
  if (!entry.judge.is_due()) return;
  const Health before = entry.judge.health();
  entry.judge.answered(failure);
  note_change({database, check}, entry, before);
}

void HealthKeeper::note_change(const Subject& subject, const Judged& judged, Health before) const {
  const Health now = judged.judge.health();
  if (now == before || (before == Health::unknown && now == Health::healthy)) return;
  const std::vector<LogField> fields{{"of", judged.name},
                                     {"database", subject.first.is_null() ? "" : subject.first.text()},
                                     {"check", to_string(subject.second)},
                                     {"cause", judged.judge.cause()}};
  if (now == Health::unhealthy) {
    parts_.log.warning("unhealthy", fields);
  } else {
    parts_.log.info("healthy again", fields);
  }
}

void HealthKeeper::check(const ProtectedFacts& database, std::uint64_t look) {
  // What is asked of the server is asked by looking at the host: a look that hangs is no answer.
  Judged& server = judged(database.id, database.name, HealthCheck::server);
  const Health before = server.judge.health();
  if (server.look != look) {
    server.judge.answered(check_server(database));
    server.judge.asked();
    server.look = look;
  } else {
    server.judge.look_at_clock();
  }
  note_change({database.id, HealthCheck::server}, server, before);
  if (!database.present || !database.runs) return;  // the others are about what runs
  if (database.ships) {
    tell(database.id, database.name, HealthCheck::log, check_log(database, parts_.clock.now()));
    tell(database.id, database.name, HealthCheck::slot, check_slot(database));
  }
  if (is_due(database.id, database.name, HealthCheck::stores)) {
    auto& missed = missed_[database.id];
    tell(database.id, database.name, HealthCheck::stores, check_stores(database, missed));
    missed = database.missed;
  }
}

void HealthKeeper::forget_others(const std::vector<ProtectedFacts>& databases) {
  const auto gone = [&](DatabaseId id) {
    return !id.is_null() && std::ranges::find(databases, id, &ProtectedFacts::id) == databases.end();
  };
  std::erase_if(judged_, [&](const auto& entry) { return gone(entry.first.first); });
  std::erase_if(missed_, [&](const auto& entry) { return gone(entry.first); });
}

void HealthKeeper::take(const HealthFacts& facts) {
  forget_others(facts.host.databases);
  tell({}, "agent", HealthCheck::state, facts.state);
  tell({}, "agent", HealthCheck::coordinator, facts.coordinator);
  for (const auto& database : facts.host.databases) check(database, facts.look);

  HealthWord word;
  word.missing = judge_readiness(facts.host);
  if (facts.state) word.missing.push_back("the agent's state cannot be written: " + *facts.state);
  for (const auto& [subject, entry] : judged_) {
    CheckedHealth one;
    one.database = subject.first;
    one.check = subject.second;
    one.health = entry.judge.health();
    one.failures = entry.judge.failures();
    one.cause = entry.judge.cause();
    word.checks.push_back(std::move(one));
  }
  const auto running = std::ranges::count_if(facts.host.databases, &ProtectedFacts::runs);
  publish(std::move(word), static_cast<std::size_t>(running));
}

void HealthKeeper::publish(HealthWord word, std::size_t databases) {
  if (word.missing.empty()) {
    parts_.service.ready(fmt::format("ready: {} running databases are protected", databases));
  } else {
    parts_.service.status(
        fmt::format("not ready: {}{}", word.missing.front(),
                    word.missing.size() > 1 ? fmt::format(" (and {} more)", word.missing.size() - 1) : ""));
  }
  const bool was_ready = is_ready();
  if (word_ == word) return;
  word_ = std::move(word);
  if (is_ready() != was_ready) {
    parts_.log.info(is_ready() ? "ready" : "not ready", {{"missing", is_ready() ? "" : word_->missing.front()}});
  }
  const auto written = write_health(parts_.files, parts_.directory, *word_);
  if (!written && !write_failed_) parts_.log.error("the agent's health could not be noted", written.error());
  write_failed_ = !written;
}

void HealthKeeper::close() {
  if (auto removed = remove_health(parts_.files, parts_.directory); !removed) {
    parts_.log.error("the agent's health could not be removed", removed.error());
  }
}

}  // namespace holdfast
