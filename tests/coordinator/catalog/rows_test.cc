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
  round_trip(WalRemovalRow{
      database.id, {Timeline(3), Lsn(0x2000000), {{Lsn(16), Lsn(32)}, {Lsn(64), Lsn(80)}}}, Lsn(0x3000000), true});
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

TEST_F(CatalogRows, KeepTheNewestStateOfReleasedLogOfEachTimeline) {
  const DatabaseId database({1});
  const auto row = [&database](std::uint32_t timeline, std::uint64_t keep_from) {
    return WalRemovalRow{database, {Timeline(timeline), Lsn(keep_from), {}}, Lsn(keep_from), false};
  };
  commit({put_row(row(1, 16)), put_row(row(2, 16))});
  commit({put_row(row(1, 32))});
  const auto rows = read_rows<WalRemovalRow>(store_);
  ASSERT_TRUE(rows) << rows.error().text();
  EXPECT_EQ(*rows, (std::vector{row(1, 32), row(2, 16)}));
  EXPECT_TRUE(read_rows<AssignmentRow>(store_)->empty());
}

TEST_F(CatalogRows, ReadReleasedLogAsItWasWrittenBeforeStretchesWereKept) {
  CatalogChange change = put_row(WalRemovalRow{DatabaseId({1}), {Timeline(1), Lsn(16), {}}, Lsn(16), false});
  change.value->resize(8);
  commit({change});
  EXPECT_EQ(read_rows<WalRemovalRow>(store_)->at(0).log.keep_from, Lsn(16));
  EXPECT_FALSE(read_rows<WalRemovalRow>(store_)->at(0).removed);
  change.value->resize(13);
  commit({change});
  EXPECT_FALSE(read_rows<WalRemovalRow>(store_)) << "cut off";
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
