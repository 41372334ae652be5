#pragma once
// Somebody who reads the WAL while it is shipped, to learn what it says.
#include "shared/base/bytes.h"
#include "shared/postgres/wal_position.h"

namespace holdfast {

// Called by the receiving thread, which waits: every call must be quick. It can never hinder shipping.
class WalObserver {
 public:
  struct Stream {
    SystemId system_id;
    WalSegmentSize segment_size;
    Timeline timeline;
    Lsn from;
  };
  virtual ~WalObserver() = default;
  // Shipping goes on at `from`. An earlier position, from which it would like to read again what was shipped already,
  // is granted when the server still has it.
  virtual Lsn wants_from(const Stream& shipping) = 0;
  // The next bytes begin here; nothing is known to follow what came before.
  virtual void begin(const Stream& stream) = 0;
  // In order; what was seen before may come again.
  virtual void received(Lsn start, ByteView bytes) = 0;
};

}  // namespace holdfast
