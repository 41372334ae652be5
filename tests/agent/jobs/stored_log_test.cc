#include "agent/jobs/stored_log.h"

#include <gmock/gmock.h>

#include <thread>

#include "shared/repository/wal_object.h"
#include "tests/harness/damaged_stores.h"
#include "tests/harness/manual_clock.h"
#include "tests/harness/result_matchers.h"
#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

// Log of timeline 1 in two stores, put there by another node.
class StoredLogOfAGroup : public testing::Test {
 protected:
  void put(std::uint64_t first, std::uint64_t last, const std::shared_ptr<MemoryStore>& into) {
    put(first, last, into, fleet_.epoch);
  }
  void put(std::uint64_t first, std::uint64_t last, const std::shared_ptr<MemoryStore>& into, const NewEpoch& epoch) {
    WalHeader header;
    header.fleet = fleet_.fleet;
    header.database = fleet_.database;
    header.node = fleet_.node;
    header.epoch = epoch.key.id;
    header.timeline = Timeline(1);
    header.first = Lsn(first);
    header.last = Lsn(last);
    FrameEncoder encoder(1);
    const auto object =
        encode_wal_object(header, fleet_.text_bytes(last - first), epoch.key, fleet_.signer, fleet_.entropy, encoder);
    ASSERT_TRUE(object);
    ASSERT_THAT(into->put(wal_name(fleet_.database, Timeline(1), Lsn(first), Lsn(last)), object->object), Succeeded());
  }
  void put_keys(const NewEpoch& epoch) {
    ASSERT_THAT(one_->put(epoch_name(fleet_.database, epoch.key.id), epoch.object), Succeeded());
  }

  TestFleet fleet_;
  std::shared_ptr<MemoryStore> one_ = std::make_shared<MemoryStore>();
  std::shared_ptr<MemoryStore> other_ = std::make_shared<MemoryStore>();
  StoreSet stores_{{{"one", one_}, {"other", other_}}, 1};
  StoredLog log_{stores_, fleet_.database, Timeline(1)};
  ManualClock clock_;
  StopToken stop_;
};

TEST_F(StoredLogOfAGroup, IsThereWhenAllStoresTogetherHaveIt) {
  put(100, 200, one_);
  put(200, 300, other_);
  EXPECT_EQ(log_.first_missing(Lsn(120), Lsn(300)).value(), std::nullopt);
  EXPECT_EQ(log_.first_missing(Lsn(120), Lsn(301)).value(), Lsn(300));
  EXPECT_EQ(log_.first_missing(Lsn(90), Lsn(120)).value(), Lsn(90));
}

TEST_F(StoredLogOfAGroup, GoesBackAsFarAsItsLastStretch) {
  EXPECT_FALSE(log_.goes_back_to(Lsn(100)).value());
  put(100, 200, one_);
  put(250, 300, one_);  // some was lost before
  EXPECT_FALSE(log_.goes_back_to(Lsn(150)).value()) << "what is between will never come";
  EXPECT_TRUE(log_.goes_back_to(Lsn(260)).value());
  EXPECT_TRUE(log_.goes_back_to(Lsn(400)).value()) << "it has not come so far yet";
}

TEST_F(StoredLogOfAGroup, IsNotSaidToBeMissingByOneWhoCouldNotLookEverywhere) {
  put(100, 200, one_);
  const StoreSet stores({{"one", one_}, {"away", std::make_shared<Unreachable>(other_)}}, 1);
  const StoredLog log(stores, fleet_.database, Timeline(1));
  EXPECT_EQ(log.first_missing(Lsn(100), Lsn(200)).value(), std::nullopt);
  EXPECT_THAT(log.first_missing(Lsn(100), Lsn(300)), FailedWith(Code::unavailable));
  EXPECT_THAT(log.goes_back_to(Lsn(50)), FailedWith(Code::unavailable));
}

TEST_F(StoredLogOfAGroup, IsWaitedForAndThenSaidToBeMissingWithTheNodeThatShipsIt) {
  put(100, 200, one_);
  EXPECT_THAT(log_.wait_for(Lsn(100), Lsn(200), {std::chrono::seconds(0), "db1"}, clock_, stop_), Succeeded());
  const auto missing = log_.wait_for(Lsn(100), Lsn(300), {std::chrono::seconds(0), "db1"}, clock_, stop_);
  ASSERT_THAT(missing, FailedWith(Code::timed_out));
  EXPECT_THAT(missing.error().message, HasSubstr("nothing at 0/C8 yet; node \"db1\" ships it"));
  stop_.request_stop();
  EXPECT_THAT(log_.wait_for(Lsn(100), Lsn(300), {std::chrono::hours(1), "db1"}, clock_, stop_),
              FailedWith(Code::cancelled));
}

TEST_F(StoredLogOfAGroup, IsNotMissingBecauseAListIsBehind) {
  ManualClock time;
  const auto late = std::make_shared<ListsLate>(one_, time, std::chrono::seconds(10));
  const StoreSet stores({{"late", late}}, 1);
  const StoredLog log(stores, fleet_.database, Timeline(1));
  put(100, 200, one_);
  const std::string name = wal_name(fleet_.database, Timeline(1), Lsn(100), Lsn(200));
  const Bytes object = one_->get(name).value();
  ASSERT_THAT(one_->remove(name), Succeeded());
  ASSERT_THAT(late->put(name, object), Succeeded());
  EXPECT_EQ(log.first_missing(Lsn(100), Lsn(200)).value(), Lsn(100));
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    time.advance(std::chrono::seconds(10));
  });
  EXPECT_THAT(log.wait_for(Lsn(100), Lsn(200), {std::chrono::minutes(1), {}}, clock_, stop_), Succeeded());
  later.join();
}

TEST_F(StoredLogOfAGroup, NamesTheDataKeysOfTheStretchAlone) {
  const NewEpoch before = fleet_.new_epoch();
  const NewEpoch later = fleet_.new_epoch();
  for (const NewEpoch* epoch : {&before, &later}) put_keys(*epoch);
  put(100, 200, one_, before);
  put(200, 300, one_, later);
  EXPECT_EQ(log_.epochs(Lsn(150), Lsn(300), fleet_.anchor()).value(), (std::set{before.key.id, later.key.id}));
  EXPECT_EQ(log_.epochs(Lsn(200), Lsn(250), fleet_.anchor()).value(), std::set{later.key.id});
}

TEST_F(StoredLogOfAGroup, IsNoGoodUnderAKeyThatIsNotStored) {
  put(100, 200, one_);
  EXPECT_THAT(log_.epochs(Lsn(100), Lsn(200), fleet_.anchor()), FailedWith(Code::not_found));
}

}  // namespace
}  // namespace holdfast
