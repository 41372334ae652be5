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

// Keeps the running coordinator's own log of its catalog as it is.
class NoLog final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char* /*format*/, va_list /*values*/) override {}
};

rocksdb::DBOptions read_only_options() {
  rocksdb::DBOptions options;
  // Files are opened at once and stay open: whoever writes may remove them from the directory at any moment.
  options.max_open_files = -1;
  options.info_log = std::make_shared<NoLog>();
  return options;
}

constexpr int read_only_attempts = 5;

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

namespace {

Result<std::optional<Bytes>> get_row(rocksdb::DB& db, const rocksdb::ReadOptions& options,
                                     rocksdb::ColumnFamilyHandle* handle, ByteView key) {
  rocksdb::PinnableSlice value;
  const auto status = db.Get(options, handle, slice(key), &value);
  if (status.IsNotFound()) return std::optional<Bytes>{};
  TRY(check(status, "read from the catalog"));
  return std::optional<Bytes>{to_bytes(view(value))};
}

Result<> scan_rows(rocksdb::DB& db, const rocksdb::ReadOptions& options, rocksdb::ColumnFamilyHandle* handle,
                   ByteView prefix, ByteView from, const std::function<bool(ByteView key, ByteView value)>& visit) {
  const std::unique_ptr<rocksdb::Iterator> at(db.NewIterator(options, handle));
  const Bytes start = std::max(to_bytes(prefix), to_bytes(from));
  for (at->Seek(slice(start)); at->Valid() && at->key().starts_with(slice(prefix)); at->Next()) {
    if (!visit(view(at->key()), view(at->value()))) break;
  }
  return check(at->status(), "scan the catalog");
}

}  // namespace

class RocksStore::Snapshot final : public KeyValueStore {
 public:
  explicit Snapshot(std::shared_ptr<Database> database)
      : database_(std::move(database)), snapshot_(database_->db->GetSnapshot()) {
    options_.snapshot = snapshot_;
    options_.fill_cache = false;  // read once and from end to end
  }
  ~Snapshot() override { database_->db->ReleaseSnapshot(snapshot_); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  Result<std::optional<Bytes>> get(Family family, ByteView key) override {
    return get_row(*database_->db, options_, database_->handle(family), key);
  }
  Result<> scan(Family family, ByteView prefix, ByteView from,
                const std::function<bool(ByteView key, ByteView value)>& visit) override {
    return scan_rows(*database_->db, options_, database_->handle(family), prefix, from, visit);
  }
  Result<> commit(const std::vector<CatalogChange>& /*changes*/, std::uint64_t /*epoch*/) override {
    return fail(Code::invalid, "a snapshot of the catalog is for reading");
  }
  Result<std::uint64_t> begin_epoch() override {
    return fail(Code::invalid, "a snapshot of the catalog is for reading");
  }

 private:
  std::shared_ptr<Database> database_;
  const rocksdb::Snapshot* snapshot_;
  rocksdb::ReadOptions options_;
};

RocksStore::RocksStore(std::shared_ptr<Database> database) : database_(std::move(database)) {}
RocksStore::~RocksStore() = default;

std::unique_ptr<KeyValueStore> RocksStore::snapshot() const {
  return std::make_unique<Snapshot>(database_);
}

Result<std::unique_ptr<RocksStore>> RocksStore::open(const std::string& directory, OpenCatalog mode) {
  const bool read_only = mode == OpenCatalog::read_only;
  const rocksdb::DBOptions options = read_only ? read_only_options() : database_options(mode);
  const bool exists = rocksdb::Env::Default()->FileExists(directory + "/CURRENT").ok();
  if (!exists && mode != OpenCatalog::create_if_missing) {
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
  auto database = std::make_shared<Database>();
  const auto open = [&] {
    rocksdb::DB* raw = nullptr;
    const auto status = read_only ? rocksdb::DB::OpenForReadOnly(options, directory, families, &database->handles, &raw)
                                  : rocksdb::DB::Open(options, directory, families, &database->handles, &raw);
    database->db.reset(raw);
    return status;
  };
  auto status = open();
  // Beside a writer, a file may have gone between being found and being opened.
  for (int again = 0; read_only && !status.ok() && again < read_only_attempts; ++again) status = open();
  TRY(check(status, "open catalog \"" + directory + "\""));
  return std::unique_ptr<RocksStore>(new RocksStore(std::move(database)));
}

Result<std::optional<Bytes>> RocksStore::get(Family family, ByteView key) {
  return get_row(*database_->db, {}, database_->handle(family), key);
}

Result<> RocksStore::scan(Family family, ByteView prefix, ByteView from,
                          const std::function<bool(ByteView key, ByteView value)>& visit) {
  return scan_rows(*database_->db, {}, database_->handle(family), prefix, from, visit);
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
  return begin_epoch_after(0);
}

Result<std::uint64_t> RocksStore::begin_epoch_after(std::uint64_t past) {
  const auto newest = TRY(get(Family::meta, epoch_key()));
  const std::uint64_t next = std::max(TRY(next_epoch(newest)), past + 1);
  rocksdb::WriteBatch batch;
  TRY(check(batch.Put(database_->handle(Family::meta), slice(epoch_key()), slice(epoch_value(next))),
            "prepare a catalog batch"));
  TRY(database_->write_synced(batch));
  return next;
}

}  // namespace holdfast
