#include "coordinator/catalog/rows.h"

#include <gtest/gtest.h>

#include "coordinator/catalog/keys.h"
#include "coordinator/catalog/memory_store.h"

namespace holdfast {
namespace {

class CatalogRows : public ::testing::Test {
 protected:
  MemoryStore store_;
  std::uint64_t epoch_ = *store_.begin_epoch();
  void commit(const std::vector<CatalogChange>& changes) { ASSERT_TRUE(store_.commit(changes, epoch_)); }

  static WalRange range(Lsn first, Lsn last) {
    WalRange row;
    row.database = DatabaseId({2});
    row.timeline = Timeline(1);
    row.first = first;
    row.last = last;
    return row;
  }

  // Puts it, reads it back as the only row of its kind.
  template <class Row>
  void round_trip(const Row& row) {
    commit({put_row(row)});
    const auto rows = read_rows<Row>(store_);
    ASSERT_TRUE(rows) << rows.error().text();
    ASSERT_EQ(rows->size(), 1U);
    EXPECT_EQ(rows->front(), row);
  }
};

TEST_F(CatalogRows, ReadBackWhatWasPut) {
  Node node;
  node.id = NodeId({1});
  node.name = "db1";
  node.labels = {{"env", "prod"}};
  round_trip(node);

  Member member;
  member.node = node.id;
  member.found.key = "postgres:/d";
  member.found.path = "/d";
  Database database;
  database.id = DatabaseId({2});
  database.name = "orders";
  database.members = {member};
  round_trip(database);

  Token token;
  token.id = TokenId({3});
  token.cidrs = {"10.0.0.0/8"};
  round_trip(token);

  JobRow job;
  job.job.id = JobId({4});
  job.job.created_at = Timestamp::from_micros(5);
  job.sequence = 77;
  round_trip(job);
  round_trip(range(Lsn(16), Lsn(32)));
  TimelineChange change;
  change.database = database.id;
  change.timeline = Timeline(2);
  change.parent = Timeline(1);
  change.at = Lsn(20);
  round_trip(change);
  AssignmentRow assignment;
  assignment.node = node.id;
  assignment.revision = 12;
  assignment.content = {1, 2, 3};
  round_trip(assignment);
  round_trip(WalRemovalRow{database.id, Timeline(3), Lsn(0x2000000)});
}

TEST_F(CatalogRows, KeepAnOrderUntilItIsRemoved) {
  Order order;
  order.id = JobId({4});
  order.epoch = 3;
  order.body = CancelOrder{JobId({9})};
  commit({put_row(order)});
  const auto orders = read_rows<Order>(store_);
  ASSERT_TRUE(orders) << orders.error().text();
  ASSERT_EQ(orders->size(), 1U);
  EXPECT_EQ(orders->front().id, order.id);
  EXPECT_EQ(std::get<CancelOrder>(orders->front().body).job, JobId({9}));
  commit({remove_row(order)});
  EXPECT_TRUE(read_rows<Order>(store_)->empty());
}

TEST_F(CatalogRows, AreGoneWhenRemoved) {
  commit({put_row(range(Lsn(16), Lsn(32)))});
  commit({remove_row(range(Lsn(16), Lsn(99)))});  // only the key counts
  EXPECT_TRUE(read_rows<WalRange>(store_)->empty());
}

TEST_F(CatalogRows, KeepReleasedLogUntilItsRemovalIsConfirmed) {
  const DatabaseId database({1});
  commit(
      {put_row(WalRemovalRow{database, Timeline(1), Lsn(16)}), put_row(WalRemovalRow{database, Timeline(2), Lsn(16)})});
  commit({put_row(WalRemovalRow{database, Timeline(1), Lsn(32)})});
  commit({remove_row(WalRemovalRow{database, Timeline(2), Lsn()})});
  const auto rows = read_rows<WalRemovalRow>(store_);
  ASSERT_TRUE(rows) << rows.error().text();
  EXPECT_EQ(*rows, (std::vector{WalRemovalRow{database, Timeline(1), Lsn(32)}}));
  EXPECT_TRUE(read_rows<AssignmentRow>(store_)->empty());
}

TEST_F(CatalogRows, GiveBackupsOfOneDatabaseInPagesOldestFirst) {
  for (std::uint8_t i = 0; i < 10; ++i) {
    Backup backup;
    backup.id = BackupId({static_cast<std::uint8_t>(200 - i)});
    backup.database = DatabaseId({static_cast<std::uint8_t>(i % 2)});
    backup.started_at = Timestamp::from_micros(1000 + i);
    commit({put_row(backup)});
  }
  const auto page = read_backups(store_, DatabaseId({1}), Timestamp::from_micros(1003), 3);
  ASSERT_TRUE(page) << page.error().text();
  ASSERT_EQ(page->size(), 3U);
  EXPECT_EQ((*page)[0].started_at, Timestamp::from_micros(1003));
  EXPECT_EQ((*page)[2].started_at, Timestamp::from_micros(1007));
}

TEST_F(CatalogRows, NameTheRowThatIsDamaged) {
  commit({{Family::nodes, node_key(NodeId({0xab})), Bytes{1, 2, 3}}});
  const auto rows = read_rows<Node>(store_);
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, Code::corrupt);
  EXPECT_NE(rows.error().message.find("nodes/ab00"), std::string::npos) << rows.error().message;
}

}  // namespace
}  // namespace holdfast
