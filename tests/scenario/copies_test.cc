// Two stores: one goes away and comes back, one loses objects, one is damaged while it is read from. Backups and log go
// on, and in the end both stores hold the same bytes.
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "tests/scenario/outage.h"

namespace holdfast {
namespace {

namespace files = std::filesystem;

class TwoStores : public Outage {
 protected:
  void SetUp() override {
    Outage::SetUp();
    const auto added = fleet_.cli({"store", "add", "offsite", "posix", "--path", offsite_});
    ASSERT_EQ(added.exit_code, 0) << added.err;
    policy("");
    create_cluster(24);
    protect();
    ASSERT_TRUE(everything_whole()) << text_of_copies();
  }
  void policy(const std::string& more) {
    apply_policy("full: \"0 3 1 1 *\"", "copies: {want: 2, min: 1, stores: [local, offsite]}\n" + more);
  }
  std::string text_of_copies() const { return fleet_.cli({"copy", "list"}).out + fleet_.logs(); }
  // Nothing is listed, and there is something that could be.
  bool everything_whole(int seconds = 90) const {
    return Fleet::eventually(
        [this] {
          const auto backups = complete_backups();
          if (backups.empty() || !items({"copy", "list"}).empty()) return false;
          return std::ranges::all_of(backups, [](const auto& backup) { return backup["copies"].size() == 2; });
        },
        seconds);
  }
  void back_up() const {
    const auto taken = fleet_.cli({"backup", "create", database_});
    EXPECT_EQ(taken.exit_code, 0) << taken.err;
  }
  static std::map<std::string, std::string> objects_below(const std::string& root) {
    std::map<std::string, std::string> out;
    for (const auto& entry : files::recursive_directory_iterator(root)) {
      const std::string name = files::relative(entry.path(), root).string();
      if (!entry.is_regular_file() || name.find(".holdfast-") != std::string::npos) continue;
      if (name.starts_with("coordinator/")) continue;  // a checkpoint is not copied: the next one goes everywhere
      std::ifstream in(entry.path(), std::ios::binary);
      out[name] = std::string(std::istreambuf_iterator<char>(in), {});
    }
    return out;
  }
  // Once nothing is written any more.
  void expect_same_bytes(int seconds = 60) {
    if (writes_) writes_.reset();
    const auto differs = [this] {
      const auto local = objects_below(fleet_.store());
      const auto offsite = objects_below(offsite_);
      for (const auto& [name, content] : local) {
        const auto other = offsite.find(name);
        if (other == offsite.end()) return "\"" + name + "\" is not in offsite";
        if (other->second != content) return "\"" + name + "\" differs";
      }
      return local.size() == offsite.size() ? std::string() : std::string("offsite has more objects");
    };
    EXPECT_TRUE(Fleet::eventually([&] { return differs().empty(); }, seconds)) << differs();
  }
  void expect_verified() const {
    for (const auto& backup : complete_backups()) {
      const auto verified = fleet_.cli({"backup", "verify", backup["id"]});
      EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
    }
  }

