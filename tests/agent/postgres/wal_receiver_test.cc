#include "agent/postgres/wal_receiver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>
#include <thread>

#include "agent/postgres/replication_stream.h"
#include "shared/base/mutex.h"
#include "shared/os/clock.h"
#include "shared/repository/layout.h"
#include "shared/repository/wal_object.h"
#include "tests/agent/postgres/endpoint_of.h"
#include "tests/agent/postgres/remembered_positions.h"
#include "tests/agent/postgres/repository_fixture.h"
#include "tests/harness/damaged_stores.h"

namespace holdfast {
namespace {

// Wants everything from one position on, and keeps it.
class CuriousObserver final : public WalObserver {
 public:
  explicit CuriousObserver(Lsn from) : from_(from) {}
  Lsn wants_from(const Stream& shipping) override { return std::min(from_, shipping.from); }
  void begin(const Stream& stream) override {
    seen_.with([at = stream.from](Seen& seen) {
      seen.begun.push_back(at);
      seen.first = at;
      seen.bytes.clear();
    });
  }
  void received(Lsn start, ByteView bytes) override {
    seen_.with([&](Seen& seen) {
      EXPECT_EQ(start, seen.first + seen.bytes.size()) << "a gap";
      append(seen.bytes, bytes);
    });
  }
  struct Seen {
    std::vector<Lsn> begun;
    Lsn first;
    Bytes bytes;
  };
  Seen seen() const {
    return seen_.with([](const Seen& seen) { return seen; });
  }

 private:
  const Lsn from_;
  Guarded<Seen> seen_;
};

constexpr Micros patience = std::chrono::seconds(30);

class WalReceiving : public ::testing::Test {
 protected:
  void SetUp() override { cluster_ = std::make_unique<PostgresCluster>(PostgresCluster::started().value()); }

  std::unique_ptr<WalReceiver> receive(const PostgresCluster& cluster, const StoreSet& stores,
                                       Micros rpo = std::chrono::milliseconds(100)) {
    WalReceiver::Settings settings;
    settings.endpoint = endpoint_of(cluster);
    settings.fleet = repository_.fleet;
    settings.database = repository_.database;
    settings.node = repository_.node;
    settings.slot = "hf";
    settings.rpo = rpo;
    settings.buffer_limit = buffer_limit_;
    WalReceiver::Parts parts{stores,
                             repository_.signer,
                             [this] { return Result<std::shared_ptr<const EpochKey>>(repository_.epoch); },
                             positions_,
                             clock_,
                             repository_.entropy,
                             Logger::none()};
    parts.observer = observer_;
    parts.events.gap = [this](const WalGap& gap) -> Result<> {
      gaps_.with([&](auto& gaps) { gaps.push_back(gap); });
      if (told_) return std::unexpected(*told_);
      return {};
    };
    return std::make_unique<WalReceiver>(settings, parts);
  }
  std::unique_ptr<WalReceiver> receive() { return receive(*cluster_, repository_.stores); }

