// Objects of every size, many at once, and what becomes of them when something fails on the way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "tests/harness/result_matchers.h"
#include "tests/harness/seeded_entropy.h"
#include "tests/harness/vault_host.h"

namespace holdfast {
namespace {

Bytes content_of(std::size_t size, std::uint64_t seed = 1) {
  Bytes out(size);
  SeededEntropy(seed).fill(out);
  return out;
}

class VaultTransfers : public testing::Test {
 protected:
  std::size_t begun() const {
    std::error_code none;
    const auto files = std::filesystem::directory_iterator(host_.duty.path + "/.holdfast-incoming", none);
    return none ? 0 : static_cast<std::size_t>(std::distance(begin(files), end(files)));
  }

  VaultHost host_;
  std::shared_ptr<PeerStore> store_ = host_.store_of_owner();
};

TEST_F(VaultTransfers, BringObjectsOfEverySizeThereAndBack) {
  const std::size_t chunk = vault_chunk_bytes;
  const std::size_t window = vault_window_bytes;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, chunk - 1, chunk, chunk + 1, window, window + 1, 3 * window + 7}) {
    const Bytes content = content_of(size);
    const std::string name = "a/" + std::to_string(size);
    ASSERT_THAT(store_->put(name, content), Succeeded());
    EXPECT_EQ(store_->get(name).value(), content) << size;
    if (size > 2) {
      const auto part = store_->get_range(name, 1, size - 2).value();
      EXPECT_TRUE(std::equal(part.begin(), part.end(), content.begin() + 1)) << size;
    }
  }
  EXPECT_EQ(begun(), 0U);
}

TEST_F(VaultTransfers, OfAnObjectThatIsThereSendNothing) {
  const Bytes content = content_of(2 * vault_window_bytes);
  ASSERT_THAT(store_->put("a", content), Succeeded());
  EXPECT_THAT(store_->put("a", content), Succeeded());
  Bytes other = content;
  other.back() ^= 1U;
  EXPECT_THAT(store_->put("a", other), FailedWith(Code::already_exists));
  EXPECT_EQ(store_->get("a").value(), content);
}

TEST_F(VaultTransfers, GoOnAtTheSameTime) {
  std::vector<std::jthread> threads;
  for (std::uint64_t i = 0; i < 12; ++i) {
    threads.emplace_back([&, i] {
      const Bytes content = content_of(vault_window_bytes + i, i);
      const std::string name = "a/" + std::to_string(i);
      EXPECT_THAT(store_->put(name, content), Succeeded());
      EXPECT_EQ(store_->get(name).value(), content);
    });
  }
  threads.clear();
  EXPECT_EQ(store_->list("a/").value().size(), 12U);
}

TEST_F(VaultTransfers, ListMoreThanFitsIntoAWindow) {
  PosixStore direct(host_.files, host_.duty.path);
  const std::string long_part(150, 'x');
  for (int i = 0; i < 28000; ++i) {
    // Without the store: syncing so many takes minutes.
    if (i == 0) {
      ASSERT_THAT(direct.put("a/" + long_part + "/0", as_bytes("x")), Succeeded());
    } else {
      std::filesystem::create_hard_link(host_.duty.path + "/a/" + long_part + "/0",
                                        host_.duty.path + "/a/" + long_part + "/" + std::to_string(i));
    }
  }
  EXPECT_EQ(store_->list("a/").value().size(), 28000U);
  EXPECT_EQ(store_->list_parts("a/" + long_part + "/").value().size(), 28000U);
}

TEST_F(VaultTransfers, AreRefusedBeforeTheyBeginWhenTheQuotaHasNoRoom) {
  VaultHost small(1000);
  const auto store = small.store_of_owner();
  ASSERT_THAT(store->put("a", content_of(600)), Succeeded());
  EXPECT_THAT(store->put("b", content_of(500)), FailedWith(Code::exhausted, "quota"));
  EXPECT_THAT(store->put("b", content_of(400)), Succeeded());
  EXPECT_EQ(store->space().value().free_bytes, 0U);
  EXPECT_EQ(store->space().value().total_bytes, 1000U);
  // The same object again needs no room.
  EXPECT_THAT(store->put("a", content_of(600)), Succeeded());
  ASSERT_THAT(store->remove("a"), Succeeded());
  EXPECT_EQ(store->space().value().free_bytes, 600U);
  EXPECT_THAT(store->put("c", content_of(500)), Succeeded());
}

