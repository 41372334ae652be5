#include "agent/postgres/replication_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <iterator>

#include "agent/postgres/slot_watch.h"
#include "tests/agent/postgres/endpoint_of.h"

namespace holdfast {
namespace {

TEST(ReplicationCommands, FollowTheVersion) {
  for (const int major : {13, 14}) {
    EXPECT_EQ(create_slot_command(major, "hf"), "CREATE_REPLICATION_SLOT hf PHYSICAL RESERVE_WAL") << major;
  }
  for (const int major : {15, 16, 17, 18}) {
    EXPECT_EQ(create_slot_command(major, "hf"), "CREATE_REPLICATION_SLOT hf PHYSICAL (RESERVE_WAL true)") << major;
  }
  EXPECT_EQ(start_replication_command("hf", Lsn(0x16B374D848), Timeline(3)),
            "START_REPLICATION SLOT hf PHYSICAL 16/B374D848 TIMELINE 3");
}

TEST(StreamMessages, AreStrict) {
  Bytes data = {'w'};
  append_be<std::uint64_t>(data, 0x1000);
  append_be<std::uint64_t>(data, 0x2000);
  append_be<std::uint64_t>(data, 1'000'000);
  append(data, as_bytes("log"));
  const auto event = parse_stream_message(data).value();
  const auto& wal = std::get<WalData>(event);
  EXPECT_EQ(wal.start, Lsn(0x1000));
  EXPECT_EQ(wal.server_end, Lsn(0x2000));
  EXPECT_EQ(to_rfc3339(wal.server_clock), "2000-01-01T00:00:01Z");
  EXPECT_EQ(as_text(wal.bytes), "log");
  for (const Bytes& bad : {Bytes{}, Bytes{'w'}, Bytes(24, 'w'), Bytes(17, 'k'), Bytes(19, 'k'), Bytes(30, 'x')}) {
    EXPECT_FALSE(parse_stream_message(bad)) << bad.size();
  }
}

TEST(StatusMessages, HaveTheServersForm) {
  const Bytes status =
      encode_status(Lsn(1), Lsn(2), Lsn(3), Timestamp::from_micros(946'684'800'000'005), Reply::at_once);
  ASSERT_EQ(status.size(), 34U);
  EXPECT_EQ(status[0], 'r');
  EXPECT_EQ(read_be<std::uint64_t>(ByteView(status).subspan(9)), 2U);
  EXPECT_EQ(read_be<std::uint64_t>(ByteView(status).subspan(25)), 5U);
  EXPECT_EQ(status[33], 1);
}

TEST(SlotNames, AreWhatTheServerTakes) {
  EXPECT_TRUE(check_slot_name("holdfast_0a1b"));
  for (const char* name : {"", "Holdfast", "a-b", "a b", "a;b"}) EXPECT_FALSE(check_slot_name(name)) << name;
  EXPECT_FALSE(check_slot_name(std::string(64, 'a')));
}

constexpr Micros patience = std::chrono::seconds(30);

// Receives until the bytes [from, to) are there, or fails.
Result<Bytes> receive_until(ReplicationStream& stream, Lsn from, Lsn to) {
  Bytes received;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (from + received.size() < to) {
    if (std::chrono::steady_clock::now() > deadline) return fail(Code::timed_out, "the log does not come");
    const auto event = TRY(stream.receive(std::chrono::milliseconds(100), -1));
    if (const auto* wal = std::get_if<WalData>(&event)) {
      if (wal->start != from + received.size()) return fail(Code::corrupt, "a gap in the stream");
      append(received, wal->bytes);
    }
  }
  return received;
}

Result<EndOfTimeline> receive_end(ReplicationStream& stream) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto event = TRY(stream.receive(std::chrono::milliseconds(100), -1));
    if (const auto* end = std::get_if<EndOfTimeline>(&event)) return *end;
  }
  return fail(Code::timed_out, "the timeline does not end");
}

Lsn position_of(const PostgresCluster& cluster, const std::string& function = "pg_current_wal_flush_lsn()") {
  return parse_lsn(cluster.sql("SELECT " + function).value()).value();
}

// The log as it lies on the server's disk.
Bytes on_disk(const PostgresCluster& cluster, Timeline timeline, Lsn from, Lsn to) {
  const WalSegmentSize size;
  Bytes bytes;
  while (from < to) {
    const auto segment = segment_at(timeline, from, size);
    const Lsn end = std::min(end_of(segment, size), to);
    std::ifstream file(cluster.data_directory() + "/pg_wal/" + segment_name(segment, size), std::ios::binary);
    file.seekg(static_cast<std::streamoff>(from - start_of(segment, size)));
    Bytes part(end - from);
    file.read(reinterpret_cast<char*>(part.data()), static_cast<std::streamsize>(part.size()));
    EXPECT_TRUE(file.good());
    append(bytes, part);
    from = end;
  }
  return bytes;
}

