#include "agent/jobs/record_put.h"

#include <gmock/gmock.h>

#include "tests/harness/damaged_stores.h"
#include "tests/harness/result_matchers.h"
#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

using testing::IsEmpty;

bool is_record(const std::string& name) {
  return name.ends_with("/record");
}

// A backup of which everything but the record is stored.
class LastObject : public testing::Test {
 protected:
  void begin(const std::shared_ptr<Store>& store) {
    stores_ = std::make_unique<StoreSet>(std::vector<NamedStore>{{"disk", store}}, 1);
    ASSERT_THAT(stores_->put(epoch_name(fleet_.database, fleet_.epoch.key.id), fleet_.epoch.object), Succeeded());
    writer_ = std::make_unique<BackupWriter>(fleet_.fleet, fleet_.database, backup_, fleet_.epoch.key, *stores_,
                                             fleet_.entropy, BackupWriterOptions());
    Manifest empty;
    ASSERT_THAT(writer_->put_manifest(empty), Succeeded());
    record_.node = fleet_.node;
    record_.engine = Engine::sqlite;
    record_.finished_at = fleet_.from;
  }
  Result<Bytes> put(Micros longest = std::chrono::seconds(20)) {
    return put_record_patiently(*writer_, record_, fleet_.signer,
                                {longest, std::chrono::milliseconds(5), std::chrono::milliseconds(20)}, clock_, stop_,
                                [this](const Error& error) {
                                  waited_for_.push_back(error.code);
                                  if (on_wait_) on_wait_();
                                });
  }

  TestFleet fleet_;
  std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>();
  const BackupId backup_ = fleet_.entropy.id<BackupId>();
  std::unique_ptr<StoreSet> stores_;
  std::unique_ptr<BackupWriter> writer_;
  BackupRecord record_;
  SystemClock clock_;
  StopToken stop_;
  std::vector<Code> waited_for_;
  std::function<void()> on_wait_;
};

TEST_F(LastObject, ThatWasStoredWithoutAnAnswerMakesTheBackupComplete) {
  begin(std::make_shared<AnswersTooLate>(memory_, is_record));
  const auto stored = put();
  ASSERT_THAT(stored, Succeeded());
  EXPECT_EQ(*stored, memory_->get(record_name(fleet_.database, backup_)).value());
  EXPECT_EQ(waited_for_, std::vector{Code::timed_out});
  EXPECT_EQ(writer_->copies().at(0).missing, 0U) << "it is whole there";
}

TEST_F(LastObject, WaitsForAStoreThatIsAwayAndForOneThatIsFull) {
  const auto away = std::make_shared<Unreachable>(memory_);
  away->set_away(Unreachable::Away::no);
  const auto full = std::make_shared<RefusesPuts>(away, 2);  // the keys and the manifest
  begin(full);
  on_wait_ = [&] {
    full->accept(1);
    away->set_away(waited_for_.size() == 1 ? Unreachable::Away::yes : Unreachable::Away::no);
  };
  ASSERT_THAT(put(), Succeeded());
  EXPECT_EQ(waited_for_, (std::vector{Code::exhausted, Code::unavailable}));
  EXPECT_EQ(writer_->copies().at(0).missing, 0U);
}

TEST_F(LastObject, IsNotWaitedForLongerThanAllowedNorWhenItCannotSucceed) {
  begin(std::make_shared<RefusesPuts>(memory_, 2));
  EXPECT_THAT(put(Micros(0)), FailedWith(Code::exhausted));
  const auto taken = std::make_shared<MemoryStore>();
  begin(taken);
  ASSERT_THAT(taken->put(record_name(fleet_.database, backup_), as_bytes("another")), Succeeded());
  EXPECT_THAT(put(), FailedWith(Code::already_exists));
  EXPECT_THAT(waited_for_, IsEmpty());
}

TEST_F(LastObject, IsGivenUpWhenTheAgentStops) {
  begin(std::make_shared<RefusesPuts>(memory_, 2));
  on_wait_ = [this] { stop_.request_stop(); };
  EXPECT_THAT(put(), FailedWith(Code::cancelled));
  EXPECT_EQ(waited_for_.size(), 1U);
}

}  // namespace
}  // namespace holdfast
