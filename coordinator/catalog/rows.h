#pragma once
// Rows of the catalog, typed: what is put, removed and read. The values are encoded by shared/wire's codec, each with
// its format version; the keys by keys.h.
#include <map>

#include "coordinator/catalog/released_log.h"
#include "coordinator/catalog/store.h"
#include "shared/wire/messages.h"

namespace holdfast {

// A job and how far its reports have got: an older sequence is ignored.
struct JobRow {
  Job job;
  std::uint64_t sequence = 0;
  friend bool operator==(const JobRow&, const JobRow&) = default;
};

// What was last assigned to a node, so that revisions go on counting after a restart.
struct AssignmentRow {
  NodeId node;
  std::uint64_t revision = 0;
  Sha256 content{};  // of the assignment's bytes with revision 0
  friend bool operator==(const AssignmentRow&, const AssignmentRow&) = default;
};

// What an operator's request that changed something was answered, so that the same one again changes nothing more.
struct ReplyRow {
  CurvePublicKey peer;
  std::uint64_t request = 0;  // message id
  Timestamp made_at;
  OperatorReply reply;
};

// What was released of a timeline's log, so that it goes from every store, and that nobody counts on it again.
struct WalRemovalRow {
  DatabaseId database;
  ReleasedLog log;       // the newest state of it
  Lsn released_before;   // the furthest that was ever released: of what lies before, the ranges alone say what is left
  bool removed = false;  // the stores have nothing left of it
  friend bool operator==(const WalRemovalRow&, const WalRemovalRow&) = default;
};

// Objects of one backup without a record, over all stores: what they are (a hash of names and sizes) and since when
// they have been exactly that.
struct StraySighting {
  DatabaseId database;
  BackupId backup;
  Sha256 content{};
  Timestamp unchanged_since;
  friend bool operator==(const StraySighting&, const StraySighting&) = default;
};

// An order that its node has not acknowledged. Its node is its job's.
CatalogChange put_row(const Node& row);
CatalogChange put_row(const Database& row);
CatalogChange put_row(const Policy& row);
CatalogChange put_row(const Token& row);
CatalogChange put_row(const Operator& row);
CatalogChange put_row(const StoreInfo& row);
CatalogChange put_row(const Backup& row);
CatalogChange put_row(const WalRange& row);
CatalogChange put_row(const TimelineChange& row);
CatalogChange put_row(const EpochInfo& row);
CatalogChange put_row(const JobRow& row);
CatalogChange put_row(const Order& row);
CatalogChange put_row(const Restore& row);
CatalogChange put_row(const AssignmentRow& row);
// As it is: a token's text must have been taken out.
CatalogChange put_row(const ReplyRow& row);
CatalogChange put_row(const WalRemovalRow& row);
CatalogChange put_row(const StraySighting& row);

// Only what makes up the key is looked at.
CatalogChange remove_row(const Policy& row);
CatalogChange remove_row(const StoreInfo& row);
CatalogChange remove_row(const Backup& row);
CatalogChange remove_row(const WalRange& row);
CatalogChange remove_row(const Order& row);
CatalogChange remove_row(const Restore& row);
CatalogChange remove_row(const JobRow& row);
CatalogChange remove_row(const ReplyRow& row);
CatalogChange remove_row(const StraySighting& row);

// Every row of a kind in key order. Code::corrupt or Code::unsupported names the family and the key.
template <class Row>
Result<std::vector<Row>> read_rows(KeyValueStore& store);

// A page of a database's backups, oldest first: at most `limit` from `from` on.
Result<std::vector<Backup>> read_backups(KeyValueStore& store, DatabaseId database, Timestamp from, std::size_t limit);

}  // namespace holdfast
