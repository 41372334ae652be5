// What every KeyValueStore promises, and what only the one on disk does.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "coordinator/catalog/memory_store.h"
#include "coordinator/catalog/rocks_store.h"

namespace holdfast {
namespace {

class TempDirectory {
 public:
  TempDirectory() {
    std::string pattern = "/tmp/holdfast-catalog-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempDirectory() { std::filesystem::remove_all(path_); }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

struct MemoryCase {
  MemoryStore store;
  KeyValueStore& get() { return store; }
};
struct RocksCase {
  TempDirectory directory;
  std::unique_ptr<RocksStore> store = *RocksStore::open(directory / "catalog", OpenCatalog::create_if_missing);
  KeyValueStore& get() { return *store; }
  void reopen() {
    store.reset();
    store = *RocksStore::open(directory / "catalog", OpenCatalog::existing_only);
  }
};

Bytes key(std::string_view text) {
  return to_bytes(as_bytes(text));
}
CatalogChange put(Family family, std::string_view at, std::string_view value) {
  return {family, key(at), to_bytes(as_bytes(value))};
}
CatalogChange removal(Family family, std::string_view at) {
  return {family, key(at), std::nullopt};
}

std::optional<std::string> get(KeyValueStore& store, Family family, std::string_view at) {
  const auto value = store.get(family, key(at));
  if (!value || !*value) return std::nullopt;
  return std::string(as_text(**value));
}

std::vector<std::string> keys_of(KeyValueStore& store, Family family, std::string_view prefix = {},
                                 std::string_view from = {}, std::size_t limit = 1000) {
  std::vector<std::string> keys;
  const auto scanned = store.scan(family, as_bytes(prefix), as_bytes(from), [&](ByteView at, ByteView) {
    if (keys.size() == limit) return false;
    keys.emplace_back(as_text(at));
    return true;
  });
  EXPECT_TRUE(scanned) << scanned.error().text();
  return keys;
}

template <class Case>
class KeyValueStoreContract : public ::testing::Test {
 protected:
  Case under_test_;
  KeyValueStore& store_ = under_test_.get();
  std::uint64_t epoch_ = *store_.begin_epoch();

  void commit(const std::vector<CatalogChange>& changes) {
    const auto committed = store_.commit(changes, epoch_);
    ASSERT_TRUE(committed) << committed.error().text();
  }
};
using Stores = ::testing::Types<MemoryCase, RocksCase>;
TYPED_TEST_SUITE(KeyValueStoreContract, Stores);

TYPED_TEST(KeyValueStoreContract, HasNothingAtFirst) {
  EXPECT_EQ(get(this->store_, Family::nodes, "a"), std::nullopt);
  EXPECT_TRUE(keys_of(this->store_, Family::nodes).empty());
}

TYPED_TEST(KeyValueStoreContract, ReadsBackWhatWasCommitted) {
  this->commit({put(Family::nodes, "a", "1"), put(Family::nodes, "empty", "")});
  EXPECT_EQ(get(this->store_, Family::nodes, "a"), "1");
  EXPECT_EQ(get(this->store_, Family::nodes, "empty"), "");
}

TYPED_TEST(KeyValueStoreContract, KeepsFamiliesApart) {
  this->commit({put(Family::nodes, "a", "node"), put(Family::jobs, "a", "job")});
  EXPECT_EQ(get(this->store_, Family::nodes, "a"), "node");
  EXPECT_EQ(get(this->store_, Family::jobs, "a"), "job");
  EXPECT_EQ(get(this->store_, Family::audit, "a"), std::nullopt);
}

TYPED_TEST(KeyValueStoreContract, ReplacesAndRemoves) {
  this->commit({put(Family::nodes, "a", "1"), put(Family::nodes, "b", "1")});
  this->commit({put(Family::nodes, "a", "2"), removal(Family::nodes, "b"), removal(Family::nodes, "never there")});
  EXPECT_EQ(get(this->store_, Family::nodes, "a"), "2");
  EXPECT_EQ(get(this->store_, Family::nodes, "b"), std::nullopt);
}

TYPED_TEST(KeyValueStoreContract, LetsTheLastChangeOfAKeyInABatchWin) {
  this->commit({put(Family::nodes, "a", "1"), removal(Family::nodes, "a"), put(Family::nodes, "a", "3")});
  this->commit({put(Family::nodes, "b", "1"), removal(Family::nodes, "b")});
  EXPECT_EQ(get(this->store_, Family::nodes, "a"), "3");
  EXPECT_EQ(get(this->store_, Family::nodes, "b"), std::nullopt);
}

TYPED_TEST(KeyValueStoreContract, ScansInByteOrder) {
  const std::string high = "\xff";
  const std::string zero("a\0", 2);
  this->commit({put(Family::jobs, high, ""), put(Family::jobs, "b", ""), put(Family::jobs, "a", ""),
                put(Family::jobs, zero, ""), put(Family::jobs, "ab", ""), put(Family::jobs, "B", "")});
  EXPECT_EQ(keys_of(this->store_, Family::jobs), (std::vector<std::string>{"B", "a", zero, "ab", "b", high}));
}

TYPED_TEST(KeyValueStoreContract, ScansOnlyKeysWithThePrefixFromAGivenKeyOn) {
  this->commit({put(Family::jobs, "a1", ""), put(Family::jobs, "b1", ""), put(Family::jobs, "b2", ""),
                put(Family::jobs, "b3", ""), put(Family::jobs, "c1", "")});
  EXPECT_EQ(keys_of(this->store_, Family::jobs, "b"), (std::vector<std::string>{"b1", "b2", "b3"}));
  EXPECT_EQ(keys_of(this->store_, Family::jobs, "b", "b2"), (std::vector<std::string>{"b2", "b3"}));
  EXPECT_EQ(keys_of(this->store_, Family::jobs, "b", "b15"), (std::vector<std::string>{"b2", "b3"}));
  EXPECT_EQ(keys_of(this->store_, Family::jobs, "b", "a"), (std::vector<std::string>{"b1", "b2", "b3"}));
  EXPECT_TRUE(keys_of(this->store_, Family::jobs, "b", "c").empty());
  EXPECT_TRUE(keys_of(this->store_, Family::jobs, "x").empty());
}

TYPED_TEST(KeyValueStoreContract, StopsScanningWhenTheVisitorHasEnough) {
  this->commit({put(Family::jobs, "a", ""), put(Family::jobs, "b", ""), put(Family::jobs, "c", "")});
  EXPECT_EQ(keys_of(this->store_, Family::jobs, "", "", 2), (std::vector<std::string>{"a", "b"}));
}

TYPED_TEST(KeyValueStoreContract, GivesEachWriterAGreaterEpoch) {
  const std::uint64_t second = *this->store_.begin_epoch();
  EXPECT_GT(second, this->epoch_);
  EXPECT_GT(*this->store_.begin_epoch(), second);
}

TYPED_TEST(KeyValueStoreContract, RefusesAnOlderWriterAndChangesNothing) {
  this->commit({put(Family::nodes, "a", "1")});
  const std::uint64_t newer = *this->store_.begin_epoch();
  const auto refused = this->store_.commit({put(Family::nodes, "a", "2"), put(Family::nodes, "b", "2")}, this->epoch_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_EQ(get(this->store_, Family::nodes, "a"), "1");
  EXPECT_EQ(get(this->store_, Family::nodes, "b"), std::nullopt);
  EXPECT_TRUE(this->store_.commit({put(Family::nodes, "a", "3")}, newer));
}

TYPED_TEST(KeyValueStoreContract, RefusesAnEpochThatNobodyBegan) {
  EXPECT_EQ(this->store_.commit({}, this->epoch_ + 1).error().code, Code::conflict);
  EXPECT_EQ(this->store_.commit({}, 0).error().code, Code::conflict);
}

TYPED_TEST(KeyValueStoreContract, RefusesABatchWithOneBadChangeAsAWhole) {
  const auto refused =
      this->store_.commit({put(Family::nodes, "a", "1"), put(Family::meta, "epoch", "99999999")}, this->epoch_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid);
  EXPECT_EQ(get(this->store_, Family::nodes, "a"), std::nullopt);
  const auto unknown = this->store_.commit(
      {put(Family::nodes, "a", "1"), put(static_cast<Family>(family_count), "b", "1")}, this->epoch_);
  EXPECT_EQ(unknown.error().code, Code::invalid);
  EXPECT_EQ(get(this->store_, Family::nodes, "a"), std::nullopt);
}

TEST(RocksStore, KeepsEverythingAcrossAReopen) {
  RocksCase rocks;
  const std::uint64_t epoch = *rocks.store->begin_epoch();
  ASSERT_TRUE(rocks.store->commit({put(Family::nodes, "a", "1"), put(Family::audit, "b", "2")}, epoch));
  rocks.reopen();
  EXPECT_EQ(get(*rocks.store, Family::nodes, "a"), "1");
  EXPECT_EQ(get(*rocks.store, Family::audit, "b"), "2");
  EXPECT_GT(*rocks.store->begin_epoch(), epoch);
}

TEST(RocksStore, RefusesASecondOpenOfTheSameDirectory) {
  RocksCase rocks;
  const auto second = RocksStore::open(rocks.directory / "catalog", OpenCatalog::create_if_missing);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::conflict) << second.error().text();
}

TEST(RocksStore, DoesNotMakeACatalogWhenOneMustBeThere) {
  const TempDirectory directory;
  const auto opened = RocksStore::open(directory / "none", OpenCatalog::existing_only);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::not_found);
  EXPECT_FALSE(std::filesystem::exists(directory / "none/CURRENT"));
}

TEST(RocksStore, RefusesADamagedCatalog) {
  RocksCase rocks;
  const std::uint64_t epoch = *rocks.store->begin_epoch();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(rocks.store->commit({put(Family::nodes, fmt::format("key {}", i), std::string(100, 'x'))}, epoch));
  }
  rocks.store.reset();
  for (const auto& file : std::filesystem::directory_iterator(rocks.directory / "catalog")) {
    if (file.path().extension() != ".log") continue;
    std::fstream log(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    log.seekp(1000);
    log.write("damage", 6);
  }
  const auto opened = RocksStore::open(rocks.directory / "catalog", OpenCatalog::existing_only);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::corrupt) << opened.error().text();
}

TEST(RocksStore, IsReadBesideTheOneThatWrites) {
  RocksCase rocks;
  const std::uint64_t epoch = *rocks.store->begin_epoch();
  ASSERT_TRUE(rocks.store->commit({put(Family::nodes, "a", "1")}, epoch));
  const auto reader = RocksStore::open(rocks.directory / "catalog", OpenCatalog::read_only);
  ASSERT_TRUE(reader) << reader.error().text();
  EXPECT_EQ(get(**reader, Family::nodes, "a"), "1");
  ASSERT_TRUE(rocks.store->commit({put(Family::nodes, "a", "2")}, epoch)) << "the writer goes on";
  EXPECT_EQ(get(**reader, Family::nodes, "a"), "1");
  EXPECT_FALSE((*reader)->commit({put(Family::nodes, "a", "3")}, epoch));
  EXPECT_FALSE((*reader)->begin_epoch());
  const auto later = RocksStore::open(rocks.directory / "catalog", OpenCatalog::read_only);
  ASSERT_TRUE(later) << later.error().text();
  EXPECT_EQ(get(**later, Family::nodes, "a"), "2");
}

TEST(RocksStore, ReadingLeavesNothingBehind) {
  RocksCase rocks;
  ASSERT_TRUE(rocks.store->begin_epoch());
  const auto files = [&] {
    std::vector<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(rocks.directory / "catalog")) {
      names.push_back(file.path().filename().string());
    }
    std::ranges::sort(names);
    return names;
  };
  const auto before = files();
  { ASSERT_TRUE(RocksStore::open(rocks.directory / "catalog", OpenCatalog::read_only)); }
  EXPECT_EQ(files(), before);
  EXPECT_EQ(RocksStore::open(rocks.directory / "none", OpenCatalog::read_only).error().code, Code::not_found);
  EXPECT_FALSE(std::filesystem::exists(rocks.directory / "none"));
}

TEST(RocksStore, ASnapshotStaysAsItWas) {
  RocksCase rocks;
  const std::uint64_t epoch = *rocks.store->begin_epoch();
  ASSERT_TRUE(rocks.store->commit({put(Family::nodes, "a", "1"), put(Family::nodes, "b", "1")}, epoch));
  const auto before = rocks.store->snapshot();
  ASSERT_TRUE(rocks.store->commit({put(Family::nodes, "a", "2"), removal(Family::nodes, "b")}, epoch));
  EXPECT_EQ(get(*before, Family::nodes, "a"), "1");
  EXPECT_EQ(keys_of(*before, Family::nodes), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(before->commit({}, epoch).error().code, Code::invalid);
  EXPECT_EQ(before->begin_epoch().error().code, Code::invalid);
  rocks.store.reset();
  EXPECT_EQ(get(*before, Family::nodes, "b"), "1") << "it may outlive the store";
}

TEST(RocksStore, BeginsAboveAnEpochThatWasElsewhere) {
  RocksCase rocks;
  EXPECT_EQ(*rocks.store->begin_epoch_after(41), 42U);
  EXPECT_EQ(*rocks.store->begin_epoch_after(10), 43U);
  EXPECT_EQ(*rocks.store->begin_epoch(), 44U);
}

}  // namespace
}  // namespace holdfast
