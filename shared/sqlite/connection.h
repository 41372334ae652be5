#pragma once
// SQLite's handles with one owner each; its codes become Errors here and nowhere else.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/bytes.h"
#include "shared/base/result.h"
#include "shared/base/time.h"
#include "shared/base/unique_handle.h"

struct sqlite3;
struct sqlite3_stmt;

namespace holdfast {

namespace sqlite_detail {
void close(sqlite3* connection);
void finalize(sqlite3_stmt* statement);
}  // namespace sqlite_detail

enum class SqliteOpen : std::uint8_t { read_only, read_write, create };

// A prepared statement. Columns count from 0, parameters from 1.
class SqliteStatement {
 public:
  SqliteStatement& bind(int parameter, std::int64_t value);
  SqliteStatement& bind(int parameter, std::string_view text);
  SqliteStatement& bind(int parameter, ByteView blob);
  // True: a row is there to be read. False: done; the statement can be bound and run again.
  Result<bool> step();
  // Runs to the end, ignoring rows.
  Result<> run();
  std::int64_t integer(int column) const;
  std::string text(int column) const;
  Bytes blob(int column) const;
  bool is_null(int column) const;

 private:
  friend class SqliteConnection;
  SqliteStatement(sqlite3* connection, sqlite3_stmt* statement) : connection_(connection), statement_(statement) {}
  sqlite3* connection_;
  UniqueHandle<sqlite3_stmt, sqlite_detail::finalize> statement_;
  int bind_problem_ = 0;
};

// One thread at a time.
class SqliteConnection {
 public:
  // Locked: Code::unavailable; not a database: Code::corrupt; no file: Code::not_found.
  static Result<SqliteConnection> open(const std::string& path, SqliteOpen mode, Micros busy_timeout);
  Result<SqliteStatement> prepare(std::string_view sql);
  Result<> execute(const std::string& sql);  // statements without results, separated by semicolons
  // Not a page goes from the write-ahead log into the file because of this connection unless it is told to: neither
  // while it writes nor when it is closed as the last one.
  Result<> leave_log_alone();
  sqlite3* native() const { return connection_.get(); }

 private:
  explicit SqliteConnection(sqlite3* connection) : connection_(connection) {}
  UniqueHandle<sqlite3, sqlite_detail::close> connection_;
};

// All of it or nothing: rolled back unless committed.
class SqliteTransaction {
 public:
  static Result<SqliteTransaction> begin(SqliteConnection& connection);
  Result<> commit();
  SqliteTransaction(SqliteTransaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
  SqliteTransaction& operator=(SqliteTransaction&&) = delete;
  SqliteTransaction(const SqliteTransaction&) = delete;
  SqliteTransaction& operator=(const SqliteTransaction&) = delete;
  ~SqliteTransaction();

 private:
  explicit SqliteTransaction(SqliteConnection& connection) : connection_(&connection) {}
  SqliteConnection* connection_;
};

// The error of a result code that is not OK, ROW or DONE.
Error sqlite_error(sqlite3* connection, int code, std::string_view what);

}  // namespace holdfast
