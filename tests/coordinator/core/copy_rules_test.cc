#include "coordinator/core/copy_rules.h"

#include <gmock/gmock.h>

#include <list>

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class CopyRules : public testing::Test {
 protected:
  CopyRules() {
    input_.database = DatabaseId({1});
    input_.want = 2;
    input_.chosen = {"a", "b"};
    input_.stores = {"a", "b", "c"};
  }
  // Newer with each call.
  const Backup& add(std::vector<BackupCopy> copies) {
    Backup backup;
    backup.id = BackupId({++made_});
    backup.state = BackupState::complete;
    backup.finished_at = Timestamp::from_micros(made_);
    backup.copies = std::move(copies);
    return *input_.backups.emplace_back(&backups_.emplace_back(std::move(backup)));
  }
  // "store:state from sources"
  std::vector<std::string> needs() {
    auto all = copies_needed(input_);
    sort_by_risk(all);
    std::vector<std::string> out;
    for (const CopyNeed& need : all) {
      std::string text = (need.key.backup.is_null() ? "log " : "") + need.key.store + ":" + need.state + " from";
      for (const auto& source : need.sources) text += " " + source;
      out.push_back(text);
    }
    return out;
  }

  CopyInput input_;
  std::list<Backup> backups_;
  std::uint8_t made_ = 0;
};

TEST_F(CopyRules, NothingIsNeededWhenEveryCopyIsWhole) {
  add({{"a", "ok"}, {"b", "ok"}});
  EXPECT_THAT(needs(), IsEmpty());
  EXPECT_EQ(whole_copies(input_), 2U);
}

TEST_F(CopyRules, WhatAStoreLacksComesFromAnother) {
  add({{"a", "ok"}, {"b", "missing"}});
  EXPECT_THAT(needs(), ElementsAre("b:missing from a"));
  EXPECT_EQ(whole_copies(input_), 1U);
}

TEST_F(CopyRules, ADamagedCopyIsRepairedEvenWhenThereAreEnough) {
  input_.want = 1;
  add({{"a", "ok"}, {"b", "damaged"}});
  EXPECT_THAT(needs(), ElementsAre("b:damaged from a"));
}

TEST_F(CopyRules, TwoCopiesThatLackSomethingEachMayHelpEachOther) {
  add({{"a", "missing"}, {"b", "missing"}});
  EXPECT_THAT(needs(), ElementsAre("a:missing from b", "b:missing from a"));
  EXPECT_EQ(whole_copies(input_), 0U);
}

TEST_F(CopyRules, AStoreThatThePolicyNamesSinceGetsACopy) {
  add({{"a", "ok"}});
  EXPECT_THAT(needs(), ElementsAre("b:missing from a"));
}

TEST_F(CopyRules, NoMoreCopiesThanWantedWhereverTheyLie) {
  add({{"a", "ok"}, {"c", "ok"}});
  EXPECT_THAT(needs(), IsEmpty()) << "b was chosen later, and two are there";
  input_.chosen = {"b"};
  input_.want = 1;
  EXPECT_THAT(needs(), IsEmpty());
}

TEST_F(CopyRules, WhatLiesInAStoreThatIsGoneCountsForNothing) {
  input_.stores = {"b", "c"};
  input_.chosen = {"b", "c"};
  add({{"a", "ok"}, {"b", "ok"}});
  EXPECT_THAT(needs(), ElementsAre("c:missing from b"));
  EXPECT_EQ(whole_copies(input_), 1U);
}

TEST_F(CopyRules, OutsideThePolicyACopyIsOnlyRepairedWhenThereAreTooFew) {
  input_.chosen = {"a"};
  input_.want = 2;
  add({{"a", "ok"}, {"c", "damaged"}});
  EXPECT_THAT(needs(), ElementsAre("c:damaged from a"));
  input_.want = 1;
  EXPECT_THAT(needs(), IsEmpty());
}

TEST_F(CopyRules, FewestCopiesComeFirstAndThenTheOldest) {
  input_.want = 3;
  input_.chosen = {"a", "b", "c"};
  add({{"a", "ok"}, {"b", "ok"}, {"c", "missing"}});
  add({{"a", "ok"}, {"b", "missing"}, {"c", "ok"}});
  add({{"a", "missing"}, {"b", "missing"}, {"c", "ok"}});
  EXPECT_THAT(needs(),
              ElementsAre("a:missing from c b", "b:missing from c a", "c:missing from a b", "b:missing from a c"));
}

TEST_F(CopyRules, AnUnknownLogIsComparedLast) {
  input_.has_log = true;
  add({{"a", "ok"}, {"b", "missing"}});
  EXPECT_THAT(needs(), ElementsAre("b:missing from a", "log a:unknown from b", "log b:unknown from a"));
  EXPECT_EQ(whole_copies(input_), 1U);
}

TEST_F(CopyRules, ALogThatLacksSomethingLowersTheCount) {
  input_.has_log = true;
  input_.log_copies = {{"a", "ok", {}, {}}, {"b", "missing", {}, {}}};
  add({{"a", "ok"}, {"b", "ok"}});
  EXPECT_THAT(needs(), ElementsAre("log b:missing from a"));
  EXPECT_EQ(whole_copies(input_), 1U);
}

TEST_F(CopyRules, WithOneStoreThereIsNothingToCompare) {
  input_.has_log = true;
  input_.chosen = {"a"};
  input_.stores = {"a"};
  input_.want = 1;
  add({{"a", "ok"}});
  EXPECT_THAT(needs(), IsEmpty());
}

TEST(SpreadStores, TakesAnotherZoneBeforeASecondStoreOfOne) {
  const std::map<std::string, std::string> zones{{"a", "berlin"}, {"b", "berlin"}, {"c", "paris"}};
  Policy policy;
  policy.copies_want = 2;
  EXPECT_THAT(spread_stores({"a", "b", "c"}, zones, policy), ElementsAre("a", "b"));
  policy.spread = "zone";
  EXPECT_THAT(spread_stores({"a", "b", "c"}, zones, policy), ElementsAre("a", "c"));
  policy.copies_want = 3;
  EXPECT_THAT(spread_stores({"a", "b", "c"}, zones, policy), ElementsAre("a", "b", "c"));
  policy.copies_want = 2;
  EXPECT_THAT(spread_stores({"a", "b"}, zones, policy), ElementsAre("a", "b")) << "better than one copy";
}

}  // namespace
}  // namespace holdfast
