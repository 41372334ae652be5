#include "coordinator/catalog/migrations.h"

#include <gtest/gtest.h>

#include "coordinator/catalog/memory_store.h"

namespace holdfast {
namespace {

CatalogChange mark(std::string_view key) {
  return {Family::policies, to_bytes(as_bytes(key)), Bytes{1}};
}

class CatalogMigrations : public ::testing::Test {
 protected:
  MemoryStore store_;
  std::uint64_t epoch_ = *store_.begin_epoch();
  int runs_ = 0;

  Migration step(std::uint32_t number, std::string_view name) {
    return {number, name, 1, [this, number](KeyValueStore&, const auto& write) {
              ++runs_;
              return write({mark(std::to_string(number))});
            }};
  }
  Migration failing(std::uint32_t number) {
    return {number, "fails in the middle", 1, [number](KeyValueStore&, const auto& write) -> Result<> {
              TRY(write({mark(std::to_string(number))}));
              return fail(Code::unavailable, "the disk went away");
            }};
  }
  bool marked(std::string_view key) { return store_.get(Family::policies, as_bytes(key))->has_value(); }
};

TEST_F(CatalogMigrations, BringANewCatalogToTheNewestSchema) {
  ASSERT_TRUE(migrate(store_, epoch_, all_migrations()));
  EXPECT_EQ(read_schema(store_)->version, all_migrations().size());
  EXPECT_EQ(read_schema(store_)->dirty, 0U);
}

TEST_F(CatalogMigrations, RunEachOneOnceAndInOrder) {
  ASSERT_TRUE(migrate(store_, epoch_, {step(1, "one")}));
  ASSERT_TRUE(migrate(store_, epoch_, {step(1, "one"), step(2, "two"), step(3, "three")}));
  ASSERT_TRUE(migrate(store_, epoch_, {step(1, "one"), step(2, "two"), step(3, "three")}));
  EXPECT_EQ(runs_, 3);
  EXPECT_TRUE(marked("1") && marked("2") && marked("3"));
}

TEST_F(CatalogMigrations, RefuseACatalogNewerThanTheProgram) {
  ASSERT_TRUE(migrate(store_, epoch_, {step(1, "one"), step(2, "two")}));
  EXPECT_EQ(migrate(store_, epoch_, {step(1, "one")}).error().code, Code::unsupported);
}

TEST_F(CatalogMigrations, RefuseACatalogThatWasLeftDirty) {
  EXPECT_EQ(migrate(store_, epoch_, {step(1, "one"), failing(2)}).error().code, Code::unavailable);
  EXPECT_EQ(read_schema(store_)->version, 1U);
  EXPECT_EQ(read_schema(store_)->dirty, 2U);
  const auto again = migrate(store_, epoch_, {step(1, "one"), step(2, "fails in the middle")});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::conflict);
  EXPECT_EQ(runs_, 1);
}

TEST_F(CatalogMigrations, RefuseACatalogThatWentThroughOthers) {
  ASSERT_TRUE(migrate(store_, epoch_, {step(1, "one")}));
  EXPECT_EQ(migrate(store_, epoch_, {step(1, "another one")}).error().code, Code::conflict);
}

TEST_F(CatalogMigrations, StopWhenANewerWriterTookOver) {
  ASSERT_TRUE(store_.begin_epoch());
  EXPECT_EQ(migrate(store_, epoch_, {step(1, "one")}).error().code, Code::conflict);
  EXPECT_EQ(runs_, 0);
  EXPECT_EQ(read_schema(store_)->version, 0U);
}

}  // namespace
}  // namespace holdfast
