#pragma once
// Which things an operator means: names, ids and their unique prefixes, label selectors.
#include "coordinator/core/state.h"

namespace holdfast {

struct Requirement {
  enum class Kind : std::uint8_t { in, not_in };
  std::string label;
  Kind kind = Kind::in;
  std::vector<std::string> values;
  friend bool operator==(const Requirement&, const Requirement&) = default;
};
// "env=prod,role!=drill,zone in (a,b),tier notin (x)": all must hold. Code::invalid says where it is wrong.
Result<std::vector<Requirement>> parse_selector(std::string_view text);
// A label that is not there differs from every value.
bool fits(const std::vector<Requirement>& requirements, const Labels& labels);

enum class WhenEmpty : std::uint8_t { everything, refuse };
Result<std::vector<DatabaseId>> select_databases(const CoreState& state, const Selection& selection, WhenEmpty empty);
Result<std::vector<NodeId>> select_nodes(const CoreState& state, const Selection& selection, WhenEmpty empty);

// By name, id, or unique prefix of an id. Code::not_found; Code::invalid lists the candidates when there are several.
Result<NodeId> find_node(const CoreState& state, std::string_view text);
Result<DatabaseId> find_database(const CoreState& state, std::string_view text);
Result<BackupId> find_backup(const CoreState& state, std::string_view text);
Result<JobId> find_job(const CoreState& state, std::string_view text);
Result<RestoreId> find_restore(const CoreState& state, std::string_view text);
Result<TokenId> find_token(const CoreState& state, std::string_view text);

}  // namespace holdfast
