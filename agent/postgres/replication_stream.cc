#include "agent/postgres/replication_stream.h"

#include <poll.h>

#include <array>
#include <cerrno>

#include "agent/postgres/slot_watch.h"

namespace holdfast {
namespace {

constexpr std::int64_t server_epoch_micros = 946'684'800'000'000;  // 2000-01-01, where the server's clock begins
constexpr std::size_t data_header = 25;
constexpr std::size_t keepalive_size = 18;

Timestamp from_server_clock(std::uint64_t micros) {
  return Timestamp::from_micros(static_cast<std::int64_t>(micros) + server_epoch_micros);
}

// The server prints a segment size like any setting with a unit: "16MB".
Result<WalSegmentSize> parse_segment_size(const std::string& text) {
  std::uint64_t number = 0;
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9' && number < (1U << 30U)) {
    number = number * 10 + static_cast<std::uint64_t>(text[digits++] - '0');
  }
  const std::string_view unit = std::string_view(text).substr(digits);
  if (unit == "MB") number <<= 20U;
  if (unit == "GB") number <<= 30U;
  if (unit == "kB") number <<= 10U;
  return WalSegmentSize::of(number);
}

Result<EndOfTimeline> parse_end(const QueryRows& rows) {
  const std::string next = TRY(rows.only("next_tli"));
  const std::string position = TRY(rows.only("next_tli_startpos"));
  EndOfTimeline end;
  end.next = TRY(parse_timeline(next));
  end.switched_at = TRY(parse_lsn(position));
  return end;
}

}  // namespace

std::string create_slot_command(int major_version, std::string_view slot) {
  if (major_version >= 15) return fmt::format("CREATE_REPLICATION_SLOT {} PHYSICAL (RESERVE_WAL true)", slot);
  return fmt::format("CREATE_REPLICATION_SLOT {} PHYSICAL RESERVE_WAL", slot);
}

std::string start_replication_command(std::string_view slot, Lsn from, Timeline timeline) {
  return fmt::format("START_REPLICATION SLOT {} PHYSICAL {} TIMELINE {}", slot, from, timeline);
}

Result<StreamEvent> parse_stream_message(ByteView message) {
  const auto u64 = [message](std::size_t at) { return read_be<std::uint64_t>(message.subspan(at, 8)); };
  if (!message.empty() && message[0] == 'w' && message.size() >= data_header) {
    return WalData{Lsn(u64(1)), message.subspan(data_header), Lsn(u64(9)), from_server_clock(u64(17))};
  }
  if (!message.empty() && message[0] == 'k' && message.size() == keepalive_size) {
    return Keepalive{Lsn(u64(1)), from_server_clock(u64(9)), message[17] != 0 ? Reply::at_once : Reply::not_asked};
  }
  return fail(Code::corrupt,
              fmt::format("a message of {} bytes in the replication stream is of no known kind", message.size()));
}

Bytes encode_status(Lsn written, Lsn flushed, Lsn applied, Timestamp now, Reply reply) {
  Bytes message;
  message.push_back('r');
  append_be(message, written.value());
  append_be(message, flushed.value());
  append_be(message, applied.value());
  append_be(message, static_cast<std::uint64_t>(now.micros() - server_epoch_micros));
  message.push_back(reply == Reply::at_once ? 1 : 0);
  return message;
}

Result<ReplicationStream> ReplicationStream::open(const PostgresEndpoint& endpoint, const std::string& application_name,
                                                  const StopToken& stop) {
  PostgresConnection::Settings settings;
  settings.purpose = ConnectionPurpose::replication;
  settings.application_name = application_name;
  settings.stop = stop;
  return ReplicationStream(TRY(PostgresConnection::open(endpoint, settings)), stop);
}

