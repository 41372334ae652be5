#pragma once
// A reader and WAL made by hand for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/changes/change_reader.h"
#include "tests/agent/changes/seen_changes.h"
#include "tests/agent/changes/wal_builder.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {

class ReadingWal : public testing::Test {
 protected:
  static constexpr RelationFork table{1663, 5, 900, Fork::main};
  static constexpr std::uint64_t page = 8192;

  // From the start of what was built, in one piece.
  Result<> read(Timeline timeline = Timeline(1)) { return read_from(wal.start(), wal.start(), timeline); }
  Result<> read_from(Lsn at, Lsn first_byte, Timeline timeline = Timeline(1)) {
    seen = {};
    reader.begin(timeline, at);
    return reader.add(first_byte, ByteView(wal.bytes()).subspan(first_byte - wal.start()), seen);
  }
  std::string block(std::uint32_t number) { return fmt::format("block {} of 1663/5/900.0", number); }

  WalBuilder wal;
  CallList seen;
  ChangeReader reader{wal.segment_size(), SystemId(77)};
};

}  // namespace holdfast
