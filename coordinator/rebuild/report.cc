#include "coordinator/rebuild/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "coordinator/cli/table.h"

namespace holdfast {
namespace {

using Json = nlohmann::ordered_json;

std::string text_or_null_name(const CatalogDifference& difference) {
  return difference.database_name.empty() ? difference.database.text() : difference.database_name;
}

std::string table_of(const std::vector<CatalogDifference>& differences) {
  if (differences.empty()) return {};
  Table table({"WHAT", "KIND", "DATABASE", "NAME", "STORE", "WHY"});
  for (const CatalogDifference& difference : differences) {
    table.row({std::string(word(difference.kind)), difference.what, text_or_null_name(difference), difference.name,
               difference.store, difference.text});
  }
  return table.text(Headers::show);
}

Json json_of(const std::vector<CatalogDifference>& differences) {
  Json items = Json::array();
  for (const CatalogDifference& difference : differences) {
    items.push_back({{"kind", word(difference.kind)},
                     {"databaseId", difference.database.text()},
                     {"database", difference.database_name},
                     {"what", difference.what},
                     {"name", difference.name},
                     {"store", difference.store.empty() ? Json() : Json(difference.store)},
                     {"text", difference.text}});
  }
  return items;
}

std::string document(std::string_view kind, const Json& fields) {
  Json out = {{"apiVersion", "holdfast/v1"}, {"kind", kind}};
  out.update(fields);
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string show(const RebuildReport& report, ReportFormat format) {
  if (format == ReportFormat::json) {
    return document("CatalogRebuild", {{"fleet", report.fleet.text()},
                                       {"fleetName", report.fleet_name},
                                       {"checkpoint", report.checkpoint},
                                       {"checkpointStore", report.checkpoint_store},
                                       {"checkpointMadeAt", to_rfc3339(report.checkpoint_made_at)},
                                       {"epoch", report.epoch},
                                       {"stores", report.stores},
                                       {"unread", report.unread},
                                       {"warnings", report.warnings},
                                       {"nodes", report.nodes},
                                       {"databases", report.databases},
                                       {"backups", report.backups},
                                       {"differences", json_of(report.differences)}});
  }
  return table_of(report.differences) +
         fmt::format("{} databases, {} backups, {} nodes of fleet \"{}\"; the checkpoint is of {}\n", report.databases,
                     report.backups, report.nodes, report.fleet_name, to_rfc3339(report.checkpoint_made_at));
}

std::string show(const CheckReport& report, ReportFormat format) {
  if (format == ReportFormat::json) {
    return document("CatalogCheck", {{"fleetName", report.fleet_name},
                                     {"stores", report.stores},
                                     {"warnings", report.warnings},
                                     {"databases", report.databases},
                                     {"backups", report.backups},
                                     {"differences", json_of(report.differences)}});
  }
  return table_of(report.differences) + fmt::format("{} databases and {} backups in {} stores, {} differences\n",
                                                    report.databases, report.backups, report.stores.size(),
                                                    report.differences.size());
}

}  // namespace holdfast
