#pragma once
// What the files in which the agent remembers backups have in common: a magic, values, and a hash of all of it at the
// end.
#include <string_view>

#include "agent/changes/incremental_check.h"
#include "shared/base/byte_reader.h"
#include "shared/repository/frame.h"

namespace holdfast {

constexpr std::string_view unreadable_memory = "what is remembered of a backup cannot be read";

void append_hash(Bytes& to, const XxHash128& hash);
XxHash128 read_hash(ByteReader& from);
void append_traits(Bytes& to, const ClusterTraits& traits);
ClusterTraits read_traits(ByteReader& from);

// What lies between magic and hash. Code::corrupt, Code::unsupported (of another version).
Result<ByteReader> open_remembered(ByteView bytes, std::string_view magic);

}  // namespace holdfast
