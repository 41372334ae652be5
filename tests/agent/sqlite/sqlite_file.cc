#include "tests/agent/sqlite/sqlite_file.h"

#include <fmt/format.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "shared/base/unique_handle.h"

namespace holdfast {
namespace {

using Connection = UniqueHandle<sqlite3, sqlite3_close>;

Connection open(const std::string& path) {
  sqlite3* made = nullptr;
  const int code = sqlite3_open(path.c_str(), &made);
  Connection connection(made);
  if (code != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(made));
  sqlite3_busy_timeout(made, 20'000);
  return connection;
}

void run(sqlite3* connection, const std::string& sql) {
  if (sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw std::runtime_error(fmt::format("{}: {}", sql, sqlite3_errmsg(connection)));
  }
}

}  // namespace

SqlitePlace::SqlitePlace() : path_("/tmp/holdfast-sqlite-XXXXXX") {
  if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("mkdtemp");
}
SqlitePlace::~SqlitePlace() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void make_sqlite_file(const std::string& path, SqliteFileMode mode, int rows, int page_size) {
  const Connection connection = open(path);
  run(connection.get(), fmt::format("PRAGMA page_size={}", page_size));
  run(connection.get(), mode == SqliteFileMode::wal ? "PRAGMA journal_mode=WAL" : "PRAGMA journal_mode=DELETE");
  run(connection.get(), "CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER)");
  run(connection.get(), "CREATE TABLE note(id INTEGER PRIMARY KEY, text TEXT)");
  run(connection.get(), "CREATE INDEX note_text ON note(text)");
  run(connection.get(), fmt::format("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<{}) "
                                    "INSERT INTO account SELECT i, 100 FROM n",
                                    rows));
  run(connection.get(), "INSERT INTO note SELECT id, hex(randomblob(40)) FROM account");
}

std::string sqlite_query(const std::string& path, const std::string& sql) {
  const Connection connection = open(path);
  std::string answer;
  const auto take_first = [](void* into, int, char** values, char**) {
    auto& text = *static_cast<std::string*>(into);
    if (text.empty() && values[0] != nullptr) text = values[0];
    return 0;
  };
  if (sqlite3_exec(connection.get(), sql.c_str(), take_first, &answer, nullptr) != SQLITE_OK) {
    throw std::runtime_error(fmt::format("{}: {}", sql, sqlite3_errmsg(connection.get())));
  }
  return answer;
}

struct SqliteWriter::Shared {
  std::atomic<std::uint64_t> commits{0};
  std::atomic<std::uint64_t> slowest{0};
};

SqliteWriter::SqliteWriter(const std::string& path) {
  void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("mmap");
  shared_ = new (memory) Shared;
  child_ = ::fork();
  if (child_ != 0) return;
  const Connection connection = open(path);
  for (std::uint64_t i = 0;; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    try {
      run(connection.get(),
          fmt::format("BEGIN IMMEDIATE;"
                      "UPDATE account SET balance=balance-7 WHERE id=1+{0}%(SELECT max(id) FROM account);"
                      "UPDATE account SET balance=balance+7 WHERE id=1+{1}%(SELECT max(id) FROM account);"
                      "INSERT INTO note(text) VALUES(hex(randomblob(200)));"
                      "DELETE FROM note WHERE id IN (SELECT id FROM note ORDER BY text LIMIT 1);"
                      "COMMIT",
                      i * 7919, i * 104729 + 1));
    } catch (const std::exception&) {
      ::_exit(1);
    }
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun);
    shared_->slowest.store(std::max<std::uint64_t>(shared_->slowest.load(), static_cast<std::uint64_t>(took.count())));
    shared_->commits.fetch_add(1);
  }
}

SqliteWriter::~SqliteWriter() {
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
  ::munmap(shared_, sizeof(Shared));
}

std::uint64_t SqliteWriter::commits() const {
  return shared_->commits.load();
}
std::uint64_t SqliteWriter::slowest_micros() const {
  return shared_->slowest.load();
}

std::uint64_t SqliteWriter::wait_for_commits(std::uint64_t more) {
  const std::uint64_t wanted = commits() + more;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (commits() < wanted) {
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("the writer does not commit");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return commits();
}

}  // namespace holdfast