class Streaming : public ::testing::Test {
 protected:
  void SetUp() override { cluster_ = std::make_unique<PostgresCluster>(PostgresCluster::started().value()); }
  ReplicationStream open(const PostgresCluster& cluster) {
    auto opened = ReplicationStream::open(endpoint_of(cluster), "holdfast test", stop_);
    EXPECT_TRUE(opened.has_value()) << opened.error().text();
    return std::move(*opened);
  }
  void write_some(const PostgresCluster& cluster) {
    ASSERT_TRUE(cluster.sql("CREATE TABLE IF NOT EXISTS t (n int); INSERT INTO t SELECT generate_series(1, 20000)"));
  }
  std::unique_ptr<PostgresCluster> cluster_;
  StopToken stop_;
};

TEST_F(Streaming, IdentifiesTheServer) {
  auto stream = open(*cluster_);
  const auto identity = stream.identify();
  ASSERT_TRUE(identity.has_value()) << identity.error().text();
  EXPECT_EQ(fmt::format("{}", identity->system_id),
            cluster_->sql("SELECT system_identifier FROM pg_control_system()").value());
  EXPECT_EQ(identity->timeline, Timeline(1));
  EXPECT_EQ(identity->segment_size, WalSegmentSize());
  EXPECT_LE(identity->flushed, position_of(*cluster_));
}

TEST_F(Streaming, SlotReservesTheLogFromItsCreation) {
  auto stream = open(*cluster_);
  auto sql = PostgresConnection::open(endpoint_of(*cluster_)).value();
  EXPECT_FALSE(read_slot(sql, "hf").value().has_value());
  ASSERT_TRUE(stream.create_slot("hf").has_value());
  EXPECT_EQ(stream.create_slot("hf").error().code, Code::already_exists);
  const auto slot = read_slot(sql, "hf").value();
  ASSERT_TRUE(slot.has_value());
  EXPECT_EQ(slot->wal, SlotWal::reserved);
  EXPECT_TRUE(slot->physical);
  EXPECT_FALSE(slot->active);
  ASSERT_TRUE(slot->restart_lsn.has_value());
  EXPECT_LE(*slot->restart_lsn, position_of(*cluster_));
  EXPECT_FALSE(slot->max_slot_wal_keep_size.has_value());
  ASSERT_TRUE(stream.drop_slot("hf").has_value());
  EXPECT_EQ(stream.drop_slot("hf").error().code, Code::not_found);
}

TEST_F(Streaming, DeliversTheBytesThatAreOnDisk) {
  auto stream = open(*cluster_);
  ASSERT_TRUE(stream.create_slot("hf").has_value());
  auto sql = PostgresConnection::open(endpoint_of(*cluster_)).value();
  const Lsn from = read_slot(sql, "hf").value()->restart_lsn.value();
  write_some(*cluster_);
  ASSERT_FALSE(stream.start("hf", from, Timeline(1)).value().has_value());
  const Lsn to = position_of(*cluster_);
  const auto received = receive_until(stream, from, to);
  ASSERT_TRUE(received.has_value()) << received.error().text();
  EXPECT_EQ(Bytes(received->begin(), received->begin() + static_cast<std::ptrdiff_t>(to - from)),
            on_disk(*cluster_, Timeline(1), from, to));
}

TEST_F(Streaming, ResumesInTheMiddleOfASegmentAtAnyByte) {
  const Lsn from = position_of(*cluster_);
  {
    auto stream = open(*cluster_);
    ASSERT_TRUE(stream.create_slot("hf").has_value());
  }
  write_some(*cluster_);
  const Lsn to = position_of(*cluster_);
  for (const std::uint64_t offset : {1ULL, 777ULL, 8191ULL, 100001ULL}) {
    // Closing a connection ends the server's side of it some time later.
    ASSERT_TRUE(cluster_->wait_for("SELECT active FROM pg_replication_slots", "f"));
    auto stream = open(*cluster_);
    const auto started = stream.start("hf", from + offset, Timeline(1));
    ASSERT_TRUE(started.has_value()) << started.error().text();
    auto received = receive_until(stream, from + offset, to);
    ASSERT_TRUE(received.has_value()) << received.error().text();
    received->resize(to - (from + offset));
    EXPECT_EQ(*received, on_disk(*cluster_, Timeline(1), from + offset, to));
  }
}

TEST_F(Streaming, MovesTheSlotToWhatWasFlushed) {
  auto stream = open(*cluster_);
  ASSERT_TRUE(stream.create_slot("hf").has_value());
  const Lsn from = position_of(*cluster_);
  write_some(*cluster_);
  const Lsn to = position_of(*cluster_);
  ASSERT_TRUE(stream.start("hf", from, Timeline(1)).has_value());
  ASSERT_TRUE(receive_until(stream, from, to).has_value());
  ASSERT_TRUE(stream.send_status(to, to, Lsn(), Timestamp::from_micros(1), Reply::not_asked).has_value());
  EXPECT_TRUE(cluster_->wait_for("SELECT restart_lsn = '" + to_text(to) + "' FROM pg_replication_slots", "t"));
}

