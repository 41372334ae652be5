#include "coordinator/core/copy_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace holdfast {
namespace {

// One thing that should lie in several stores.
struct Spread {
  CopyKey key;  // store: filled in for each need
  Timestamp since;
  std::map<std::string, std::string> states;  // by store
  std::string_view unlisted;                  // the state of a chosen store that is not in `states`
};

class Needs {
 public:
  explicit Needs(const CopyInput& input) : input_(input) {}

  void add(const Spread& what) {
    std::vector<std::string> whole;
    std::vector<std::string> partly;
    for (const auto& [store, state] : what.states) {
      if (input_.stores.contains(store)) (state == "ok" ? whole : partly).push_back(store);
    }
    std::size_t planned = whole.size();
    const auto need = [&](const std::string& store, std::string_view state, std::string reason) {
      CopyNeed out;
      out.key = what.key;
      out.key.store = store;
      out.state = state;
      out.reason = std::move(reason);
      out.good = static_cast<std::uint32_t>(whole.size());
      out.since = what.since;
      for (const auto* list : {&whole, &partly}) {
        for (const std::string& source : *list) {
          if (source != store) out.sources.push_back(source);
        }
      }
      needs_.push_back(std::move(out));
      ++planned;
    };
    for (const std::string& store : input_.chosen) {
      const auto known = what.states.find(store);
      if (known == what.states.end() || known->second == "ok") continue;
      need(store, known->second, reason_for(known->second));
    }
    for (const std::string& store : partly) {
      if (planned >= input_.want) break;
      if (std::ranges::find(input_.chosen, store) != input_.chosen.end()) continue;
      need(store, what.states.at(store), reason_for(what.states.at(store)));
    }
    for (const std::string& store : input_.chosen) {
      // A log goes to every chosen store from now on; of a backup more than are wanted are not made.
      if (what.unlisted != "unknown" && planned >= input_.want) break;
      if (what.states.contains(store)) continue;
      need(store, what.unlisted,
           what.unlisted == "unknown" ? "the stores have not been compared yet"
                                      : fmt::format("the policy wants {} copies", input_.want));
    }
  }
  std::vector<CopyNeed> take() { return std::move(needs_); }

 private:
  static std::string reason_for(std::string_view state) {
    return state == "damaged" ? "objects are damaged or were lost" : "not every object arrived";
  }

  const CopyInput& input_;
  std::vector<CopyNeed> needs_;
};

std::size_t whole_of(const CopyInput& input, const Backup& backup) {
  return static_cast<std::size_t>(std::ranges::count_if(
      backup.copies, [&](const BackupCopy& copy) { return copy.state == "ok" && input.stores.contains(copy.store); }));
}

// The usual case, which costs next to nothing for each of a million backups.
bool is_as_wanted(const CopyInput& input, const Backup& backup) {
  return backup.copies.size() >= input.want && whole_of(input, backup) == backup.copies.size();
}

}  // namespace

std::vector<CopyNeed> copies_needed(const CopyInput& input) {
  Needs needs(input);
  for (const Backup* backup : input.backups) {
    if (is_as_wanted(input, *backup)) continue;
    Spread spread{{input.database, backup->id, {}}, backup->finished_at, {}, "missing"};
    for (const BackupCopy& copy : backup->copies) spread.states[copy.store] = copy.state;
    needs.add(spread);
  }
  if (input.has_log && input.chosen.size() > 1) {
    Spread spread{{input.database, {}, {}}, {}, {}, "unknown"};
    for (const LogCopy& copy : input.log_copies) spread.states[copy.store] = copy.state;
    needs.add(spread);
  }
  std::vector<CopyNeed> out = needs.take();
  for (CopyNeed& need : out) {
    if (!need.key.backup.is_null()) continue;
    // Any store of the policy may have what another lacks.
    for (const std::string& store : input.chosen) {
      if (store != need.key.store && std::ranges::find(need.sources, store) == need.sources.end()) {
        need.sources.push_back(store);
      }
    }
  }
  return out;
}

void sort_by_risk(std::vector<CopyNeed>& needs) {
  const auto order = [](const CopyNeed& need) {
    return std::tuple(need.state == "unknown", need.good, need.since, need.key);
  };
  std::ranges::sort(needs, [&](const CopyNeed& a, const CopyNeed& b) { return order(a) < order(b); });
}

std::optional<std::uint32_t> whole_copies(const CopyInput& input) {
  const auto newest = std::ranges::max_element(
      input.backups, {}, [](const Backup* backup) { return std::pair(backup->finished_at, backup->id); });
  if (newest == input.backups.end()) return std::nullopt;
  std::size_t whole = whole_of(input, **newest);
  if (input.has_log && !input.log_copies.empty()) {
    const auto bad = static_cast<std::size_t>(std::ranges::count_if(input.log_copies, [&](const LogCopy& copy) {
      return copy.state != "ok" && std::ranges::find(input.chosen, copy.store) != input.chosen.end();
    }));
    whole = std::min(whole, input.chosen.size() - bad);
  }
  return static_cast<std::uint32_t>(whole);
}

std::vector<std::string> spread_stores(const std::vector<std::string>& candidates,
                                       const std::map<std::string, std::string>& zones, const Policy& policy) {
  std::set<std::string> taken;
  if (policy.spread == "zone") {
    std::set<std::string> zones_taken;
    for (const std::string& store : candidates) {
      const auto zone = zones.find(store);
      const bool new_zone = zones_taken.insert(zone == zones.end() ? std::string() : zone->second).second;
      if (new_zone && taken.size() < policy.copies_want) taken.insert(store);
    }
  }
  for (const std::string& store : candidates) {
    if (taken.size() < policy.copies_want) taken.insert(store);
  }
  std::vector<std::string> chosen;
  std::ranges::copy_if(candidates, std::back_inserter(chosen),
                       [&](const auto& store) { return taken.contains(store); });
  return chosen;
}

}  // namespace holdfast
