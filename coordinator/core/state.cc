#include "coordinator/core/state.h"

#include "shared/repository/epoch.h"

namespace holdfast {
namespace {

constexpr std::chrono::minutes alert_again_after{10};

void index_database(CoreState& state, const Database& row) {
  for (const auto& member : row.members) state.databases_by_node[member.node].insert(row.id);
  if (row.system_id.value() != 0) state.databases_by_system[row.system_id].insert(row.id);
  state.database_by_name[row.name] = row.id;
}

void unindex_database(CoreState& state, const Database& row) {
  for (const auto& member : row.members) state.databases_by_node[member.node].erase(row.id);
  if (row.system_id.value() != 0) state.databases_by_system[row.system_id].erase(row.id);
  const auto named = state.database_by_name.find(row.name);
  if (named != state.database_by_name.end() && named->second == row.id) state.database_by_name.erase(named);
}

void remember(CoreState& state, const Node& row) {
  state.node_by_key[row.curve] = row.id;
  state.nodes[row.id] = row;
}
void remember(CoreState& state, const Database& row) {
  const auto old = state.databases.find(row.id);
  if (old != state.databases.end()) unindex_database(state, old->second);
  state.databases[row.id] = row;
  index_database(state, row);
}
void remember(CoreState& state, const Operator& row) {
  state.operator_by_key[row.curve] = row.id;
  state.operators[row.id] = row;
}
void remember(CoreState& state, const Backup& row) {
  state.backups[row.database][row.id] = row;
  state.database_by_backup[row.id] = row.database;
}
void remember(CoreState& state, const TimelineChange& row) {
  auto& all = state.timelines[row.database];
  std::erase_if(all, [&](const TimelineChange& other) { return other.timeline == row.timeline; });
  all.push_back(row);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.timeline < b.timeline; });
}
void remember(CoreState& state, const JobRow& row) {
  state.jobs[row.job.id] = row;
  if (is_final(row.job.state)) {
    state.open_jobs.erase(row.job.id);
  } else {
    state.open_jobs.insert(row.job.id);
  }
  if (!is_departure(row.job.kind)) return;
  const auto [last, first] = state.last_departures.try_emplace(row.job.node, row.job.id);
  const auto before = state.jobs.find(last->second);
  if (!first && (before == state.jobs.end() || before->second.job.created_at <= row.job.created_at)) {
    last->second = row.job.id;
  }
}

template <class Row, class Use>
Result<> load_rows(KeyValueStore& catalog, Use&& use) {
  for (const Row& row : TRY(read_rows<Row>(catalog))) TRY(use(row));
  return {};
}

Result<> load_epoch(CoreState& state, const EpochInfo& info) {
  const auto document = TRY(read_epoch(info.object, state.identity.fleet, state.identity.root));
  state.epochs[info.database][info.id] = {info, document.node, document.created_at};
  return {};
}

}  // namespace

