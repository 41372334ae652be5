#pragma once
// What a verb found, as text for stdout: a table for people, JSON and YAML as the contract of the command line says.
// Pure: the same values and the same `now` give the same text.
#include <map>
#include <string>
#include <vector>

#include "coordinator/cli/table.h"
#include "shared/fleet/backup_runs.h"
#include "shared/wire/messages.h"

namespace holdfast {

enum class OutputFormat : unsigned char { table, wide, json, yaml, name };

struct Style {
  OutputFormat format = OutputFormat::table;
  Headers headers = Headers::show;
  Timestamp now;
};

// Names for ids in what is shown. An id without a name is shown itself.
struct Names {
  std::map<DatabaseId, std::string> databases;
  std::map<NodeId, std::string> nodes;
  std::string of(const DatabaseId& id) const;
  std::string of(const NodeId& id) const;
};
// From a reply that lists nodes, databases or both.
void learn_names(Names& names, const ListReply& reply);

// Every one of them: a list ("NodeList"), and one thing with all its details.
std::string show_nodes(const std::vector<NodeView>& nodes, const Style& style);
std::string show_node(const NodeView& node, const Style& style);
std::string show_databases(const std::vector<DatabaseView>& databases, const Names& names, const Style& style);
std::string show_database(const DatabaseView& database, const Names& names, const Style& style);
std::string show_status(const ListReply& reply, const Names& names, const Style& style);

std::string show_backups(const std::vector<Backup>& backups, const Names& names, const Style& style);
std::string show_backup(const Backup& backup, const Names& names, const Style& style);
// Backups that were looked at, with what these jobs found of them.
std::string show_verified(const std::vector<Backup>& backups, const std::vector<Job>& jobs, const Names& names,
                          const Style& style);
std::string show_windows(const std::vector<Window>& windows, const Style& style);
std::string show_copies(const std::vector<CopyView>& copies, const Style& style);
// JSON and YAML have the totals beside the items.
std::string show_retention(const std::vector<RetentionDecision>& decisions, const Style& style);
struct RetentionTotals {
  std::uint64_t kept = 0;  // backups
  std::uint64_t released = 0;
  std::uint64_t kept_bytes = 0;  // in each store, once the others are gone
  std::uint64_t freed_bytes = 0;
};
RetentionTotals totals_of(const std::vector<RetentionDecision>& decisions);

std::string show_jobs(const std::vector<Job>& jobs, const Names& names, const Style& style);
std::string show_job(const Job& job, const Names& names, const Style& style);
// Drains and shutdowns, with what became of each database.
std::string show_departures(const std::vector<Job>& jobs, const Names& names, const Style& style);
std::string show_restores(const std::vector<Restore>& restores, const Names& names, const Style& style);
std::string show_restore(const Restore& restore, const Names& names, const Style& style);

std::string show_stores(const std::vector<StoreInfo>& stores, const Style& style);
std::string show_tokens(const std::vector<Token>& tokens, const Style& style);
// With its text, which is shown this one time only; as a table it is the text and nothing else.
std::string show_new_token(const TokenReply& reply, const Style& style);
std::string show_operators(const std::vector<Operator>& operators, const Style& style);
std::string show_operator(const Operator& who, const Style& style);
std::string show_policies(const std::vector<Policy>& policies, const Style& style);
// When its databases are backed up next.
struct NextRuns {
  std::string database;
  std::vector<BackupRun> runs;  // as many as are shown, in order
};
std::string show_policy(const Policy& policy, const std::vector<NextRuns>& next, const Style& style);

// Sentences about what was done.
std::string show_done(const std::vector<std::string>& lines, const Style& style);

}  // namespace holdfast
