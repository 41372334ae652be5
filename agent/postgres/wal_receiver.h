#pragma once
// Ships a cluster's log to the stores as it is written, and lets the server drop only what is durable there.
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/postgres/connection.h"
#include "agent/postgres/slot_watch.h"
#include "agent/postgres/wal_observer.h"
#include "agent/postgres/wal_positions.h"
#include "shared/log/log.h"
#include "shared/os/clock.h"
#include "shared/repository/epoch.h"
#include "shared/store/store.h"

namespace holdfast {

enum class WalReceiverState : std::uint8_t { connecting, streaming, waiting, stopped };
std::string_view to_string(WalReceiverState state);

struct WalReceiverStatus {
  WalReceiverState state = WalReceiverState::connecting;
  SystemId system_id;
  WalSegmentSize segment_size;
  Timeline timeline;
  Lsn first;     // of the stretch without a gap that is being written
  Lsn received;  // end of what came from the server
  Lsn durable;   // end of what is safe in the stores
  Timestamp from_time;
  // Server clock: everything committed before it is durable. Moves on while the database is idle, too.
  Timestamp recoverable_through;
  std::uint64_t buffered_bytes = 0;
  std::optional<SlotStatus> slot;
  std::optional<Error> error;  // what hinders it now
};

struct WalGap {
  Timeline timeline;
  Lsn from;
  Lsn to;
  std::string reason;
};

// What happens along the way. Called from the receiver's threads; must not block for long, nor call the receiver.
struct WalReceiverEvents {
  // Nothing behind the gap is shipped before this has succeeded; the same gap may come again.
  std::function<Result<>(const WalGap&)> gap = {};
  // The history of a timeline is in the stores.
  std::function<void(Timeline, const Bytes& content)> history_stored = {};
};

class WalReceiver {
 public:
  struct Settings {
    PostgresEndpoint endpoint;
    FleetId fleet;
    DatabaseId database;
    NodeId node;
    SystemId system_id;                     // the cluster that it must be; 0: whatever is there
    std::string slot;                       // created when missing
    Micros rpo = std::chrono::seconds(10);  // the longest that a byte waits before it goes out
    std::size_t buffer_limit = 32U << 20U;  // beyond it nothing is read from the server
    int zstd_level = 1;
  };
  // All outlive the receiver.
  struct Parts {
    const StoreSet& stores;
    const SignKeyPair& signer;
    // The open data key to write with now.
    std::function<Result<std::shared_ptr<const EpochKey>>()> epoch_key;
    WalPositions& positions;
    Clock& clock;
    Entropy& entropy;
    Logger log;
    WalReceiverEvents events = {};
    WalObserver* observer = nullptr;  // outlives the receiver
  };

  // Starts at once. Errors are retried for ever and shown in status().
  WalReceiver(Settings settings, Parts parts);
  ~WalReceiver();  // stops it
  WalReceiver(const WalReceiver&) = delete;
  WalReceiver& operator=(const WalReceiver&) = delete;

  // At once: when this returns nothing is received, put or observed any more, whoever still holds the receiver, and who
  // waits for it is told Code::cancelled. What was received and is not durable will be asked for again. For its owner.
  void stop();

  // --- any thread
  WalReceiverStatus status() const;
  // The server is asked for a slot before a backup may begin: ready when the stream has run once.
  Result<> wait_until_streaming(Micros timeout, const StopToken& stop) const;
  // Sends out what is buffered and returns when everything before `position` of `timeline` is durable: on this timeline
  // or on one that came after it. Code::timed_out names what hinders it.
  Result<> wait_until_durable(Timeline timeline, Lsn position, Micros timeout, const StopToken& stop);
  void set_rpo(Micros rpo);

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace holdfast
