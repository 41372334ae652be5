#include "shared/store/posix_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/harness/unsynced_loss_file_system.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

std::string name_of(int i) {
  return "db/backups/b" + std::to_string(i % 2) + "/pack-" + std::to_string(i);
}

TEST(PosixStore, KeepsWhatItAcknowledgedThroughAPowerCutAtEveryStep) {
  int steps = 0;
  {
    UnsyncedLossFileSystem files;
    PosixStore store(files, "/backup");
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(store.put(name_of(i), as_bytes("content")));
    steps = files.steps();
  }
  ASSERT_GT(steps, 15);
  for (int crash = 0; crash <= steps; ++crash) {
    UnsyncedLossFileSystem files;
    files.crash_after(crash);
    std::vector<std::string> acknowledged;
    {
      PosixStore store(files, "/backup");
      for (int i = 0; i < 3; ++i) {
        if (store.put(name_of(i), as_bytes("content"))) acknowledged.push_back(name_of(i));
      }
    }
    files.power_cycle();
    PosixStore store(files, "/backup");
    for (const std::string& name : acknowledged) {
      const auto content = store.get(name);
      ASSERT_TRUE(content) << "step " << crash << ": " << content.error().text();
      EXPECT_EQ(as_text(*content), "content");
    }
    for (int i = 0; i < 3; ++i) {
      // Whole or not there; and writing goes on.
      const auto content = store.get(name_of(i));
      if (content) {
        EXPECT_EQ(as_text(*content), "content") << "step " << crash;
      }
      const auto again = store.put(name_of(i), as_bytes("content"));
      EXPECT_TRUE(again) << "step " << crash << ": " << again.error().text();
    }
  }
}

// A process dies between any two steps, another one puts the same object and is told that it is durable: then the power
// goes. What the dead one left unsynced must have been made durable by the second.
TEST(PosixStore, AcknowledgesWhatADeadProcessLeftOnlyWhenItIsDurable) {
  for (int crash = 0; crash <= 30; ++crash) {
    UnsyncedLossFileSystem files;
    files.crash_after(crash);
    {
      PosixStore store(files, "/backup");
      (void)store.put("db/backups/b1/pack-0000", as_bytes("content"));
    }
    files.restart_process();
    PosixStore second(files, "/backup");
    const auto again = second.put("db/backups/b1/pack-0000", as_bytes("content"));
    ASSERT_TRUE(again) << again.error().text();
    files.power_cycle();
    PosixStore third(files, "/backup");
    EXPECT_TRUE(third.get("db/backups/b1/pack-0000")) << "step " << crash;
  }
}

TEST(PosixStore, LosesWhatALyingDiskLoses) {
  UnsyncedLossFileSystem files(UnsyncedLossFileSystem::Sync::lies);
  PosixStore store(files, "/backup");
  ASSERT_TRUE(store.put("a/b", as_bytes("content")));
  files.power_cycle();
  EXPECT_FALSE(store.get("a/b"));  // so the tests above can fail
}

TEST(PosixStore, DoesNotTakeAMissingMountForAnEmptyStore) {
  UnsyncedLossFileSystem files;
  ASSERT_TRUE(files.make_directories("/mnt/backup", 0755));
  PosixStore store(files, "/mnt/backup");
  EXPECT_EQ(store.get("a/b").error().code, Code::unavailable);
  EXPECT_EQ(store.stat("a/b").error().code, Code::unavailable);
  EXPECT_EQ(store.list("").error().code, Code::unavailable);
  EXPECT_EQ(store.list_parts("").error().code, Code::unavailable);
  EXPECT_EQ(store.get("a/b").error().hint, "nothing was ever put there, or its file system is not mounted");
}

TEST(PosixStore, IsNotBegunAnewWhereItWasBefore) {
  UnsyncedLossFileSystem files;
  const PosixFirstUse remembered{PosixFirstUse::Rule::may_make_it, "/state/stores/backup"};
  {
    PosixStore store(files, "/mnt/backup", remembered);
    ASSERT_TRUE(store.put("a/b", as_bytes("content")));
    // Its file system is gone, and the mount point is empty.
    ASSERT_TRUE(files.remove("/mnt/backup/a/b"));
    ASSERT_TRUE(files.remove("/mnt/backup/a"));
    ASSERT_TRUE(files.remove("/mnt/backup/.holdfast-store"));
    EXPECT_EQ(store.put("a/c", as_bytes("content")).error().code, Code::unavailable);
  }
  PosixStore later(files, "/mnt/backup", remembered);
  const auto put = later.put("a/c", as_bytes("content"));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, Code::unavailable);
  EXPECT_NE(put.error().hint.find("/state/stores/backup"), std::string::npos);
  EXPECT_FALSE(later.check());
  PosixStore other(files, "/mnt/backup", {PosixFirstUse::Rule::must_be_there});
  EXPECT_EQ(other.put("a/c", as_bytes("content")).error().code, Code::unavailable);
  // Where it may, it begins.
  PosixStore fresh(files, "/mnt/backup");
  EXPECT_TRUE(fresh.put("a/c", as_bytes("content")));
}

TEST(PosixStore, DoesNotMoveIntoADirectoryOfOthers) {
  UnsyncedLossFileSystem files;
  ASSERT_TRUE(files.make_directories("/home/photos", 0755));
  PosixStore store(files, "/home");
  const auto put = store.put("a/b", as_bytes("content"));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, Code::conflict);
  EXPECT_FALSE(put.error().hint.empty());
}

TEST(PosixStore, SaysWhatToDoWhenItIsFull) {
  UnsyncedLossFileSystem files;
  PosixStore store(files, "/backup");
  ASSERT_TRUE(store.check());
  files.limit_space(10);
  const auto put = store.put("a/b", Bytes(11));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, Code::exhausted);
  EXPECT_THAT(put.error().message, HasSubstr("\"a/b\" in posix store at /backup"));
  EXPECT_FALSE(put.error().hint.empty());
  EXPECT_EQ(store.get("a/b").error().code, Code::not_found);
  files.limit_space(std::nullopt);
  EXPECT_TRUE(store.put("a/b", Bytes(11)));
}

TEST(PosixStore, CheckRemovesTemporaryFilesOfLongDeadProcessesOnly) {
  UnsyncedLossFileSystem files;
  PosixStore store(files, "/backup");
  const Timestamp start = Timestamp::from_micros(1'700'000'000'000'000);
  files.set_now(start);
  ASSERT_TRUE(store.put("a/b/c", as_bytes("content")));
  ASSERT_TRUE(files.create_durably("/backup/a/b/.holdfast-tmp-77-1", as_bytes("half"), 0640));
  files.set_now(start + std::chrono::hours(20));
  ASSERT_TRUE(files.create_durably("/backup/a/.holdfast-tmp-78-1", as_bytes("half"), 0640));
  ASSERT_TRUE(store.check());
  EXPECT_TRUE(files.stat("/backup/a/b/.holdfast-tmp-77-1").value());
  files.set_now(start + std::chrono::hours(25));
  ASSERT_TRUE(store.check());
  EXPECT_FALSE(files.stat("/backup/a/b/.holdfast-tmp-77-1").value());
  EXPECT_TRUE(files.stat("/backup/a/.holdfast-tmp-78-1").value());
  EXPECT_TRUE(store.get("a/b/c"));
}

}  // namespace
}  // namespace holdfast