  static void write_some(const PostgresCluster& cluster, int rows = 20000) {
    ASSERT_TRUE(cluster.sql(
        fmt::format("CREATE TABLE IF NOT EXISTS t (n int); INSERT INTO t SELECT generate_series(1, {})", rows)));
  }
  // What was written after the last of it was shipped is several segments, and no slot was there to hold them.
  void leave_the_slot_behind() {
    write_some(*cluster_);
    {
      const auto receiver = receive();
      ASSERT_TRUE(receiver->wait_until_durable(Timeline(1), end_of_log(*cluster_), patience, stop_));
    }
    ASSERT_TRUE(cluster_->wait_for("SELECT active FROM pg_replication_slots", "f"));
    ASSERT_TRUE(cluster_->sql("SELECT pg_drop_replication_slot('hf')"));
    for (int i = 0; i < 3; ++i) {
      write_some(*cluster_, 1000);
      ASSERT_TRUE(cluster_->sql("SELECT pg_switch_wal()"));
      ASSERT_TRUE(cluster_->sql("CHECKPOINT"));
    }
  }
  // Where the record of the last checkpoint begins; of a stopped server.
  static Lsn checkpoint_of(const PostgresCluster& cluster) {
    const auto output = cluster.run_program("pg_controldata", {"-D", cluster.data_directory()}).value();
    const auto at = output.find("Latest checkpoint location:");
    const auto value = output.find_first_not_of(' ', at + 27);
    return parse_lsn(output.substr(value, output.find('\n', value) - value)).value();
  }
  static Lsn redo(const PostgresCluster& cluster) {
    return parse_lsn(cluster.sql("SELECT redo_lsn FROM pg_control_checkpoint()").value()).value();
  }
  static Lsn slot_position(const PostgresCluster& cluster) {
    return parse_lsn(cluster.sql("SELECT restart_lsn FROM pg_replication_slots").value()).value();
  }
  static Lsn end_of_log(const PostgresCluster& cluster) {
    return parse_lsn(cluster.sql("SELECT pg_current_wal_flush_lsn()").value()).value();
  }
  static ::testing::AssertionResult eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return ::testing::AssertionFailure() << "not within 30 s";
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return ::testing::AssertionSuccess();
  }

  // Everything of a timeline that is in the store, opened with the key, from `first` on without a gap.
  Bytes stored(Timeline timeline, Lsn& first) {
    FrameDecoder decoder;
    std::vector<WalName> names;
    const auto listing = repository_.store->list(wal_prefix(repository_.database, timeline)).value();
    for (const auto& object : listing) {
      names.push_back(parse_wal_name(object.name).value());
    }
    Bytes bytes;
    Sha256 predecessor{};
    for (const auto& name : names) {
      const Bytes object =
          repository_.store->get(wal_name(repository_.database, name.timeline, name.first, name.last)).value();
      const auto header = verify_wal_object(object, repository_.signer.public_key).value();
      if (bytes.empty()) {
        first = name.first;
      } else {
        EXPECT_EQ(name.first, first + bytes.size()) << "a gap or an overlap";
        EXPECT_EQ(header.predecessor, predecessor) << "a broken chain";
      }
      predecessor = sha256(object);
      append(bytes, open_wal_object(object, repository_.signer.public_key, repository_.keys, decoder).value());
    }
    return bytes;
  }
  static Bytes on_disk(const PostgresCluster& cluster, Timeline timeline, Lsn from, std::uint64_t length) {
    const WalSegmentSize size;
    Bytes bytes;
    while (bytes.size() < length) {
      const Lsn at = from + bytes.size();
      const auto segment = segment_at(timeline, at, size);
      std::ifstream file(cluster.data_directory() + "/pg_wal/" + segment_name(segment, size), std::ios::binary);
      file.seekg(static_cast<std::streamoff>(at - start_of(segment, size)));
      Bytes part(std::min<std::uint64_t>(end_of(segment, size) - at, length - bytes.size()));
      file.read(reinterpret_cast<char*>(part.data()), static_cast<std::streamsize>(part.size()));
      EXPECT_TRUE(file.good()) << segment_name(segment, size);
      append(bytes, part);
    }
    return bytes;
  }
  // What is stored is what the server has, up to `through` at least.
  void expect_stored(const PostgresCluster& cluster, Timeline timeline, Lsn through) {
    Lsn first;
    const Bytes bytes = stored(timeline, first);
    ASSERT_GE(first + bytes.size(), through);
    EXPECT_EQ(bytes, on_disk(cluster, timeline, first, bytes.size()));
  }

