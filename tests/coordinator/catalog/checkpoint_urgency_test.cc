// Which changes cannot wait for the next checkpoint.
#include "coordinator/catalog/checkpoint_urgency.h"

#include <gtest/gtest.h>

#include "coordinator/catalog/memory_store.h"
#include "coordinator/catalog/rows.h"

namespace holdfast {
namespace {

using enum CheckpointUrgency;

class Urgency : public testing::Test {
 protected:
  Urgency() {
    node_.id = NodeId({1});
    node_.name = "db1";
    backup_.id = BackupId({1});
    backup_.database = DatabaseId({2});
  }
  CheckpointUrgency notice(const CatalogChange& change) { return changes_.notice(change); }

  CheckpointChanges changes_;
  Node node_;
  Backup backup_;
};

TEST_F(Urgency, ANewNodeCannotWaitAndItsHeartbeatsAreNoChange) {
  EXPECT_EQ(notice(put_row(node_)), soon);
  node_.last_seen_at = Timestamp::from_micros(5);
  node_.clock_offset_ms = 3000;
  node_.generation = 2;
  EXPECT_EQ(notice(put_row(node_)), none);
  node_.state = NodeState::revoked;
  EXPECT_EQ(notice(put_row(node_)), soon);
}

TEST_F(Urgency, WhatAnOperatorSaidCannotWait) {
  Policy policy;
  policy.name = "often";
  EXPECT_EQ(notice(put_row(policy)), soon);
  EXPECT_EQ(notice(put_row(policy)), none);
  EXPECT_EQ(notice(remove_row(policy)), soon);
  EXPECT_EQ(notice(put_row(Token{})), soon);
  EXPECT_EQ(notice(put_row(Operator{})), soon);
  StoreInfo store;
  EXPECT_EQ(notice(put_row(store)), soon);
  store.used_bytes = 17;
  store.state = "ok";
  EXPECT_EQ(notice(put_row(store)), none);
}

TEST_F(Urgency, ABackupCanWaitButNotItsHold) {
  EXPECT_EQ(notice(put_row(backup_)), can_wait);
  backup_.keep = true;
  EXPECT_EQ(notice(put_row(backup_)), soon);
  backup_.read_bytes = 1;
  EXPECT_EQ(notice(put_row(backup_)), can_wait);
  backup_.keep = false;
  EXPECT_EQ(notice(put_row(backup_)), soon);
}

TEST_F(Urgency, ADatabaseIsNewOnceWhateverIsSaidOfItLater) {
  Database database;
  database.id = DatabaseId({1});
  EXPECT_EQ(notice(put_row(database)), soon);
  database.alerts = {"something"};
  database.protection = Protection::protected_;
  EXPECT_EQ(notice(put_row(database)), none);
  database.members.emplace_back().node = NodeId({4});
  EXPECT_EQ(notice(put_row(database)), soon);
}

TEST_F(Urgency, WhatTheStoresOrTheAgentsSayAgainIsNoChange) {
  EXPECT_EQ(notice(put_row(WalRange{})), none);
  EXPECT_EQ(notice(put_row(EpochInfo{})), none);
  EXPECT_EQ(notice(put_row(AssignmentRow{})), none);
  EXPECT_EQ(notice(put_row(JobRow{})), can_wait);
}

TEST_F(Urgency, ABatchIsAsUrgentAsItsMostUrgentChange) {
  EXPECT_EQ(changes_.notice(std::vector{put_row(WalRange{}), put_row(node_), put_row(JobRow{})}), soon);
  EXPECT_EQ(changes_.notice(std::vector<CatalogChange>{}), none);
}

TEST_F(Urgency, WhatWasThereAtTheStartIsNoNews) {
  MemoryStore catalog;
  backup_.keep = true;
  ASSERT_TRUE(catalog.commit({put_row(node_), put_row(backup_)}, *catalog.begin_epoch()));
  ASSERT_TRUE(changes_.learn(catalog));
  EXPECT_EQ(notice(put_row(node_)), none);
  EXPECT_EQ(notice(put_row(backup_)), can_wait);
}

}  // namespace
}  // namespace holdfast
