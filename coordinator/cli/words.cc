#include "coordinator/cli/words.h"

namespace holdfast {

std::string_view word(BackupType type) {
  switch (type) {
    case BackupType::full:
      return "full";
    case BackupType::incremental:
      return "incremental";
    case BackupType::differential:
      return "differential";
  }
  return "unknown";
}

std::string_view word(BackupState state) {
  switch (state) {
    case BackupState::running:
      return "running";
    case BackupState::complete:
      return "complete";
    case BackupState::failed:
      return "failed";
    case BackupState::released:
      return "released";
  }
  return "unknown";
}

std::string_view word(const NodeView& view) {
  switch (view.node.state) {
    case NodeState::pending:
      return "pending";
    case NodeState::active:
      return view.online ? "active" : "offline";
    case NodeState::cordoned:
      return "cordoned";
    case NodeState::draining:
      return "draining";
    case NodeState::quarantined:
      return "quarantined";
    case NodeState::revoked:
      return "revoked";
  }
  return "unknown";
}

std::string_view word(Protection protection) {
  switch (protection) {
    case Protection::protected_:
      return "protected";
    case Protection::unprotected:
      return "unprotected";
    case Protection::excluded:
      return "excluded";
  }
  return "unknown";
}

std::string_view word(StoreKind kind) {
  switch (kind) {
    case StoreKind::posix:
      return "posix";
    case StoreKind::s3:
      return "s3";
    case StoreKind::peer:
      return "peer";
  }
  return "unknown";
}

std::string_view word(Approval approval) {
  switch (approval) {
    case Approval::automatic:
      return "auto";
    case Approval::manual:
      return "manual";
    case Approval::exec:
      return "exec";
  }
  return "unknown";
}

std::string_view token_state(const Token& token, Timestamp now) {
  if (token.revoked) return "revoked";
  if (token.expires_at <= now) return "expired";
  if (token.uses_left == 0) return "used up";
  return "active";
}

std::string describe(const RecoveryTarget& target) {
  switch (target.kind) {
    case TargetKind::latest:
      return "latest";
    case TargetKind::time:
      return to_rfc3339(target.time);
    case TargetKind::lsn:
      return "lsn " + to_text(target.lsn);
    case TargetKind::xid:
      return "xid " + target.text;
    case TargetKind::name:
      return "name " + target.text;
    case TargetKind::immediate:
      return "immediate";
  }
  return "unknown";
}

std::string describe(const Labels& labels) {
  std::string out;
  for (const auto& [key, value] : labels) out += (out.empty() ? "" : ",") + key + "=" + value;
  return out;
}

}  // namespace holdfast
