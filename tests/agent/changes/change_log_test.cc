#include "agent/changes/change_log.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "tests/agent/changes/naive_changes.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/unsynced_loss_file_system.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr SystemId cluster{77};
constexpr RelationFork table{1663, 5, 16384, Fork::main};
const std::string directory = "/changes";

ChangeInterval interval(std::uint64_t from, std::uint64_t to, std::uint32_t timeline = 1) {
  return {Timeline(timeline), Lsn(from), Lsn(to)};
}
WalPlace place(std::uint64_t lsn, std::uint32_t timeline = 1) {
  return {Timeline(timeline), Lsn(lsn)};
}
ChangeMap blocks(const std::vector<std::uint32_t>& changed) {
  ChangeMap map;
  for (const std::uint32_t block : changed) map.block_changed(table, block);
  return map;
}
ChangeMap doubting(std::uint64_t at) {
  ChangeMap map;
  map.doubted(Lsn(at), "record of an unknown kind");
  return map;
}

class ChangeLogs : public testing::Test {
 protected:
  std::unique_ptr<ChangeLog> open(ChangeLog::Limits limits = {}) {
    return ChangeLog::open(files, directory, cluster, limits).value();
  }
  std::vector<std::string> names() {
    std::vector<std::string> out;
    const auto entries = files.list(directory).value();
    for (const auto& entry : entries) out.push_back(entry.name);
    return out;
  }
  std::string path(const ChangeInterval& of) { return directory + "/" + interval_name(of); }
  void damage(const ChangeInterval& of, std::size_t at) {
    Bytes content = files.read(path(of)).value();
    content.at(at) ^= 1U;
    ASSERT_THAT(files.replace_durably(path(of), content, 0600), Succeeded());
  }

  UnsyncedLossFileSystem files;
  const TimelineHistory first;
};

TEST_F(ChangeLogs, GiveTheUnionOfWhatTouchesTheStretch) {
  const auto log = open();
  ASSERT_THAT(log->append(Timeline(1), Lsn(100), Lsn(200), blocks({1, 2})), Succeeded());
  ASSERT_THAT(log->append(Timeline(1), Lsn(200), Lsn(300), blocks({2, 3})), Succeeded());
  ASSERT_THAT(log->append(Timeline(1), Lsn(300), Lsn(400), blocks({9})), Succeeded());
  EXPECT_EQ(log->union_of(first, place(150), place(300)).value(), blocks({1, 2, 3}));
  EXPECT_EQ(log->union_of(first, place(300), place(301)).value(), blocks({9}));
  EXPECT_EQ(log->union_of(first, place(300), place(300)).value(), ChangeMap());
  EXPECT_EQ(log->end_of(Timeline(1)), Lsn(400));
  EXPECT_EQ(log->end_of(Timeline(2)), std::nullopt);
}

TEST_F(ChangeLogs, KeepWhatWasAppendedOverALossOfPower) {
  ASSERT_THAT(open()->append(Timeline(1), Lsn(100), Lsn(200), blocks({1, 2})), Succeeded());
  files.power_cycle();
  EXPECT_EQ(open()->union_of(first, place(100), place(200)).value(), blocks({1, 2}));
}

TEST_F(ChangeLogs, RefuseAGapAndSayWhereItIs) {
  const auto log = open();
  ASSERT_THAT(log->append(Timeline(1), Lsn(0x100), Lsn(0x200), blocks({1})), Succeeded());
  ASSERT_THAT(log->append(Timeline(1), Lsn(0x300), Lsn(0x400), blocks({1})), Succeeded());
  EXPECT_THAT(log->union_of(first, place(0x100), place(0x400)), FailedWith(Code::not_found, "from 0/200 to 0/300"));
  EXPECT_THAT(log->covered(first, place(0x100), place(0x400)), FailedWith(Code::not_found, "from 0/200 to 0/300"));
  EXPECT_THAT(log->covered(first, place(0x300), place(0x400)), Succeeded());
}

TEST_F(ChangeLogs, RefuseToReachOverADoubt) {
  const auto log = open();
  ChangeMap map = doubting(0x150);
  map.block_changed(table, 4);
  ASSERT_THAT(log->append(Timeline(1), Lsn(0x100), Lsn(0x200), map), Succeeded());
  EXPECT_THAT(log->union_of(first, place(0x100), place(0x200)),
              FailedWith(Code::not_found, "at 0/150 on timeline 1 is in doubt: record of an unknown kind"));
  EXPECT_THAT(log->union_of(first, place(0x150), place(0x151)), FailedWith(Code::not_found));
  EXPECT_EQ(log->union_of(first, place(0x100), place(0x150)).value(), blocks({4})) << "before the doubt";
  EXPECT_EQ(log->union_of(first, place(0x158), place(0x200)).value(), blocks({4})) << "behind the doubt";
}

