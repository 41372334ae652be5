#include "agent/changes/record_effects.h"

#include <optional>

#include "agent/changes/little_endian.h"

namespace holdfast {
namespace {

// Operations of each resource manager.
namespace xlog {
constexpr std::uint8_t checkpoint_shutdown = 0x00;
constexpr std::uint8_t parameter_change = 0x60;
constexpr std::uint8_t end_of_recovery = 0x90;
constexpr std::uint8_t checkpoint_redo = 0xE0;  // 17 and newer
}  // namespace xlog
namespace transaction {
constexpr std::uint8_t operation_mask = 0x70;
constexpr std::uint8_t commit = 0x00;
constexpr std::uint8_t abort = 0x20;
constexpr std::uint8_t commit_prepared = 0x30;
constexpr std::uint8_t abort_prepared = 0x40;
constexpr std::uint8_t last_known = 0x60;
constexpr std::uint8_t has_info = 0x80;
constexpr std::uint32_t info_has_database = 0x01;
constexpr std::uint32_t info_has_subtransactions = 0x02;
constexpr std::uint32_t info_has_dropped = 0x04;
}  // namespace transaction
namespace storage {
constexpr std::uint8_t create = 0x10;
constexpr std::uint8_t truncate = 0x20;
constexpr std::uint32_t truncates_main = 0x1;
constexpr std::uint32_t truncates_visibility = 0x2;
}  // namespace storage

// Two bits for each block of the main fork, behind a page header of 24 bytes (src/backend/access/heap/visibilitymap.c).
constexpr std::uint32_t blocks_per_visibility_page = (8192 - 24) * 4;

constexpr std::size_t relation_size = 12;

// Reads main data in order; past the end everything is 0 and `short_of_data` is set.
class Reader {
 public:
  explicit Reader(ByteView bytes) : bytes_(bytes) {}
  template <class T>
  T take() {
    if (bytes_.size() < sizeof(T)) {
      short_of_data_ = true;
      return T{};
    }
    const T value = load_le<T>(bytes_.data());
    bytes_ = bytes_.subspan(sizeof(T));
    return value;
  }
  void skip(std::uint64_t bytes) {
    short_of_data_ = short_of_data_ || bytes > bytes_.size();
    bytes_ = short_of_data_ ? ByteView{} : bytes_.subspan(bytes);
  }
  RelationFork take_relation() {
    RelationFork relation;
    relation.tablespace = take<std::uint32_t>();
    relation.database = take<std::uint32_t>();
    relation.relation = take<std::uint32_t>();
    return relation;
  }
  std::size_t left() const { return bytes_.size(); }
  bool short_of_data() const { return short_of_data_; }

 private:
  ByteView bytes_;
  bool short_of_data_ = false;
};

enum class DatabaseChange : std::uint8_t { none, create, drop, unknown };

DatabaseChange database_change_of(std::uint8_t operation, int major_version) {
  // 0x10 changed its meaning in 15: before it was the drop, since then it is the creation through the WAL.
  switch (operation) {
    case 0x00:
      return DatabaseChange::create;
    case 0x10:
      return major_version >= 15 ? DatabaseChange::create : DatabaseChange::drop;
    case 0x20:
      return major_version >= 15 ? DatabaseChange::drop : DatabaseChange::unknown;
    default:
      return DatabaseChange::unknown;
  }
}

// The record as it lies before us; each function tells what it means, or why it cannot be said.
struct Record {
  Lsn at;
  RecordKind kind;
  ByteView main_data;
  int major_version;
  ChangeSink& sink;

