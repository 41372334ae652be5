// Seeded: how the bytes are cut does not matter, and damage never goes unnoticed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "agent/changes/change_reader.h"
#include "tests/agent/changes/seen_changes.h"
#include "tests/agent/changes/wal_builder.h"
#include "tests/agent/changes/wal_workload.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

using Random = std::mt19937_64;

std::uint64_t below(Random& random, std::uint64_t bound) {
  return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(random);
}

// Each call as a number that stands for it and all before it; doubts apart.
class CallDigests final : public ChangeSink {
 public:
  void block_changed(const RelationFork& fork, std::uint32_t block) override { add(fork, block, 1); }
  void limited(const RelationFork& fork, std::uint32_t blocks) override { add(fork, blocks, 2); }
  void database_replaced(std::uint32_t tablespace, std::uint32_t database) override {
    add({tablespace, database, 0, Fork::main}, 0, 3);
  }
  void doubted(Lsn at, std::string reason) override { doubts.push_back(fmt::format("{}: {}", at, reason)); }
  friend bool operator==(const CallDigests& a, const CallDigests& b) {
    return a.digests == b.digests && a.doubts == b.doubts;
  }

  std::vector<std::uint64_t> digests;
  std::vector<std::string> doubts;

 private:
  void add(const RelationFork& fork, std::uint64_t number, std::uint64_t kind) {
    std::uint64_t digest = digests.empty() ? 0 : digests.back();
    for (const std::uint64_t part : {std::uint64_t{fork.tablespace}, std::uint64_t{fork.database},
                                     std::uint64_t{fork.relation}, std::uint64_t(fork.fork), number, kind}) {
      digest = (digest ^ part) * 0x9E3779B97F4A7C15U;
      digest ^= digest >> 29;
    }
    digests.push_back(digest);
  }
};

struct Outcome {
  CallDigests calls = {};
  std::string error;  // "": none
  Lsn read_from;
  Lsn read_through;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

struct Window {
  WalSegmentSize segment_size;
  Lsn begin;  // what the reader is asked for
  Lsn start;  // of the bytes
  Bytes bytes;
};

template <class NextSize>
Outcome read(const Window& window, NextSize next_size) {
  ChangeReader reader(window.segment_size, std::nullopt);
  reader.begin(Timeline(1), window.begin);
  Outcome outcome;
  for (std::size_t at = 0; at < window.bytes.size();) {
    const std::size_t size = std::min<std::size_t>(next_size(), window.bytes.size() - at);
    // With the error the sink has been told; what comes after it must change nothing.
    const auto added = reader.add(window.start + at, ByteView(window.bytes).subspan(at, size), outcome.calls);
    if (!added) outcome.error = added.error().message;
    at += size;
  }
  outcome.read_from = reader.read_from();
  outcome.read_through = reader.read_through();
  return outcome;
}

Outcome read(const Window& window) {
  return read(window, [&] { return window.bytes.size(); });
}

Result<WalBytes> real_wal() {
  const PostgresCluster cluster =
      TRY(PostgresCluster::started({.wal_segment_mib = 1, .settings = wal_workload_settings()}));
  const OwnedDirectory tablespace = TRY(OwnedDirectory::of(cluster.owner()));
  const Lsn from = TRY(flushed_wal(cluster));
  TRY(run_wal_workload(cluster, tablespace.path()));
  return read_wal(cluster, Timeline(1), from, TRY(flushed_wal(cluster)));
}

Window whole(const WalBytes& wal) {
  return {wal.segment_size, wal.start, wal.start, wal.bytes};
}

// Some pages of it; entered at a page, in a page after its header, or in a page without it.
Window random_window(const WalBytes& wal, std::size_t pages, Random& random) {
  const std::uint64_t first = below(random, wal.bytes.size() / 8192 - pages) * 8192;
  Window window{wal.segment_size, wal.start + first, wal.start + first, {}};
  const std::uint64_t way = below(random, 3);
  if (way > 0) window.begin = window.begin + below(random, 8192);
  if (way == 2) window.start = window.begin;
  append(window.bytes, ByteView(wal.bytes).subspan(window.start - wal.start, pages * 8192));
  return window;
}

void damage(Bytes& bytes, Random& random) {
  const std::uint64_t at = below(random, bytes.size() - 4);
  const std::uint64_t span = std::min<std::uint64_t>(1 + below(random, 9000), bytes.size() - at);
  switch (below(random, 6)) {
    case 0:
      bytes[at] ^= static_cast<std::uint8_t>(1U << below(random, 8));
      break;
    case 1:
      bytes[at - at % 8] = static_cast<std::uint8_t>(below(random, 256));  // often a length
      break;
    case 2:
      bytes[at - at % 8192 + below(random, 40) % (bytes.size() - at)] ^= 0x08;  // a page's header
      break;
    case 3:
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), span, 0);
      break;
    case 4:
      std::generate_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), span,
                      [&] { return static_cast<std::uint8_t>(random()); });
      break;
    default: {
      const std::uint64_t page = at - at % 8192;
      const std::uint64_t other = below(random, bytes.size() / 8192) * 8192;
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(other),
                  std::min<std::uint64_t>(8192, bytes.size() - std::max(page, other)),
                  bytes.begin() + static_cast<std::ptrdiff_t>(page));
    }
  }
}

