#include "coordinator/core/retention.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/core/retention_rules.h"
#include "coordinator/core/stored_bytes.h"

namespace holdfast {
namespace {

struct OfDatabase {
  const RetentionInput* input;
  std::vector<Judged> judged;  // newest first
  StoredBytes bytes;
};

// What rules released goes first, the oldest first: the last reader of a pack takes it along.
OfDatabase judge(const RetentionInput& input) {
  std::vector<Judged> judged = judge_backups(input);
  std::vector<const Backup*> all;
  all.reserve(judged.size());
  for (const Judged& entry : judged) all.push_back(entry.backup);
  OfDatabase of{&input, std::move(judged), StoredBytes(all, input.objects)};
  for (auto entry = of.judged.rbegin(); entry != of.judged.rend(); ++entry) {
    if (entry->reasons.empty()) entry->freed_bytes = of.bytes.release(*entry->backup);
  }
  return of;
}

struct Budget {
  std::uint64_t bytes = 0;
  std::string whose;    // "database \"orders\"": to begin a sentence
  std::string setting;  // "retention.max_bytes"
};

// The sentence, when it cannot be kept to.
std::optional<std::string> fit(const std::vector<OfDatabase*>& databases, const Budget& budget) {
  struct Candidate {
    OfDatabase* of;
    Judged* judged;
  };
  std::uint64_t total = 0;
  std::vector<Candidate> candidates;
  for (OfDatabase* of : databases) {
    total += of->bytes.total();
    for (Judged& judged : of->judged) {
      if (!judged.reasons.empty() && !judged.firm) candidates.push_back({of, &judged});
    }
  }
  if (total <= budget.bytes) return std::nullopt;
  std::ranges::sort(candidates, {}, [](const Candidate& candidate) {
    return std::pair(candidate.judged->backup->finished_at, candidate.judged->backup->id);
  });
  for (const Candidate& candidate : candidates) {
    if (total <= budget.bytes) return std::nullopt;
    Judged& judged = *candidate.judged;
    judged.freed_bytes = candidate.of->bytes.release(*judged.backup);
    total -= judged.freed_bytes;
    judged.reasons.clear();
    judged.released_by = fmt::format("{} may take {} bytes ({})", budget.whose, budget.bytes, budget.setting);
  }
  if (total <= budget.bytes) return std::nullopt;
  std::string sentence = fmt::format("{} may take {} bytes ({}); {} bytes are kept whatever a budget says",
                                     budget.whose, budget.bytes, budget.setting, total);
  for (OfDatabase* of : databases) {
    const auto oldest = std::find_if(of->judged.rbegin(), of->judged.rend(),
                                     [](const Judged& judged) { return !judged.reasons.empty(); });
    if (oldest != of->judged.rend()) oldest->reasons.push_back("its budget cannot be met: " + sentence);
  }
  return sentence;
}

// Databases that are judged together: each alone, or all that share a budget.
struct Group {
  std::vector<std::size_t> inputs;
  const Policy* sharing = nullptr;
};

std::vector<Group> groups_of(const std::vector<RetentionInput>& inputs) {
  std::vector<Group> groups;
  std::map<std::string_view, std::size_t> by_policy;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto& policy = inputs[i].policy;
    if (!policy || policy->total_bytes == 0) {
      groups.push_back({{i}, nullptr});
      continue;
    }
    const auto [group, is_new] = by_policy.emplace(policy->name, groups.size());
    if (is_new) groups.push_back({{}, &*policy});
    groups[group->second].inputs.push_back(i);
  }
  return groups;
}

void fit_budgets(std::vector<OfDatabase>& databases, const Policy* sharing, std::vector<std::string>& unmet) {
  const auto note = [&unmet](std::optional<std::string> sentence) {
    if (sentence) unmet.push_back(*std::move(sentence));
  };
  std::vector<OfDatabase*> all;
  for (OfDatabase& of : databases) {
    all.push_back(&of);
    const auto& policy = of.input->policy;
    if (!policy || policy->max_bytes == 0) continue;
    note(fit({&of},
             {policy->max_bytes, fmt::format("database \"{}\"", of.input->database_name), "retention.max_bytes"}));
  }
  if (sharing == nullptr) return;
  note(fit(all, {sharing->total_bytes, fmt::format("what has policy \"{}\"", sharing->name), "retention.total_bytes"}));
}

RetentionDecision decision_of(Judged& judged, const RetentionInput& input) {
  RetentionDecision decision;
  decision.backup = judged.backup->id;
  decision.database = input.database;
  decision.database_name = input.database_name;
  decision.finished_at = judged.backup->finished_at;
  decision.keep = !judged.reasons.empty();
  decision.reasons = std::move(judged.reasons);
  if (!decision.keep) {
    decision.reasons.push_back(judged.released_by.empty()
                                   ? fmt::format("no rule of policy \"{}\" keeps it", input.policy->name)
                                   : std::move(judged.released_by));
  }
  decision.bytes = judged.backup->stored_bytes;
  decision.freed_bytes = judged.freed_bytes;
  return decision;
}

}  // namespace

RetentionOutcome decide_retention(const std::vector<RetentionInput>& inputs, DecisionsWanted wanted) {
  RetentionOutcome outcome;
  std::vector<std::vector<RetentionDecision>> decisions(inputs.size());
  for (const Group& group : groups_of(inputs)) {
    std::vector<OfDatabase> databases;
    databases.reserve(group.inputs.size());
    for (const std::size_t input : group.inputs) databases.push_back(judge(inputs[input]));
    fit_budgets(databases, group.sharing, outcome.unmet);
    for (std::size_t i = 0; i < databases.size(); ++i) {
      for (Judged& judged : databases[i].judged) {
        if (wanted == DecisionsWanted::released && !judged.reasons.empty()) continue;
        decisions[group.inputs[i]].push_back(decision_of(judged, *databases[i].input));
      }
      databases[i].judged = {};
    }
  }
  for (auto& of_database : decisions) std::ranges::move(of_database, std::back_inserter(outcome.decisions));
  return outcome;
}

}  // namespace holdfast
