#pragma once
// What an incremental backup must read of one file, and what it may take from its parent. Pure.
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/changes/change_map.h"

namespace holdfast {

constexpr std::uint32_t relation_block_size = 8192;  // the only BLCKSZ that why_not_incremental() lets through

// Why a file is read from its beginning to its end.
enum class WholeReason : std::uint8_t {
  not_relation,       // not made of blocks that the WAL speaks of
  temporary,          // a temporary relation: the WAL says nothing of it
  free_space_map,     // not in the WAL
  visibility_map,     // redo clears its bits without naming its blocks
  init_fork,          // of an unlogged relation; small, and part of it is written without WAL
  odd_size,           // not a number of blocks: it is being extended, or is none of the server's
  too_long,           // longer than a segment can be
  empty,              // there is nothing to compare
  not_in_parent,      // it may have been made while the parent was
  odd_parent,         // the parent's copy is not a number of blocks, or longer than a segment
  database_replaced,  // the database's directory was made anew
  replaced,           // the whole segment is new: made, or cut before it and grown again
  mostly_changed,     // more than 90 % of it
};
std::string_view to_string(WholeReason reason);  // fit for a log: "not in the parent"

struct FileAtBackup {
  std::string_view path;                     // relative to the data directory
  std::uint64_t size = 0;                    // bytes, when the directory was walked
  std::optional<std::uint64_t> parent_size;  // bytes of it in the parent's manifest; nullopt: it has no such file
};

struct FileDecision {
  enum class Read : std::uint8_t { whole, some, nothing } read = Read::whole;
  WholeReason reason = WholeReason::not_relation;  // of whole
  // Some: which blocks to read, counted from the beginning of this file, ascending, apart from each other, below its
  // size. All its others are the parent's.
  std::vector<BlockRange> blocks;
  // Some and nothing: no block of the parent's copy at or past this one is valid any more; at most a segment. Not more
  // than the parent has either, so where the file is larger `blocks` has what lies from here on.
  std::uint32_t valid_parent_blocks = 0;
  friend bool operator==(const FileDecision&, const FileDecision&) = default;
};

// `changes`: at least what changed since the parent's start. `segment_blocks`: from pg_control, 131,072 as a rule.
// The rules are those of GetFileBackupMethod (src/backend/backup/basebackup_incremental.c), with the visibility map
// always whole, and blocks past a limit always read.
FileDecision decide_file(const FileAtBackup& file, const ChangeMap& changes, std::uint32_t segment_blocks);

}  // namespace holdfast
