#include "shared/sqlite/connection.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace holdfast {

namespace sqlite_detail {
void close(sqlite3* connection) {
  sqlite3_close_v2(connection);
}
void finalize(sqlite3_stmt* statement) {
  sqlite3_finalize(statement);
}
}  // namespace sqlite_detail

namespace {

Code code_of(int sqlite_code) {
  switch (sqlite_code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
      return Code::unavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Code::corrupt;
    case SQLITE_FULL:
      return Code::exhausted;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return Code::denied;
    case SQLITE_CANTOPEN:
      return Code::not_found;
    case SQLITE_CONSTRAINT:
      return Code::conflict;
    case SQLITE_INTERRUPT:
      return Code::cancelled;
    default:
      return Code::internal;
  }
}

}  // namespace

Error sqlite_error(sqlite3* connection, int code, std::string_view what) {
  const char* why = connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
  return {code_of(code), fmt::format("{}: {}", what, why), {}};
}

SqliteStatement& SqliteStatement::bind(int parameter, std::int64_t value) {
  const int code = sqlite3_bind_int64(statement_.get(), parameter, value);
  if (code != SQLITE_OK) bind_problem_ = code;
  return *this;
}

SqliteStatement& SqliteStatement::bind(int parameter, std::string_view text) {
  const int code =
      sqlite3_bind_text64(statement_.get(), parameter, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) bind_problem_ = code;
  return *this;
}

SqliteStatement& SqliteStatement::bind(int parameter, ByteView blob) {
  // An empty span may have no address, which SQLite would take for NULL.
  const int code = blob.empty()
                       ? sqlite3_bind_zeroblob(statement_.get(), parameter, 0)
                       : sqlite3_bind_blob64(statement_.get(), parameter, blob.data(), blob.size(), SQLITE_TRANSIENT);
  if (code != SQLITE_OK) bind_problem_ = code;
  return *this;
}

Result<bool> SqliteStatement::step() {
  if (bind_problem_ != 0) return std::unexpected(sqlite_error(connection_, bind_problem_, "bind"));
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  Error problem;
  if (code != SQLITE_DONE) problem = sqlite_error(connection_, code, sqlite3_sql(statement_.get()));
  sqlite3_reset(statement_.get());
  if (code != SQLITE_DONE) return std::unexpected(std::move(problem));
  return false;
}

Result<> SqliteStatement::run() {
  while (TRY(step())) {
  }
  return {};
}

std::int64_t SqliteStatement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string SqliteStatement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  return data == nullptr ? std::string()
                         : std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column)));
}

Bytes SqliteStatement::blob(int column) const {
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_.get(), column));
  return data == nullptr ? Bytes() : Bytes(data, data + sqlite3_column_bytes(statement_.get(), column));
}

bool SqliteStatement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

Result<SqliteConnection> SqliteConnection::open(const std::string& path, SqliteOpen mode, Micros busy_timeout) {
  int flags = SQLITE_OPEN_NOMUTEX;
  flags |= mode == SqliteOpen::read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (mode == SqliteOpen::create) flags |= SQLITE_OPEN_CREATE;
  sqlite3* native = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &native, flags, nullptr);
  SqliteConnection connection(native);  // also a failed open has a handle to close
  if (code != SQLITE_OK) return std::unexpected(sqlite_error(native, code, fmt::format("open \"{}\"", path)));
  sqlite3_extended_result_codes(native, 1);
  sqlite3_busy_timeout(native, static_cast<int>(busy_timeout.count() / 1000));
  return connection;
}

Result<SqliteStatement> SqliteConnection::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(connection_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  if (code != SQLITE_OK) return std::unexpected(sqlite_error(connection_.get(), code, sql));
  return SqliteStatement(connection_.get(), statement);
}

Result<> SqliteConnection::execute(const std::string& sql) {
  const int code = sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return std::unexpected(sqlite_error(connection_.get(), code, sql));
  return {};
}

Result<> SqliteConnection::leave_log_alone() {
  const int code = sqlite3_db_config(connection_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  if (code != SQLITE_OK) return std::unexpected(sqlite_error(connection_.get(), code, "no checkpoint on close"));
  return execute("PRAGMA wal_autocheckpoint=0");
}

Result<SqliteTransaction> SqliteTransaction::begin(SqliteConnection& connection) {
  TRY(connection.execute("BEGIN IMMEDIATE"));
  return SqliteTransaction(connection);
}

Result<> SqliteTransaction::commit() {
  TRY(connection_->execute("COMMIT"));
  connection_ = nullptr;
  return {};
}

SqliteTransaction::~SqliteTransaction() {
  if (connection_ != nullptr) (void)connection_->execute("ROLLBACK");
}

}  // namespace holdfast
