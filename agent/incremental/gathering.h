#pragma once
// Which packs of earlier backups are not worth needing any more. What is still alive in them is read and stored again
// by the backup that finds them so, and they go with the older backups that need them: space comes back without
// anybody taking packs apart, and nothing but a new backup is ever written. Pure.
#include <vector>

#include "agent/incremental/parent_backup.h"
#include "agent/postgres/copy_plan.h"

namespace holdfast {

struct GatheringRules {
  // A pack of which less than one part in so many is alive. What dies pays for what is stored again: with 3 at most
  // half as much.
  std::uint64_t parts = 3;
  // As soon as there are more packs than this of at most that size they become one: a backup every hour must not lean
  // on thousands of objects.
  std::size_t small_packs = 64;
  std::uint64_t small_size = 1U << 20U;
};

// Stored bytes.
struct PackLife {
  std::uint64_t size = 0;
  std::uint64_t alive = 0;  // 0: nothing would be taken over from it
};
// One for each pack: whether what is alive in it is to be stored again.
std::vector<bool> packs_to_gather(const std::vector<PackLife>& packs, const GatheringRules& rules);

// How much of each pack of the parent a backup would need that takes over this.
std::vector<PackLife> lives_of_packs(const ParentBackup& parent, const std::map<std::size_t, TakenOver>& taken_over);

struct Gathered {
  std::size_t packs = 0;
  std::uint64_t bytes = 0;  // in files
};
// Takes what lies in packs that are not worth it out of `taken_over`; `read` grows by what must be read for it.
Gathered gather(const ParentBackup& parent, const GatheringRules& rules, std::map<std::size_t, TakenOver>& taken_over,
                std::vector<FileSpan>& read);

}  // namespace holdfast
