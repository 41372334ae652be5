#pragma once
// The rules of a policy, backup by backup, before any byte budget. Pure; retention.h has the whole.
#include "coordinator/core/retention.h"

namespace holdfast {

struct Judged {
  const Backup* backup = nullptr;
  std::vector<std::string> reasons;  // why it is kept; empty: it goes
  std::string released_by;           // by what, when something released what a rule kept
  bool by_rule = false;              // a rule of the policy keeps it, or one of its floors: max_backups counts it
  bool firm = false;                 // neither a count nor a budget takes it
  std::uint64_t freed_bytes = 0;     // once it goes
};

// Every complete backup, newest first.
std::vector<Judged> judge_backups(const RetentionInput& input);

// Its pages are whole, and it is whole in at least one store.
bool is_good(const Backup& backup);

}  // namespace holdfast
