#include "coordinator/core/access_rules.h"

#include "shared/repository/layout.h"

namespace holdfast {
namespace {

constexpr GrantVerbs reader = GrantVerb::get | GrantVerb::list | GrantVerb::stat;

}  // namespace

std::vector<GrantRule> writer_rules(DatabaseId database) {
  const std::string prefix = database_prefix(database);
  return {{prefix, GrantVerb::put | GrantVerb::list | GrantVerb::stat},
          {prefix + "wal/", GrantVerb::get},
          {prefix + "backups/*/record", GrantVerb::get}};
}

std::vector<GrantRule> looker_rules(DatabaseId database) {
  const std::string prefix = database_prefix(database);
  return {{prefix, GrantVerb::list | GrantVerb::stat}, {prefix + "backups/*/record", GrantVerb::get}};
}

std::vector<GrantRule> reader_rules(DatabaseId database) {
  return {{database_prefix(database), reader}, {fleet_record_name(), GrantVerb::get | GrantVerb::stat}};
}

std::vector<GrantRule> filler_rules(DatabaseId database) {
  return {{database_prefix(database), reader | GrantVerb::put},
          {fleet_record_name(), GrantVerb::get | GrantVerb::stat | GrantVerb::put}};
}

}  // namespace holdfast
