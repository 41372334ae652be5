#include "coordinator/core/operators.h"

#include <fmt/format.h>

#include "coordinator/core/copies.h"
#include "coordinator/core/rehearsal.h"
#include "coordinator/core/replies.h"

namespace holdfast {
namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

}  // namespace

Answer carry_out(Turn& turn, const std::string& who, const OperatorBody& body) {
  return std::visit(Overloaded{[&](const ListRequest& r) { return list_request(turn, r); },
                               [&](const CreateTokenRequest& r) { return create_token(turn, who, r); },
                               [&](const RevokeTokenRequest& r) { return revoke_token(turn, who, r); },
                               [&](const NodeRequest& r) { return node_request(turn, who, r); },
                               [&](const AddStoreRequest& r) { return add_store(turn, who, r); },
                               [&](const StoreRequest& r) { return store_request(turn, who, r); },
                               [&](const ApplyPolicyRequest& r) { return apply_policy(turn, who, r); },
                               [&](const DeletePolicyRequest& r) { return delete_policy(turn, who, r); },
                               [&](const CreateBackupRequest& r) { return create_backup(turn, who, r); },
                               [&](const BackupRequest& r) { return backup_request(turn, who, r); },
                               [&](const VerifyRequest& r) { return verify_request(turn, who, r); },
                               [&](const RestorePlanRequest& r) { return plan_restore(turn, who, r); },
                               [&](const RestoreRunRequest& r) { return run_restore(turn, who, r); },
                               [&](const RestoreRequest& r) { return restore_request(turn, who, r); },
                               [&](const CancelJobRequest& r) { return cancel_request(turn, who, r); },
                               [&](const RetentionRequest& r) { return retention_request(turn, who, r); },
                               [&](const RefreshRequest& r) { return refresh_request(turn, who, r); },
                               [&](const CreateOperatorRequest& r) { return create_operator(turn, who, r); },
                               [&](const RevokeOperatorRequest& r) { return revoke_operator(turn, who, r); },
                               [&](const CopyRequest& r) { return copy_request(turn, who, r); }},
                    body);
}

Role needed_role(const OperatorBody& body) {
  const auto viewer = [](const auto&) { return Role::viewer; };
  const auto operates = [](const auto&) { return Role::operator_; };
  const auto admin = [](const auto&) { return Role::admin; };
  return std::visit(
      Overloaded{
          [&](const ListRequest& r) { return viewer(r); },
          [&](const CreateTokenRequest& r) { return admin(r); },
          [&](const RevokeTokenRequest& r) { return admin(r); },
          [](const NodeRequest& r) {
            using Verb = NodeRequest::Verb;
            const bool lets_in_or_out = r.verb == Verb::approve || r.verb == Verb::revoke || r.verb == Verb::label;
            return lets_in_or_out ? Role::admin : Role::operator_;
          },
          [&](const AddStoreRequest& r) { return admin(r); },
          [](const StoreRequest& r) { return r.verb == StoreRequest::Verb::check ? Role::operator_ : Role::admin; },
          [](const ApplyPolicyRequest& r) { return r.dry_run ? Role::viewer : Role::admin; },
          [&](const DeletePolicyRequest& r) { return admin(r); },
          [&](const CreateBackupRequest& r) { return operates(r); },
          [](const BackupRequest& r) { return r.verb == BackupRequest::Verb::keep ? Role::operator_ : Role::admin; },
          [&](const VerifyRequest& r) { return operates(r); },
          [&](const RestorePlanRequest& r) { return operates(r); },
          [&](const RestoreRunRequest& r) { return operates(r); },
          [&](const RestoreRequest& r) { return operates(r); },
          [&](const CancelJobRequest& r) { return operates(r); },
          [](const RetentionRequest& r) { return r.run ? Role::admin : Role::viewer; },
          [&](const RefreshRequest& r) { return operates(r); },
          [&](const CreateOperatorRequest& r) { return admin(r); },
          [&](const RevokeOperatorRequest& r) { return admin(r); },
          [](const CopyRequest& r) { return r.lost_store.empty() ? Role::operator_ : Role::admin; }},
      body);
}

void operator_request(Turn& turn, const MessageCame& event, const Operator& who, const OperatorRequest& request) {
  const auto answer = [&](OperatorReplyBody body) {
    turn.send(event.door, event.peer, OperatorReply{std::move(body)}, event.message.id);
  };
  if (request.version_min > protocol_max || request.version_max < protocol_min) {
    answer(Refused{Code::unsupported,
                   fmt::format("this tool speaks protocol {} to {}, the coordinator {} to {}", request.version_min,
                               request.version_max, protocol_min, protocol_max),
                   fmt::format("install version {} of holdfast", turn.state.identity.version)});
    return;
  }
  const Role needed = needed_role(request.body);
  if (who.role < needed) {
    turn.audit("operator " + who.name, fmt::format("was denied a request that needs the role {}", word(needed)));
    answer(Refused{
        Code::denied,
        fmt::format("operator \"{}\" has the role {} and this needs {}", who.name, word(who.role), word(needed)),
        "ask an admin"});
    return;
  }
  if (request.dry_run) {
    answer(rehearse(turn.state, turn.now, "operator " + who.name, request.body));
    return;
  }
  if (const OperatorReplyBody* known = answered_before(turn.state, event)) {
    answer(*known);
    return;
  }
  const std::size_t changes_before = turn.effects.changes.size();
  auto answered = carry_out(turn, "operator " + who.name, request.body);
  if (!answered) {
    const Error& error = answered.error();
    answer(Refused{error.code, error.message, error.hint});
    return;
  }
  if (turn.effects.changes.size() > changes_before) remember_answer(turn, event, *answered);
  answer(*std::move(answered));
}

}  // namespace holdfast
