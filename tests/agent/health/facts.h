#pragma once
#include "agent/health/checks.h"

namespace holdfast {

inline const Timestamp noon = Timestamp::from_micros(1'790'000'000'000'000);

// A cluster whose log is shipped as it should be.
inline ProtectedFacts sound_cluster(std::uint8_t number = 1) {
  ProtectedFacts facts;
  facts.id = DatabaseId({number});
  facts.name = "orders";
  facts.present = true;
  facts.runs = true;
  facts.ships = true;
  facts.rpo = std::chrono::seconds(10);
  WalReceiverStatus status;
  status.state = WalReceiverState::streaming;
  status.durable = Lsn(0x3000000);
  status.recoverable_through = noon - std::chrono::seconds(5);
  SlotStatus slot;
  slot.wal = SlotWal::reserved;
  status.slot = slot;
  facts.log = status;
  return facts;
}

}  // namespace holdfast
