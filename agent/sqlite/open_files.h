#pragma once
// Which SQLite databases this process has open through SQLite.
//
// SQLite locks with fcntl, and the kernel drops ALL of a process's fcntl locks on an inode as soon as the process
// closes ANY descriptor of it, whoever opened that one. A scan that merely looks at 100 bytes of a database while a
// backup of it runs would silently unlock the backup, and a writer could then change pages under it. So nobody in this
// process opens a database except through SQLite, unless it does so in here, where it is certain that SQLite does not
// have the same inode open. Hard links and bind mounts are the same inode, so that is what counts, not the path.
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "agent/sqlite/header.h"
#include "shared/base/result.h"

namespace holdfast {

struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend auto operator<=>(const FileIdentity&, const FileIdentity&) = default;
};

// Safe from many threads. One for the whole process.
class OpenSqliteFiles {
  struct State;

 public:
  // While it lives, nobody else opens the file outside SQLite. Take it before sqlite3_open, drop it after
  // sqlite3_close. Several may hold the same file.
  class Lease {
   public:
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();
    const FileIdentity& identity() const { return identity_; }
    const SqliteHeader& header() const { return header_; }

   private:
    friend class OpenSqliteFiles;
    Lease(std::shared_ptr<State> state, FileIdentity identity, SqliteHeader header)
        : state_(std::move(state)), identity_(identity), header_(header) {}
    std::shared_ptr<State> state_;
    FileIdentity identity_;
    SqliteHeader header_;
  };

  OpenSqliteFiles();
  // Code::unsupported when it is not a SQLite database.
  Result<Lease> hold(const std::string& path);

  struct Peek {
    FileIdentity identity;
    std::uint64_t size = 0;
    std::optional<SqliteHeader> header;  // nullopt: not a SQLite database
  };
  // Follows no link and opens nothing but regular files. A file that is held is not opened: its header is the one that
  // was read when it was taken.
  Result<Peek> peek(const std::string& path);

 private:
  std::shared_ptr<State> state_;
};

}  // namespace holdfast