  std::string offsite_ = fleet_.path("offsite");
};

TEST_F(TwoStores, OneThatIsAwaySlowsNobodyAndIsCaughtUpWith) {
  start_writes();
  // As a file system that is not mounted.
  files::rename(offsite_, offsite_ + ".away");
  files::create_directory(offsite_);
  back_up();
  const Timestamp meanwhile = clock_.now();
  EXPECT_TRUE(covered(meanwhile)) << "its log goes on";
  EXPECT_TRUE(Fleet::eventually([&] { return status_says("missing in store \\\"offsite\\\""); }))
      << fleet_.cli({"status"}).out;
  const auto listed = items({"copy", "list"});
  ASSERT_FALSE(listed.empty());
  EXPECT_EQ(listed[0]["store"], "offsite");
  EXPECT_EQ(fleet_.query({"status"})["copies"]["belowWant"], 1);
  EXPECT_EQ(fleet_.query({"status"})["copies"]["belowMin"], 0);
  for (const auto& entry : files::recursive_directory_iterator(offsite_)) ADD_FAILURE() << entry.path();

  files::remove(offsite_);
  files::rename(offsite_ + ".away", offsite_);
  (void)fleet_.cli({"copy", "repair", "--detach"});
  ASSERT_TRUE(everything_whole(150)) << text_of_copies();
  EXPECT_FALSE(status_says("missing in store"));
  EXPECT_EQ(fleet_.query({"status"})["copies"]["belowWant"], 0);
  // The log goes on meanwhile, and so does what the other store is told of it.
  expect_same_bytes();
  expect_verified();
}

TEST_F(TwoStores, OneThatIsAddedLaterGetsWhatIsThere) {
  ASSERT_TRUE(everything_whole()) << text_of_copies();
  const std::string third = fleet_.path("third");
  ASSERT_EQ(fleet_.cli({"store", "add", "third", "posix", "--path", third}).exit_code, 0);
  apply_policy("full: \"0 3 1 1 *\"", "copies: {want: 3, min: 1, stores: [local, offsite, third]}\n");
  (void)fleet_.cli({"copy", "repair", "--detach"});
  const std::string backups = items({"database", "list"}).at(0)["id"].get<std::string>() + "/backups/";
  EXPECT_TRUE(Fleet::eventually(
      [&] {
        const auto here = objects_below(fleet_.store());
        const auto there = files::exists(third) ? objects_below(third) : std::map<std::string, std::string>();
        return std::ranges::all_of(here, [&](const auto& object) {
          return !object.first.starts_with(backups) ||
                 (there.contains(object.first) && there.at(object.first) == object.second);
        });
      },
      150))
      << text_of_copies();
  // Its log a little later.
  const std::string newest = complete_backups().back()["id"];
  EXPECT_TRUE(Fleet::eventually([&] { return fleet_.cli({"backup", "verify", newest}).exit_code == 0; }, 90));
}

TEST_F(TwoStores, WhatOneLostIsFoundByScrubsAndRepaired) {
  for (int i = 0; i < 2; ++i) back_up();
  ASSERT_TRUE(everything_whole()) << text_of_copies();
  // One object in twenty, at least one of each kind of harm.
  std::vector<std::string> names;
  for (const auto& [name, content] : objects_below(offsite_)) {
    if (name.find("/backups/") != std::string::npos) names.push_back(name);
  }
  std::mt19937 random(20);
  std::ranges::shuffle(names, random);
  names.resize(std::max<std::size_t>(names.size() / 20, 3));
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string path = offsite_ + "/" + names[i];
    if (i % 2 == 0) {
      files::remove(path);
      continue;
    }
    files::permissions(path, files::perms::owner_write, files::perm_options::add);
    std::fstream object(path, std::ios::binary | std::ios::in | std::ios::out);
    object.seekg(40);
    const auto byte = static_cast<char>(object.get() ^ 1);
    object.seekp(40);
    object.put(byte);
  }
  policy("verify: {full_every: 1m}\n");
  ASSERT_TRUE(Fleet::eventually([&] { return !jobs("copy").empty() && status_says("damaged"); }, 180))
      << text_of_copies();
  // What no scrub has read yet is not listed: the bytes say when all of it was found.
  expect_same_bytes(240);
  ASSERT_TRUE(everything_whole(240)) << text_of_copies();
  expect_verified();
  const auto audit = fleet_.logs();
  EXPECT_NE(audit.find("a damaged object was removed to be replaced"), std::string::npos);
}

TEST_F(TwoStores, ARestoreReadsOnFromTheOtherWhenOneIsDamaged) {
  start_writes();
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > 20; }));
  std::size_t damaged = 0;
  for (const auto& entry : files::recursive_directory_iterator(fleet_.store())) {
    if (!entry.path().filename().string().starts_with("pack-")) continue;
    files::permissions(entry.path(), files::perms::owner_write, files::perm_options::add);
    std::fstream object(entry.path(), std::ios::binary | std::ios::in | std::ios::out);
    const auto middle = static_cast<std::streamoff>(entry.file_size() / 2);
    object.seekp(middle);
    object.write("damage", 6);
    ++damaged;
  }
  ASSERT_GT(damaged, 0U);
  expect_every_acknowledged_row_after_restore();
  const auto restores = jobs("restore");
  ASSERT_FALSE(restores.empty());
  const std::string outcome = restores[0]["outcome"];
  EXPECT_NE(outcome.find("store \"offsite\""), std::string::npos) << outcome;
  EXPECT_NE(outcome.find("failed)"), std::string::npos) << outcome;
}

}  // namespace
}  // namespace holdfast