  RepositoryFixture repository_;
  RememberedPositions positions_;
  SystemClock clock_;
  StopToken stop_;
  Guarded<std::vector<WalGap>> gaps_;
  std::optional<Error> told_;  // what telling of a gap comes to
  WalObserver* observer_ = nullptr;
  std::size_t buffer_limit_ = 32U << 20U;
  std::unique_ptr<PostgresCluster> cluster_;
};

TEST_F(WalReceiving, StoresEveryByteFromAWholeSegmentOn) {
  const auto receiver = receive();
  ASSERT_TRUE(receiver->wait_until_streaming(patience, stop_).has_value());
  write_some(*cluster_);
  ASSERT_TRUE(cluster_->sql("SELECT pg_switch_wal()").has_value());
  write_some(*cluster_);
  const Lsn end = end_of_log(*cluster_);
  const auto durable = receiver->wait_until_durable(Timeline(1), end, patience, stop_);
  ASSERT_TRUE(durable.has_value()) << durable.error().text();
  expect_stored(*cluster_, Timeline(1), end);
  Lsn first;
  (void)stored(Timeline(1), first);
  EXPECT_EQ(first.value() % WalSegmentSize().bytes(), 0U);
  const auto status = receiver->status();
  EXPECT_EQ(status.state, WalReceiverState::streaming);
  EXPECT_EQ(status.timeline, Timeline(1));
  EXPECT_GE(status.durable, end);
  EXPECT_FALSE(status.error.has_value());
}

TEST_F(WalReceiving, LetsTheServerDropOnlyWhatIsDurable) {
  const auto receiver = receive();
  ASSERT_TRUE(receiver->wait_until_streaming(patience, stop_).has_value());
  write_some(*cluster_);
  const Lsn end = end_of_log(*cluster_);
  ASSERT_TRUE(receiver->wait_until_durable(Timeline(1), end, patience, stop_).has_value());
  EXPECT_TRUE(cluster_->wait_for(
      fmt::format("SELECT flush_lsn >= '{}' FROM pg_stat_replication WHERE application_name = 'hf'", end), "t"));
  const Lsn confirmed = parse_lsn(cluster_->sql("SELECT restart_lsn FROM pg_replication_slots").value()).value();
  EXPECT_LE(confirmed, receiver->status().durable);
}

TEST_F(WalReceiving, GoesOnWhereItWasWhenItComesBack) {
  {
    const auto receiver = receive();
    ASSERT_TRUE(receiver->wait_until_streaming(patience, stop_).has_value());
    write_some(*cluster_);
    ASSERT_TRUE(receiver->wait_until_durable(Timeline(1), end_of_log(*cluster_), patience, stop_).has_value());
  }
  const auto left = positions_.value();
  ASSERT_TRUE(left.has_value());
  EXPECT_NE(left->durable.value() % WalSegmentSize().bytes(), 0U) << "the test wants to resume inside a segment";
  write_some(*cluster_);
  const auto receiver = receive();
  const Lsn end = end_of_log(*cluster_);
  ASSERT_TRUE(receiver->wait_until_durable(Timeline(1), end, patience, stop_).has_value());
  expect_stored(*cluster_, Timeline(1), end);
  EXPECT_EQ(receiver->status().first, left->first);
}

TEST_F(WalReceiving, LearnsItsPositionFromTheStoreWhenItsMemoryIsGone) {
  {
    const auto receiver = receive();
    ASSERT_TRUE(receiver->wait_until_streaming(patience, stop_).has_value());
    write_some(*cluster_);
    ASSERT_TRUE(receiver->wait_until_durable(Timeline(1), end_of_log(*cluster_), patience, stop_).has_value());
  }
  positions_.set(std::nullopt);
  write_some(*cluster_);
  const auto receiver = receive();
  const Lsn end = end_of_log(*cluster_);
  ASSERT_TRUE(receiver->wait_until_durable(Timeline(1), end, patience, stop_).has_value());
  expect_stored(*cluster_, Timeline(1), end);
}

TEST_F(WalReceiving, TakesOverWhatBecameDurableJustBeforeACrash) {
  std::optional<WalResumePoint> old;
  {
    const auto receiver = receive();
    ASSERT_TRUE(receiver->wait_until_streaming(patience, stop_).has_value());
    write_some(*cluster_);
    ASSERT_TRUE(receiver->wait_until_durable(Timeline(1), end_of_log(*cluster_), patience, stop_).has_value());
    old = positions_.value();
    write_some(*cluster_);
    ASSERT_TRUE(receiver->wait_until_durable(Timeline(1), end_of_log(*cluster_), patience, stop_).has_value());
  }
  positions_.set(old);
  write_some(*cluster_);
  const auto receiver = receive();
  const Lsn end = end_of_log(*cluster_);
  ASSERT_TRUE(receiver->wait_until_durable(Timeline(1), end, patience, stop_).has_value());
  expect_stored(*cluster_, Timeline(1), end);
}

TEST_F(WalReceiving, SurvivesARestartOfTheServer) {
  const auto receiver = receive();
  ASSERT_TRUE(receiver->wait_until_streaming(patience, stop_).has_value());
  write_some(*cluster_);
  ASSERT_TRUE(cluster_->kill_hard().has_value());
  const auto started = cluster_->start();
  ASSERT_TRUE(started.has_value()) << started.error().text();
  write_some(*cluster_);
  const Lsn end = end_of_log(*cluster_);
  const auto durable = receiver->wait_until_durable(Timeline(1), end, patience, stop_);
  ASSERT_TRUE(durable.has_value()) << durable.error().text();
  expect_stored(*cluster_, Timeline(1), end);
}

TEST_F(WalReceiving, HasTheLastByteWhenTheServerIsShutDown) {
  const auto receiver = receive(*cluster_, repository_.stores, std::chrono::hours(1));
  ASSERT_TRUE(receiver->wait_until_streaming(patience, stop_).has_value());
  write_some(*cluster_);
  ASSERT_TRUE(cluster_->stop().has_value());
  EXPECT_GT(receiver->status().durable, checkpoint_of(*cluster_));
}

// Nothing behind the slot's start was durable before, so that there was no position to confirm.
TEST_F(WalReceiving, HoldsAServerBackThatIsShutDownBeforeAnythingCouldBeConfirmed) {
  const auto failing = std::make_shared<Unreachable>(repository_.store);
  failing->set_away(Unreachable::Away::no);
  const StoreSet stores({{"failing", failing}}, 1);
  const auto receiver = receive(*cluster_, stores, std::chrono::minutes(10));
  ASSERT_TRUE(receiver->wait_until_streaming(patience, stop_).has_value());
  failing->set_away(Unreachable::Away::yes);
  write_some(*cluster_, 100);
  const Lsn end = end_of_log(*cluster_);
  ASSERT_TRUE(eventually([&] { return receiver->status().received >= end; }));
  ASSERT_LT(receiver->status().durable, slot_position(*cluster_));
  Result<> stopped;
  std::atomic<bool> ended = false;
  std::jthread stopping([&] {
    stopped = cluster_->stop();
    ended = true;
  });
  ASSERT_TRUE(eventually([&] { return receiver->status().error.has_value(); })) << "it tries to put what it has";
  std::this_thread::sleep_for(std::chrono::seconds(1));
  EXPECT_FALSE(ended) << "the server ended while its last log was in memory only";
  failing->set_away(Unreachable::Away::no);
  stopping.join();
  ASSERT_TRUE(stopped) << stopped.error().text();
  EXPECT_GT(receiver->status().durable, checkpoint_of(*cluster_));
}

// As when the server was killed: what only the receiver has goes out, although nobody asks for it.
TEST_F(WalReceiving, PutsWhatItHasWhenTheServerIsGone) {
  const auto receiver = receive(*cluster_, repository_.stores, std::chrono::minutes(10));
  ASSERT_TRUE(receiver->wait_until_streaming(patience, stop_).has_value());
  write_some(*cluster_, 100);
  const Lsn end = end_of_log(*cluster_);
  ASSERT_TRUE(eventually([&] { return receiver->status().received >= end; }));
  ASSERT_TRUE(cluster_->kill_hard());
  EXPECT_TRUE(eventually([&] { return receiver->status().durable >= end; }));
}

TEST_F(WalReceiving, FollowsAPromotionAndKeepsItsHistory) {
  auto standby = PostgresCluster::standby_of(*cluster_).value();
  const auto receiver = receive(standby, repository_.stores);
  const auto streaming = receiver->wait_until_streaming(patience, stop_);
  ASSERT_TRUE(streaming.has_value()) << streaming.error().text();
  write_some(*cluster_);
  const Lsn before = end_of_log(*cluster_);
  ASSERT_TRUE(receiver->wait_until_durable(Timeline(1), before, patience, stop_).has_value());
  ASSERT_TRUE(standby.promote().has_value());
  write_some(standby);
  const Lsn end = end_of_log(standby);
  const auto durable = receiver->wait_until_durable(Timeline(2), end, patience, stop_);
  ASSERT_TRUE(durable.has_value()) << durable.error().text();
  expect_stored(standby, Timeline(2), end);
  std::ifstream file(standby.data_directory() + "/pg_wal/00000002.history", std::ios::binary);
  EXPECT_EQ(repository_.store->get(history_name(repository_.database, Timeline(2))).value(),
            Bytes(std::istreambuf_iterator<char>(file), {}));
  EXPECT_EQ(receiver->status().timeline, Timeline(2));
  EXPECT_TRUE(gaps_.with([](auto& gaps) { return gaps.empty(); }));
}

TEST_F(WalReceiving, GoesOnFromAPromotedStandbyWhereTheOldPrimarysNodeEnded) {
  auto standby = PostgresCluster::standby_of(*cluster_).value();
  write_some(*cluster_);
  {
    const auto receiver = receive();
    ASSERT_TRUE(receiver->wait_until_durable(Timeline(1), end_of_log(*cluster_), patience, stop_));
  }
  const auto of_the_old_node = positions_.value();
  write_some(*cluster_);  // acknowledged, and shipped by nobody
  const Lsn last = end_of_log(*cluster_);
  ASSERT_TRUE(standby.wait_for(fmt::format("SELECT pg_last_wal_replay_lsn() >= '{}'", last), "t"));
  ASSERT_TRUE(cluster_->kill_hard());
  const Timestamp promoted_at = clock_.now();
  ASSERT_TRUE(standby.promote());
  write_some(standby);
  positions_.set(std::nullopt);  // another node has no memory of it
  {
    const auto receiver = receive(standby, repository_.stores);
    ASSERT_TRUE(receiver->wait_until_durable(Timeline(2), end_of_log(standby), patience, stop_));
  }
  EXPECT_TRUE(gaps_.with([](const auto& gaps) { return gaps.empty(); }));
  Lsn first;
  const Bytes old_timeline = stored(Timeline(1), first);
  EXPECT_GE(first + old_timeline.size(), last);
  expect_stored(standby, Timeline(2), last);
  const auto listing = repository_.store->list(wal_prefix(repository_.database, Timeline(1))).value();
  for (const auto& object : listing) {
    const auto header = peek_wal_header(repository_.store->get(object.name).value()).value();
    EXPECT_LT(header.recoverable_through, promoted_at) << "what was committed since is not on this timeline";
  }

  // The old node again, on a server that comes from the second timeline.
  positions_.set(of_the_old_node);
  write_some(standby);
  const auto receiver = receive(standby, repository_.stores);
  ASSERT_TRUE(eventually([&] {
    const auto status = receiver->status();
    return status.timeline == Timeline(2) && status.durable >= end_of_log(standby);
  }));
  EXPECT_EQ(repository_.store->list(wal_prefix(repository_.database, Timeline(1))).value().size(), listing.size())
      << "what another node has shipped is not shipped again";
  EXPECT_TRUE(gaps_.with([](const auto& gaps) { return gaps.empty(); }));
  expect_stored(standby, Timeline(2), last);
}

TEST_F(WalReceiving, HoldsTheLogWhileTheStoreFailsAndCatchesUp) {
  buffer_limit_ = 1U << 20U;
  const auto failing = std::make_shared<Unreachable>(repository_.store);
  failing->set_away(Unreachable::Away::no);
  const StoreSet stores({{"failing", failing}}, 1);
  const auto receiver = receive(*cluster_, stores);
  ASSERT_TRUE(receiver->wait_until_streaming(patience, stop_).has_value());
  write_some(*cluster_);
  ASSERT_TRUE(receiver->wait_until_durable(Timeline(1), end_of_log(*cluster_), patience, stop_).has_value());
  failing->set_away(Unreachable::Away::yes);
  const Lsn durable = receiver->status().durable;
  write_some(*cluster_, 200000);
  const Lsn end = end_of_log(*cluster_);
  ASSERT_TRUE(eventually([&] { return receiver->status().error.has_value(); }));
  const auto late = receiver->wait_until_durable(Timeline(1), end, std::chrono::seconds(1), stop_);
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code, Code::timed_out);
  EXPECT_LE(receiver->status().buffered_bytes, buffer_limit_ + (256U << 10U));
  EXPECT_LT(receiver->status().durable, end);
  EXPECT_LE(parse_lsn(cluster_->sql("SELECT restart_lsn FROM pg_replication_slots").value()).value(),
            receiver->status().durable);
  EXPECT_GE(receiver->status().durable, durable);
  failing->set_away(Unreachable::Away::no);
  const auto caught_up = receiver->wait_until_durable(Timeline(1), end, patience, stop_);
  ASSERT_TRUE(caught_up.has_value()) << caught_up.error().text();
  expect_stored(*cluster_, Timeline(1), end);
  EXPECT_TRUE(eventually([&] { return !receiver->status().error.has_value(); }));
}

