#pragma once
// The stream of log bytes on its way into objects, and what is known of time along it. Pure: no threads, no clock.
#include <deque>
#include <optional>
#include <vector>

#include "shared/base/bytes.h"
#include "shared/base/time.h"
#include "shared/postgres/wal_position.h"

namespace holdfast {

// The content of one object.
struct WalCut {
  Timeline timeline;
  Lsn first;
  Bytes bytes;
  Timestamp received_from;        // server clock with its first byte
  Timestamp received_through;     // and its last
  Timestamp recoverable_through;  // what is known at `last`; not the cutter's to say, so never until it is filled in
  Lsn last() const { return first + bytes.size(); }
};

class WalCutter {
 public:
  WalCutter() = default;
  // Objects never reach over a boundary of this many bytes: the segment size, or a part of it when segments are huge.
  explicit WalCutter(WalSegmentSize segment_size);

  // What is buffered is dropped.
  void begin(Timeline timeline, Lsn at);
  // The pieces that are complete with these bytes. Code::corrupt: they do not follow what came before. Bytes that came
  // before are skipped.
  Result<std::vector<WalCut>> add(Lsn start, ByteView bytes, Timestamp server_clock, Micros now);
  // All that is buffered; nullopt when there is nothing.
  std::optional<WalCut> take();

  Timeline timeline() const { return timeline_; }
  Lsn end() const { return first_ + buffered_.size(); }  // the next byte to come
  std::size_t size() const { return buffered_.size(); }
  // When the first buffered byte came; nullopt when there is none.
  std::optional<Micros> waiting_since() const;

 private:
  std::uint64_t boundary_ = 0;
  Timeline timeline_;
  Lsn first_;
  Bytes buffered_;
  Timestamp from_;
  Timestamp through_;
  Micros since_{0};
};

// Until which moment, by the server's clock, everything that was committed is durable. What the server says in one
// message proves something about the moment of the message before it, never about its own: between reading its position
// and reading its clock somebody may have committed.
class RecoverableThrough {
 public:
  // A new stream: nothing that was said before says anything about it.
  void begin();
  void saw_data(Lsn server_end, Timestamp server_clock);
  // Proves something only when two in a row name the same position: then the server had nothing to send in between.
  void saw_keepalive(Lsn server_end, Timestamp server_clock);
  // Never goes back within a stream. What it does not need any more is forgotten.
  Timestamp durable(Lsn durable_end);
  // What will hold once everything before `end` is durable.
  Timestamp at(Lsn end) const;

 private:
  struct Proof {
    Lsn end;
    Timestamp clock;
  };
  void add(Lsn end, Timestamp clock);
  std::deque<Proof> proofs_;  // rising in both
  std::optional<Timestamp> last_clock_;
  std::optional<Lsn> last_keepalive_;
  Timestamp through_;
};

}  // namespace holdfast
