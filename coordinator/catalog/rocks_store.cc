#include "coordinator/catalog/rocks_store.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <array>

#include "coordinator/catalog/fencing.h"

namespace holdfast {
namespace {

rocksdb::Slice slice(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
ByteView view(const rocksdb::Slice& from) {
  return {reinterpret_cast<const std::uint8_t*>(from.data()), from.size()};
}

Error error_from(const rocksdb::Status& status, std::string_view what) {
  Error error{Code::unavailable, std::string(what) + ": " + status.ToString(), {}};
  if (status.IsCorruption()) {
    error.code = Code::corrupt;
    error.hint = "rebuild the catalog from a store, or put back a checkpoint";
  } else if (status.IsNoSpace()) {
    error.code = Code::exhausted;
    error.hint = "make room on the coordinator's disk";
  } else if (status.IsIOError() && status.ToString().find("lock") != std::string::npos) {
    error.code = Code::conflict;
    error.hint = "another coordinator runs on this state directory";
  } else if (status.IsInvalidArgument()) {
    error.code = Code::invalid;
  }
  return error;
}

Result<> check(const rocksdb::Status& status, std::string_view what) {
  if (!status.ok()) return std::unexpected(error_from(status, what));
  return {};
}

rocksdb::DBOptions database_options(OpenCatalog mode) {
  rocksdb::DBOptions options;
  options.create_if_missing = mode == OpenCatalog::create_if_missing;
  options.create_missing_column_families = true;
  // A batch cut off by a crash was never acknowledged, so an unfinished tail is normal. Anything else is damage: say
  // so instead of silently going back to an older state.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.keep_log_file_num = 5;
  options.max_open_files = 512;
  return options;
}

rocksdb::ColumnFamilyOptions family_options() {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = std::size_t{16} << 20U;
  return options;
}

bool is_ours(const std::string& name) {
  if (name == rocksdb::kDefaultColumnFamilyName) return true;
  for (std::size_t i = 0; i < family_count; ++i) {
    if (name == to_string(static_cast<Family>(i))) return true;
  }
  return false;
}

}  // namespace

struct RocksStore::Database {
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;  // in the order of Family, then "default"

  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() {
    if (!db) return;
    for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
    db->Close();
  }
  rocksdb::ColumnFamilyHandle* handle(Family family) const { return handles.at(static_cast<std::size_t>(family)); }
  Result<> write_synced(rocksdb::WriteBatch& batch) const {
    rocksdb::WriteOptions options;
    options.sync = true;
    return check(db->Write(options, &batch), "write to the catalog");
  }
};

RocksStore::RocksStore(std::unique_ptr<Database> database) : database_(std::move(database)) {}
RocksStore::~RocksStore() = default;

Result<std::unique_ptr<RocksStore>> RocksStore::open(const std::string& directory, OpenCatalog mode) {
  const rocksdb::DBOptions options = database_options(mode);
  const bool exists = rocksdb::Env::Default()->FileExists(directory + "/CURRENT").ok();
  if (!exists && mode == OpenCatalog::existing_only) {
    return fail(Code::not_found, "no catalog in \"" + directory + "\"", "run holdfast init first");
  }
  if (exists) {
    std::vector<std::string> names;
    TRY(check(rocksdb::DB::ListColumnFamilies(options, directory, &names), "open catalog \"" + directory + "\""));
    for (const auto& name : names) {
      if (!is_ours(name)) {
        return fail(Code::unsupported, "catalog \"" + directory + "\" has a family \"" + name + "\" of a newer version",
                    "install the version that wrote it");
      }
    }
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (std::size_t i = 0; i < family_count; ++i) {
    families.emplace_back(std::string(to_string(static_cast<Family>(i))), family_options());
  }
  families.emplace_back(rocksdb::kDefaultColumnFamilyName, family_options());
  auto database = std::make_unique<Database>();
  rocksdb::DB* raw = nullptr;
  TRY(check(rocksdb::DB::Open(options, directory, families, &database->handles, &raw),
            "open catalog \"" + directory + "\""));
  database->db.reset(raw);
  return std::unique_ptr<RocksStore>(new RocksStore(std::move(database)));
}

Result<std::optional<Bytes>> RocksStore::get(Family family, ByteView key) {
  rocksdb::PinnableSlice value;
  const auto status = database_->db->Get({}, database_->handle(family), slice(key), &value);
  if (status.IsNotFound()) return std::optional<Bytes>{};
  TRY(check(status, "read from the catalog"));
  return std::optional<Bytes>{to_bytes(view(value))};
}

Result<> RocksStore::scan(Family family, ByteView prefix, ByteView from,
                          const std::function<bool(ByteView key, ByteView value)>& visit) {
  const std::unique_ptr<rocksdb::Iterator> at(database_->db->NewIterator({}, database_->handle(family)));
  const Bytes start = std::max(to_bytes(prefix), to_bytes(from));
  for (at->Seek(slice(start)); at->Valid() && at->key().starts_with(slice(prefix)); at->Next()) {
    if (!visit(view(at->key()), view(at->value()))) break;
  }
  return check(at->status(), "scan the catalog");
}

Result<> RocksStore::commit(const std::vector<CatalogChange>& changes, std::uint64_t epoch) {
  const auto newest = TRY(get(Family::meta, epoch_key()));
  TRY(check_writer(newest, changes, epoch));
  rocksdb::WriteBatch batch(0, 0, 8, 0);  // eight bytes of protection for each key on its way
  for (const auto& change : changes) {
    auto* handle = database_->handle(change.family);
    TRY(check(change.value ? batch.Put(handle, slice(change.key), slice(*change.value))
                           : batch.Delete(handle, slice(change.key)),
              "prepare a catalog batch"));
  }
  TRY(check(batch.Put(database_->handle(Family::meta), slice(epoch_key()), slice(epoch_value(epoch))),
            "prepare a catalog batch"));
  return database_->write_synced(batch);
}

Result<std::uint64_t> RocksStore::begin_epoch() {
  const auto newest = TRY(get(Family::meta, epoch_key()));
  const std::uint64_t next = TRY(next_epoch(newest));
  rocksdb::WriteBatch batch;
  TRY(check(batch.Put(database_->handle(Family::meta), slice(epoch_key()), slice(epoch_value(next))),
            "prepare a catalog batch"));
  TRY(database_->write_synced(batch));
  return next;
}

}  // namespace holdfast
