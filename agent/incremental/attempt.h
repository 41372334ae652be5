#pragma once
// What is left of a full backup that was cut off, as something a new one can begin from. Pure.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/incremental/attempt_pack.h"
#include "agent/incremental/kept_extents.h"
#include "agent/incremental/parent_backup.h"

namespace holdfast {

struct Attempt {
  // Of the record only timeline and start: the oldest of its packs', stop is the same. Of the files only what was
  // copied.
  ParentBackup parent;
  std::vector<StoredObject> objects;                                   // of each of the manifest's packs
  std::map<std::string, std::vector<PageRange>, std::less<>> covered;  // by path: what was copied; ordered, apart
};

// Packs that fit the one stored last: the same cluster, the same timeline. What was read twice counts as it was read
// the second time. nullopt: there are none.
std::optional<Attempt> merge_attempt(std::vector<AttemptPack> packs);

// Pages [0, pages) of a file that are in none of `covered`, and those of `read`: ordered, apart. Both given so too.
std::vector<PageRange> with_gaps(const std::vector<PageRange>& read, const std::vector<PageRange>& covered,
                                 std::uint64_t pages);

}  // namespace holdfast
