#include "coordinator/core/stray_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "shared/repository/layout.h"

namespace holdfast {
namespace {

constexpr std::chrono::hours grace_of_unknown{24};
// A node that comes back tells first what happened meanwhile.
constexpr std::chrono::hours time_to_tell{1};

struct Group {
  bool has_record = false;
  std::vector<StoreObjects> stores;  // without what is needed and without retention's mark
};

std::map<BackupId, Group> groups_of(const StrayInput& input) {
  std::map<BackupId, Group> groups;
  for (const StoreObjects& store : input.stores) {
    for (const ObjectInfo& object : store.objects) {
      const auto backup = backup_of_object(object.name);
      if (!backup || !object.name.starts_with(backup_prefix(input.database, *backup))) continue;
      Group& group = groups[*backup];
      if (object.name == record_name(input.database, *backup)) group.has_record = true;
      if (object.name == released_name(input.database, *backup) || input.needed.contains(object.name)) continue;
      if (group.stores.empty() || group.stores.back().store != store.store) group.stores.push_back({store.store, {}});
      group.stores.back().objects.push_back(object);
    }
  }
  return groups;
}

Sha256 content_of(const Group& group) {
  Bytes text;
  for (const StoreObjects& store : group.stores) {
    append(text, as_bytes(store.store));
    text.push_back(0);
    for (const ObjectInfo& object : store.objects) {
      append(text, as_bytes(object.name));
      text.push_back(0);
      append_be(text, object.size);
    }
  }
  return sha256(text);
}

enum class Asked : std::uint8_t { what_it_knows, that_it_is_idle };

// Whether the node has had the time to say what it knows, and nothing of what it said speaks against it.
bool has_told(const StrayInput& input, NodeId id, Micros time, Asked asked) {
  const auto found = input.nodes.find(id);
  if (found == input.nodes.end()) return false;
  const NodeContact& node = found->second;
  if (node.gone) return true;
  if (asked == Asked::that_it_is_idle && !node.idle) return false;
  return !node.online_since.is_never() && input.now - node.online_since >= time;
}

// Why what the catalog knows of must stay; empty: it need not.
std::string spared_although_known(const StrayInput& input, const KnownBackup& known, Micros unchanged) {
  if (known.state != BackupState::failed) return "the catalog does not say that it failed";
  if (input.now - known.finished_at < input.grace || unchanged < input.grace) return "it failed not long ago";
  const Asked asked = known.given_up ? Asked::that_it_is_idle : Asked::what_it_knows;
  if (!has_told(input, known.node, std::min<Micros>(time_to_tell, input.grace), asked)) {
    return known.given_up ? "its node has not said how it ended" : "its node is not there";
  }
  return {};
}

std::string spared_although_unknown(const StrayInput& input, Micros unchanged) {
  if (unchanged < std::max<Micros>(grace_of_unknown, input.grace)) {
    return "the catalog does not know it, and it has not been seen for long";
  }
  if (input.members.empty()) return "no node is known that could have made it";
  for (const NodeId member : input.members) {
    if (!has_told(input, member, time_to_tell, Asked::that_it_is_idle))
      return "a node that could have made it is not there";
  }
  return {};
}

}  // namespace

StrayDecision decide_strays(const StrayInput& input) {
  StrayDecision out;
  for (auto& [id, group] : groups_of(input)) {
    if (group.has_record || group.stores.empty()) continue;
    StraySighting sighting{input.database, id, content_of(group), input.now};
    const auto before = input.seen.find(id);
    if (before != input.seen.end() && before->second.content == sighting.content) sighting = before->second;
    out.seen[id] = sighting;
    const Micros unchanged = input.now - sighting.unchanged_since;
    const auto known = input.known.find(id);
    std::string spared = input.open.contains(id)      ? "its job has not ended"
                         : input.backup_runs          ? "a backup runs that may go on from it"
                         : known != input.known.end() ? spared_although_known(input, known->second, unchanged)
                                                      : spared_although_unknown(input, unchanged);
    if (!spared.empty()) {
      out.spared[id] = std::move(spared);
      continue;
    }
    const std::string why =
        known != input.known.end()
            ? fmt::format("failed at {}", to_rfc3339(known->second.finished_at))
            : fmt::format("unknown, without a record and unchanged since {}", to_rfc3339(sighting.unchanged_since));
    out.remove.push_back({id, why, std::move(group.stores)});
  }
  return out;
}

}  // namespace holdfast
