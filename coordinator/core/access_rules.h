#pragma once
// What a node may do with the objects of a database, by what it has to do with it. The same for vaults, which get it in
// a grant, and for buckets whose hosts have no key, which are asked about one thing at a time.
#include <vector>

#include "shared/identity/grant.h"

namespace holdfast {

// Whoever writes a database looks for what is there and puts what is not. After a crash it reads what it had put last:
// log (sealed; the keys to it lie below epochs/, which it may not read) and records (clear, without content).
std::vector<GrantRule> writer_rules(DatabaseId database);
// Where older backups of it may lie.
std::vector<GrantRule> looker_rules(DatabaseId database);
// A restore, a verification; a copy from there.
std::vector<GrantRule> reader_rules(DatabaseId database);
// A copy to there.
std::vector<GrantRule> filler_rules(DatabaseId database);

}  // namespace holdfast
