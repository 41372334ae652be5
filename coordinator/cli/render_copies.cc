// Copies that are not as they should be.
#include "coordinator/cli/human.h"
#include "coordinator/cli/json_document.h"

namespace holdfast {
namespace {

const Columns& copy_columns() {
  static const Columns columns{
      "Copy", {"DATABASE", "BACKUP", "STORE", "STATE", "GOOD", "SINCE", "REPAIR", "REASON"}, {"ID", "JOB"}};
  return columns;
}

Item copy_item(const CopyView& copy, Timestamp now) {
  const bool log = copy.backup.is_null();
  Item item;
  item.name = copy.database_name;
  item.json = {{"database", copy.database_name},
               {"backup", json_id(copy.backup)},
               {"what", log ? "log" : "backup"},
               {"store", copy.store},
               {"state", copy.state},
               {"goodCopies", copy.good_copies},
               {"since", json_time(copy.since)},
               {"job", json_id(copy.job)},
               {"reason", json_text(copy.reason)}};
  item.cells = {copy.database_name,
                log ? "(log)" : short_id(copy.backup.text()),
                copy.store,
                copy.state,
                std::to_string(copy.good_copies),
                human_age(copy.since, now),
                copy.job.is_null() ? "waits" : "runs",
                copy.reason,
                log ? "" : copy.backup.text(),
                copy.job.is_null() ? "" : copy.job.text()};
  return item;
}

}  // namespace

std::string show_copies(const std::vector<CopyView>& copies, const Style& style) {
  std::vector<Item> items;
  for (const CopyView& copy : copies) items.push_back(copy_item(copy, style.now));
  return show_list(copy_columns(), items, style);
}

}  // namespace holdfast
