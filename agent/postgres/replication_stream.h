#pragma once
// The server's log as it is written: the client side of physical streaming replication.
#include <optional>
#include <string>
#include <variant>

#include "agent/postgres/connection.h"
#include "shared/postgres/timeline_history.h"
#include "shared/postgres/wal_position.h"

namespace holdfast {

struct ServerIdentity {
  SystemId system_id;
  Timeline timeline;  // the newest one of this server
  Lsn flushed;        // end of its log
  WalSegmentSize segment_size;
};

struct WalData {
  Lsn start;
  ByteView bytes;  // valid until the next receive()
  Lsn server_end;  // how far the server's log reached when it sent this
  Timestamp server_clock;
};
enum class Reply : std::uint8_t { not_asked, at_once };
struct Keepalive {
  Lsn server_end;  // everything before it has been sent
  Timestamp server_clock;
  Reply reply = Reply::not_asked;
};
// The timeline that was streamed goes no further; the log continues on another one.
struct EndOfTimeline {
  Timeline next;
  Lsn switched_at;
};
struct NothingYet {};
using StreamEvent = std::variant<NothingYet, WalData, Keepalive, EndOfTimeline>;

struct HistoryFile {
  TimelineHistory history;
  Bytes content;  // byte for byte
};

// Commands by major version, pure.
std::string create_slot_command(int major_version, std::string_view slot);
std::string start_replication_command(std::string_view slot, Lsn from, Timeline timeline);
// One 'w' or 'k' message of the server. Code::corrupt.
Result<StreamEvent> parse_stream_message(ByteView message);
// An 'r' message of ours.
Bytes encode_status(Lsn written, Lsn flushed, Lsn applied, Timestamp now, Reply reply);

// Used by one thread.
class ReplicationStream {
 public:
  static Result<ReplicationStream> open(const PostgresEndpoint& endpoint, const std::string& application_name,
                                        const StopToken& stop);

  // --- before the stream runs
  Result<ServerIdentity> identify();
  // Reserves the log from now on, at once. Code::already_exists.
  Result<> create_slot(const std::string& slot);
  Result<> drop_slot(const std::string& slot);  // Code::not_found, Code::conflict while somebody uses it
  // Timelines after the first. Code::not_found when the server has no file for it.
  Result<HistoryFile> timeline_history(Timeline timeline);
  // How long the server goes without a word of ours before it gives up on us; 0: for ever.
  Result<Micros> sender_timeout();
  // From any byte, not only a segment's first. An answer: the timeline ends exactly there and nothing runs.
  // Code::not_found: the server does not have that log any more.
  Result<std::optional<EndOfTimeline>> start(const std::string& slot, Lsn from, Timeline timeline);

  // --- while it runs
  // Waits for the server, a stop, or `wake_fd` becoming readable (-1: none), at most this long; NothingYet when none of
  // the server's messages is there. After EndOfTimeline the session is free for commands again. Code::unavailable: the
  // server ended the stream (it shuts down) or was lost.
  Result<StreamEvent> receive(Micros timeout, int wake_fd);
  // The slot moves to `flushed`: what is before it need not be kept for us any more. 0 leaves it where it is. A reply
  // that is asked for comes as a Keepalive.
  Result<> send_status(Lsn written, Lsn flushed, Lsn applied, Timestamp now, Reply reply);

  int server_major() const { return connection_.server_major(); }

 private:
  ReplicationStream(PostgresConnection connection, StopToken stop)
      : connection_(std::move(connection)), stop_(std::move(stop)) {}
  Result<StreamEvent> take_message(PostgresConnection::CopyState state);
  Result<StreamEvent> end_of_stream();

  PostgresConnection connection_;
  StopToken stop_;
  CopyMessage message_;
};

}  // namespace holdfast