TEST_F(VaultTransfers, AQuotaCountsWhatLayThereBefore) {
  VaultHost small(1000);
  ASSERT_THAT(small.store_of_owner()->put("a", content_of(600)), Succeeded());
  small.start();
  EXPECT_THAT(small.store_of_owner()->put("b", content_of(500)), FailedWith(Code::exhausted));
}

TEST_F(VaultTransfers, GoOnAfterTheVaultWasAwayForAMoment) {
  ASSERT_THAT(store_->put("a", content_of(10)), Succeeded());
  host_.start();
  EXPECT_THAT(store_->put("b", content_of(10)), Succeeded());
  EXPECT_THAT(store_->get("a"), Succeeded());
}

TEST_F(VaultTransfers, SayAtOnceThatTheVaultIsAway) {
  ASSERT_THAT(store_->put("a", content_of(10)), Succeeded());
  host_.stop();
  const Micros before = host_.clock.monotonic();
  EXPECT_THAT(store_->put("b", content_of(10)), FailedWith(Code::unavailable, "vault \"vault\""));
  EXPECT_THAT(store_->stat("a"), FailedWith(Code::unavailable));
  EXPECT_LT(host_.clock.monotonic() - before, std::chrono::seconds(5));
  host_.start();
  EXPECT_TRUE([&] {
    for (int i = 0; i < 50; ++i) {
      if (store_->stat("a")) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return false;
  }());
}

TEST_F(VaultTransfers, LeaveNothingOfWhatWasCutOff) {
  ASSERT_THAT(store_->put("first", content_of(10)), Succeeded());
  std::atomic<bool> over{false};
  std::jthread writer([&] {
    (void)store_->put("a", Bytes(64 * vault_window_bytes)).has_value();
    over = true;
  });
  while (begun() == 0 && !over) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  host_.stop();
  writer.join();
  EXPECT_EQ(begun(), 0U);
  host_.start();
  EXPECT_EQ(host_.store_of_owner()->list("").value().size(), 1U);
}

// kill -9 leaves files that nobody owns.
TEST_F(VaultTransfers, WhatACrashLeftIsSweptBeforeTheNextPut) {
  ASSERT_THAT(store_->put("a", content_of(10)), Succeeded());
  host_.stop();
  const std::string left = host_.duty.path + "/.holdfast-incoming/99999-0";
  ASSERT_THAT(host_.files.create_durably(left, as_bytes("half"), 0640), Succeeded());
  host_.start();
  EXPECT_EQ(store_->list("").value().size(), 1U);
  ASSERT_THAT(store_->put("b", content_of(10)), Succeeded());
  EXPECT_FALSE(std::filesystem::exists(left));
}

TEST_F(VaultTransfers, AVaultWhoseDiskIsNotMountedIsNotBegunAnew) {
  ASSERT_THAT(store_->put("a", content_of(10)), Succeeded());
  host_.stop();
  std::filesystem::rename(host_.duty.path, host_.directory / "elsewhere");
  std::filesystem::create_directory(host_.duty.path);
  host_.start();
  EXPECT_THAT(store_->put("b", content_of(10)), FailedWith(Code::unavailable, "mount"));
  EXPECT_THAT(store_->stat("a"), FailedWith(Code::unavailable));
  EXPECT_TRUE(std::filesystem::is_empty(host_.duty.path));
}

TEST_F(VaultTransfers, ItsDirectoryIsAStoreOfFilesLikeAnyOther) {
  ASSERT_THAT(store_->put("a/b", content_of(10)), Succeeded());
  PosixStore direct(host_.files, host_.duty.path, {PosixFirstUse::Rule::must_be_there, {}});
  EXPECT_EQ(direct.get("a/b").value(), content_of(10));
}

}  // namespace
}  // namespace holdfast
