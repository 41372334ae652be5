#pragma once
// Things of a fleet with every field filled, for tests of what is shown.
#include "shared/wire/messages.h"

namespace holdfast::samples {

inline Timestamp at(const char* text) {
  return parse_time(text).value();
}
inline const Timestamp now = at("2026-11-21T12:00:00Z");

template <class AnyId>
AnyId id(std::uint8_t last) {
  std::array<std::uint8_t, 16> bytes{};
  bytes[0] = last;
  bytes[15] = last;
  return AnyId(bytes);
}

inline NodeView node() {
  NodeView view;
  view.node.id = id<NodeId>(0xb1);
  view.node.name = "db3";
  view.node.state = NodeState::active;
  view.node.labels = {{"env", "prod"}, {"zone", "a"}};
  view.node.facts = {"db3.example", "", "Debian GNU/Linux 12", "x86_64", "0.1.0"};
  view.node.address = "10.0.0.3";
  view.node.last_seen_at = at("2026-11-21T11:59:30Z");
  view.node.clock_offset_ms = -12;
  view.online = true;
  view.databases = 2;
  return view;
}

inline Backup backup() {
  Backup backup;
  backup.id = id<BackupId>(0xc1);
  backup.database = id<DatabaseId>(0xd1);
  backup.node = id<NodeId>(0xb1);
  backup.state = BackupState::complete;
  backup.started_at = at("2026-11-21T10:59:00Z");
  backup.finished_at = at("2026-11-21T11:00:00.25Z");
  backup.start_lsn = Lsn(0x16'B374D848);
  backup.stop_lsn = Lsn(0x16'B3800000);
  backup.timeline = Timeline(2);
  backup.database_bytes = 3'221'225'472;
  backup.read_bytes = 3'221'225'472;
  backup.stored_bytes = 734'003'200;
  backup.pages = 393'216;
  backup.copies = {{"local", "ok"}, {"offsite", "missing"}};
  backup.note = "before upgrade";
  return backup;
}

inline DatabaseView database() {
  DatabaseView view;
  view.database.id = id<DatabaseId>(0xd1);
  view.database.name = "orders";
  view.database.engine = Engine::postgres;
  view.database.system_id = SystemId(7'301'234'567'890'123'456);
  view.database.active = id<NodeId>(0xb1);
  view.database.labels = {{"engine", "postgres"}};
  view.database.protection = Protection::protected_;
  view.database.policy = "default";
  Member member;
  member.node = id<NodeId>(0xb1);
  member.found.path = "/var/lib/postgresql/15/main";
  member.found.version = "15.18";
  view.database.members = {member};
  view.last_backup = backup();
  view.recoverable_from = at("2026-11-20T01:00:00Z");
  view.recoverable_through = at("2026-11-21T11:59:55Z");
  WalPosition position;
  position.durable = Lsn(0x16'B3900000);
  view.positions = {position};
  view.size_bytes = 3'221'225'472;
  return view;
}

inline Job job(std::uint8_t number, JobState state) {
  Job job;
  job.id = id<JobId>(number);
  job.kind = JobKind::backup;
  job.state = state;
  job.node = id<NodeId>(0xb1);
  job.database = id<DatabaseId>(0xd1);
  job.started_at = at("2026-11-21T11:59:00Z");
  return job;
}

inline Restore restore() {
  RestoreTarget target;
  target.database = id<DatabaseId>(0xd1);
  target.database_name = "orders";
  target.node = id<NodeId>(0xb1);
  target.directory = "/var/lib/postgresql/15/main";
  target.backup = id<BackupId>(0xc1);
  target.backup_finished_at = at("2026-11-21T11:00:00Z");
  target.target.kind = TargetKind::time;
  target.target.time = at("2026-11-21T11:30:00Z");
  target.bytes = 3'221'225'472;
  Restore restore;
  restore.id = id<RestoreId>(0xe1);
  restore.created_by = "admin";
  restore.targets = {target};
  return restore;
}

}  // namespace holdfast::samples