// A reader that cannot go on says so at the end of what it could read.
TEST_F(ChangeLogs, KeepADoubtAtTheEndInTheWay) {
  const auto log = open();
  ASSERT_THAT(log->append(Timeline(1), Lsn(0x100), Lsn(0x200), doubting(0x200)), Succeeded());
  ASSERT_THAT(log->append(Timeline(1), Lsn(0x200), Lsn(0x300), blocks({1})), Succeeded());
  EXPECT_THAT(log->union_of(first, place(0x100), place(0x200)), Succeeded());
  EXPECT_THAT(log->union_of(first, place(0x100), place(0x300)), FailedWith(Code::not_found, "0/200"));
  EXPECT_THAT(log->union_of(first, place(0x200), place(0x300)), FailedWith(Code::not_found, "in doubt"));
  ASSERT_THAT(log->append(Timeline(1), Lsn(0x300), Lsn(0x300), doubting(0x380)), Succeeded());
  EXPECT_THAT(log->append(Timeline(1), Lsn(0x380), Lsn(0x400), blocks({1})), Succeeded());
  EXPECT_THAT(log->union_of(first, place(0x208), place(0x400)),
              FailedWith(Code::not_found, "0/300 on timeline 1 is in doubt"))
      << "up to the doubt nothing was read";
  EXPECT_THAT(log->union_of(first, place(0x388), place(0x400)), Succeeded());
}

TEST_F(ChangeLogs, TakeAnEmptyIntervalForNothing) {
  const auto log = open();
  EXPECT_THAT(log->append(Timeline(1), Lsn(100), Lsn(100), ChangeMap()), Succeeded());
  EXPECT_THAT(log->intervals(), IsEmpty());
  EXPECT_THAT(log->append(Timeline(1), Lsn(100), Lsn(99), ChangeMap()), FailedWith(Code::invalid));
  EXPECT_THAT(log->append(Timeline(0), Lsn(100), Lsn(200), ChangeMap()), FailedWith(Code::invalid));
}

TEST_F(ChangeLogs, FollowTheHistoryAndLeaveOutAbandonedDoubts) {
  const auto log = open();
  const auto history = TimelineHistory::parse(Timeline(2), "1\t0/180\tx\n").value();
  ChangeMap old = blocks({1});
  old.doubted(Lsn(0x190), "on the timeline that was left");
  ASSERT_THAT(log->append(Timeline(1), Lsn(0x100), Lsn(0x200), old), Succeeded());
  ASSERT_THAT(log->append(Timeline(2), Lsn(0x180), Lsn(0x280), blocks({7})), Succeeded());
  EXPECT_EQ(log->union_of(history, place(0x100), place(0x200, 2)).value(), blocks({1, 7}));
  EXPECT_THAT(log->union_of(history, place(0x181), place(0x200, 2)),
              FailedWith(Code::not_found, "not in the history of timeline 2"));
}

TEST_F(ChangeLogs, NameADamagedFile) {
  {
    const auto log = open();
    ASSERT_THAT(log->append(Timeline(1), Lsn(100), Lsn(200), blocks({1})), Succeeded());
    ASSERT_THAT(log->append(Timeline(1), Lsn(200), Lsn(300), blocks({2})), Succeeded());
    damage(interval(100, 200), interval_header_size + 9);
    EXPECT_THAT(log->union_of(first, place(100), place(300)), FailedWith(Code::corrupt, path(interval(100, 200))));
    EXPECT_EQ(log->union_of(first, place(200), place(300)).value(), blocks({2}));
  }
  damage(interval(200, 300), 9);
  const auto log = open();
  EXPECT_THAT(log->union_of(first, place(200), place(300)), FailedWith(Code::corrupt, path(interval(200, 300))));
  ASSERT_THAT(files.remove(path(interval(200, 300))), Succeeded());
  EXPECT_THAT(log->union_of(first, place(200), place(300)), FailedWith(Code::corrupt, path(interval(200, 300))));
}

