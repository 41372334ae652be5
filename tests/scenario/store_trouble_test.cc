// A store that takes nothing any more: it is said where one looks, the server keeps the log, nothing is claimed that is
// not stored, and everything goes on by itself when the store is well again.
#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/scenario/outage.h"

namespace holdfast {
namespace {

struct Trouble {
  const char* name;
  const char* said;  // part of the error
};

class StoreTrouble : public Outage, public testing::WithParamInterface<Trouble> {
 protected:
  static constexpr const char* size = "size=96m,mode=0755";

  void SetUp() override {
    std::filesystem::create_directories(fleet_.store());
    if (::mount("holdfast-test", fleet_.store().c_str(), "tmpfs", 0, size) != 0) {
      GTEST_SKIP() << "needs the right to mount a tmpfs: " << std::strerror(errno);
    }
    mounted_ = true;
    Outage::SetUp();
  }
  ~StoreTrouble() override {
    if (mounted_) ::umount2(fleet_.store().c_str(), MNT_DETACH);
  }

  bool is_full_store() const { return std::string(GetParam().name) == "Full"; }
  void begin_trouble() {
    if (is_full_store()) {
      // To the last byte, whatever was being written meanwhile.
      ASSERT_TRUE(Fleet::eventually([this] {
        std::ofstream filler(fleet_.store() + "/filler", std::ios::binary | std::ios::app);
        const std::string page(4096, 'x');
        while (filler.write(page.data(), 4096).flush()) continue;
        return std::filesystem::space(fleet_.store()).available == 0;
      }));
    } else {
      // Busy as long as an object is being written.
      ASSERT_TRUE(Fleet::eventually([this] { return remount(MS_RDONLY); })) << std::strerror(errno);
    }
  }
  void end_trouble() {
    if (is_full_store()) {
      std::filesystem::remove(fleet_.store() + "/filler");
    } else {
      ASSERT_TRUE(remount(0));
    }
  }
  bool remount(unsigned long flags) const {
    return ::mount("holdfast-test", fleet_.store().c_str(), "tmpfs", MS_REMOUNT | flags, size) == 0;
  }

  std::string status_page() const { return fleet_.cli({"status"}).out; }
  std::string description() const { return fleet_.cli({"database", "describe", database_}).out; }
  nlohmann::json stored_position() const { return items({"database", "list"})[0]["walPosition"]; }

 private:
  bool mounted_ = false;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_P(StoreTrouble, IsSaidAndWaitedOut) {
  create_cluster(0);
  protect();
  start_writes();
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > 20; }));
  begin_trouble();

  // The log: named where one looks, with the store and the cause.
  ASSERT_TRUE(Fleet::eventually([&] { return has(status_page(), "its log is not shipped"); })) << status_page();
  for (const std::string& text : {status_page(), description()}) {
    EXPECT_TRUE(has(text, "store \"local\"")) << text;
    EXPECT_TRUE(has(text, GetParam().said)) << text;
  }
  // The server keeps what is not stored, and nothing of it is claimed.
  const std::string held = slot_position();
  const auto stored = stored_position();
  const Timestamp claimed = recoverable_through();
  const std::size_t before = writes_->count();
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > before + 60; }));
  EXPECT_EQ(slot_position(), held);
  EXPECT_EQ(stored_position(), stored);
  EXPECT_EQ(recoverable_through(), claimed);
  EXPECT_EQ(cluster_->sql("SELECT pg_current_wal_lsn() > '" + held + "'").value_or(""), "t");
  // A backup says what is wrong and what to do.
  const auto refused = fleet_.cli({"backup", "create", database_});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_TRUE(has(refused.err, "store \"local\"")) << refused.err;
  EXPECT_TRUE(has(refused.err, GetParam().said)) << refused.err;
  EXPECT_TRUE(has(refused.err, "hint: ")) << refused.err;
  EXPECT_EQ(complete_backups().size(), 1U);

  end_trouble();
  const Timestamp well_again = clock_.now();
  ASSERT_TRUE(covered(well_again));
  EXPECT_TRUE(Fleet::eventually([&] { return !has(status_page(), "its log is not shipped"); })) << status_page();
  const auto taken = fleet_.cli({"backup", "create", database_});
  EXPECT_EQ(taken.exit_code, 0) << taken.err;
  expect_every_acknowledged_row_after_restore();
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreTrouble,
                         testing::Values(Trouble{"Full", "No space left"}, Trouble{"ReadOnly", "Read-only"}),
                         [](const auto& of) { return std::string(of.param.name); });

}  // namespace
}  // namespace holdfast