Result<ServerIdentity> ReplicationStream::identify() {
  const auto rows = TRY(connection_.command("IDENTIFY_SYSTEM"));
  const std::string system_id = TRY(rows.only("systemid"));
  const std::string timeline = TRY(rows.only("timeline"));
  const std::string position = TRY(rows.only("xlogpos"));
  const auto size_rows = TRY(connection_.command("SHOW wal_segment_size"));
  const std::string size = TRY(size_rows.only("wal_segment_size"));
  ServerIdentity identity;
  identity.system_id = TRY(parse_system_id(system_id));
  identity.timeline = TRY(parse_timeline(timeline));
  identity.flushed = TRY(parse_lsn(position));
  identity.segment_size = TRY(parse_segment_size(size));
  return identity;
}

Result<> ReplicationStream::create_slot(const std::string& slot) {
  TRY(check_slot_name(slot));
  TRY_DURING(fmt::format("create slot \"{}\"", slot),
             connection_.command(create_slot_command(connection_.server_major(), slot)));
  return {};
}

Result<> ReplicationStream::drop_slot(const std::string& slot) {
  TRY(check_slot_name(slot));
  TRY_DURING(fmt::format("drop slot \"{}\"", slot), connection_.command("DROP_REPLICATION_SLOT " + slot));
  return {};
}

Result<HistoryFile> ReplicationStream::timeline_history(Timeline timeline) {
  const auto rows = TRY(connection_.command(fmt::format("TIMELINE_HISTORY {}", timeline)));
  const std::string content = TRY(rows.only("content"));
  auto history = TRY(TimelineHistory::parse(timeline, content));
  return HistoryFile{std::move(history), to_bytes(as_bytes(content))};
}

Result<Micros> ReplicationStream::sender_timeout() {
  const auto rows = TRY(connection_.command("SHOW wal_sender_timeout"));
  const std::string text = TRY(rows.only("wal_sender_timeout"));
  if (text.size() == 1) return Micros(0);  // "0"
  // The server's unit for minutes is not ours.
  const bool minutes = text.ends_with("min");
  return parse_duration(minutes ? text.substr(0, text.size() - 2) : text);
}

Result<std::optional<EndOfTimeline>> ReplicationStream::start(const std::string& slot, Lsn from, Timeline timeline) {
  TRY(check_slot_name(slot));
  const auto answer = TRY(connection_.begin_copy(start_replication_command(slot, from, timeline)));
  if (!answer) return std::optional<EndOfTimeline>{};
  const EndOfTimeline end = TRY(parse_end(*answer));
  return std::optional(end);
}

Result<StreamEvent> ReplicationStream::receive(Micros timeout, int wake_fd) {
  const auto state = TRY(connection_.read_copy(message_));
  if (state != PostgresConnection::CopyState::nothing_yet) return take_message(state);
  std::array<pollfd, 3> waiting{{{connection_.fd(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}, {wake_fd, POLLIN, 0}}};
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  const int ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(milliseconds));
  if (ready < 0 && errno != EINTR) return std::unexpected(error_from_errno(errno, "wait for the replication stream"));
  if (stop_.stop_requested()) return fail(Code::cancelled, "a stop was requested");
  if (ready <= 0 || waiting[0].revents == 0) return NothingYet{};
  const auto later = TRY(connection_.read_copy(message_));
  return take_message(later);
}

Result<StreamEvent> ReplicationStream::take_message(PostgresConnection::CopyState state) {
  switch (state) {
    case PostgresConnection::CopyState::message:
      return parse_stream_message(message_.bytes());
    case PostgresConnection::CopyState::nothing_yet:
      return NothingYet{};
    case PostgresConnection::CopyState::ended:
      break;
  }
  return end_of_stream();
}

Result<StreamEvent> ReplicationStream::end_of_stream() {
  const auto answers = TRY(connection_.finish_copy());
  for (const auto& rows : answers) {
    if (rows.rows.empty()) continue;
    const EndOfTimeline end = TRY(parse_end(rows));
    return end;
  }
  return fail(Code::unavailable, "the server ended the replication stream");
}

Result<> ReplicationStream::send_status(Lsn written, Lsn flushed, Lsn applied, Timestamp now, Reply reply) {
  return connection_.write_copy(encode_status(written, flushed, applied, now, reply));
}

}  // namespace holdfast
