#pragma once
// The words that the command line's contract has for kinds and states.
#include <string_view>

#include "shared/fleet/words.h"
#include "shared/wire/messages.h"

namespace holdfast {

std::string_view word(BackupType type);
std::string_view word(BackupState state);
// "offline" is an active node that is not connected now.
std::string_view word(const NodeView& node);
std::string_view word(Protection protection);
std::string_view word(StoreKind kind);
std::string_view word(Approval approval);
// "active", "used up", "expired" or "revoked".
std::string_view token_state(const Token& token, Timestamp now);

// "latest", "2026-11-21T01:10:46Z", "lsn 16/B374D848", "xid 7", "name before-upgrade", "immediate".
std::string describe(const RecoveryTarget& target);
// "env=prod,role=db"
std::string describe(const Labels& labels);

}  // namespace holdfast
