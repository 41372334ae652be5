#pragma once
// Files of relations: where they lie in the data directory, and which stretch of which fork each of them holds.
#include <optional>
#include <string>
#include <string_view>

#include "agent/changes/relation_fork.h"

namespace holdfast {

constexpr std::uint32_t default_tablespace = 1663;  // pg_default: below "base"
constexpr std::uint32_t global_tablespace = 1664;   // pg_global: below "global"

// One file: relations are cut into segments of 1 GiB unless the server was built otherwise.
struct ForkSegment {
  RelationFork fork;
  std::uint32_t segment = 0;
  friend auto operator<=>(const ForkSegment&, const ForkSegment&) = default;
};

// `path` is relative to the data directory, tablespaces below "pg_tblspc/<oid>/PG_<major>_<catalog version>". Strict:
// numbers as the server writes them (src/common/relpath.c, GetRelationPath). nullopt: not a permanent relation's file.
std::optional<ForkSegment> fork_segment_of(std::string_view path);

// Whether it is a temporary relation's file ("base/5/t3_16384"). Backups leave them out; the WAL says nothing of them.
bool is_temporary_relation_file(std::string_view path);

// The inverse of fork_segment_of(). `version_directory` is used in tablespaces: "PG_15_202209061".
std::string path_of(const ForkSegment& file, std::string_view version_directory);

}  // namespace holdfast
