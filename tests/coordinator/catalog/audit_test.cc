#include "coordinator/catalog/audit.h"

#include <gtest/gtest.h>

#include "coordinator/catalog/keys.h"
#include "coordinator/catalog/memory_store.h"

namespace holdfast {
namespace {

class Audit : public ::testing::Test {
 protected:
  MemoryStore store_;
  std::uint64_t epoch_ = *store_.begin_epoch();
  AuditHead head_;

  void append_entries(int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(store_.commit({append_audit(head_, Timestamp::from_micros(100 + i), "operator ann",
                                              "approved node db" + std::to_string(i))},
                                epoch_));
    }
  }
};

TEST_F(Audit, ProvesAChainThatNobodyTouched) {
  append_entries(5);
  const auto entries = verify_audit(store_);
  ASSERT_TRUE(entries) << entries.error().text();
  ASSERT_EQ(entries->size(), 5U);
  EXPECT_EQ((*entries)[4].sequence, 5U);
  EXPECT_EQ((*entries)[4].who, "operator ann");
  EXPECT_EQ((*entries)[4].what, "approved node db4");
  EXPECT_EQ((*entries)[4].time, Timestamp::from_micros(104));
}

TEST_F(Audit, FindsTheHeadOfAnyLength) {
  EXPECT_EQ(*read_audit_head(store_), AuditHead{});
  for (int length = 1; length <= 20; ++length) {
    append_entries(1);
    EXPECT_EQ(*read_audit_head(store_), head_) << length;
  }
}

TEST_F(Audit, NamesAnEntryThatIsMissing) {
  append_entries(5);
  ASSERT_TRUE(store_.commit({{Family::audit, audit_key(3), std::nullopt}}, epoch_));
  const auto verified = verify_audit(store_);
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().code, Code::corrupt);
  EXPECT_NE(verified.error().message.find("entry 3"), std::string::npos) << verified.error().message;
}

TEST_F(Audit, ShowsAnEntryThatWasChanged) {
  append_entries(5);
  Bytes value = **store_.get(Family::audit, audit_key(2));
  value.back() ^= 1U;
  ASSERT_TRUE(store_.commit({{Family::audit, audit_key(2), value}}, epoch_));
  const auto verified = verify_audit(store_);
  ASSERT_FALSE(verified);
  EXPECT_NE(verified.error().message.find("entry 3"), std::string::npos) << verified.error().message;
}

}  // namespace
}  // namespace holdfast
