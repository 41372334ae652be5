#pragma once
// Keeps copies as the policies want them: copy jobs bring what stores lack, scrubs find out what they lost.
#include "coordinator/core/operators.h"
#include "coordinator/core/state.h"

namespace holdfast {

// What the rules are asked about a database; its policy and stores as they are now.
CopyInput copy_input(const CoreState& state, const Database& database);
// Of all databases or these, most urgent first.
std::vector<CopyNeed> all_copies_needed(const CoreState& state, const std::set<DatabaseId>* only = nullptr);

// What is known of a copy from now on; a store without one gets one.
enum class Looked : std::uint8_t { at_names, at_content };
void set_copy(Turn& turn, const CopyKey& key, std::string_view state, Looked looked);

// Starts what is due: a few at once, each on a node that is idle.
void watch_copies(Turn& turn);
void watch_scrubs(Turn& turn);

void copy_ended(Turn& turn, const Job& job);
void scrub_ended(Turn& turn, const Job& job);
void damaged_removed(Turn& turn, const DamagedRemoved& removed);
// Some store did not take some of the log: it is behind until a copy job has been there.
void log_arrears_came(Turn& turn, const WalPosition& position);

Answer copy_request(Turn& turn, const std::string& who, const CopyRequest& request);
Result<> list_copies(const CoreState& state, const std::set<DatabaseId>& databases, Timestamp now, ListReply& reply);

}  // namespace holdfast