TEST_F(WalReceiving, RecordsAGapWhenTheSlotWasLost) {
  ASSERT_TRUE(cluster_->append_config("max_slot_wal_keep_size = 1MB\nmin_wal_size = 32MB\nmax_wal_size = 32MB"));
  ASSERT_TRUE(cluster_->restart().has_value());
  {
    const auto receiver = receive();
    ASSERT_TRUE(receiver->wait_until_streaming(patience, stop_).has_value());
    write_some(*cluster_);
    ASSERT_TRUE(receiver->wait_until_durable(Timeline(1), end_of_log(*cluster_), patience, stop_).has_value());
  }
  const Lsn left = positions_.value()->durable;
  for (int i = 0; i < 8; ++i) {
    write_some(*cluster_);
    ASSERT_TRUE(cluster_->sql("SELECT pg_switch_wal()").has_value());
    ASSERT_TRUE(cluster_->sql("CHECKPOINT").has_value());
  }
  ASSERT_TRUE(cluster_->wait_for("SELECT wal_status FROM pg_replication_slots", "lost"));
  const auto receiver = receive();
  const Lsn end = end_of_log(*cluster_);
  const auto durable = receiver->wait_until_durable(Timeline(1), end, patience, stop_);
  ASSERT_TRUE(durable.has_value()) << durable.error().text();
  const auto gaps = gaps_.with([](auto& found) { return found; });
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_EQ(gaps[0].from, left);
  EXPECT_GT(gaps[0].to, left);
  EXPECT_EQ(receiver->status().first, gaps[0].to);
  EXPECT_EQ(receiver->status().slot->wal, SlotWal::reserved);
}

