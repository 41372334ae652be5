#pragma once
// Cuts into objects into stores, in order, for as long as it takes. The sending half of a WalReceiver, on a thread of
// its own, so that a slow store never keeps the server waiting for an answer.
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>

#include "agent/postgres/wal_cutter.h"
#include "agent/postgres/wal_receiver.h"
#include "shared/os/stop.h"
#include "shared/repository/frame.h"
#include "shared/repository/wal_object.h"

namespace holdfast {

struct HistoryCut {
  Timeline timeline;
  Bytes content;
};
using Shipment = std::variant<WalCut, HistoryCut>;

class WalShipper {
 public:
  struct Identity {
    FleetId fleet;
    DatabaseId database;
    NodeId node;
    int zstd_level = 1;
  };
  // `changed` is called from the shipping thread whenever something became durable or failed to.
  WalShipper(Identity identity, const WalReceiver::Parts& parts, StopToken stop, std::function<void()> changed);
  ~WalShipper();
  WalShipper(const WalShipper&) = delete;
  WalShipper& operator=(const WalShipper&) = delete;

  // --- for the receiver's thread
  // Objects carry these; set before the first cut.
  void set_server(SystemId system_id, WalSegmentSize segment_size);
  // Where the chain goes on; nothing may be queued.
  void set_position(const WalResumePoint& position);
  void send(Shipment shipment);
  std::size_t buffered() const;
  bool idle() const;  // nothing queued and nothing under way

  // Nothing is put any more when this returns. Once, or left to the destructor.
  void stop();

  // --- any thread
  std::optional<WalResumePoint> position() const;
  std::optional<Error> error() const;
  // The moments of positions are known only to the receiver.
  void set_through(Timestamp through);

 private:
  // cut_in_two: the front of the queue is now two shipments that have other names.
  enum class Shipped : std::uint8_t { stored, cut_in_two };
  void run();
  Result<Shipped> ship(const Shipment& shipment);
  Result<Shipped> ship_cut(const WalCut& cut);
  void cut_front_in_two(const Error& reason);
  Result<> ship_history(const HistoryCut& cut);
  // The object that already has this name, when it is ours and says the same.
  Result<Sha256> adopt_existing(const std::string& name);
  void moved_to(const WalCut& cut, const Sha256& sha256);

  const Identity identity_;
  const WalReceiver::Parts& parts_;
  const StopToken stop_;
  const std::function<void()> tell_;
  FrameEncoder encoder_;             // the shipping thread's
  std::optional<EncodedWal> ready_;  // the shipping thread's: the front of the queue, encoded, until it is durable

  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable changed_;
  std::deque<Shipment> queue_;  // the front stays until it is durable
  std::size_t buffered_ = 0;
  SystemId system_id_;
  WalSegmentSize segment_size_;
  std::optional<WalResumePoint> position_;
  std::optional<Error> error_;
  std::jthread thread_;  // last: it uses everything above
};

// Waits between tries: doubles from the first to the longest, each with up to half of it off at random, so that many
// agents do not come back at the same moment.
class Backoff {
 public:
  Backoff(Entropy& entropy, Micros first, Micros longest) : entropy_(entropy), first_(first), longest_(longest) {}
  Micros next();
  void reset() { current_ = Micros(0); }

 private:
  Entropy& entropy_;
  Micros first_;
  Micros longest_;
  Micros current_{0};
};

}  // namespace holdfast
