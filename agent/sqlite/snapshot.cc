#include "agent/sqlite/snapshot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "agent/sqlite/page_capture.h"
#include "shared/sqlite/connection.h"

namespace holdfast {
namespace {

using Connection = UniqueHandle<sqlite3, sqlite3_close>;
using Statement = UniqueHandle<sqlite3_stmt, sqlite3_finalize>;

// A directory of its own below the scratch directory, removed with the one file in it.
class ScratchFile {
 public:
  static Result<ScratchFile> make(const std::string& directory) {
    std::string path = directory + "/.holdfast-tmp-snapshot-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) {
      return std::unexpected(error_from_errno(errno, fmt::format("create a directory in \"{}\"", directory)));
    }
    return ScratchFile(path);
  }
  ScratchFile(ScratchFile&& other) noexcept : directory_(std::exchange(other.directory_, {})) {}
  ScratchFile& operator=(ScratchFile&&) = delete;
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  ~ScratchFile() {
    if (directory_.empty()) return;
    ::unlink(path().c_str());
    ::rmdir(directory_.c_str());
  }
  std::string path() const { return directory_ + "/image"; }

 private:
  explicit ScratchFile(std::string directory) : directory_(std::move(directory)) {}
  std::string directory_;
};

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

Result<> refuse_foreign(const std::string& path, const SqliteHeader& header) {
  if (header.journal == SqliteJournal::other || exists(path + "-wal2")) {
    return fail(Code::unsupported, fmt::format("\"{}\" is of a SQLite format that this version does not know", path));
  }
  return {};
}

Error explain_busy(const std::string& path, const SqliteHeader& header, Micros waited) {
  // A WAL without -shm that stays locked: the writer keeps the index in its own memory (locking_mode=EXCLUSIVE or the
  // unix-excl VFS), and no other process can ever find its newest pages.
  if (header.journal == SqliteJournal::wal && exists(path + "-wal") && !exists(path + "-shm")) {
    return {Code::unsupported, fmt::format("\"{}\" is held in exclusive locking mode by its application", path),
            "set locking_mode=NORMAL in the application, or exclude the database"};
  }
  return {Code::unavailable, fmt::format("\"{}\" stayed locked for {}", path, to_text(waited)),
          "a transaction holds it, or the application uses locking_mode=EXCLUSIVE"};
}

Error explain(const std::string& path, const SqliteHeader& header, Micros waited, sqlite3* connection, int code) {
  if ((code & 0xff) == SQLITE_BUSY) return explain_busy(path, header, waited);
  Error error = sqlite_error(connection, code, fmt::format("read \"{}\"", path));
  if ((code & 0xff) == SQLITE_READONLY) {
    error.hint = "a crash left a journal behind: open the database once with its application";
  }
  return error;
}

Result<std::int64_t> ask(sqlite3* connection, const char* sql) {
  sqlite3_stmt* made = nullptr;
  const int prepared = sqlite3_prepare_v2(connection, sql, -1, &made, nullptr);
  const Statement statement(made);
  if (prepared != SQLITE_OK) return std::unexpected(sqlite_error(connection, prepared, sql));
  const int code = sqlite3_step(statement.get());
  if (code != SQLITE_ROW) return std::unexpected(sqlite_error(connection, code, sql));
  return sqlite3_column_int64(statement.get(), 0);
}

// SQLite's own busy handler sleeps up to 100 ms between two tries and starves beside an application that commits
// without a pause. Short naps find the gap between two of its transactions.
constexpr Micros busy_nap{500};
int nap_while_busy(void* limit, int naps) {
  if (busy_nap * naps >= *static_cast<const Micros*>(limit)) return 0;
  ::usleep(static_cast<useconds_t>(busy_nap.count()));
  return 1;
}

// `options` must outlive the connection.
Result<Connection> open_source(const std::string& path, const PageCapture& capture, const SqliteHeader& header,
                               const SnapshotOptions& options) {
  sqlite3* made = nullptr;
  const int opened =
      sqlite3_open_v2(path.c_str(), &made, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, capture.vfs_name().c_str());
  Connection connection(made);
  if (opened != SQLITE_OK) return std::unexpected(explain(path, header, options.busy_timeout, made, opened));
  sqlite3_busy_handler(made, nap_while_busy, const_cast<Micros*>(&options.busy_timeout));
  sqlite3_db_config(made, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  for (const char* sql : {"PRAGMA wal_autocheckpoint=0", "PRAGMA mmap_size=0", "BEGIN", "PRAGMA schema_version"}) {
    // The last one starts the read transaction and reads page 1 and no other.
    const int code = sqlite3_exec(made, sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return std::unexpected(explain(path, header, options.busy_timeout, made, code));
  }
  return connection;
}

Result<Connection> open_image(const std::string& path) {
  sqlite3* made = nullptr;
  const int opened =
      sqlite3_open_v2(path.c_str(), &made, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  Connection connection(made);
  if (opened != SQLITE_OK) return std::unexpected(sqlite_error(made, opened, fmt::format("create \"{}\"", path)));
  // A file that nobody else sees and that is thrown away after a crash needs neither journal nor sync.
  for (const char* sql : {"PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA locking_mode=EXCLUSIVE"}) {
    const int code = sqlite3_exec(made, sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return std::unexpected(sqlite_error(made, code, sql));
  }
  return connection;
}

Result<> copy_pages(const std::string& path, sqlite3* from, sqlite3* to, std::uint32_t page_size,
                    const SnapshotOptions& options, const StopToken& stop, const SnapshotProgress& progress) {
  sqlite3_backup* backup = sqlite3_backup_init(to, "main", from, "main");
  if (backup == nullptr)
    return std::unexpected(sqlite_error(to, sqlite3_errcode(to), fmt::format("copy \"{}\"", path)));
  int code = SQLITE_OK;
  while (code == SQLITE_OK && !stop.stop_requested()) {
    // Several steps are one snapshot all the same: the source's read transaction is older than the first of them.
    code = sqlite3_backup_step(backup, static_cast<int>(options.pages_per_step));
    const auto total = static_cast<std::uint64_t>(sqlite3_backup_pagecount(backup));
    const auto left = static_cast<std::uint64_t>(sqlite3_backup_remaining(backup));
    if (progress) progress((total - left) * page_size, total * page_size);
  }
  sqlite3_backup_finish(backup);
  if (code == SQLITE_OK) return fail(Code::cancelled, fmt::format("copy of \"{}\" was stopped", path));
  if (code != SQLITE_DONE) return std::unexpected(sqlite_error(to, code, fmt::format("copy \"{}\"", path)));
  return {};
}

Result<> check_space(const std::string& directory, std::uint64_t needed) {
  struct statvfs info {};
  if (::statvfs(directory.c_str(), &info) != 0) {
    return std::unexpected(error_from_errno(errno, fmt::format("ask for the space of \"{}\"", directory)));
  }
  const std::uint64_t free_bytes = std::uint64_t(info.f_bavail) * info.f_frsize;
  if (free_bytes > needed) return {};
  return fail(Code::exhausted,
              fmt::format("\"{}\" has {} bytes free, a snapshot needs {}", directory, free_bytes, needed),
              "a SQLite backup needs room for one copy of the database in the agent's state directory");
}

// The counters that the copy's own commit set: journal mode 18-19, change counter 24-27, schema cookie 40-43, the
// change's validity 92-95 and the library's version 96-99.
bool set_by_the_copy(std::size_t offset) {
  return (offset >= 18 && offset < 20) || (offset >= 24 && offset < 28) || (offset >= 40 && offset < 44) ||
         (offset >= 92 && offset < 100);
}

// Puts page 1 as it was in place of the copy's. Everything else on it must be equal already: if it is not, what was
// captured is not this snapshot's page.
Result<> put_first_page(int fd, const std::string& path, const Bytes& captured) {
  Bytes copied(captured.size());
  if (::pread(fd, copied.data(), copied.size(), 0) != static_cast<ssize_t>(copied.size())) {
    return std::unexpected(error_from_errno(errno, fmt::format("read the snapshot of \"{}\"", path)));
  }
  for (std::size_t i = 0; i < copied.size(); ++i) {
    if (copied[i] != captured[i] && !set_by_the_copy(i)) {
      return fail(Code::internal, fmt::format("page 1 of \"{}\" differs from its copy at byte {}", path, i));
    }
  }
  if (::pwrite(fd, captured.data(), captured.size(), 0) != static_cast<ssize_t>(captured.size())) {
    return std::unexpected(error_from_errno(errno, fmt::format("write the snapshot of \"{}\"", path)));
  }
  return {};
}

struct Copied {
  Bytes first_page;
  std::uint32_t pages = 0;
  Timestamp taken_at;
};

// Everything that happens while the database is read-locked.
Result<Copied> copy_under_lock(const std::string& path, const OpenSqliteFiles::Lease& lease, const std::string& image,
                               const Clock& clock, const SnapshotOptions& options, const StopToken& stop,
                               const SnapshotProgress& progress) {
  PageCapture capture = TRY(PageCapture::install());
  const Connection source = TRY(open_source(path, capture, lease.header(), options));
  Copied out;
  out.taken_at = clock.now();
  out.first_page = capture.last_page();
  capture.disarm();
  struct stat now {};
  if (::stat(path.c_str(), &now) != 0 || FileIdentity{now.st_dev, now.st_ino} != lease.identity()) {
    return fail(Code::conflict, fmt::format("\"{}\" was replaced while it was opened", path));
  }
  const auto page_size = static_cast<std::uint32_t>(TRY(ask(source.get(), "PRAGMA page_size")));
  out.pages = static_cast<std::uint32_t>(TRY(ask(source.get(), "PRAGMA page_count")));
  if (out.first_page.size() != page_size || !parse_sqlite_header(out.first_page)) {
    return fail(Code::internal, fmt::format("page 1 of \"{}\" was not seen", path));
  }
  TRY(check_space(options.scratch_directory, std::uint64_t(out.pages) * page_size));
  const Connection target = TRY(open_image(image));
  TRY(copy_pages(path, source.get(), target.get(), page_size, options, stop, progress));
  return out;
}

}  // namespace

Result<SqliteSnapshot> take_snapshot(const std::string& path, OpenSqliteFiles& open_files, const Clock& clock,
                                     const SnapshotOptions& options, const StopToken& stop,
                                     const SnapshotProgress& progress) {
  const ScratchFile scratch = TRY(ScratchFile::make(options.scratch_directory));
  SqliteSnapshot snapshot;
  Copied copied;
  {
    const OpenSqliteFiles::Lease lease = TRY(open_files.hold(path));
    TRY(refuse_foreign(path, lease.header()));
    const Micros begun = clock.monotonic();
    copied = TRY(copy_under_lock(path, lease, scratch.path(), clock, options, stop, progress));
    snapshot.held = clock.monotonic() - begun;
  }
  snapshot.image.reset(::open(scratch.path().c_str(), O_RDWR | O_CLOEXEC));
  if (!snapshot.image) {
    return std::unexpected(error_from_errno(errno, fmt::format("open the snapshot of \"{}\"", path)));
  }
  TRY(put_first_page(snapshot.image.get(), path, copied.first_page));
  snapshot.header = *parse_sqlite_header(copied.first_page);
  snapshot.journal = snapshot.header.journal;
  snapshot.pages = copied.pages;
  snapshot.taken_at = copied.taken_at;
  struct stat size {};
  const std::uint64_t expected = std::uint64_t(copied.pages) * snapshot.header.page_size;
  if (::fstat(snapshot.image.get(), &size) != 0 || static_cast<std::uint64_t>(size.st_size) != expected) {
    return fail(Code::internal, fmt::format("the snapshot of \"{}\" does not have {} bytes", path, expected));
  }
  return snapshot;
}

}  // namespace holdfast