TEST_F(Streaming, IsInterruptedByAStop) {
  auto stream = open(*cluster_);
  ASSERT_TRUE(stream.create_slot("hf").has_value());
  ASSERT_TRUE(stream.start("hf", position_of(*cluster_), Timeline(1)).has_value());
  stop_.request_stop();
  for (int i = 0; i < 1000; ++i) {
    const auto event = stream.receive(std::chrono::hours(1), -1);
    if (event) continue;
    EXPECT_EQ(event.error().code, Code::cancelled);
    return;
  }
  FAIL() << "goes on for ever";
}

TEST_F(Streaming, OfLogThatIsGoneIsNotFound) {
  auto stream = open(*cluster_);
  for (int i = 0; i < 3; ++i) {
    write_some(*cluster_);
    ASSERT_TRUE(cluster_->sql("SELECT pg_switch_wal()").has_value());
  }
  ASSERT_TRUE(cluster_->sql("CHECKPOINT").has_value());
  ASSERT_TRUE(stream.create_slot("hf").has_value());
  const auto started = stream.start("hf", Lsn(0x1000000), Timeline(1));
  if (started) {
    // The server may notice only when it reads the file.
    EXPECT_EQ(receive_end(stream).error().code, Code::not_found);
  } else {
    EXPECT_EQ(started.error().code, Code::not_found);
  }
}

TEST_F(Streaming, EndsWithTheServer) {
  auto stream = open(*cluster_);
  ASSERT_TRUE(stream.create_slot("hf").has_value());
  ASSERT_TRUE(stream.start("hf", position_of(*cluster_), Timeline(1)).has_value());
  ASSERT_TRUE(cluster_->kill_hard().has_value());
  EXPECT_EQ(receive_end(stream).error().code, Code::unavailable);
}

TEST_F(Streaming, FollowsAPromotionToTheNextTimeline) {
  auto standby = PostgresCluster::standby_of(*cluster_).value();
  auto stream = open(standby);
  ASSERT_TRUE(stream.create_slot("hf").has_value());
  write_some(*cluster_);
  const Lsn from = position_of(standby, "pg_last_wal_replay_lsn()");
  ASSERT_TRUE(stream.start("hf", from, Timeline(1)).has_value());
  ASSERT_TRUE(standby.promote().has_value());
  const auto end = receive_end(stream);
  ASSERT_TRUE(end.has_value()) << end.error().text();
  EXPECT_EQ(end->next, Timeline(2));
  const auto history = stream.timeline_history(Timeline(2));
  ASSERT_TRUE(history.has_value()) << history.error().text();
  EXPECT_EQ(history->history.left_at(Timeline(1)), end->switched_at);
  std::ifstream file(standby.data_directory() + "/pg_wal/00000002.history", std::ios::binary);
  EXPECT_EQ(history->content, Bytes(std::istreambuf_iterator<char>(file), {}));
  EXPECT_EQ(stream.timeline_history(Timeline(7)).error().code, Code::not_found);

  // Where the first one ended there is nothing to stream, and the second one goes on from there.
  const auto at_switch = stream.start("hf", end->switched_at, Timeline(1));
  ASSERT_TRUE(at_switch.has_value()) << at_switch.error().text();
  ASSERT_TRUE(at_switch->has_value());
  EXPECT_EQ((*at_switch)->next, Timeline(2));
  ASSERT_TRUE(stream.start("hf", end->switched_at, Timeline(2)).has_value());
  write_some(standby);
  const Lsn to = position_of(standby);
  auto received = receive_until(stream, end->switched_at, to);
  ASSERT_TRUE(received.has_value()) << received.error().text();
  received->resize(to - end->switched_at);
  EXPECT_EQ(*received, on_disk(standby, Timeline(2), end->switched_at, to));
}

TEST_F(Streaming, LosesASlotThatHeldMoreThanTheLimit) {
  ASSERT_TRUE(cluster_->append_config("max_slot_wal_keep_size = 1MB\nmin_wal_size = 32MB\nmax_wal_size = 32MB"));
  ASSERT_TRUE(cluster_->restart().has_value());
  auto stream = open(*cluster_);
  ASSERT_TRUE(stream.create_slot("hf").has_value());
  auto sql = PostgresConnection::open(endpoint_of(*cluster_)).value();
  EXPECT_EQ(read_slot(sql, "hf").value()->max_slot_wal_keep_size, 1U << 20U);
  for (int i = 0; i < 5; ++i) {
    write_some(*cluster_);
    ASSERT_TRUE(cluster_->sql("SELECT pg_switch_wal()").has_value());
  }
  ASSERT_TRUE(cluster_->sql("CHECKPOINT").has_value());
  EXPECT_EQ(read_slot(sql, "hf").value()->wal, SlotWal::lost);
}

}  // namespace
}  // namespace holdfast
