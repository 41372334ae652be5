#pragma once
// What is asked of everything that an agent looks after, answered from what it knows already. Pure.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/postgres/wal_receiver.h"
#include "shared/base/ids.h"
#include "shared/fleet/fleet.h"

namespace holdfast {

enum class HealthCheck : std::uint8_t {
  server,       // a database's: it is on this host, and can be spoken to
  log,          // its log is received, and durable not long after it was written
  slot,         // the server still has the log that was not shipped yet
  stores,       // every store takes what is put
  state,        // the agent's: its own state can be written
  coordinator,  // it is heard; for information, an agent does its duty alone
};
std::string_view to_string(HealthCheck check);
std::optional<HealthCheck> health_check_of(std::string_view text);

// Of one database that this node is to protect.
struct ProtectedFacts {
  DatabaseId id;
  std::string name;
  Engine engine = Engine::postgres;
  bool present = false;                  // on this host when it was last looked at
  bool runs = false;                     // and nothing hinders speaking to it
  bool ships = false;                    // its log is this node's to ship
  std::string problem;                   // why it cannot be spoken to
  std::optional<Error> hindered;         // nothing can be written of it: why
  std::optional<WalReceiverStatus> log;  // nullopt: nobody receives it
  std::uint64_t missed = 0;              // objects that some store did not take since the receiver began
  Micros rpo{0};
};

// nullopt: well.
std::optional<std::string> check_server(const ProtectedFacts& facts);
std::optional<std::string> check_log(const ProtectedFacts& facts, Timestamp now);
std::optional<std::string> check_slot(const ProtectedFacts& facts);
// `missed_before`: when it was asked last.
std::optional<std::string> check_stores(const ProtectedFacts& facts, std::uint64_t missed_before);

}  // namespace holdfast