// As after a restore that was rolled back: what was shipped last is of a timeline that this server knows nothing of.
TEST_F(WalReceiving, FindsNoGapWhenAnEarlierTimelineIsTakenUpAgainWhereItWasLeft) {
  write_some(*cluster_);
  {
    const auto receiver = receive();
    ASSERT_TRUE(receiver->wait_until_durable(Timeline(1), end_of_log(*cluster_), patience, stop_));
  }
  auto elsewhere = *positions_.value();
  elsewhere.timeline = Timeline(2);
  elsewhere.durable = elsewhere.durable + (std::uint64_t{64} << 20U);
  positions_.set(elsewhere);
  write_some(*cluster_);
  const auto receiver = receive();
  const Lsn end = end_of_log(*cluster_);
  // The position is of the second timeline until something of the first is durable again.
  ASSERT_TRUE(eventually([&] {
    const auto status = receiver->status();
    return status.timeline == Timeline(1) && status.durable >= end;
  }));
  EXPECT_TRUE(gaps_.with([](const auto& gaps) { return gaps.empty(); }));
}

TEST_F(WalReceiving, ShipsNothingBehindAGapThatCouldNotBeTold) {
  leave_the_slot_behind();
  const Lsn left = positions_.value()->durable;
  told_ = Error{Code::unavailable, "the disk is full", {}};
  const auto receiver = receive();
  ASSERT_TRUE(eventually([&] { return gaps_.with([](const auto& gaps) { return gaps.size() > 1; }); }))
      << "it is told again; told " << gaps_.with([](const auto& gaps) { return gaps.size(); }) << ", the receiver is "
      << to_string(receiver->status().state) << ": "
      << receiver->status().error.value_or(Error{Code::internal, "without error", {}}).text();
  EXPECT_EQ(positions_.value()->durable, left);
}

