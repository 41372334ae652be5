// Shipping of log into stores that are in trouble or lie: what the server is told is safe is safe, and it goes on.
#include "agent/postgres/wal_shipper.h"

#include <gmock/gmock.h>

#include <thread>

#include "shared/os/clock.h"
#include "shared/repository/verify.h"
#include "shared/repository/wal_reader.h"
#include "tests/harness/damaged_stores.h"
#include "tests/harness/manual_clock.h"
#include "tests/harness/result_matchers.h"
#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

using testing::IsEmpty;

constexpr std::uint64_t segment_size = 1U << 20U;
constexpr std::uint64_t begin = 5 * segment_size;
constexpr std::size_t cut_size = 1000;

// What a position says is durable must be in a store at that moment.
class CheckedPositions final : public WalPositions {
 public:
  explicit CheckedPositions(std::function<void(const WalResumePoint&)> check) : check_(std::move(check)) {}
  Result<std::optional<WalResumePoint>> load() override { return std::optional<WalResumePoint>(); }
  Result<> save(const WalResumePoint& position) override {
    check_(position);
    return {};
  }

 private:
  std::function<void(const WalResumePoint&)> check_;
};

class WalShipping : public testing::Test {
 protected:
  WalShipping() {
    EXPECT_THAT(truth->put(epoch_name(fleet.database, fleet.epoch.key.id), fleet.epoch.object), Succeeded());
    log = fleet.text_bytes(40 * cut_size);
  }

  // One agent's shipper, until the next one begins.
  WalShipper& ship_into(const StoreSet& stores) {
    shipper_.reset();
    parts_ = std::make_unique<WalReceiver::Parts>(
        WalReceiver::Parts{stores, fleet.signer,
                           [this] {
                             return Result<std::shared_ptr<const EpochKey>>(
                                 std::make_shared<EpochKey>(EpochKey{fleet.epoch.key.id, fleet.epoch.key.key.clone()}));
                           },
                           positions_, clock_, fleet.entropy, Logger::none()});
    shipper_ = std::make_unique<WalShipper>(WalShipper::Identity{fleet.fleet, fleet.database, fleet.node}, *parts_,
                                            StopToken(), [] {});
    shipper_->set_server(SystemId(7), WalSegmentSize::of(segment_size).value());
    return *shipper_;
  }
  static Lsn at(std::size_t cut) { return Lsn(begin + cut * cut_size); }
  std::string name(std::size_t from, std::size_t to) const {
    return wal_name(fleet.database, Timeline(1), at(from), at(to));
  }
  WalCut cut(std::size_t from, std::size_t to) {
    WalCut out;
    out.timeline = Timeline(1);
    out.first = at(from);
    out.bytes = to_bytes(ByteView(log).subspan(from * cut_size, (to - from) * cut_size));
    out.received_from = out.received_through = fleet.from + std::chrono::seconds(from);
    out.recoverable_through = out.received_from;
    return out;
  }
  void send(std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) shipper_->send(cut(i, i + 1));
  }
  static testing::AssertionResult eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 3000; ++i) {
      if (condition()) return testing::AssertionSuccess();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return testing::AssertionFailure() << "not within 30 s";
  }
  testing::AssertionResult comes_to(std::size_t cut) {
    return eventually([&] {
      const auto position = shipper_->position();
      return position && position->durable >= at(cut);
    });
  }
  // Every byte of the log up to this cut is read out of these stores.
  void expect_log(const StoreSet& stores, std::size_t to) {
    WalReader reader(stores, fleet.anchor(), fleet.database, fleet.ring);
    const auto segment = reader.segment(Timeline(1), Lsn(begin), segment_size);
    ASSERT_THAT(segment, Succeeded());
    EXPECT_TRUE(std::ranges::equal(ByteView(*segment).first(to * cut_size), ByteView(log).first(to * cut_size)));
  }
  std::vector<std::string> findings(std::size_t to) {
    const auto report = verify_wal(StoreSet({{"truth", truth}}, 1), fleet.anchor(), fleet.database, Timeline(1), at(0),
                                   at(to), &fleet.ring, {});
    std::vector<std::string> out;
    for (const VerifyFinding& finding : report.value().findings) out.push_back(finding.object);
    return out;
  }
  static std::size_t objects_of_log(Store& store) {
    std::size_t count = 0;
    const auto objects = store.list("").value();
    for (const ObjectInfo& object : objects) count += parse_wal_name(object.name) ? 1 : 0;
    return count;
  }

  TestFleet fleet;
  Bytes log;
  std::shared_ptr<MemoryStore> truth = std::make_shared<MemoryStore>();

 private:
  SystemClock clock_;
  CheckedPositions positions_{[this](const WalResumePoint& position) {
    const auto stored = truth->list(wal_prefix(fleet.database, Timeline(1))).value();
    EXPECT_TRUE(std::ranges::any_of(
        stored, [&](const ObjectInfo& object) { return parse_wal_name(object.name)->last == position.durable; }))
        << position.durable.value() << " is said to be durable and is not stored";
  }};
  std::unique_ptr<WalReceiver::Parts> parts_;
  std::unique_ptr<WalShipper> shipper_;
};

