// Who may give orders: operators come and go.
#include <fmt/format.h>

#include <algorithm>

#include "coordinator/core/operators.h"

namespace holdfast {
namespace {

// The one who has the name now; nullptr: nobody. A name is free again once its operator was revoked.
const Operator* operator_named(const CoreState& state, const std::string& name) {
  for (const auto& [id, who] : state.operators) {
    if (who.name == name && !who.revoked) return &who;
  }
  return nullptr;
}

bool is_last_admin(const CoreState& state, const Operator& who) {
  return who.role == Role::admin &&
         std::none_of(state.operators.begin(), state.operators.end(), [&](const auto& entry) {
           const Operator& other = entry.second;
           return other.id != who.id && other.role == Role::admin && !other.revoked;
         });
}

}  // namespace

Answer create_operator(Turn& turn, const std::string& who, const CreateOperatorRequest& request) {
  CoreState& state = turn.state;
  TRY(check_name("operator", request.name));
  if (operator_named(state, request.name) != nullptr) {
    return fail(Code::already_exists, fmt::format("there is an operator \"{}\" already", request.name),
                "holdfast operator list");
  }
  if (request.curve.is_none()) return fail(Code::invalid, "an operator needs a key");
  // One key is one speaker: also a revoked one's would make two of it.
  if (state.operator_by_key.contains(request.curve) || state.node_by_key.contains(request.curve)) {
    return fail(Code::conflict, "this key is somebody else's already", "make a new one for each operator");
  }
  Operator row;
  row.id = state.entropy->id<OperatorId>();
  row.name = request.name;
  row.role = request.role;
  row.curve = request.curve;
  row.created_at = turn.now;
  turn.put(row);
  turn.audit(who, fmt::format("let in operator {} with the role {}", row.name, word(row.role)));
  ListReply reply;
  reply.operators = {row};
  return reply;
}

Answer revoke_operator(Turn& turn, const std::string& who, const RevokeOperatorRequest& request) {
  const Operator* known = operator_named(turn.state, request.name);
  if (known == nullptr) {
    return fail(Code::not_found, fmt::format("there is no operator \"{}\"", request.name), "holdfast operator list");
  }
  if (is_last_admin(turn.state, *known)) {
    return fail(Code::conflict, fmt::format("operator \"{}\" is the last admin", known->name),
                "holdfast operator create NAME --role admin --file FILE makes another one first");
  }
  Operator row = *known;
  row.revoked = true;
  turn.put(row);
  turn.audit(who, fmt::format("revoked operator {}", row.name));
  return DoneReply{{fmt::format("operator {} revoked; its next command is refused", row.name)}};
}

}  // namespace holdfast
