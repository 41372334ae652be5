// How a person names the stores to rebuild from.
#include <gtest/gtest.h>

#include "coordinator/rebuild/rebuild.h"

namespace holdfast {
namespace {

TEST(RebuildSource, IsAPlaceWithTheStoresNameInFrontWhenItHasMoved) {
  const auto plain = parse_rebuild_source("/backup/");
  ASSERT_TRUE(plain) << plain.error().text();
  EXPECT_EQ(plain->name, "");
  EXPECT_EQ(plain->path, "/backup");
  const auto moved = parse_rebuild_source("local=/mnt/a=b");
  ASSERT_TRUE(moved) << moved.error().text();
  EXPECT_EQ(moved->name, "local");
  EXPECT_EQ(moved->path, "/mnt/a=b");
  const auto bucket = parse_rebuild_source("offsite=s3://bucket/holdfast?endpoint=https://s3.example");
  ASSERT_TRUE(bucket) << bucket.error().text();
  EXPECT_EQ(bucket->name, "offsite");
  EXPECT_EQ(bucket->kind, StoreKind::s3);
  EXPECT_EQ(parse_rebuild_source("s3://bucket?endpoint=https://s3.example")->name, "");
}

TEST(RebuildSource, RefusesWhatIsNoStore) {
  for (const char* text : {"", "=/backup", "local=", "ftp://host/backup"}) {
    const auto parsed = parse_rebuild_source(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Code::invalid) << text;
  }
}

}  // namespace
}  // namespace holdfast