bool is_log(const std::string& name) {
  return parse_wal_name(name).has_value();
}

TEST(Backoff, AsksAStoreThatIsAwayForAnHourAFewHundredTimesAndIsBackWithinSeconds) {
  SeededEntropy entropy(3);
  Backoff backoff(entropy, std::chrono::milliseconds(200), std::chrono::seconds(15));
  int tries = 0;
  Micros longest{0};
  for (Micros passed{0}; passed < std::chrono::hours(1); ++tries) {
    const Micros pause = backoff.next();
    longest = std::max(longest, pause);
    passed += pause;
  }
  EXPECT_GE(tries, 240);
  EXPECT_LE(tries, 500);
  EXPECT_LE(longest, std::chrono::seconds(15));
  backoff.reset();
  EXPECT_LE(backoff.next(), std::chrono::milliseconds(200));
}

TEST_F(WalShipping, GoesOnWhereAnAnswerCameTooLate) {
  const StoreSet stores({{"late", std::make_shared<AnswersTooLate>(truth, is_log)}}, 1);
  (void)ship_into(stores);
  send(0, 4);
  ASSERT_TRUE(comes_to(4));
  EXPECT_EQ(objects_of_log(*truth), 4U) << "each once";
  EXPECT_THAT(findings(4), IsEmpty());
  expect_log(stores, 4);
}

TEST_F(WalShipping, SaysNothingIsDurableWhileItsStoreIsFullAndCatchesUp) {
  const auto full = std::make_shared<RefusesPuts>(truth, 3);
  const StoreSet stores({{"full", full}}, 1);
  WalShipper& shipper = ship_into(stores);
  send(0, 10);
  ASSERT_TRUE(eventually([&] { return shipper.error().has_value(); }));
  EXPECT_EQ(shipper.error()->code, Code::exhausted);
  EXPECT_EQ(shipper.position()->durable, at(3));
  EXPECT_EQ(objects_of_log(*truth), 3U);
  full->accept(1000);
  ASSERT_TRUE(comes_to(10));
  EXPECT_THAT(findings(10), IsEmpty());
  EXPECT_FALSE(shipper.error());
}

TEST_F(WalShipping, IsHeldUpByNoStoreThatTheMinimumDoesNotNeed) {
  const auto below = std::make_shared<MemoryStore>();
  const auto slow = std::make_shared<Rationed>(below);
  const StoreSet stores({{"slow", slow}, {"fast", truth}}, 1);
  (void)ship_into(stores);
  send(0, 20);
  ASSERT_TRUE(comes_to(20));
  EXPECT_EQ(objects_of_log(*below), 0U) << "no time has passed for it";
  slow->let(1'000'000);
  stores.settle();
  EXPECT_EQ(objects_of_log(*below), 20U);
  EXPECT_EQ(stores.missed().at(0).objects, 0U);
}

TEST_F(WalShipping, WaitsForTheSlowOneOfTwoThatAreBothWanted) {
  const auto slow = std::make_shared<Rationed>(truth);
  const StoreSet stores({{"slow", slow}, {"fast", std::make_shared<MemoryStore>()}}, 2);
  WalShipper& shipper = ship_into(stores);
  send(0, 3);
  EXPECT_FALSE(shipper.position()) << "the server may drop nothing yet";
  slow->let(1'000'000);
  ASSERT_TRUE(comes_to(3));
  EXPECT_THAT(findings(3), IsEmpty());
}

TEST_F(WalShipping, OfWhatAStoreForgetsTheOtherHasAll) {
  const auto liar = std::make_shared<Forgets>(std::make_shared<MemoryStore>(), is_log);
  const StoreSet stores({{"liar", liar}, {"truth", truth}}, 2);
  (void)ship_into(stores);
  send(0, 10);
  ASSERT_TRUE(comes_to(10));
  expect_log(stores, 10);
}

// Put and spoilt, and no answer came: what has the name now is no good to anybody, and cannot be replaced.
TEST_F(WalShipping, GoesRoundAnObjectThatWasSpoiltUnderTheNameOfACut) {
  const auto second = [this](const std::string& of) { return of == name(1, 2); };
  const auto spoils = std::make_shared<FlipsOnTheWayIn>(
      truth, [&, puts = 0](const std::string& of) mutable { return second(of) && ++puts == 1; });
  const StoreSet stores({{"disk", std::make_shared<AnswersTooLate>(spoils, second)}}, 1);
  (void)ship_into(stores);
  send(0, 4);
  ASSERT_TRUE(comes_to(4));
  expect_log(stores, 4);
  EXPECT_THAT(findings(4), testing::ElementsAre(name(1, 2))) << "it is named, and nothing is missing";
}

