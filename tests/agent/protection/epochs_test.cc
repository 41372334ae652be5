#include "agent/protection/epochs.h"

#include <gtest/gtest.h>

#include "agent/protection/kept_passes.h"
#include "shared/os/posix_file_system.h"
#include "shared/store/opening/forwarding_store.h"
#include "tests/harness/manual_clock.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/temporary_directory.h"
#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

class OpenKeys : public testing::Test {
 protected:
  OpenKeys() {
    identity_.fleet = fleet_.fleet;
    identity_.node = fleet_.node;
    identity_.root = fleet_.root.public_key;
    identity_.chain = fleet_.chain.encode();
    database_.id = fleet_.database;
    database_.name = "orders";
    database_.recipients = {{"recovery", fleet_.recovery.public_key}};
  }
  std::shared_ptr<const EpochKey> current() { return epochs_.current(database_, as_bytes("fleet")).value(); }
  bool is_open(EpochId epoch) const {
    KeyRing ring;
    epochs_.add_open_key(database_.id, ring);
    return ring.has(epoch);
  }

  TestFleet fleet_;
  TemporaryDirectory directory_;
  PosixFileSystem files_;
  ManualClock clock_{fleet_.from};
  std::unique_ptr<AgentState> state_ = AgentState::open(directory_.path()).value();
  NodeKeys keys_ = load_or_make_node_keys(files_, fleet_.entropy, directory_ / "node.key").value();
  Enrolled identity_;
  ProtectedDatabase database_{.id = {},
                              .name = {},
                              .engine = Engine::postgres,
                              .system_id = {},
                              .recipients = {},
                              .stores = StoreSet({{"memory", std::make_shared<MemoryStore>()}}, 1)};
  Epochs epochs_{identity_, keys_, *state_, clock_, fleet_.entropy};
};

TEST_F(OpenKeys, AreTheSameForADay) {
  const EpochId first = current()->id;
  clock_.advance(std::chrono::hours(23));
  EXPECT_EQ(current()->id, first);
  clock_.advance(std::chrono::hours(2));
  EXPECT_NE(current()->id, first);
}

// A bucket whose fixed names can only be looked at with the coordinator's help.
class NeedsTheCoordinator final : public ForwardingStore {
 public:
  NeedsTheCoordinator(std::shared_ptr<Store> store, const bool& away)
      : ForwardingStore(std::move(store)), away_(away) {}
  Result<> put(const std::string& name, ByteView content) override {
    if (away_ && !is_put_once(name)) return fail(Code::unavailable, "the coordinator is away");
    return store().put(name, content);
  }

 private:
  const bool& away_;
};

TEST_F(OpenKeys, AreRenewedWhereTheDatabaseWasDescribedAlreadyWhenThatCannotBeLookedAt) {
  bool away = false;
  const auto store = std::make_shared<NeedsTheCoordinator>(std::make_shared<MemoryStore>(), away);
  database_.stores = StoreSet({{"far", store}}, 1);
  const EpochId first = current()->id;
  away = true;
  clock_.advance(std::chrono::hours(25));
  EXPECT_NE(current()->id, first);

  ProtectedDatabase fresh = database_;
  fresh.id = fleet_.entropy.id<DatabaseId>();
  EXPECT_THAT(epochs_.current(fresh, as_bytes("fleet")), FailedWith(Code::unavailable));
}

TEST_F(OpenKeys, AreErasedWhenTheyWereReplacedAndNobodyWritesWithThem) {
  std::weak_ptr<const EpochKey> first = current();
  const EpochId id = first.lock()->id;
  EXPECT_TRUE(is_open(id));
  clock_.advance(std::chrono::hours(25));
  EXPECT_TRUE(is_open(current()->id));
  EXPECT_TRUE(first.expired());
  EXPECT_FALSE(is_open(id));
}

TEST_F(OpenKeys, LastUntilTheirLastWriterIsDone) {
  auto writer = current();
  const std::weak_ptr<const EpochKey> first = writer;
  clock_.advance(std::chrono::hours(25));
  EXPECT_NE(current()->id, writer->id);
  EXPECT_FALSE(first.expired());
  EXPECT_FALSE(is_open(writer->id)) << "a restore that needs it gets it with its order";
  writer.reset();
  EXPECT_TRUE(first.expired());
}

TEST_F(OpenKeys, OfADatabaseThatIsNotWrittenAnyMoreAreErased) {
  const std::weak_ptr<const EpochKey> key = current();
  epochs_.keep_only({database_.id});
  EXPECT_FALSE(key.expired());
  epochs_.keep_only({});
  EXPECT_TRUE(key.expired());
}

}  // namespace
}  // namespace holdfast
