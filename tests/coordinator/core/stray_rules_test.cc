#include "coordinator/core/stray_rules.h"

#include <gmock/gmock.h>

#include <random>

#include "shared/repository/layout.h"

namespace holdfast {
namespace {

using std::chrono::hours;
using testing::ElementsAre;
using testing::IsEmpty;

const DatabaseId database({0xd1});
const NodeId node({0xb1});
const NodeId other_node({0xb2});

BackupId id(std::uint8_t n) {
  return BackupId({0xc0, n});
}
ObjectInfo pack(BackupId backup, std::uint32_t number = 0) {
  return {pack_name(database, backup, number), 100};
}

// A failed backup with two packs in one store; everything that must hold for it to go holds.
class Strays : public testing::Test {
 protected:
  Strays() {
    input_.database = database;
    input_.grace = hours(48);
    input_.now = Timestamp::from_micros(1'800'000'000'000'000);
    input_.members = {node};
    input_.nodes[node] = {input_.now - hours(100), true, false};
    input_.stores = {{"local", {pack(id(1)), pack(id(1), 1)}}};
    input_.known[id(1)] = {BackupState::failed, node, input_.now - hours(72), false};
    lie_since(hours(72));
  }
  // As an earlier sweep has noted it.
  void lie_since(Micros before) {
    StrayInput earlier = input_;
    earlier.now = input_.now - before;
    earlier.seen.clear();
    input_.seen = decide_strays(earlier).seen;
  }
  std::vector<std::string> removed() const {
    std::vector<std::string> names;
    for (const auto& backup : decide_strays(input_).remove) {
      for (const auto& store : backup.stores) {
        for (const auto& object : store.objects) names.push_back(store.store + ":" + object.name);
      }
    }
    return names;
  }
  void put(const std::string& name) { input_.stores[0].objects.push_back({name, 10}); }

  StrayInput input_;
};

TEST_F(Strays, OfAFailedBackupGoAfterTheGrace) {
  EXPECT_THAT(removed(), ElementsAre("local:" + pack(id(1)).name, "local:" + pack(id(1), 1).name));
  const auto decision = decide_strays(input_);
  EXPECT_THAT(decision.remove[0].why, testing::HasSubstr("failed at "));
  EXPECT_THAT(decision.spared, IsEmpty());
}

TEST_F(Strays, StayWhileTheGraceLasts) {
  input_.known[id(1)].finished_at = input_.now - hours(47);
  EXPECT_THAT(removed(), IsEmpty());
}

TEST_F(Strays, StayAtTheFirstSight) {
  input_.seen.clear();
  EXPECT_THAT(removed(), IsEmpty());
  EXPECT_EQ(decide_strays(input_).seen.at(id(1)).unchanged_since, input_.now);
}

TEST_F(Strays, StayWhenSomethingWasAdded) {
  put(pack(id(1), 2).name);
  EXPECT_THAT(removed(), IsEmpty());
  EXPECT_EQ(decide_strays(input_).seen.at(id(1)).unchanged_since, input_.now) << "the grace begins anew";
}

TEST_F(Strays, StayWhenTheirRecordLiesInAnyStore) {
  input_.stores.push_back({"offsite", {{record_name(database, id(1)), 50}}});
  EXPECT_THAT(removed(), IsEmpty());
  EXPECT_THAT(decide_strays(input_).seen, IsEmpty());
}

TEST_F(Strays, ThatARecordNamesStayAndTheOthersGo) {
  input_.needed = {pack(id(1)).name};
  lie_since(hours(72));
  EXPECT_THAT(removed(), ElementsAre("local:" + pack(id(1), 1).name));
}

TEST_F(Strays, OfABackupThatIsNotKnownAsFailedStay) {
  for (const auto state : {BackupState::running, BackupState::complete, BackupState::released}) {
    input_.known[id(1)].state = state;
    EXPECT_THAT(removed(), IsEmpty()) << static_cast<int>(state);
  }
}

TEST_F(Strays, StayWhileTheirJobIsOpen) {
  input_.open = {id(1)};
  EXPECT_THAT(removed(), IsEmpty());
}

TEST_F(Strays, StayWhileABackupRunsThatMayGoOnFromThem) {
  input_.backup_runs = true;
  EXPECT_THAT(removed(), IsEmpty());
}

TEST_F(Strays, StayWhileTheirNodeIsAwayUnlessItWasRevoked) {
  input_.nodes[node] = {};
  EXPECT_THAT(removed(), IsEmpty());
  input_.nodes[node].online_since = input_.now - std::chrono::minutes(5);
  EXPECT_THAT(removed(), IsEmpty()) << "it has just come back, and what it has to tell may be on the way";
  input_.nodes[node] = {{}, false, true};
  EXPECT_FALSE(removed().empty());
  input_.nodes.clear();
  EXPECT_THAT(removed(), IsEmpty());
}

TEST_F(Strays, OfAJobThatOnlyTheCoordinatorGaveUpStayUntilTheNodeIsIdle) {
  input_.known[id(1)].given_up = true;
  EXPECT_FALSE(removed().empty());
  input_.nodes[node].idle = false;
  EXPECT_THAT(removed(), IsEmpty());
}

TEST_F(Strays, OfAnUnknownBackupGoWhenEveryNodeCouldHaveTold) {
  input_.known.clear();
  input_.members = {node, other_node};
  EXPECT_THAT(removed(), IsEmpty());
  input_.nodes[other_node] = {input_.now - hours(2), true, false};
  EXPECT_FALSE(removed().empty());
  input_.nodes[other_node].idle = false;
  EXPECT_THAT(removed(), IsEmpty());
  input_.members.clear();
  EXPECT_THAT(removed(), IsEmpty()) << "nobody could have told";
}

TEST_F(Strays, OfAnUnknownBackupStayForADayWhateverTheGrace) {
  input_.known.clear();
  input_.grace = std::chrono::seconds(1);
  lie_since(hours(23));
  EXPECT_THAT(removed(), IsEmpty());
  lie_since(hours(24));
  EXPECT_FALSE(removed().empty());
}

TEST_F(Strays, AreNeitherMarksOfRetentionNorWhatIsNoBackups) {
  input_.stores[0].objects = {{released_name(database, id(1)), 10},
                              {pack_name(DatabaseId({0xd2}), id(1), 0), 10},
                              {database_prefix(database) + "backups/readme", 10}};
  lie_since(hours(72));
  EXPECT_THAT(removed(), IsEmpty());
}

// What must never happen, looked at from outside: thousands of worlds by chance.
class AnyWorld {
 public:
  explicit AnyWorld(std::uint32_t seed) : random_(seed) {
    input_.database = database;
    input_.now = Timestamp::from_micros(1'800'000'000'000'000);
    input_.grace = hours(below(72));
    input_.members = {node, other_node};
    for (const NodeId id : input_.members) {
      if (!once_in(8)) input_.nodes[id] = {once_in(4) ? Timestamp{} : ago(), !once_in(3), once_in(6)};
    }
    input_.stores = {{"local", {}}, {"offsite", {}}};
    for (std::uint8_t n = 0; n < 12; ++n) add_backup(id(n));
    StrayInput earlier = input_;
    earlier.now = ago();
    input_.seen = decide_strays(earlier).seen;
    if (once_in(3)) input_.stores[below(2)].objects.push_back(pack(id(static_cast<std::uint8_t>(below(12))), 9));
  }
  const StrayInput& input() const { return input_; }

 private:
  std::uint32_t below(std::uint32_t limit) { return random_() % limit; }
  bool once_in(std::uint32_t times) { return below(times) == 0; }
  Timestamp ago() { return input_.now - hours(below(120)); }
  void add_backup(BackupId backup) {
    for (auto& store : input_.stores) {
      for (std::uint32_t n = below(3); n > 0; --n) store.objects.push_back(pack(backup, n));
      if (once_in(6)) store.objects.push_back({record_name(database, backup), 10});
      if (once_in(6)) store.objects.push_back({released_name(database, backup), 10});
    }
    if (once_in(4)) input_.needed.insert(pack(backup, 1).name);
    if (once_in(6)) input_.open.insert(backup);
    if (once_in(4)) return;
    const auto state = once_in(2) ? BackupState::failed : static_cast<BackupState>(below(4));
    input_.known[backup] = {state, once_in(2) ? node : other_node, ago(), once_in(4)};
  }

  std::mt19937 random_;
  StrayInput input_;
};

std::string complaint(const StrayInput& world, const StrayBackup& removal) {
  const auto in_contact = [&world](NodeId who) {
    const auto known = world.nodes.find(who);
    return known != world.nodes.end() && (known->second.gone || !known->second.online_since.is_never());
  };
  for (const auto& store : world.stores) {
    for (const auto& object : store.objects) {
      if (object.name == record_name(world.database, removal.backup)) return "it has a record";
    }
  }
  for (const auto& store : removal.stores) {
    for (const auto& object : store.objects) {
      if (world.needed.contains(object.name)) return "a record needs " + object.name;
      if (object.name == released_name(world.database, removal.backup)) return "it is retention's mark";
      if (!object.name.starts_with(backup_prefix(world.database, removal.backup))) return "it is another backup's";
    }
  }
  if (world.open.contains(removal.backup)) return "its job is open";
  const Micros lain = world.now - world.seen.at(removal.backup).unchanged_since;
  const auto known = world.known.find(removal.backup);
  if (known == world.known.end()) {
    if (lain < hours(24)) return "it is unknown and was not there a day ago";
    for (const NodeId member : world.members) {
      if (!in_contact(member)) return "a node that could know it is away";
    }
    return {};
  }
  if (known->second.state != BackupState::failed) return "it did not fail";
  if (world.now - known->second.finished_at < world.grace || lain < world.grace) return "it failed just now";
  return in_contact(known->second.node) ? "" : "its node is away";
}

TEST(StraysInAnyWorld, AreNothingThatIsNeededOrMayBeWrittenStill) {
  std::size_t removals = 0;
  for (std::uint32_t seed = 0; seed < 4000; ++seed) {
    const AnyWorld world(seed);
    for (const auto& removal : decide_strays(world.input()).remove) {
      ++removals;
      ASSERT_EQ(complaint(world.input(), removal), "") << "seed " << seed;
    }
  }
  EXPECT_GT(removals, 1000U) << "a rule that removes nothing proves nothing";
}

}  // namespace
}  // namespace holdfast