// The server believes every answer: one that lies before the slot's start would make the slot claim log that is gone.
TEST_F(WalReceiving, NeverSetsASlotBack) {
  ASSERT_TRUE(cluster_->append_config("wal_keep_size = '256MB'"));
  ASSERT_TRUE(cluster_->restart());
  leave_the_slot_behind();
  const Lsn start = redo(*cluster_);
  const auto receiver = receive(*cluster_, repository_.stores, std::chrono::minutes(10));
  ASSERT_TRUE(eventually([&] { return receiver->status().received >= end_of_log(*cluster_); }));
  ASSERT_TRUE(cluster_->wait_for("SELECT reply_time IS NOT NULL FROM pg_stat_replication", "t"));
  EXPECT_LT(receiver->status().durable, start);
  EXPECT_GE(slot_position(*cluster_), start);
  const Lsn end = end_of_log(*cluster_);
  ASSERT_TRUE(receiver->wait_until_durable(Timeline(1), end, patience, stop_));
  expect_stored(*cluster_, Timeline(1), end);
  EXPECT_TRUE(gaps_.with([](const auto& gaps) { return gaps.empty(); }));
}

// However it came to that: the log that the slot should hold is not there.
TEST_F(WalReceiving, ReplacesASlotThatHoldsNothing) {
  leave_the_slot_behind();
  const Lsn left = positions_.value()->durable;
  {
    auto stream = ReplicationStream::open(endpoint_of(*cluster_), "set back", stop_);
    ASSERT_TRUE(stream);
    ASSERT_TRUE(stream->create_slot("hf"));
    ASSERT_TRUE(stream->start("hf", redo(*cluster_), Timeline(1)));
    ASSERT_TRUE(stream->send_status(left, left, Lsn(), clock_.now(), Reply::not_asked));
    ASSERT_TRUE(eventually([&] { return slot_position(*cluster_) == left; }));
  }
  ASSERT_TRUE(cluster_->wait_for("SELECT active FROM pg_replication_slots", "f"));
  const auto receiver = receive();
  const Lsn end = end_of_log(*cluster_);
  const auto durable = receiver->wait_until_durable(Timeline(1), end, patience, stop_);
  ASSERT_TRUE(durable) << durable.error().text();
  const auto gaps = gaps_.with([](const auto& found) { return found; });
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_EQ(gaps[0].from, left);
  EXPECT_GT(gaps[0].to, left);
  EXPECT_GT(slot_position(*cluster_), left);
}

