#pragma once
// Which file of a relation, in the numbers that the WAL uses.
#include <compare>
#include <cstdint>

namespace holdfast {

// The server's numbers (src/include/common/relpath.h, ForkNumber).
enum class Fork : std::uint8_t { main = 0, fsm = 1, visibility = 2, init = 3 };

struct RelationFork {            // as in the WAL: RelFileLocator + fork
  std::uint32_t tablespace = 0;  // oid; 1663 pg_default, 1664 pg_global
  std::uint32_t database = 0;    // oid; 0 for shared relations
  std::uint32_t relation = 0;    // relfilenumber; 0 stands for the whole database directory
  Fork fork = Fork::main;
  friend auto operator<=>(const RelationFork&, const RelationFork&) = default;
};

}  // namespace holdfast
