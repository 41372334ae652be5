#pragma once
// SQLite databases below configured directories.
#include <string>
#include <vector>

#include "agent/sqlite/open_files.h"

namespace holdfast {

struct SqliteSearch {
  std::vector<std::string> roots;  // directories or single files, absolute
  // Absolute paths (with everything below) or globs over the whole path, where '*' also matches '/'. What they match is
  // neither opened nor entered.
  std::vector<std::string> excluded;
  int max_depth = 12;                     // directories below a root
  std::uint64_t max_entries = 1'000'000;  // looked at in one search
};

struct FoundSqlite {
  std::string path;
  FileIdentity identity;
  std::uint64_t size = 0;
  SqliteHeader header;
  friend bool operator==(const FoundSqlite&, const FoundSqlite&) = default;
};

struct SqliteSearchResult {
  std::vector<FoundSqlite> databases;  // ordered by path; one of each inode, the first path
  std::vector<Error> problems;         // directories and files that could not be looked at; the search went on
  bool complete = true;                // false: max_entries was reached or a directory lay too deep
};

// Links are not followed, except a root that is one; other file systems are entered, but not those that hold no files
// (/proc, /sys, cgroups ...). Files of ours (".holdfast-") and of a database (-journal, -wal, -shm) are passed over.
SqliteSearchResult find_sqlite_files(const SqliteSearch& search, OpenSqliteFiles& open_files);

// Exposed for tests.
bool is_excluded(const std::string& path, const std::vector<std::string>& excluded);

}  // namespace holdfast