TEST_F(WalReceiving, KnowsThatAnIdleDatabaseIsRecoverableUntilNow) {
  const auto receiver = receive();
  ASSERT_TRUE(receiver->wait_until_streaming(patience, stop_).has_value());
  ASSERT_TRUE(receiver->wait_until_durable(Timeline(1), end_of_log(*cluster_), patience, stop_).has_value());
  const Timestamp now = clock_.now();
  EXPECT_TRUE(eventually([&] { return receiver->status().recoverable_through > now; }));
  const auto objects = repository_.store->list("").value().size();
  const Timestamp later = clock_.now();
  EXPECT_TRUE(eventually([&] { return receiver->status().recoverable_through > later; }));
  EXPECT_LE(repository_.store->list("").value().size(), objects + 1) << "an idle database puts nothing";
}

// A job may hold it while another one takes its place.
TEST_F(WalReceiving, LeavesItsSlotWhenItIsStoppedWhoeverHoldsIt) {
  const auto receiver = receive();
  ASSERT_TRUE(receiver->wait_until_streaming(patience, stop_));
  receiver->stop();
  const auto waited = receiver->wait_until_durable(Timeline(1), end_of_log(*cluster_) + 1, patience, stop_);
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, Code::cancelled);
  const auto next = receive();
  EXPECT_TRUE(next->wait_until_streaming(patience, stop_));
}