TEST_F(WalShipping, GoesRoundAnObjectThatSomebodyElseSigned) {
  TestFleet other(9);
  WalHeader header;
  header.fleet = fleet.fleet;
  header.database = fleet.database;
  header.node = fleet.node;
  header.epoch = fleet.epoch.key.id;
  header.system_id = SystemId(7);
  header.timeline = Timeline(1);
  header.first = at(1);
  header.last = at(2);
  header.segment_size = segment_size;
  FrameEncoder encoder(1);
  const auto forged =
      encode_wal_object(header, fleet.random_bytes(cut_size), fleet.epoch.key, other.signer, fleet.entropy, encoder);
  ASSERT_THAT(truth->put(name(1, 2), forged->object), Succeeded());
  const StoreSet stores({{"disk", truth}}, 1);
  (void)ship_into(stores);
  send(0, 4);
  ASSERT_TRUE(comes_to(4));
  expect_log(stores, 4);
}

TEST_F(WalShipping, IsNotMisledByAnObjectOfAnotherCluster) {
  const StoreSet stores({{"disk", truth}}, 1);
  ship_into(stores).set_server(SystemId(8), WalSegmentSize::of(segment_size).value());
  send(0, 1);
  ASSERT_TRUE(comes_to(1));
  WalShipper& shipper = ship_into(stores);
  send(0, 1);
  ASSERT_TRUE(eventually([&] { return shipper.error().has_value(); }));
  EXPECT_EQ(shipper.error()->code, Code::conflict);
  EXPECT_FALSE(shipper.position());
}

// A crash: the position on disk is older than what is stored, and the list does not show it.
TEST_F(WalShipping, LosesNothingWhenTheListIsBehindAfterACrash) {
  ManualClock time;
  const auto late = std::make_shared<ListsLate>(truth, time, std::chrono::minutes(10));
  const StoreSet stores({{"late", late}}, 1);
  WalResumePoint saved;
  {
    WalShipper& shipper = ship_into(stores);
    send(0, 3);
    ASSERT_TRUE(comes_to(3));
    saved = shipper.position().value();
    time.advance(std::chrono::minutes(10));
    send(3, 6);
    ASSERT_TRUE(comes_to(6));
  }
  const auto position = advance_over_stored(stores, fleet.database, saved);
  ASSERT_THAT(position, Succeeded());
  EXPECT_EQ(position->durable, at(3)) << "nothing is claimed that cannot be seen";
  WalShipper& shipper = ship_into(stores);
  shipper.set_position(*position);
  send(3, 4);               // cut as before: taken over
  shipper.send(cut(4, 7));  // cut otherwise: beside it
  send(7, 9);
  ASSERT_TRUE(comes_to(9));
  EXPECT_EQ(shipper.position()->first, at(0)) << "and there is no gap";
  EXPECT_THAT(findings(9), IsEmpty());
  time.advance(std::chrono::minutes(10));
  expect_log(stores, 9);
}

TEST_F(WalShipping, TakesUpItsPositionThoughTheOldestObjectThatIsListedHasGone) {
  ManualClock time;
  const auto late = std::make_shared<ListsLate>(truth, time, std::chrono::minutes(10));
  const StoreSet stores({{"late", late}}, 1);
  (void)ship_into(stores);
  send(0, 4);
  ASSERT_TRUE(comes_to(4));
  time.advance(std::chrono::minutes(10));
  ASSERT_THAT(late->remove(name(0, 1)), Succeeded());  // by retention
  const auto position = find_wal_position(stores, fleet.database, TimelineHistory(Timeline(1)));
  ASSERT_THAT(position, Succeeded());
  EXPECT_EQ((*position)->durable, at(4));
  EXPECT_EQ((*position)->first, at(1)) << "what has gone is not claimed";
}

TEST_F(WalShipping, TheEndOfAListThatIsBehindIsNotTheEndOfTheLogForWhoKnowsBetter) {
  ManualClock time;
  const auto late = std::make_shared<ListsLate>(truth, time, std::chrono::minutes(10));
  const StoreSet stores({{"late", late}}, 1);
  (void)ship_into(stores);
  send(0, 3);
  ASSERT_TRUE(comes_to(3));
  time.advance(std::chrono::minutes(10));
  send(3, 6);
  ASSERT_TRUE(comes_to(6));
  WalReader reader(stores, fleet.anchor(), fleet.database, fleet.ring);
  EXPECT_EQ(reader.stretches(Timeline(1)).value().back().last, at(3));
  time.advance(std::chrono::minutes(10));
  EXPECT_EQ(reader.stretches(Timeline(1)).value().back().last, at(6)) << "it is asked anew each time";
  expect_log(stores, 6);
}

}  // namespace
}  // namespace holdfast
