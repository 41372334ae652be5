#pragma once
// Databases, their backups and the rules for them, as values: what the pure functions of retention are asked about.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "coordinator/core/retention.h"

namespace holdfast {

struct Scene {
  std::vector<Backup> backups;
  RetentionInput rules;  // without backups and objects: those are added
  ObjectsByBackup objects;

  RetentionInput input() const {
    RetentionInput out = rules;
    for (const Backup& one : backups) out.backups.push_back(&one);
    if (!objects.empty()) out.objects = &objects;
    return out;
  }
  std::vector<RetentionDecision> decide() const { return decide_retention(std::vector{input()}).decisions; }
  // Decides and forgets what was released. How many went.
  std::size_t run() {
    std::size_t gone = 0;
    for (const auto& decision : decide()) {
      if (decision.keep) continue;
      gone += std::erase_if(backups, [&](const Backup& backup) { return backup.id == decision.backup; });
      objects.erase(decision.backup);
    }
    return gone;
  }
};

inline BackupId numbered(std::uint32_t number) {
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  bytes[15] = 1;
  return BackupId(bytes);
}

inline Backup complete_backup(std::uint32_t number, Timestamp finished_at, std::uint64_t bytes = 0) {
  Backup out;
  out.id = numbered(number);
  out.state = BackupState::complete;
  out.finished_at = finished_at;
  out.started_at = finished_at - std::chrono::minutes(5);
  out.stored_bytes = bytes;
  return out;
}

}  // namespace holdfast
