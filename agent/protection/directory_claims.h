#pragma once
// One agent a cluster on this host: whoever protects it holds a lock on its data directory itself.
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "shared/base/result.h"
#include "shared/base/unique_handle.h"

namespace holdfast {

// One thread uses it. Everything is let go of when it is destroyed, or when its process ends in any way.
class DirectoryClaims {
 public:
  // Claims exactly these directories, by key, and lets go of all others: they could not be unmounted meanwhile. Those
  // that another agent has: Code::conflict, with its process id where the kernel tells. A directory that cannot be
  // locked at all counts as claimed: doubt is no reason to leave a database alone.
  std::map<std::string, Error> hold(const std::map<std::string, std::string>& directories);

 private:
  struct Claim {
    std::pair<std::uint64_t, std::uint64_t> identity;  // device and inode: a restore puts another one in its place
    UniqueFd lock;
  };
  std::map<std::string, Claim> claims_;
};

}  // namespace holdfast