TEST_F(ChangeLogs, ForgetAnotherClusters) {
  ASSERT_THAT(open()->append(Timeline(1), Lsn(100), Lsn(200), blocks({1})), Succeeded());
  const auto log = ChangeLog::open(files, directory, SystemId(78)).value();
  EXPECT_THAT(log->intervals(), IsEmpty());
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(ChangeLogs, RemoveLeftoversAndLeaveWhatIsNotTheirs) {
  ASSERT_THAT(files.make_directories(directory, 0700), Succeeded());
  for (const char* name : {"/.holdfast-tmp-1-2", "/README", "/00000001-0-1"}) {
    ASSERT_THAT(files.create_durably(directory + name, as_bytes("x"), 0600), Succeeded());
  }
  open();
  EXPECT_THAT(names(), testing::UnorderedElementsAre("README", "00000001-0-1"));
}

TEST_F(ChangeLogs, ReplaceWhatIsReadAgain) {
  const auto log = open();
  ASSERT_THAT(log->append(Timeline(1), Lsn(100), Lsn(200), blocks({1})), Succeeded());
  ASSERT_THAT(log->append(Timeline(1), Lsn(150), Lsn(250), blocks({2})), Succeeded());
  EXPECT_THAT(log->intervals(), ElementsAre(interval(100, 200), interval(150, 250)));
  ASSERT_THAT(log->append(Timeline(1), Lsn(100), Lsn(250), blocks({1, 2})), Succeeded());
  EXPECT_THAT(log->intervals(), ElementsAre(interval(100, 250)));
  EXPECT_THAT(names(), ElementsAre(interval_name(interval(100, 250))));
}

TEST_F(ChangeLogs, PruneWhatEndsBeforeAPlaceOnThisAndOlderTimelines) {
  const auto log = open();
  for (const auto& known : {interval(100, 200), interval(200, 300), interval(300, 500), interval(300, 400, 2),
                            interval(400, 500, 2), interval(200, 300, 3)}) {
    ASSERT_THAT(log->append(known.timeline, known.from, known.to, blocks({1})), Succeeded());
  }
  ASSERT_THAT(log->prune_before(place(401, 2)), Succeeded());
  const std::vector<ChangeInterval> kept = {interval(300, 500), interval(400, 500, 2), interval(200, 300, 3)};
  EXPECT_EQ(log->intervals(), kept);
  files.power_cycle();
  EXPECT_EQ(open()->intervals(), kept);
}

TEST_F(ChangeLogs, JoinTheSmallestNeighboursWhenThereAreTooMany) {
  const auto log = open({.files = 3});
  std::vector<std::uint32_t> many(5000);
  for (std::uint32_t i = 0; i < many.size(); ++i) many[i] = i * 11;
  ASSERT_THAT(log->append(Timeline(1), Lsn(100), Lsn(200), blocks(many)), Succeeded());
  ASSERT_THAT(log->append(Timeline(1), Lsn(200), Lsn(300), blocks({2})), Succeeded());
  ASSERT_THAT(log->append(Timeline(1), Lsn(300), Lsn(400), blocks({3})), Succeeded());
  ASSERT_THAT(log->append(Timeline(1), Lsn(400), Lsn(500), blocks(many)), Succeeded());
  EXPECT_THAT(log->intervals(), ElementsAre(interval(100, 200), interval(200, 400), interval(400, 500)));
  EXPECT_EQ(log->union_of(first, place(350), place(400)).value(), blocks({2, 3}));
}

TEST_F(ChangeLogs, JoinedKeepThePlacesOfDoubts) {
  const auto log = open({.files = 1});
  ASSERT_THAT(log->append(Timeline(1), Lsn(100), Lsn(200), doubting(150)), Succeeded());
  ASSERT_THAT(log->append(Timeline(1), Lsn(200), Lsn(300), blocks({3})), Succeeded());
  EXPECT_THAT(log->intervals(), ElementsAre(interval(100, 300)));
  EXPECT_THAT(log->union_of(first, place(100), place(300)), FailedWith(Code::not_found, "in doubt"));
  EXPECT_EQ(log->union_of(first, place(158), place(300)).value(), blocks({3}));
}

TEST_F(ChangeLogs, DropTheOldestWhereNothingCanBeJoined) {
  const auto log = open({.files = 2});
  for (std::uint64_t from = 0; from < 5; ++from) {
    ASSERT_THAT(log->append(Timeline(1), Lsn(from * 100), Lsn(from * 100 + 50), blocks({1})), Succeeded());
  }
  EXPECT_THAT(log->intervals(), ElementsAre(interval(300, 350), interval(400, 450)));
  EXPECT_THAT(names(), testing::SizeIs(2));
}

TEST_F(ChangeLogs, StayWithinTheirBytes) {
  const auto log = open({.bytes = 20'000});
  ChangeMap large;
  for (std::uint32_t block = 0; block < 3000; ++block) large.block_changed(table, block * 70);
  const std::uint64_t one = encode_interval(cluster, interval(0, 100), large).size();
  ASSERT_GT(one, 20'000U / 8) << "two of them are too large to be joined";
  for (std::uint64_t from = 0; from < 20; ++from) {
    ASSERT_THAT(log->append(Timeline(1), Lsn(from * 100), Lsn(from * 100 + 100), large), Succeeded());
    EXPECT_LE(log->bytes(), 20'000U);
  }
  const std::uint64_t kept = 20'000 / one;
  EXPECT_THAT(log->covered(first, place(2000 - kept * 100), place(2000)), Succeeded()) << "the newest stay";
  EXPECT_THAT(log->covered(first, place(2000 - kept * 100 - 1), place(2000)), FailedWith(Code::not_found));
}

TEST_F(ChangeLogs, SaveBytesByJoiningWhatChangesAgainAndAgain) {
  const auto log = open({.bytes = 20'000});
  std::vector<std::uint32_t> hot(500);
  for (std::uint32_t i = 0; i < hot.size(); ++i) hot[i] = i * 70;
  for (std::uint64_t from = 0; from < 100; ++from) {
    ASSERT_THAT(log->append(Timeline(1), Lsn(from * 100), Lsn(from * 100 + 100), blocks(hot)), Succeeded());
  }
  EXPECT_LE(log->bytes(), 20'000U);
  EXPECT_EQ(log->union_of(first, place(0), place(10'000)).value(), blocks(hot)) << "nothing was dropped";
}

TEST_F(ChangeLogs, DoNotJoinADamagedFile) {
  const auto log = open({.files = 3});
  for (std::uint64_t from = 100; from < 400; from += 100) {
    ASSERT_THAT(log->append(Timeline(1), Lsn(from), Lsn(from + 100), blocks({1})), Succeeded());
  }
  damage(interval(100, 200), interval_header_size + 9);
  ASSERT_THAT(log->append(Timeline(1), Lsn(400), Lsn(500), blocks({1})), Succeeded());
  EXPECT_THAT(log->intervals(), ElementsAre(interval(100, 200), interval(200, 400), interval(400, 500)));
  EXPECT_THAT(log->union_of(first, place(100), place(200)), FailedWith(Code::corrupt));
}

TEST_F(ChangeLogs, ReportAFullDiskAndGoOn) {
  const auto log = open();
  ASSERT_THAT(log->append(Timeline(1), Lsn(100), Lsn(200), blocks({1})), Succeeded());
  files.limit_space(10);
  EXPECT_THAT(log->append(Timeline(1), Lsn(200), Lsn(300), blocks({2})), FailedWith(Code::exhausted));
  EXPECT_THAT(log->covered(first, place(100), place(300)), FailedWith(Code::not_found));
  files.limit_space(std::nullopt);
  ASSERT_THAT(log->append(Timeline(1), Lsn(200), Lsn(300), blocks({2})), Succeeded());
  EXPECT_EQ(log->union_of(first, place(100), place(300)).value(), blocks({1, 2}));
}

// Each append of this story writes, joins and removes; the machine stops after each single step of it.
enum class Crash : std::uint8_t { of_the_power, of_the_process };
class CrashedChangeLogs : public testing::TestWithParam<Crash> {};

TEST_P(CrashedChangeLogs, HaveTheOldStateOrTheNew) {
  constexpr std::uint64_t appends = 6;
  const ChangeLog::Limits limits{.files = 3};
  const TimelineHistory first;
  bool finished = false;
  for (int steps = 0; !finished; ++steps) {
    UnsyncedLossFileSystem files;
    ASSERT_THAT(files.make_directories(directory, 0700), Succeeded());
    files.crash_after(steps);
    std::uint64_t acknowledged = 0;
    if (const auto log = ChangeLog::open(files, directory, cluster, limits)) {
      while (acknowledged < appends &&
             (*log)->append(Timeline(1), Lsn(acknowledged * 100), Lsn(acknowledged * 100 + 100),
                            blocks({static_cast<std::uint32_t>(acknowledged) * 10}))) {
        ++acknowledged;
      }
      if (acknowledged == appends) finished = (*log)->prune_before(place(100)).has_value();
    }
    GetParam() == Crash::of_the_power ? files.power_cycle() : files.restart_process();

    const auto log = ChangeLog::open(files, directory, cluster, limits).value();
    for (std::uint64_t n = finished ? 3 : 0; n < acknowledged; ++n) {
      const auto changes = log->union_of(first, place(n * 100), place(n * 100 + 100));
      ASSERT_THAT(changes, Succeeded()) << "append " << n << " of " << acknowledged << ", " << steps << " steps";
      EXPECT_TRUE(changes->contains(table, static_cast<std::uint32_t>(n) * 10));
    }
    for (const ChangeInterval& known : log->intervals()) {
      EXPECT_THAT(log->union_of(first, {known.timeline, known.from}, {known.timeline, known.to}), Succeeded());
      EXPECT_LE(known.to, Lsn(acknowledged * 100 + 100));
    }
    EXPECT_LE(log->intervals().size(), limits.files);
    const auto entries = files.list(directory).value();
    EXPECT_EQ(entries.size(), log->intervals().size()) << "nothing else is left";
  }
}

INSTANTIATE_TEST_SUITE_P(AfterALoss, CrashedChangeLogs, testing::Values(Crash::of_the_power, Crash::of_the_process),
                         [](const auto& row) { return row.param == Crash::of_the_power ? "OfPower" : "OfTheProcess"; });

TEST_F(ChangeLogs, NeverLoseAChangeThatTheyCover) {
  EXPECT_TRUE(rc::check([] {
    UnsyncedLossFileSystem disk;
    const ChangeLog::Limits limits{.files = *rc::gen::inRange<std::size_t>(1, 6),
                                   .bytes = *rc::gen::element<std::uint64_t>(300, 2000, 1U << 20U)};
    auto log = ChangeLog::open(disk, directory, cluster, limits).value();
    struct Told {
      ChangeInterval place;
      std::vector<ChangeEvent> events;
    };
    std::vector<Told> told;
    std::uint64_t at = 0;
    const auto appends = *rc::gen::inRange(1, 15);
    for (int i = 0; i < appends; ++i) {
      const std::uint64_t from = at + *rc::gen::element<std::uint64_t>(0, 0, 0, 0, 0, 16);
      at = from + *rc::gen::inRange<std::uint64_t>(1, 100);
      Told next{interval(from, at), some_events()};
      std::erase_if(next.events, [](const ChangeEvent& event) { return event.kind == ChangeEvent::Kind::doubt; });
      ChangeMap map;
      for (const ChangeEvent& event : next.events) event.tell(map);
      RC_ASSERT(log->append(Timeline(1), Lsn(from), Lsn(at), map).has_value());
      told.push_back(std::move(next));
      if (*rc::gen::inRange(0, 5) == 0) {
        disk.power_cycle();
        log = ChangeLog::open(disk, directory, cluster, limits).value();
      }
    }
    RC_ASSERT(log->intervals().size() <= limits.files);
    RC_ASSERT(log->bytes() <= limits.bytes);
    const auto from = *rc::gen::inRange<std::uint64_t>(0, at);
    const auto to = *rc::gen::inRange<std::uint64_t>(from + 1, at + 1);
    const auto changes = log->union_of(TimelineHistory(), place(from), place(to));
    RC_ASSERT(changes.has_value() == log->covered(TimelineHistory(), place(from), place(to)).has_value());
    if (!changes) RC_SUCCEED("a gap");
    std::uint64_t reached = from;
    for (const Told& one : told) {
      if (!one.place.touches(Lsn(from), Lsn(to))) continue;
      RC_ASSERT(one.place.from.value() <= reached);
      reached = one.place.to.value();
      for (const ChangeEvent& event : one.events) {
        RC_ASSERT(changes->contains(event.fork, event.block));
        if (event.kind == ChangeEvent::Kind::database) RC_ASSERT(changes->contains(event.fork, 0));
      }
    }
    RC_ASSERT(reached >= to);
  }));
}

TEST_F(ChangeLogs, AnswerWhileTheyAreWrittenTo) {
  const auto log = open({.files = 4});
  ASSERT_THAT(log->append(Timeline(1), Lsn(0), Lsn(10), blocks({0})), Succeeded());
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::uint64_t n = 1; n < 300; ++n) {
      EXPECT_THAT(log->append(Timeline(1), Lsn(n * 10), Lsn(n * 10 + 10), blocks({static_cast<std::uint32_t>(n)})),
                  Succeeded());
    }
    done = true;
  });
  while (!done) {
    const Lsn end = log->end_of(Timeline(1)).value();
    const auto changes = log->union_of(first, place(0), {Timeline(1), end});
    EXPECT_THAT(changes, Succeeded());
    EXPECT_TRUE(!changes || changes->marked_blocks() >= end.value() / 10);
  }
  writer.join();
}

}  // namespace
}  // namespace holdfast
