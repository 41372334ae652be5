#pragma once
// What operators ask for. Each request needs a role; each change goes into the audit log; each answer goes back as one
// OperatorReply, a Refused among them.
#include "coordinator/core/state.h"

namespace holdfast {

void operator_request(Turn& turn, const MessageCame& event, const Operator& who, const OperatorRequest& request);

// The least role that may ask for it.
Role needed_role(const OperatorBody& body);

// A name that can be typed without quotes. Code::invalid; `kind` is for its text: "store".
Result<> check_name(std::string_view kind, std::string_view name);

// Who asks, as it stands in jobs and in the audit log: "operator ann".
using Answer = Result<OperatorReplyBody>;

// The one place that every request goes through once its role was checked.
Answer carry_out(Turn& turn, const std::string& who, const OperatorBody& body);

// requests_operators.cc
Answer create_operator(Turn& turn, const std::string& who, const CreateOperatorRequest& request);
Answer revoke_operator(Turn& turn, const std::string& who, const RevokeOperatorRequest& request);

// requests_fleet.cc: tokens, nodes, stores, policies.
Answer create_token(Turn& turn, const std::string& who, const CreateTokenRequest& request);
Answer revoke_token(Turn& turn, const std::string& who, const RevokeTokenRequest& request);
Answer node_request(Turn& turn, const std::string& who, const NodeRequest& request);
Answer add_store(Turn& turn, const std::string& who, const AddStoreRequest& request);
Answer store_request(Turn& turn, const std::string& who, const StoreRequest& request);
Answer apply_policy(Turn& turn, const std::string& who, const ApplyPolicyRequest& request);
Answer delete_policy(Turn& turn, const std::string& who, const DeletePolicyRequest& request);

// requests_backup.cc: backups, verification, jobs, retention.
Answer create_backup(Turn& turn, const std::string& who, const CreateBackupRequest& request);
Answer backup_request(Turn& turn, const std::string& who, const BackupRequest& request);
Answer verify_request(Turn& turn, const std::string& who, const VerifyRequest& request);
Answer cancel_request(Turn& turn, const std::string& who, const CancelJobRequest& request);
Answer retention_request(Turn& turn, const std::string& who, const RetentionRequest& request);
Answer refresh_request(Turn& turn, const std::string& who, const RefreshRequest& request);

// requests_restore.cc
Answer plan_restore(Turn& turn, const std::string& who, const RestorePlanRequest& request);
Answer run_restore(Turn& turn, const std::string& who, const RestoreRunRequest& request);
Answer restore_request(Turn& turn, const std::string& who, const RestoreRequest& request);
// Plans that nobody ran within their hour.
void expire_plans(Turn& turn);

// listing.cc
Answer list_request(Turn& turn, const ListRequest& request);

}  // namespace holdfast
