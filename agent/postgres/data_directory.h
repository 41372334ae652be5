#pragma once
// What of a cluster's directory belongs into a backup, and the walk that finds it.
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/changes/relation_fork.h"
#include "shared/base/result.h"
#include "shared/os/file_system.h"
#include "shared/os/process.h"
#include "shared/os/stop.h"

namespace holdfast {

enum class Inclusion : std::uint8_t {
  copy,
  exclude,
  directory_only,  // the directory itself, empty
};

struct InclusionDecision {
  Inclusion inclusion = Inclusion::copy;
  std::string_view reason;  // empty for copy
};

// Pure. `path` is relative to the data directory, tablespaces below "pg_tblspc/<oid>". `siblings` are the names in the
// same directory (a relation is unlogged when its init fork is there). `version_directory` is the cluster's own
// directory in its tablespaces; others in there belong to other versions.
InclusionDecision decide_inclusion(std::string_view path, FileKind kind,
                                   const std::set<std::string, std::less<>>& siblings,
                                   std::string_view version_directory);

struct RelationFile {
  std::uint32_t number = 0;  // relfilenode
  Fork fork = Fork::main;
  std::uint32_t segment = 0;  // which GiB of the fork
  friend bool operator==(const RelationFile&, const RelationFile&) = default;
};
// nullopt: not made of pages of a relation.
std::optional<RelationFile> relation_file(std::string_view path);

struct DataFile {
  std::string path;  // relative to the data directory
  FileKind kind = FileKind::file;
  std::uint32_t mode = 0;
  std::string owner;  // names; a number as text where the host knows no name
  std::string group;
  std::uint64_t size = 0;  // files only, as it was when it was seen
  Timestamp modified;
  std::string link_target;
  std::optional<RelationFile> relation;
};

struct TablespaceLink {
  std::uint32_t oid = 0;
  std::string location;
  friend bool operator==(const TablespaceLink&, const TablespaceLink&) = default;
};

struct DataDirectoryListing {
  std::vector<DataFile> entries;  // ordered by path, a directory before what is in it
  std::vector<TablespaceLink> tablespaces;
  std::uint64_t file_bytes = 0;
};

// Everything to be copied, as it is now. What vanishes while we look was dropped and is left out. Acts as `owner`.
Result<DataDirectoryListing> walk_data_directory(const std::string& data_directory, const OsUser& owner,
                                                 std::string_view version_directory, const StopToken& stop);

}  // namespace holdfast
