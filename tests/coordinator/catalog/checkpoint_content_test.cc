// What a checkpoint holds of the catalog, and what it leaves to the stores.
#include "coordinator/catalog/checkpoint_content.h"

#include <gtest/gtest.h>

#include <set>

#include "coordinator/catalog/audit.h"
#include "coordinator/catalog/keys.h"
#include "coordinator/catalog/memory_store.h"
#include "coordinator/catalog/migrations.h"
#include "coordinator/catalog/rows.h"

namespace holdfast {
namespace {

class CheckpointRows : public testing::Test {
 protected:
  CheckpointRows() { EXPECT_TRUE(migrate(catalog_, epoch_, all_migrations())); }
  void commit(const std::vector<CatalogChange>& changes) { ASSERT_TRUE(catalog_.commit(changes, epoch_)); }
  // The catalog that comes out of a checkpoint of this one.
  MemoryStore through_a_checkpoint() {
    const auto content = collect_checkpoint(catalog_, {});
    EXPECT_TRUE(content) << content.error().text();
    const auto back = decode_checkpoint_content(encode_checkpoint_content(*content));
    EXPECT_TRUE(back) << back.error().text();
    MemoryStore other;
    const auto epoch = other.begin_epoch();
    EXPECT_TRUE(other.commit(back->rows, *epoch));
    return other;
  }

  MemoryStore catalog_;
  std::uint64_t epoch_ = *catalog_.begin_epoch();
};

TEST_F(CheckpointRows, NodesPoliciesTokensOperatorsStoresAndTheSchemaComeBack) {
  Node node;
  node.id = NodeId({1});
  node.name = "db1";
  Policy policy;
  policy.name = "often";
  Token token;
  token.id = TokenId({2});
  Operator who;
  who.id = OperatorId({3});
  StoreInfo store;
  store.id = StoreId({4});
  store.name = "local";
  commit({put_row(node), put_row(policy), put_row(token), put_row(who), put_row(store)});
  MemoryStore other = through_a_checkpoint();
  EXPECT_EQ(read_rows<Node>(other).value(), std::vector{node});
  EXPECT_EQ(read_rows<Policy>(other).value(), std::vector{policy});
  EXPECT_EQ(read_rows<Token>(other).value(), std::vector{token});
  EXPECT_EQ(read_rows<Operator>(other).value(), std::vector{who});
  EXPECT_EQ(read_rows<StoreInfo>(other).value(), std::vector{store});
  EXPECT_EQ(read_schema(other).value(), read_schema(catalog_).value());
}

TEST_F(CheckpointRows, TheAuditLogStaysWhole) {
  AuditHead head;
  commit({append_audit(head, Timestamp::from_micros(1), "operator admin", "made a token"),
          append_audit(head, Timestamp::from_micros(2), "operator admin", "revoked it")});
  MemoryStore other = through_a_checkpoint();
  EXPECT_EQ(verify_audit(other).value().size(), 2U);
  EXPECT_EQ(read_audit_head(other).value(), head);
}

TEST_F(CheckpointRows, ABackupsHoldIsKeptAndItsRecordLeftToTheStores) {
  Backup backup;
  backup.id = BackupId({1});
  backup.database = DatabaseId({2});
  backup.state = BackupState::complete;
  backup.keep = true;
  backup.copies = {{"local", "ok"}};
  backup.record = Bytes(5000, 7);
  commit({put_row(backup)});
  MemoryStore other = through_a_checkpoint();
  backup.record.clear();
  EXPECT_EQ(read_rows<Backup>(other).value(), std::vector{backup});
}

TEST_F(CheckpointRows, WhatIsOfTheMomentStaysOut) {
  Order order;
  order.id = JobId({1});
  order.body = RefreshOrder{};
  const EpochInfo keys{DatabaseId({1}), EpochId({2}), Bytes(10, 1)};
  const StraySighting stray{DatabaseId({1}), BackupId({2}), {}, Timestamp::from_micros(5)};
  commit({put_row(order), put_row(keys), put_row(stray), put_row(AssignmentRow{NodeId({1}), 7, {}})});
  MemoryStore other = through_a_checkpoint();
  EXPECT_TRUE(read_rows<Order>(other).value().empty()) << "it may have been carried out since";
  EXPECT_TRUE(read_rows<EpochInfo>(other).value().empty());
  EXPECT_TRUE(read_rows<StraySighting>(other).value().empty());
  EXPECT_EQ(read_rows<AssignmentRow>(other).value().size(), 1U);
  EXPECT_EQ(*other.begin_epoch(), 2U) << "the epoch is not taken over by itself";
}

TEST_F(CheckpointRows, TheNewestJobsAreKept) {
  std::vector<CatalogChange> jobs;
  for (std::size_t i = 0; i < checkpoint_jobs + 3; ++i) {
    JobRow row;
    row.job.created_at = Timestamp::from_micros(static_cast<std::int64_t>(i));
    jobs.push_back(put_row(row));
  }
  commit(jobs);
  MemoryStore other = through_a_checkpoint();
  const auto rows = read_rows<JobRow>(other).value();
  ASSERT_EQ(rows.size(), checkpoint_jobs);
  EXPECT_EQ(rows.front().job.created_at.micros(), 3);
}

TEST(CheckpointContent, FilesComeBackAndDamageIsSeen) {
  CheckpointContent content;
  content.files = {{"fleet.yaml", Bytes{1, 2, 3}}, {"empty", {}}};
  content.rows = {{Family::nodes, Bytes{1}, Bytes{2, 3}}, {Family::audit, Bytes{}, Bytes{}}};
  const Bytes bytes = encode_checkpoint_content(content);
  EXPECT_EQ(decode_checkpoint_content(bytes).value(), content);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_checkpoint_content(ByteView(bytes).first(size))) << size;
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_EQ(decode_checkpoint_content(longer).error().code, Code::corrupt);
  Bytes newer = bytes;
  newer[7] = '2';
  EXPECT_EQ(decode_checkpoint_content(newer).error().code, Code::unsupported);
  content.rows[0].family = static_cast<Family>(family_count);
  EXPECT_EQ(decode_checkpoint_content(encode_checkpoint_content(content)).error().code, Code::unsupported);
}

}  // namespace
}  // namespace holdfast
