#pragma once
// SQLite databases for tests, and an application in another process that keeps writing to one.
#include <sys/types.h>

#include <cstdint>
#include <string>

#include "shared/base/result.h"

namespace holdfast {

// A new directory below /tmp, removed at the end.
class SqlitePlace {
 public:
  SqlitePlace();
  SqlitePlace(const SqlitePlace&) = delete;
  SqlitePlace& operator=(const SqlitePlace&) = delete;
  ~SqlitePlace();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

enum class SqliteFileMode : std::uint8_t { rollback, wal };

// Table account(id, balance) with `rows` rows of 100 each and a table note(id, text) of the same length. Throws
// std::runtime_error: a test cannot go on without it.
void make_sqlite_file(const std::string& path, SqliteFileMode mode, int rows, int page_size = 4096);

// Runs SQL in a connection of its own; the first column of the first row. Throws as above.
std::string sqlite_query(const std::string& path, const std::string& sql);

// Another process that moves money between accounts, one transaction after the other: the sum of all balances never
// changes. Killed with SIGKILL by the destructor.
class SqliteWriter {
 public:
  explicit SqliteWriter(const std::string& path);
  SqliteWriter(const SqliteWriter&) = delete;
  SqliteWriter& operator=(const SqliteWriter&) = delete;
  ~SqliteWriter();
  // Commits so far; waits until there are at least this many more than when it was called.
  std::uint64_t wait_for_commits(std::uint64_t more);
  std::uint64_t commits() const;
  std::uint64_t slowest_micros() const;  // the longest a transaction took

 private:
  struct Shared;
  Shared* shared_;
  pid_t child_ = -1;
};

}  // namespace holdfast