Result<> load_state(CoreState& state, KeyValueStore& catalog) {
  const auto keep = [&state](const auto& row) -> Result<> {
    remember(state, row);
    return {};
  };
  TRY(load_rows<Node>(catalog, keep));
  TRY(load_rows<Database>(catalog, keep));
  TRY(load_rows<Operator>(catalog, keep));
  TRY(load_rows<Backup>(catalog, keep));
  TRY(load_rows<TimelineChange>(catalog, keep));
  TRY(load_rows<JobRow>(catalog, keep));
  for (const auto& row : TRY(read_rows<Policy>(catalog))) state.policies[row.name] = row;
  for (const auto& row : TRY(read_rows<Token>(catalog))) state.tokens[row.id] = row;
  for (const auto& row : TRY(read_rows<StoreInfo>(catalog))) state.stores[row.name] = row;
  for (const auto& row : TRY(read_rows<Restore>(catalog))) state.restores[row.id] = row;
  for (const auto& row : TRY(read_rows<AssignmentRow>(catalog))) state.assignments[row.node] = row;
  for (const auto& row : TRY(read_rows<ReplyRow>(catalog))) state.replies[row.peer][row.request] = row;
  for (const auto& row : TRY(read_rows<WalRemovalRow>(catalog))) {
    state.wal_removals[{row.database, row.log.timeline}] = {row, {}};
  }
  for (const auto& row : TRY(read_rows<StraySighting>(catalog))) state.strays[row.database][row.backup] = row;
  for (const auto& row : TRY(read_rows<WalRange>(catalog))) {
    auto& log = state.wal[row.database];
    log.ranges.push_back(row);
    log.stored.push_back(row);
  }
  TRY(load_rows<EpochInfo>(catalog, [&state](const EpochInfo& row) { return load_epoch(state, row); }));
  for (auto& order : TRY(read_rows<Order>(catalog))) {
    const auto* cancel = std::get_if<CancelOrder>(&order.body);
    const auto job = state.jobs.find(cancel != nullptr ? cancel->job : order.id);
    if (job == state.jobs.end()) return fail(Code::corrupt, "an order in the catalog has no job");
    if (const auto* check = std::get_if<StoreCheckOrder>(&order.body)) state.store_checks[order.id] = check->store.name;
    // It leaves again under this coordinator's epoch: the one it was made under may be refused by now.
    order.epoch = state.identity.epoch;
    state.orders[order.id] = {order, job->second.job.node, {}};
  }
  state.audit = TRY(read_audit_head(catalog));
  return {};
}

const Node* CoreState::node_of(const CurvePublicKey& peer) const {
  const auto found = node_by_key.find(peer);
  return found == node_by_key.end() ? nullptr : &nodes.at(found->second);
}
const Operator* CoreState::operator_of(const CurvePublicKey& peer) const {
  const auto found = operator_by_key.find(peer);
  return found == operator_by_key.end() ? nullptr : &operators.at(found->second);
}
bool CoreState::is_online(NodeId node) const {
  const auto found = sessions.find(node);
  return found != sessions.end() && found->second.online;
}
std::string CoreState::node_name(NodeId node) const {
  const auto found = nodes.find(node);
  return found == nodes.end() ? node.text() : found->second.name;
}
const Database* CoreState::database(DatabaseId id) const {
  const auto found = databases.find(id);
  return found == databases.end() ? nullptr : &found->second;
}
const Backup* CoreState::backup(BackupId id) const {
  const auto of = database_by_backup.find(id);
  return of == database_by_backup.end() ? nullptr : &backups.at(of->second).at(id);
}
bool CoreState::has_member(DatabaseId id, NodeId node) const {
  const auto found = databases_by_node.find(node);
  return found != databases_by_node.end() && found->second.contains(id);
}

