#include "coordinator/core/core.h"

#include <iterator>

#include "coordinator/core/assignment.h"
#include "coordinator/core/copies.h"
#include "coordinator/core/enrolment.h"
#include "coordinator/core/inventory.h"
#include "coordinator/core/job_history.h"
#include "coordinator/core/jobs.h"
#include "coordinator/core/locks.h"
#include "coordinator/core/operators.h"
#include "coordinator/core/passes.h"
#include "coordinator/core/removal.h"
#include "coordinator/core/replies.h"
#include "coordinator/core/retention_run.h"
#include "coordinator/core/sessions.h"
#include "coordinator/core/slots.h"
#include "coordinator/core/state.h"
#include "coordinator/core/stores.h"
#include "coordinator/core/sweep.h"
#include "coordinator/core/vaults.h"
#include "coordinator/core/wal_positions.h"
#include "coordinator/core/wal_removal.h"

namespace holdfast {
namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

template <class T>
void move_into(std::vector<T>& to, std::vector<T>&& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

bool may_speak(const Node& node) {
  return node.state != NodeState::pending && node.state != NodeState::revoked;
}

void enrol_message(Turn& turn, const MessageCame& event) {
  std::visit(Overloaded{[&](const EnrolHello& hello) { enrol_hello(turn, event, hello); },
                        [&](const EnrolProof& proof) { enrol_proof(turn, event, proof); },
                        [](const auto&) {}},  // the door's list is closed
             event.message.body);
}

void node_message(Turn& turn, const MessageCame& event, const Node& node) {
  node_heard(turn, node, event.message.body);
  std::visit(
      Overloaded{[&](const Hello& hello) { node_hello(turn, event, node, hello); },
                 [&](const Heartbeat& heartbeat) { node_heartbeat(turn, event, node, heartbeat); },
                 [&](const Inventory& inventory) { inventory_came(turn, event, node, inventory); },
                 [&](const AssignmentAck& ack) { assignment_acked(turn, node, ack); },
                 [&](const OrderAck& ack) { order_acked(turn, node, ack); },
                 [&](const JobReport& report) { job_reported(turn, event, node, report); },
                 [&](const EpochReport& report) { epoch_came(turn, event, node, report); },
                 [&](const HistoryReport& report) { history_came(turn, event, node, report); },
                 [&](const PassRequest& request) { pass_asked(turn, event, node, request); },
                 [&](const SlotRequest& request) { slot_asked(turn, event, node, request); }, [](const auto&) {}},
      event.message.body);
}

void fleet_message(Turn& turn, const MessageCame& event) {
  // Looked up for every message, so that a revocation counts from the next one on.
  if (const Node* node = turn.state.node_of(event.peer)) {
    if (may_speak(*node)) {
      const Node copy = *node;  // handlers replace the row they were given
      node_message(turn, event, copy);
    } else if (std::holds_alternative<Hello>(event.message.body)) {
      turn.refuse(event, Code::denied,
                  node->state == NodeState::revoked ? "this node was revoked" : "this node is not approved yet");
    }
    return;
  }
  const Operator* who = turn.state.operator_of(event.peer);
  if (who == nullptr || who->revoked) return;
  if (const auto* request = std::get_if<OperatorRequest>(&event.message.body)) {
    operator_request(turn, event, Operator(*who), *request);
  }
}

void tick(Turn& turn) {
  expire_challenges(turn);
  watch_nodes(turn);
  watch_rivals(turn);
  watch_backup_places(turn);
  watch_jobs(turn);
  watch_slots(turn);
  store_wal_ranges(turn);
  watch_retention(turn);
  watch_sweeps(turn);
  watch_copies(turn);
  watch_scrubs(turn);
  expire_plans(turn);
  forget_old_answers(turn);
  watch_job_history(turn);
  watch_stores(turn);
  watch_locks(turn);
  watch_vaults(turn);
}

}  // namespace

void Effects::add(Effects&& other) {
  move_into(changes, std::move(other.changes));
  move_into(sends, std::move(other.sends));
  move_into(passes, std::move(other.passes));
  move_into(work, std::move(other.work));
  move_into(alerts, std::move(other.alerts));
}

struct Core::State : CoreState {};

Core::Core(std::unique_ptr<State> state) : state_(std::move(state)) {}
Core::~Core() = default;

Result<std::unique_ptr<Core>> Core::load(KeyValueStore& catalog, CoreIdentity identity, Entropy& entropy,
                                         Timestamp now) {
  auto state = std::make_unique<State>();
  state->identity = std::move(identity);
  state->entropy = &entropy;
  state->loaded_at = now;
  TRY_DURING("load the catalog", load_state(*state, catalog));
  // A fleet without nodes had nobody to grant anything to.
  state->slots.granted_from = state->nodes.empty() ? now : now + slot_lease;
  return std::unique_ptr<Core>(new Core(std::move(state)));
}

Effects Core::apply(const Event& event, Timestamp now) {
  Turn turn(*state_, now);
  std::visit(Overloaded{[&](const MessageCame& came) {
                          if (came.door == Door::enrol) {
                            enrol_message(turn, came);
                          } else {
                            fleet_message(turn, came);
                          }
                        },
                        [&](const Tick&) { tick(turn); },
                        [&](const ObjectsRemoved& removed) { objects_removed(turn, removed); },
                        [&](const WalRemoved& removed) { wal_removed(turn, removed); },
                        [&](const BackupsListed& listed) { backups_listed(turn, listed); },
                        [&](const StraysRemoved& removed) { strays_removed(turn, removed); },
                        [&](const StoreChecked& checked) { store_checked(turn, checked); },
                        [&](const ObjectsKept& kept) { objects_kept(turn, kept); },
                        [&](const DamagedRemoved& removed) { damaged_removed(turn, removed); }},
             event);
  settle_databases(turn);
  if (std::holds_alternative<Tick>(event)) resend_assignments(turn);
  settle_assignments(turn);
  return std::move(turn.effects);
}

Admission Core::admission(Door door, const CurvePublicKey& peer) const {
  const Node* node = state_->node_of(peer);
  const Operator* who = state_->operator_of(peer);
  if ((node != nullptr && node->state == NodeState::revoked) || (who != nullptr && who->revoked)) {
    return Admission::revoked;
  }
  if (door == Door::enrol) return Admission::admit;
  if (who != nullptr || (node != nullptr && may_speak(*node))) return Admission::admit;
  return Admission::unknown;
}

std::vector<Core::KnownKey> Core::known_keys() const {
  std::vector<KnownKey> keys;
  for (const auto& [key, id] : state_->node_by_key) keys.push_back({key, admission(Door::fleet, key)});
  for (const auto& [key, id] : state_->operator_by_key) keys.push_back({key, admission(Door::fleet, key)});
  return keys;
}

std::uint64_t Core::known_keys_revision() const {
  return state_->known_keys_revision;
}

}  // namespace holdfast