TEST(RealWal, IsReadTheSameHoweverItIsCut) {
  const auto wal = real_wal();
  ASSERT_THAT(wal, Succeeded());
  const Outcome at_once = read(whole(*wal));
  ASSERT_EQ(at_once.error, "");
  ASSERT_GT(at_once.calls.digests.size(), 10000U);
  for (const std::uint64_t most : {std::uint64_t{300}, std::uint64_t{20000}, std::uint64_t{3} << 20}) {
    Random random(most);
    ASSERT_EQ(read(whole(*wal), [&] { return 1 + below(random, most); }), at_once) << most;
  }
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Random random(seed);
    Window window = random_window(*wal, 12, random);
    if (seed % 3 == 0) damage(window.bytes, random);
    const Outcome expected = read(window);
    ASSERT_EQ(read(window, [] { return 1; }), expected) << seed;
    ASSERT_EQ(read(window, [&] { return 1 + below(random, 60); }), expected) << seed;
  }
}

// A second reader that begins where the first has got to, in the middle of a page or not, and sees nothing before it.
TEST(RealWal, IsReadOnFromWhereItWasReadThrough) {
  const auto wal = real_wal();
  ASSERT_THAT(wal, Succeeded());
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed);
    Window both = random_window(*wal, 40, random);
    both.begin = both.start = start_of_page(both.start);
    both.bytes = to_bytes(ByteView(wal->bytes).subspan(both.start - wal->start, std::size_t{40} * 8192));
    const ByteView bytes = both.bytes;
    CallDigests calls;
    ChangeReader first(wal->segment_size, std::nullopt);
    first.begin(Timeline(1), both.begin);
    ASSERT_THAT(first.add(both.start, bytes.first(1 + below(random, bytes.size() - 4 * 8192)), calls), Succeeded());
    const Lsn from = first.read_through();
    if (from >= both.start + bytes.size()) continue;  // behind a switch of the segment
    ChangeReader second(wal->segment_size, std::nullopt);
    second.begin(Timeline(1), from);
    ASSERT_THAT(second.add(from, bytes.subspan(from - both.start), calls), Succeeded());
    EXPECT_EQ(second.read_from(), from) << seed;
    EXPECT_EQ(calls, read(both).calls) << seed;
  }
}