void Turn::put(const Node& row) {
  const auto old = state.nodes.find(row.id);
  if (old == state.nodes.end() || old->second.state != row.state || old->second.curve != row.curve) {
    ++state.known_keys_revision;
  }
  remember(state, row);
  effects.changes.push_back(put_row(row));
}
void Turn::put(const Database& row) {
  remember(state, row);
  effects.changes.push_back(put_row(row));
}
void Turn::put(const Policy& row) {
  state.policies[row.name] = row;
  effects.changes.push_back(put_row(row));
}
void Turn::put(const Token& row) {
  state.tokens[row.id] = row;
  effects.changes.push_back(put_row(row));
}
void Turn::put(const Operator& row) {
  ++state.known_keys_revision;
  remember(state, row);
  effects.changes.push_back(put_row(row));
}
void Turn::put(const StoreInfo& row) {
  state.stores[row.name] = row;
  effects.changes.push_back(put_row(row));
}
void Turn::put(const Backup& row) {
  // The start is part of the key: a row that moves must not leave its old self behind.
  if (const Backup* old = state.backup(row.id); old != nullptr && old->started_at != row.started_at) {
    effects.changes.push_back({Family::backups, put_row(*old).key, std::nullopt});
  }
  remember(state, row);
  effects.changes.push_back(put_row(row));
}
void Turn::put(const TimelineChange& row) {
  remember(state, row);
  effects.changes.push_back(put_row(row));
}
void Turn::put(const EpochEntry& row) {
  state.epochs[row.info.database][row.info.id] = row;
  effects.changes.push_back(put_row(row.info));
}
void Turn::put(const JobRow& row) {
  remember(state, row);
  effects.changes.push_back(put_row(row));
}
void Turn::put(const OrderEntry& row) {
  state.orders[row.order.id] = row;
  effects.changes.push_back(put_row(row.order));
}
void Turn::put(const Restore& row) {
  state.restores[row.id] = row;
  effects.changes.push_back(put_row(row));
}
void Turn::put(const AssignmentRow& row) {
  state.assignments[row.node] = row;
  effects.changes.push_back(put_row(row));
}
void Turn::put(const ReplyRow& row) {
  state.replies[row.peer][row.request] = row;
  effects.changes.push_back(put_row(row));
}
void Turn::put(const WalRemovalRow& row) {
  state.wal_removals[{row.database, row.log.timeline}].row = row;
  effects.changes.push_back(put_row(row));
}
void Turn::put(const StraySighting& row) {
  state.strays[row.database][row.backup] = row;
  effects.changes.push_back(put_row(row));
}
void Turn::remove(const Policy& row) {
  effects.changes.push_back(remove_row(row));
  state.policies.erase(std::string(row.name));
}
void Turn::remove(const StoreInfo& row) {
  effects.changes.push_back(remove_row(row));
  state.stores.erase(std::string(row.name));
}
void Turn::remove(const Backup& row) {
  effects.changes.push_back(remove_row(row));
  const BackupId id = row.id;
  const DatabaseId database = row.database;
  state.backups[database].erase(id);
  state.database_by_backup.erase(id);
  if (const auto read = state.objects.find(database); read != state.objects.end()) read->second.erase(id);
}
void Turn::remove(const Restore& row) {
  effects.changes.push_back(remove_row(row));
  state.restores.erase(RestoreId(row.id));
}
void Turn::remove(const JobRow& row) {
  effects.changes.push_back(remove_row(row));
  state.jobs.erase(JobId(row.job.id));
}
void Turn::remove(const ReplyRow& row) {
  effects.changes.push_back(remove_row(row));
  const auto of_key = state.replies.find(row.peer);
  if (of_key == state.replies.end()) return;
  of_key->second.erase(row.request);
  if (of_key->second.empty()) state.replies.erase(of_key);
}
void Turn::remove(const StraySighting& row) {
  effects.changes.push_back(remove_row(row));
  const BackupId id = row.backup;
  state.strays[row.database].erase(id);
}
void Turn::remove_order(JobId job) {
  const auto found = state.orders.find(job);
  if (found == state.orders.end()) return;
  effects.changes.push_back(remove_row(found->second.order));
  state.orders.erase(found);
}

void Turn::send(Door door, const CurvePublicKey& peer, MessageBody body, std::uint64_t in_reply_to) {
  Message message;
  message.id = (state.identity.epoch << 40U) + ++state.messages_sent;  // unique across restarts
  message.in_reply_to = in_reply_to;
  message.epoch = state.identity.epoch;
  message.body = std::move(body);
  effects.sends.push_back({door, peer, std::move(message)});
}
void Turn::sign(const MessageCame& event, const S3Place& place, const BucketWish& wish) {
  send(event.door, event.peer, PassReply{}, event.message.id);
  effects.passes.push_back({std::move(effects.sends.back()), place, wish});
  effects.sends.pop_back();
}
void Turn::send_to_node(NodeId node, MessageBody body) {
  send(Door::fleet, state.nodes.at(node).curve, std::move(body));
}
void Turn::refuse(const MessageCame& event, Code code, std::string message, std::string hint) {
  send(event.door, event.peer, Refused{code, std::move(message), std::move(hint)}, event.message.id);
}
void Turn::audit(std::string who, std::string what) {
  effects.changes.push_back(append_audit(state.audit, now, std::move(who), std::move(what)));
}
void Turn::alert(std::string text) {
  effects.alerts.push_back(std::move(text));
}
void Turn::alert_once(const std::string& text) {
  auto& last = state.warned[text];
  if (!last.is_never() && now - last < alert_again_after) return;
  last = now;
  alert(text);
}

}  // namespace holdfast