TEST_F(WalReceiving, RefusesAnotherCluster) {
  WalReceiver::Settings settings;
  settings.endpoint = endpoint_of(*cluster_);
  settings.slot = "hf";
  settings.system_id = SystemId(1);
  WalReceiver::Parts parts{repository_.stores,
                           repository_.signer,
                           [this] { return Result<std::shared_ptr<const EpochKey>>(repository_.epoch); },
                           positions_,
                           clock_,
                           repository_.entropy,
                           Logger::none()};
  const WalReceiver receiver(settings, parts);
  EXPECT_TRUE(eventually([&] {
    const auto error = receiver.status().error;
    return error && error->code == Code::conflict;
  }));
}

TEST_F(WalReceiving, LetsAnObserverReadAgainWhatWasShippedBefore) {
  write_some(*cluster_);
  auto receiver = receive();
  ASSERT_TRUE(receiver->wait_until_durable(Timeline(1), end_of_log(*cluster_), patience, stop_));
  receiver.reset();
  const Lsn shipped = positions_.value()->durable;
  write_some(*cluster_);
  const Lsn end = end_of_log(*cluster_);
  CuriousObserver observer(start_of(segment_at(Timeline(1), shipped, WalSegmentSize()), WalSegmentSize()));
  observer_ = &observer;
  receiver = receive();
  ASSERT_TRUE(receiver->wait_until_durable(Timeline(1), end, patience, stop_));
  receiver.reset();
  const auto seen = observer.seen();
  EXPECT_LT(seen.first, shipped);
  ASSERT_GE(seen.first + seen.bytes.size(), end);
  EXPECT_EQ(seen.bytes, on_disk(*cluster_, Timeline(1), seen.first, seen.bytes.size()));
  expect_stored(*cluster_, Timeline(1), end);
  EXPECT_TRUE(gaps_.with([](const auto& gaps) { return gaps.empty(); }));
}

TEST_F(WalReceiving, GoesOnWithoutWhatOnlyAnObserverWanted) {
  write_some(*cluster_);
  auto receiver = receive();
  for (int i = 0; i < 4; ++i) {
    write_some(*cluster_, 1000);
    ASSERT_TRUE(cluster_->sql("SELECT pg_switch_wal()"));
    ASSERT_TRUE(receiver->wait_until_durable(Timeline(1), end_of_log(*cluster_), patience, stop_));
  }
  // The slot lets go of it and the next checkpoint removes it.
  ASSERT_TRUE(eventually([&] {
    EXPECT_TRUE(cluster_->sql("CHECKPOINT"));
    return cluster_->sql("SELECT count(*) FROM pg_ls_waldir() WHERE name = '000000010000000000000001'") == "0";
  }));
  receiver.reset();
  write_some(*cluster_);
  const Lsn end = end_of_log(*cluster_);
  CuriousObserver observer(Lsn(WalSegmentSize().bytes()));
  observer_ = &observer;
  receiver = receive();
  ASSERT_TRUE(receiver->wait_until_durable(Timeline(1), end, patience, stop_));
  receiver.reset();
  const auto seen = observer.seen();
  ASSERT_EQ(seen.begun.size(), 2U);
  EXPECT_EQ(seen.begun[0], Lsn(WalSegmentSize().bytes()));
  EXPECT_GT(seen.begun[1], seen.begun[0]);
  EXPECT_GE(seen.first + seen.bytes.size(), end);
  Lsn first;
  const Bytes bytes = stored(Timeline(1), first);
  EXPECT_GE(first + bytes.size(), end);
  EXPECT_TRUE(gaps_.with([](const auto& gaps) { return gaps.empty(); })) << "nothing of it was lost";
}

}  // namespace
}  // namespace holdfast