TEST(RealWal, IsNeverMisreadWhenDamaged) {
  const auto wal = real_wal();
  ASSERT_THAT(wal, Succeeded());
  std::size_t errors = 0;
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    Random random(seed);
    Window window = random_window(*wal, 40, random);
    const Outcome good = read(window);
    ASSERT_EQ(good.error, "") << seed;
    for (std::uint64_t times = 1 + below(random, 3); times > 0; --times) damage(window.bytes, random);
    const Outcome bad = read(window);
    if (bad.read_from == good.read_from) {
      // What was told was told rightly.
      ASSERT_LE(bad.calls.digests.size(), good.calls.digests.size()) << seed;
      ASSERT_TRUE(std::equal(bad.calls.digests.begin(), bad.calls.digests.end(), good.calls.digests.begin())) << seed;
    } else {
      ASSERT_THAT(bad.calls.doubts, testing::Not(testing::IsEmpty())) << seed;
    }
    // And what is missing is either doubted, or the reader does not say that it read it.
    if (bad.error.empty()) {
      ASSERT_LE(bad.read_through, good.read_through) << seed;
      ASSERT_TRUE(bad.read_through < good.read_through || bad.calls.digests == good.calls.digests ||
                  bad.read_from != good.read_from)
          << seed;
    } else {
      ++errors;
      ASSERT_THAT(bad.calls.doubts.back(), testing::HasSubstr(bad.error)) << seed;
    }
  }
  EXPECT_GT(errors, 400U);
}

RecordBody random_body(Random& random) {
  RecordBody body;
  if (below(random, 4) == 0) body.origin();
  if (below(random, 4) == 0) body.top_transaction();
  for (std::uint8_t id = 0; id < below(random, 5); ++id) {
    RecordBody::Block block{.id = id, .fork = {1663, 5, 900, static_cast<Fork>(below(random, 4))}, .number = id};
    block.data_length = static_cast<std::uint16_t>(below(random, 40));
    if (below(random, 3) == 0) block.image = RecordBody::Image{};
    if (id > 0 && below(random, 2) == 0) block.more_flags = 0x80;
    body.block(block);
  }
  Bytes main_data(below(random, 80));
  for (std::uint8_t& byte : main_data) byte = below(random, 3) == 0 ? static_cast<std::uint8_t>(random()) : 0;
  body.main_data(main_data);
  return body;
}

// Records whose CRC fits but which no server would write: whatever they say, the next one is found and told.
TEST(MadeUpRecords, NeverKeepTheReaderFromTheNextOne) {
  constexpr RelationFork sentinel{1663, 6, 901, Fork::main};
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    Random random(seed);
    constexpr std::uint16_t magics[] = {0xD106, 0xD10D, 0xD110, 0xD113, 0xD116, 0xD118};
    WalBuilder wal({.magic = magics[seed % 6]});
    std::vector<std::uint32_t> numbers;
    for (std::uint32_t i = 0; i < 20; ++i) {
      RecordSpec spec{.resource_manager =
                          static_cast<std::uint8_t>(below(random, 2) == 0 ? below(random, 5) : below(random, 140))};
      spec.info = static_cast<std::uint8_t>(below(random, 256));
      if (spec.resource_manager == 0 && (spec.info & 0xF0U) == 0x40) spec.info = 0;  // not a switch of the segment
      spec.body = random_body(random).bytes();
      for (std::uint64_t flips = below(random, 3); flips > 0 && !spec.body.empty(); --flips) {
        spec.body[below(random, std::min<std::uint64_t>(spec.body.size(), 60))] = static_cast<std::uint8_t>(random());
      }
      wal.add(spec);
      wal.add_block(sentinel, i);
    }
    ChangeReader reader(wal.segment_size(), std::nullopt);
    reader.begin(Timeline(1), wal.start());
    SeenChanges seen;
    ASSERT_THAT(reader.add(wal.start(), wal.bytes(), seen), Succeeded()) << seed;
    ASSERT_EQ(seen.referred[sentinel].size(), 20U) << seed;
  }
}

}  // namespace
}  // namespace holdfast
