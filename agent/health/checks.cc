#include "agent/health/checks.h"

#include <fmt/format.h>

#include <array>

namespace holdfast {
namespace {

constexpr std::array words{std::pair{HealthCheck::server, std::string_view("server")},
                           std::pair{HealthCheck::log, std::string_view("log")},
                           std::pair{HealthCheck::slot, std::string_view("slot")},
                           std::pair{HealthCheck::stores, std::string_view("stores")},
                           std::pair{HealthCheck::state, std::string_view("state")},
                           std::pair{HealthCheck::coordinator, std::string_view("coordinator")}};

// Beyond what the policy wants: an object has to be written, too, and a server says only now and then that it is idle.
constexpr Micros grace = std::chrono::seconds(60);

}  // namespace

std::string_view to_string(HealthCheck check) {
  for (const auto& [value, text] : words) {
    if (value == check) return text;
  }
  return "unknown";
}

std::optional<HealthCheck> health_check_of(std::string_view text) {
  for (const auto& [value, known] : words) {
    if (known == text) return value;
  }
  return std::nullopt;
}

std::optional<std::string> check_server(const ProtectedFacts& facts) {
  if (!facts.present) return "it is not on this host now";
  if (!facts.problem.empty()) return facts.problem;
  if (!facts.runs) return "its server does not run";
  return std::nullopt;
}

std::optional<std::string> check_log(const ProtectedFacts& facts, Timestamp now) {
  if (!facts.log) return facts.hindered ? facts.hindered->text() : "nobody receives its log";
  const WalReceiverStatus& status = *facts.log;
  if (status.state != WalReceiverState::streaming) {
    return fmt::format("its log is not received ({}){}", to_string(status.state),
                       status.error ? ": " + status.error->text() : "");
  }
  if (status.error) return status.error->text();
  const Timestamp through = status.recoverable_through;
  if (!through.is_never() && now - through > facts.rpo + grace) {
    return fmt::format("its log is durable only up to what was written by {}", to_rfc3339(through));
  }
  return std::nullopt;
}

std::optional<std::string> check_slot(const ProtectedFacts& facts) {
  if (!facts.log || !facts.log->slot) return std::nullopt;
  const SlotWal wal = facts.log->slot->wal;
  if (wal != SlotWal::lost && wal != SlotWal::unreserved) return std::nullopt;
  return fmt::format("its replication slot is {}: the server {} log that was not shipped", to_string(wal),
                     wal == SlotWal::lost ? "has dropped" : "may drop");
}

std::optional<std::string> check_stores(const ProtectedFacts& facts, std::uint64_t missed_before) {
  if (facts.hindered) return facts.hindered->text();
  if (facts.missed > missed_before) {
    return fmt::format("{} objects were not taken by every store; a copy job brings them",
                       facts.missed - missed_before);
  }
  return std::nullopt;
}

}  // namespace holdfast