  void doubt(const std::string& why) const {
    sink.doubted(at, fmt::format("WAL record at {} (resource manager {}, info {:02X}): {}", at,
                                 static_cast<int>(kind.resource_manager), kind.info, why));
  }
};

constexpr const char* too_short = "it is shorter than what it must say";

void report_storage(const Record& record) {
  Reader reader(record.main_data);
  if (record.kind.operation() == storage::create) {
    RelationFork relation = reader.take_relation();
    const auto fork = reader.take<std::uint32_t>();
    if (reader.short_of_data()) return record.doubt(too_short);
    if (fork > static_cast<std::uint32_t>(Fork::init)) return record.doubt(fmt::format("unknown fork {}", fork));
    relation.fork = static_cast<Fork>(fork);
    // Free space maps are not logged as other files are: they are always taken whole.
    if (relation.fork != Fork::fsm) record.sink.limited(relation, 0);
    return;
  }
  if (record.kind.operation() != storage::truncate) return record.doubt("unknown operation on storage");
  const auto blocks = reader.take<std::uint32_t>();
  RelationFork relation = reader.take_relation();
  const auto flags = reader.take<std::uint32_t>();
  if (reader.short_of_data()) return record.doubt(too_short);
  if ((flags & storage::truncates_main) != 0) record.sink.limited(relation, blocks);
  if ((flags & storage::truncates_visibility) != 0) {
    // `blocks` counts the main fork. A map page that now covers less has bits cleared, and that page is logged only
    // with checksums or wal_log_hints.
    relation.fork = Fork::visibility;
    const std::uint32_t whole_pages = blocks / blocks_per_visibility_page;
    const bool cut_inside = blocks % blocks_per_visibility_page != 0;
    record.sink.limited(relation, whole_pages + (cut_inside ? 1 : 0));
    if (cut_inside) record.sink.block_changed(relation, whole_pages);
  }
}

void report_database(const Record& record) {
  Reader reader(record.main_data);
  const auto change = database_change_of(record.kind.operation(), record.major_version);
  if (change == DatabaseChange::unknown) return record.doubt("unknown operation on a database");
  const auto database = reader.take<std::uint32_t>();
  if (change == DatabaseChange::create) {
    const auto tablespace = reader.take<std::uint32_t>();
    if (reader.short_of_data()) return record.doubt(too_short);
    return record.sink.database_replaced(tablespace, database);
  }
  const auto count = reader.take<std::uint32_t>();
  if (reader.short_of_data() || count > reader.left() / sizeof(std::uint32_t)) return record.doubt(too_short);
  for (std::uint32_t i = 0; i < count; ++i) record.sink.database_replaced(reader.take<std::uint32_t>(), database);
}

bool ends_transaction(std::uint8_t operation) {
  return operation == transaction::commit || operation == transaction::abort ||
         operation == transaction::commit_prepared || operation == transaction::abort_prepared;
}

// The fields that `xinfo` announces come in the order of its bits; those behind the dropped relations do not matter.
void report_transaction(const Record& record) {
  if (!ends_transaction(record.kind.info & transaction::operation_mask)) return record.doubt("unknown operation");
  Reader reader(record.main_data);
  reader.skip(sizeof(std::int64_t));  // its time
  std::uint32_t info = 0;
  if ((record.kind.info & transaction::has_info) != 0) info = reader.take<std::uint32_t>();
  if ((info & transaction::info_has_database) != 0) reader.skip(8);
  if ((info & transaction::info_has_subtransactions) != 0) {
    reader.skip(std::uint64_t{reader.take<std::uint32_t>()} * sizeof(std::uint32_t));
  }
  std::uint32_t dropped = 0;
  if ((info & transaction::info_has_dropped) != 0) dropped = reader.take<std::uint32_t>();
  if (reader.short_of_data() || dropped > reader.left() / relation_size) return record.doubt(too_short);
  for (std::uint32_t i = 0; i < dropped; ++i) {
    RelationFork relation = reader.take_relation();
    for (const Fork fork : {Fork::main, Fork::visibility, Fork::init}) {
      relation.fork = fork;
      record.sink.limited(relation, 0);
    }
  }
}

// Where main data of an XLOG record hold wal_level; nullopt: not at all.
std::optional<std::size_t> wal_level_offset(RecordKind kind, int major_version) {
  switch (kind.operation()) {
    case xlog::parameter_change:
      return 20;
    case xlog::checkpoint_shutdown:
      return major_version >= 17 ? std::optional<std::size_t>(20) : std::nullopt;
    case xlog::end_of_recovery:
      return major_version >= 17 ? std::optional<std::size_t>(16) : std::nullopt;
    case xlog::checkpoint_redo:
      return major_version >= 17 ? std::optional<std::size_t>(0) : std::nullopt;
    default:
      return std::nullopt;
  }
}

void report_wal_level(const Record& record, std::size_t offset) {
  Reader reader(record.main_data);
  reader.skip(offset);
  const auto wal_level = reader.take<std::uint32_t>();
  if (reader.short_of_data()) return record.doubt(too_short);
  if (wal_level == 0) record.doubt("with wal_level minimal not every change is in the WAL");
}

}  // namespace

bool may_have_effects(RecordKind kind, int major_version) {
  switch (kind.resource_manager) {
    case ResourceManager::transaction: {
      const std::uint8_t operation = kind.info & transaction::operation_mask;
      if (operation > transaction::last_known) return true;
      // Without further information it only says when; the mark for special records came in 14.
      if (ends_transaction(operation)) return (kind.info & transaction::has_info) != 0;
      return (kind.info & info_changes_files) != 0;
    }
    case ResourceManager::storage_manager:
    case ResourceManager::database:
      return true;
    default:
      break;
  }
  if ((kind.info & info_low_bits & ~info_check_consistency) != 0) return true;
  if (kind.resource_manager == ResourceManager::xlog) return wal_level_offset(kind, major_version).has_value();
  if (kind.resource_manager <= ResourceManager::last_built_in) return false;
  return kind.resource_manager < ResourceManager::first_custom || major_version < 15;
}

void report_effects(Lsn at, RecordKind kind, ByteView main_data, int major_version, ChangeSink& sink) {
  const Record record{at, kind, main_data, major_version, sink};
  if ((kind.info & info_low_bits & ~(info_changes_files | info_check_consistency)) != 0) {
    return record.doubt("unknown marks");
  }
  switch (kind.resource_manager) {
    case ResourceManager::transaction:
      return report_transaction(record);
    case ResourceManager::storage_manager:
      return report_storage(record);
    case ResourceManager::database:
      return report_database(record);
    default:
      break;
  }
  if ((kind.info & info_changes_files) != 0) return record.doubt("it changes files in an unknown way");
  if (kind.resource_manager != ResourceManager::xlog) return record.doubt("unknown resource manager");
  if (const auto offset = wal_level_offset(kind, major_version)) report_wal_level(record, *offset);
}

}  // namespace holdfast
