#include "coordinator/catalog/rows.h"

#include <fmt/format.h>

#include "coordinator/catalog/keys.h"
#include "shared/wire/codec.h"

namespace holdfast {
namespace {

template <class Row>
CatalogChange put(Family family, Bytes key, const Row& row) {
  return {family, std::move(key), encode_value(row)};
}
CatalogChange removal(Family family, Bytes key) {
  return {family, std::move(key), std::nullopt};
}

constexpr std::size_t sequence_size = sizeof(std::uint64_t);
constexpr std::size_t time_size = sizeof(std::int64_t);

template <class Row>
constexpr Family family_of = Family::meta;
template <>
constexpr Family family_of<Node> = Family::nodes;
template <>
constexpr Family family_of<Database> = Family::databases;
template <>
constexpr Family family_of<Policy> = Family::policies;
template <>
constexpr Family family_of<Token> = Family::tokens;
template <>
constexpr Family family_of<Operator> = Family::operators;
template <>
constexpr Family family_of<StoreInfo> = Family::stores;
template <>
constexpr Family family_of<Backup> = Family::backups;
template <>
constexpr Family family_of<WalRange> = Family::wal_ranges;
template <>
constexpr Family family_of<TimelineChange> = Family::timelines;
template <>
constexpr Family family_of<EpochInfo> = Family::epochs;
template <>
constexpr Family family_of<JobRow> = Family::jobs;
template <>
constexpr Family family_of<Order> = Family::orders;
template <>
constexpr Family family_of<Restore> = Family::restores;

template <>
constexpr Family family_of<ReplyRow> = Family::replies;

template <class Row>
Result<Row> decode_row(ByteView /*key*/, ByteView value) {
  return decode_value<Row>(value);
}

template <>
Result<JobRow> decode_row<JobRow>(ByteView /*key*/, ByteView value) {
  if (value.size() < sequence_size) return fail(Code::corrupt, "the row is too short");
  JobRow row;
  row.sequence = read_be<std::uint64_t>(value);
  row.job = TRY(decode_value<Job>(value.subspan(sequence_size)));
  return row;
}

template <>
Result<AssignmentRow> decode_row<AssignmentRow>(ByteView key, ByteView value) {
  AssignmentRow row;
  if (value.size() != sequence_size + row.content.size()) return fail(Code::corrupt, "the row has a wrong length");
  row.node = TRY(NodeId::from_bytes(key.subspan(assignment_prefix().size())));
  row.revision = read_be<std::uint64_t>(value);
  std::copy_n(value.begin() + sequence_size, row.content.size(), row.content.begin());
  return row;
}

template <>
Result<ReplyRow> decode_row<ReplyRow>(ByteView key, ByteView value) {
  if (value.size() < time_size) return fail(Code::corrupt, "the row is too short");
  ReplyRow row;
  const ReplyKey place = TRY(parse_reply_key(key));
  row.peer = place.peer;
  row.request = place.request;
  row.made_at = Timestamp::from_micros(static_cast<std::int64_t>(read_be<std::uint64_t>(value)));
  row.reply = TRY(decode_value<OperatorReply>(value.subspan(time_size)));
  return row;
}

template <>
Result<WalRemovalRow> decode_row<WalRemovalRow>(ByteView key, ByteView value) {
  const std::size_t prefix = wal_removal_prefix().size();
  constexpr std::size_t lsn_size = sizeof(std::uint64_t);
  constexpr std::size_t head_size = 2 * lsn_size + 1;
  const bool older = value.size() == lsn_size;  // what a row was before stretches were kept
  if (key.size() != prefix + DatabaseId::size + sizeof(std::uint32_t) ||
      (!older && (value.size() < head_size || (value.size() - head_size) % (2 * lsn_size) != 0))) {
    return fail(Code::corrupt, "the row has a wrong length");
  }
  WalRemovalRow row;
  row.database = TRY(DatabaseId::from_bytes(key.subspan(prefix, DatabaseId::size)));
  row.log.timeline = Timeline(read_be<std::uint32_t>(key.subspan(prefix + DatabaseId::size)));
  row.log.keep_from = row.released_before = Lsn(read_be<std::uint64_t>(value));
  if (older) return row;
  row.released_before = Lsn(read_be<std::uint64_t>(value.subspan(lsn_size)));
  row.removed = value[2 * lsn_size] != 0;
  for (ByteView rest = value.subspan(head_size); !rest.empty(); rest = rest.subspan(2 * lsn_size)) {
    row.log.kept.push_back({Lsn(read_be<std::uint64_t>(rest)), Lsn(read_be<std::uint64_t>(rest.subspan(lsn_size)))});
  }
  return row;
}

template <>
Result<StraySighting> decode_row<StraySighting>(ByteView key, ByteView value) {
  StraySighting row;
  if (value.size() != sequence_size + row.content.size()) return fail(Code::corrupt, "the row has a wrong length");
  const ByteView ids = key.subspan(stray_prefix().size());
  if (ids.size() != DatabaseId::size + BackupId::size) return fail(Code::corrupt, "the key has a wrong length");
  row.database = TRY(DatabaseId::from_bytes(ids.first(DatabaseId::size)));
  row.backup = TRY(BackupId::from_bytes(ids.subspan(DatabaseId::size)));
  row.unchanged_since = Timestamp::from_micros(static_cast<std::int64_t>(read_be<std::uint64_t>(value)));
  std::copy_n(value.begin() + sequence_size, row.content.size(), row.content.begin());
  return row;
}

template <class Row>
Result<std::vector<Row>> read_prefix(KeyValueStore& store, Family family, ByteView prefix, ByteView from,
                                     std::size_t limit) {
  std::vector<Row> rows;
  std::optional<Error> broken;
  TRY(store.scan(family, prefix, from, [&](ByteView key, ByteView value) {
    if (rows.size() >= limit) return false;
    auto row = decode_row<Row>(key, value);
    if (!row) {
      broken = std::move(row).error().during(fmt::format("catalog {}/{}", to_string(family), to_hex(key)));
      return false;
    }
    rows.push_back(*std::move(row));
    return true;
  }));
  if (broken) return std::unexpected(*std::move(broken));
  return rows;
}

}  // namespace

CatalogChange put_row(const Node& row) {
  return put(Family::nodes, node_key(row.id), row);
}
CatalogChange put_row(const Database& row) {
  return put(Family::databases, database_key(row.id), row);
}
CatalogChange put_row(const Policy& row) {
  return put(Family::policies, policy_key(row.name), row);
}
CatalogChange put_row(const Token& row) {
  return put(Family::tokens, token_key(row.id), row);
}
CatalogChange put_row(const Operator& row) {
  return put(Family::operators, operator_key(row.id), row);
}
CatalogChange put_row(const StoreInfo& row) {
  return put(Family::stores, store_key(row.id), row);
}
CatalogChange put_row(const Backup& row) {
  return put(Family::backups, backup_key(row.database, row.started_at, row.id), row);
}
CatalogChange put_row(const WalRange& row) {
  return put(Family::wal_ranges, wal_range_key(row.database, row.timeline, row.first), row);
}
CatalogChange put_row(const TimelineChange& row) {
  return put(Family::timelines, timeline_key(row.database, row.timeline), row);
}
CatalogChange put_row(const EpochInfo& row) {
  return put(Family::epochs, epoch_row_key(row.database, row.id), row);
}
CatalogChange put_row(const JobRow& row) {
  Bytes value;
  append_be(value, row.sequence);
  append(value, encode_value(row.job));
  return {Family::jobs, job_key(row.job.created_at, row.job.id), std::move(value)};
}
CatalogChange put_row(const Order& row) {
  return put(Family::orders, order_key(row.id), row);
}
CatalogChange put_row(const Restore& row) {
  return put(Family::restores, restore_key(row.created_at, row.id), row);
}
CatalogChange put_row(const AssignmentRow& row) {
  Bytes value;
  append_be(value, row.revision);
  append(value, row.content);
  return {Family::meta, assignment_key(row.node), std::move(value)};
}
CatalogChange put_row(const WalRemovalRow& row) {
  Bytes value;
  append_be(value, row.log.keep_from.value());
  append_be(value, row.released_before.value());
  append_be(value, static_cast<std::uint8_t>(row.removed ? 1 : 0));
  for (const LogStretch& part : row.log.kept) {
    append_be(value, part.first.value());
    append_be(value, part.last.value());
  }
  return {Family::meta, wal_removal_key(row.database, row.log.timeline), std::move(value)};
}

CatalogChange put_row(const ReplyRow& row) {
  Bytes value;
  append_be(value, static_cast<std::uint64_t>(row.made_at.micros()));
  append(value, encode_value(row.reply));
  return {Family::replies, reply_key(row.peer, row.request), std::move(value)};
}

CatalogChange put_row(const StraySighting& row) {
  Bytes value;
  append_be(value, static_cast<std::uint64_t>(row.unchanged_since.micros()));
  append(value, row.content);
  return {Family::meta, stray_key(row.database, row.backup), std::move(value)};
}

CatalogChange remove_row(const Policy& row) {
  return removal(Family::policies, policy_key(row.name));
}
CatalogChange remove_row(const StoreInfo& row) {
  return removal(Family::stores, store_key(row.id));
}
CatalogChange remove_row(const Backup& row) {
  return removal(Family::backups, backup_key(row.database, row.started_at, row.id));
}
CatalogChange remove_row(const WalRange& row) {
  return removal(Family::wal_ranges, wal_range_key(row.database, row.timeline, row.first));
}
CatalogChange remove_row(const Order& row) {
  return removal(Family::orders, order_key(row.id));
}
CatalogChange remove_row(const Restore& row) {
  return removal(Family::restores, restore_key(row.created_at, row.id));
}
CatalogChange remove_row(const JobRow& row) {
  return removal(Family::jobs, job_key(row.job.created_at, row.job.id));
}
CatalogChange remove_row(const ReplyRow& row) {
  return removal(Family::replies, reply_key(row.peer, row.request));
}
CatalogChange remove_row(const StraySighting& row) {
  return removal(Family::meta, stray_key(row.database, row.backup));
}

template <class Row>
Result<std::vector<Row>> read_rows(KeyValueStore& store) {
  return read_prefix<Row>(store, family_of<Row>, {}, {}, SIZE_MAX);
}
template <>
Result<std::vector<AssignmentRow>> read_rows<AssignmentRow>(KeyValueStore& store) {
  return read_prefix<AssignmentRow>(store, Family::meta, assignment_prefix(), {}, SIZE_MAX);
}
template <>
Result<std::vector<WalRemovalRow>> read_rows<WalRemovalRow>(KeyValueStore& store) {
  return read_prefix<WalRemovalRow>(store, Family::meta, wal_removal_prefix(), {}, SIZE_MAX);
}
template <>
Result<std::vector<StraySighting>> read_rows<StraySighting>(KeyValueStore& store) {
  return read_prefix<StraySighting>(store, Family::meta, stray_prefix(), {}, SIZE_MAX);
}
template Result<std::vector<Node>> read_rows<Node>(KeyValueStore&);
template Result<std::vector<Database>> read_rows<Database>(KeyValueStore&);
template Result<std::vector<Policy>> read_rows<Policy>(KeyValueStore&);
template Result<std::vector<Token>> read_rows<Token>(KeyValueStore&);
template Result<std::vector<Operator>> read_rows<Operator>(KeyValueStore&);
template Result<std::vector<StoreInfo>> read_rows<StoreInfo>(KeyValueStore&);
template Result<std::vector<Backup>> read_rows<Backup>(KeyValueStore&);
template Result<std::vector<WalRange>> read_rows<WalRange>(KeyValueStore&);
template Result<std::vector<TimelineChange>> read_rows<TimelineChange>(KeyValueStore&);
template Result<std::vector<EpochInfo>> read_rows<EpochInfo>(KeyValueStore&);
template Result<std::vector<JobRow>> read_rows<JobRow>(KeyValueStore&);
template Result<std::vector<Order>> read_rows<Order>(KeyValueStore&);
template Result<std::vector<Restore>> read_rows<Restore>(KeyValueStore&);
template Result<std::vector<ReplyRow>> read_rows<ReplyRow>(KeyValueStore&);

Result<std::vector<Backup>> read_backups(KeyValueStore& store, DatabaseId database, Timestamp from, std::size_t limit) {
  return read_prefix<Backup>(store, Family::backups, database.bytes(), backup_key(database, from, BackupId{}), limit);
}

}  // namespace holdfast
