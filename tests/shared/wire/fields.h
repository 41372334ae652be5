#pragma once
// All fields of each struct that is sent or stored, in order. A field that is added to a struct and not here does not
// compile, and so the tests of the codec cannot forget it.
#include <tuple>

#include "shared/wire/messages.h"

namespace holdfast {

inline auto fields(Policy& value) {
  auto& [name, match, revision, full, incremental, differential, timezone, window, splay, wal_ship, rpo_cut,
         objective_rpo, objective_rto, hourly, daily, weekly, monthly, yearly, days, min_backups, max_backups, pitr,
         max_bytes, total_bytes, copies_want, copies_min, stores, spread, lock, verify_after_backup, verify_full_every,
         drill_text, recipients, self_restore, per_node, per_store, per_zone, per_fleet, bandwidth, cpu_percent,
         workers, zstd_level, shutdown_drain, shutdown_checkpoint_timeout, shutdown_stop_timeout,
         shutdown_stop_database, shutdown_mode, prefer] = value;
  return std::tie(name, match, revision, full, incremental, differential, timezone, window, splay, wal_ship, rpo_cut,
                  objective_rpo, objective_rto, hourly, daily, weekly, monthly, yearly, days, min_backups, max_backups,
                  pitr, max_bytes, total_bytes, copies_want, copies_min, stores, spread, lock, verify_after_backup,
                  verify_full_every, drill_text, recipients, self_restore, per_node, per_store, per_zone, per_fleet,
                  bandwidth, cpu_percent, workers, zstd_level, shutdown_drain, shutdown_checkpoint_timeout,
                  shutdown_stop_timeout, shutdown_stop_database, shutdown_mode, prefer);
}
inline auto fields(NodeFacts& value) {
  auto& [hostname, machine_id, os, architecture, agent_version] = value;
  return std::tie(hostname, machine_id, os, architecture, agent_version);
}
inline auto fields(Node& value) {
  auto& [id, name, state, labels, curve, signer, recipient, facts, token, address, enrolled_at, last_seen_at,
         clock_offset_ms, generation, chain] = value;
  return std::tie(id, name, state, labels, curve, signer, recipient, facts, token, address, enrolled_at, last_seen_at,
                  clock_offset_ms, generation, chain);
}
inline auto fields(FoundDatabase& value) {
  auto& [key, engine, name, path, version, system_id, running, standby, excluded, timeline, size_bytes, page_checksums,
         problem, hint, unused_slots] = value;
  return std::tie(key, engine, name, path, version, system_id, running, standby, excluded, timeline, size_bytes,
                  page_checksums, problem, hint, unused_slots);
}
inline auto fields(Member& value) {
  auto& [node, found, present, seen_at] = value;
  return std::tie(node, found, present, seen_at);
}
inline auto fields(LogCopy& value) {
  auto& [store, state, compared_at, checked_at] = value;
  return std::tie(store, state, compared_at, checked_at);
}
inline auto fields(LogArrears& value) {
  auto& [store, objects] = value;
  return std::tie(store, objects);
}
inline auto fields(Database& value) {
  auto& [id, name, engine, system_id, members, active, labels, created_at, protection, policy, protection_reason,
         alerts, backups_by, backups_note, log_copies] = value;
  return std::tie(id, name, engine, system_id, members, active, labels, created_at, protection, policy,
                  protection_reason, alerts, backups_by, backups_note, log_copies);
}
inline auto fields(S3Place& value) {
  auto& [endpoint, region, bucket, prefix, addressing, ca_file, credentials, hosts] = value;
  return std::tie(endpoint, region, bucket, prefix, addressing, ca_file, credentials, hosts);
}
inline auto fields(PeerPlace& value) {
  auto& [node, endpoint, server, quota_bytes, grant] = value;
  return std::tie(node, endpoint, server, quota_bytes, grant);
}
inline auto fields(StoreAbilities& value) {
  auto& [conditional_put, object_lock] = value;
  return std::tie(conditional_put, object_lock);
}
inline auto fields(StoreInfo& value) {
  auto& [id, name, kind, path, created_at, state, used_bytes, objects, s3, peer, abilities, zone] = value;
  return std::tie(id, name, kind, path, created_at, state, used_bytes, objects, s3, peer, abilities, zone);
}
inline auto fields(VaultDuty& value) {
  auto& [store, name, path, quota_bytes] = value;
  return std::tie(store, name, path, quota_bytes);
}
inline auto fields(Token& value) {
  auto& [id, verifier, labels, approval, cidrs, host_pattern, uses_total, uses_left, created_at, expires_at, revoked,
         created_by] = value;
  return std::tie(id, verifier, labels, approval, cidrs, host_pattern, uses_total, uses_left, created_at, expires_at,
                  revoked, created_by);
}
inline auto fields(Operator& value) {
  auto& [id, name, role, curve, created_at, revoked] = value;
  return std::tie(id, name, role, curve, created_at, revoked);
}
inline auto fields(BackupCopy& value) {
  auto& [store, state, checked_at] = value;
  return std::tie(store, state, checked_at);
}
inline auto fields(Backup& value) {
  auto& [id, database, node, job, type, parent, state, started_at, finished_at, start_lsn, stop_lsn, timeline, epoch,
         database_bytes, read_bytes, stored_bytes, pages, changed_pages, bad_pages, cross_checked_pages, missed_pages,
         copies, verified_at, note, keep, reason, error, record] = value;
  return std::tie(id, database, node, job, type, parent, state, started_at, finished_at, start_lsn, stop_lsn, timeline,
                  epoch, database_bytes, read_bytes, stored_bytes, pages, changed_pages, bad_pages, cross_checked_pages,
                  missed_pages, copies, verified_at, note, keep, reason, error, record);
}
inline auto fields(WalRange& value) {
  auto& [database, timeline, first, last, from_time, through_time, segment_size] = value;
  return std::tie(database, timeline, first, last, from_time, through_time, segment_size);
}
inline auto fields(TimelineChange& value) {
  auto& [database, timeline, parent, at] = value;
  return std::tie(database, timeline, parent, at);
}
inline auto fields(EpochInfo& value) {
  auto& [database, id, object] = value;
  return std::tie(database, id, object);
}
inline auto fields(Progress& value) {
  auto& [done_bytes, total_bytes, step, bytes_per_second] = value;
  return std::tie(done_bytes, total_bytes, step, bytes_per_second);
}
inline auto fields(Finding& value) {
  auto& [store, object, problem] = value;
  return std::tie(store, object, problem);
}
inline auto fields(MissedRuns& value) {
  auto& [count, since, cause] = value;
  return std::tie(count, since, cause);
}
inline auto fields(JobStep& value) {
  auto& [name, outcome, took, sentence] = value;
  return std::tie(name, outcome, took, sentence);
}
inline auto fields(DatabaseReceipt& value) {
  auto& [database, name, engine, steps, state, checkpoint, timeline, durable, backup, copies, whole, verdict] = value;
  return std::tie(database, name, engine, steps, state, checkpoint, timeline, durable, backup, copies, whole, verdict);
}
inline auto fields(Job& value) {
  auto& [id, kind, state, node, database, backup, restore, origin, created_at, started_at, finished_at, deadline,
         progress, error, hint, code, outcome, findings, store, due_at, missed, steps, receipts] = value;
  return std::tie(id, kind, state, node, database, backup, restore, origin, created_at, started_at, finished_at,
                  deadline, progress, error, hint, code, outcome, findings, store, due_at, missed, steps, receipts);
}
inline auto fields(RecoveryTarget& value) {
  auto& [kind, time, lsn, text, inclusive, timeline] = value;
  return std::tie(kind, time, lsn, text, inclusive, timeline);
}
inline auto fields(RestoreTarget& value) {
  auto& [database, database_name, engine, node, directory, in_place, backup, backup_finished_at, target, timeline,
         planned_through, start, method, tablespaces, bytes, epochs, job, state, reached_lsn, reached_time, seconds,
         aside, way_back, fetched_bytes, leftovers, error, hint, code] = value;
  return std::tie(database, database_name, engine, node, directory, in_place, backup, backup_finished_at, target,
                  timeline, planned_through, start, method, tablespaces, bytes, epochs, job, state, reached_lsn,
                  reached_time, seconds, aside, way_back, fetched_bytes, leftovers, error, hint, code);
}
inline auto fields(Restore& value) {
  auto& [id, state, created_by, created_at, started_at, finished_at, targets] = value;
  return std::tie(id, state, created_by, created_at, started_at, finished_at, targets);
}
inline auto fields(WalPosition& value) {
  auto& [database, timeline, first, durable, written, from_time, through_time, segment_size, slot_state,
         slot_retained_bytes, error, arrears] = value;
  return std::tie(database, timeline, first, durable, written, from_time, through_time, segment_size, slot_state,
                  slot_retained_bytes, error, arrears);
}
inline auto fields(GrantedKey& value) {
  auto& [epoch, sealed] = value;
  return std::tie(epoch, sealed);
}
inline auto fields(Refused& value) {
  auto& [code, message, hint] = value;
  return std::tie(code, message, hint);
}
inline auto fields(EnrolHello& value) {
  auto& [token, nonce, version_min, version_max] = value;
  return std::tie(token, nonce, version_min, version_max);
}
inline auto fields(EnrolChallenge& value) {
  auto& [nonce] = value;
  return std::tie(nonce);
}
inline auto fields(EnrolProof& value) {
  auto& [token, client_nonce, server_nonce, mac, signer, recipient, facts, key_proof] = value;
  return std::tie(token, client_nonce, server_nonce, mac, signer, recipient, facts, key_proof);
}
inline auto fields(Enrolled& value) {
  auto& [node, name, fleet, root, chain, endpoints, fleet_server] = value;
  return std::tie(node, name, fleet, root, chain, endpoints, fleet_server);
}
inline auto fields(EnrolPending& value) {
  auto& [message, retry_seconds] = value;
  return std::tie(message, retry_seconds);
}
inline auto fields(Hello& value) {
  auto& [version_min, version_max, features, build, generation, clock, facts, coordinator_epoch, assignment_revision] =
      value;
  return std::tie(version_min, version_max, features, build, generation, clock, facts, coordinator_epoch,
                  assignment_revision);
}
inline auto fields(Welcome& value) {
  auto& [version, epoch, heartbeat_seconds, state, assignment_revision, clock] = value;
  return std::tie(version, epoch, heartbeat_seconds, state, assignment_revision, clock);
}
inline auto fields(Heartbeat& value) {
  auto& [clock, positions, running_jobs] = value;
  return std::tie(clock, positions, running_jobs);
}
inline auto fields(HeartbeatAck& value) {
  auto& [epoch, assignment_revision] = value;
  return std::tie(epoch, assignment_revision);
}
inline auto fields(Inventory& value) {
  auto& [revision, databases] = value;
  return std::tie(revision, databases);
}
inline auto fields(InventoryAck& value) {
  auto& [revision] = value;
  return std::tie(revision);
}
inline auto fields(OrderAck& value) {
  auto& [job, accepted, code, error] = value;
  return std::tie(job, accepted, code, error);
}
inline auto fields(JobReport& value) {
  auto& [sequence, job, backup, target, abilities] = value;
  return std::tie(sequence, job, backup, target, abilities);
}
inline auto fields(JobReportAck& value) {
  auto& [job, sequence] = value;
  return std::tie(job, sequence);
}
inline auto fields(EpochReport& value) {
  auto& [epoch] = value;
  return std::tie(epoch);
}
inline auto fields(EpochReportAck& value) {
  auto& [epoch] = value;
  return std::tie(epoch);
}
inline auto fields(HistoryReport& value) {
  auto& [change] = value;
  return std::tie(change);
}
inline auto fields(HistoryReportAck& value) {
  auto& [database, timeline] = value;
  return std::tie(database, timeline);
}
inline auto fields(BucketWish& value) {
  auto& [kind, name, parts, after] = value;
  return std::tie(kind, name, parts, after);
}
inline auto fields(BucketPass::Field& value) {
  auto& [name, field_value] = value;
  return std::tie(name, field_value);
}
inline auto fields(BucketPass& value) {
  auto& [url, form, valid] = value;
  return std::tie(url, form, valid);
}
inline auto fields(PassRequest& value) {
  auto& [store, wish] = value;
  return std::tie(store, wish);
}
inline auto fields(PassReply& value) {
  auto& [pass, refused] = value;
  return std::tie(pass, refused);
}
inline auto fields(SlotRequest& value) {
  auto& [database, due_at] = value;
  return std::tie(database, due_at);
}
inline auto fields(SlotReply& value) {
  auto& [database, granted, wait, reason] = value;
  return std::tie(database, granted, wait, reason);
}
inline auto fields(NamedRecipient& value) {
  auto& [name, key] = value;
  return std::tie(name, key);
}
inline auto fields(Assigned& value) {
  auto& [key, database, name, engine, labels, active, protect, policy, stores, recipients, last_backup_at, backups,
         log_node, backup_note] = value;
  return std::tie(key, database, name, engine, labels, active, protect, policy, stores, recipients, last_backup_at,
                  backups, log_node, backup_note);
}
inline auto fields(Assignment& value) {
  auto& [revision, stores, databases, fleet_record, vaults, state] = value;
  return std::tie(revision, stores, databases, fleet_record, vaults, state);
}
inline auto fields(AssignmentAck& value) {
  auto& [revision] = value;
  return std::tie(revision);
}
inline auto fields(BackupOrder& value) {
  auto& [database, backup, type, note, skip_page_check] = value;
  return std::tie(database, backup, type, note, skip_page_check);
}
inline auto fields(RestoreOrder& value) {
  auto& [restore, target, stores, keys] = value;
  return std::tie(restore, target, stores, keys);
}
inline auto fields(WalPart& value) {
  auto& [timeline, first, last] = value;
  return std::tie(timeline, first, last);
}
inline auto fields(VerifyOrder& value) {
  auto& [database, backup, stores, keys, wal, wal_stores] = value;
  return std::tie(database, backup, stores, keys, wal, wal_stores);
}
inline auto fields(RollbackOrder& value) {
  auto& [restore, target] = value;
  return std::tie(restore, target);
}
inline auto fields(FinalizeOrder& value) {
  auto& [restore, target] = value;
  return std::tie(restore, target);
}
inline auto fields(StoreCheckOrder& value) {
  auto& [store] = value;
  return std::tie(store);
}
inline auto fields(RefreshOrder&) {
  return std::tie();
}
inline auto fields(CopyOrder& value) {
  auto& [database, backup, target, sources, doubtful, bandwidth] = value;
  return std::tie(database, backup, target, sources, doubtful, bandwidth);
}
inline auto fields(ScrubOrder& value) {
  auto& [database, backup, store, others, bandwidth] = value;
  return std::tie(database, backup, store, others, bandwidth);
}
inline auto fields(ShutdownOrder& value) {
  auto& [reach, force, drain] = value;
  return std::tie(reach, force, drain);
}
inline auto fields(CancelOrder& value) {
  auto& [job] = value;
  return std::tie(job);
}
inline auto fields(Selection& value) {
  auto& [names, selector] = value;
  return std::tie(names, selector);
}
inline auto fields(ListRequest& value) {
  auto& [what, selection, ids, limit, after] = value;
  return std::tie(what, selection, ids, limit, after);
}
inline auto fields(CreateTokenRequest& value) {
  auto& [labels, approval, cidrs, host_pattern, uses, ttl] = value;
  return std::tie(labels, approval, cidrs, host_pattern, uses, ttl);
}
inline auto fields(RevokeTokenRequest& value) {
  auto& [id] = value;
  return std::tie(id);
}
inline auto fields(NodeRequest& value) {
  auto& [verb, node, set, unset, force, keep_databases, deadline] = value;
  return std::tie(verb, node, set, unset, force, keep_databases, deadline);
}
inline auto fields(AddStoreRequest& value) {
  auto& [name, kind, path, s3, peer_node, quota_bytes, zone] = value;
  return std::tie(name, kind, path, s3, peer_node, quota_bytes, zone);
}
inline auto fields(StoreRequest& value) {
  auto& [verb, name] = value;
  return std::tie(verb, name);
}
inline auto fields(ApplyPolicyRequest& value) {
  auto& [policy, dry_run] = value;
  return std::tie(policy, dry_run);
}
inline auto fields(DeletePolicyRequest& value) {
  auto& [name] = value;
  return std::tie(name);
}
inline auto fields(CreateOperatorRequest& value) {
  auto& [name, role, curve] = value;
  return std::tie(name, role, curve);
}
inline auto fields(RevokeOperatorRequest& value) {
  auto& [name] = value;
  return std::tie(name);
}
inline auto fields(CreateBackupRequest& value) {
  auto& [selection, type, note, skip_page_check] = value;
  return std::tie(selection, type, note, skip_page_check);
}
inline auto fields(BackupRequest& value) {
  auto& [verb, id] = value;
  return std::tie(verb, id);
}
inline auto fields(VerifyRequest& value) {
  auto& [backup, plan_only, node, keys, with_wal] = value;
  return std::tie(backup, plan_only, node, keys, with_wal);
}
inline auto fields(RestorePlanRequest::Mapping& value) {
  auto& [database, node, directory] = value;
  return std::tie(database, node, directory);
}
inline auto fields(RestorePlanRequest& value) {
  auto& [selection, target, backup, target_node, target_directory, map, tablespaces, start, method] = value;
  return std::tie(selection, target, backup, target_node, target_directory, map, tablespaces, start, method);
}
inline auto fields(RestoreRunRequest::Grant& value) {
  auto& [node, key] = value;
  return std::tie(node, key);
}
inline auto fields(RestoreRunRequest& value) {
  auto& [restore, keys] = value;
  return std::tie(restore, keys);
}
inline auto fields(RestoreRequest& value) {
  auto& [verb, id] = value;
  return std::tie(verb, id);
}
inline auto fields(CancelJobRequest& value) {
  auto& [id] = value;
  return std::tie(id);
}
inline auto fields(RetentionRequest& value) {
  auto& [run, selection] = value;
  return std::tie(run, selection);
}
inline auto fields(CopyRequest& value) {
  auto& [selection, lost_store] = value;
  return std::tie(selection, lost_store);
}
inline auto fields(RefreshRequest& value) {
  auto& [selection] = value;
  return std::tie(selection);
}
inline auto fields(NodeView& value) {
  auto& [node, online, databases, last_shutdown] = value;
  return std::tie(node, online, databases, last_shutdown);
}
inline auto fields(DatabaseView& value) {
  auto& [database, last_backup, recoverable_from, recoverable_through, positions, size_bytes, late] = value;
  return std::tie(database, last_backup, recoverable_from, recoverable_through, positions, size_bytes, late);
}
inline auto fields(Window::Gap& value) {
  auto& [from, to, from_lsn, to_lsn] = value;
  return std::tie(from, to, from_lsn, to_lsn);
}
inline auto fields(Window& value) {
  auto& [database, database_name, from, to, through_lsn, gaps] = value;
  return std::tie(database, database_name, from, to, through_lsn, gaps);
}
inline auto fields(RetentionDecision& value) {
  auto& [backup, database, database_name, finished_at, keep, reasons, bytes, freed_bytes] = value;
  return std::tie(backup, database, database_name, finished_at, keep, reasons, bytes, freed_bytes);
}
inline auto fields(FleetStatus& value) {
  auto& [fleet_name, fleet, epoch, version, nodes, nodes_offline, nodes_pending, alerts, below_min, below_want] = value;
  return std::tie(fleet_name, fleet, epoch, version, nodes, nodes_offline, nodes_pending, alerts, below_min,
                  below_want);
}
inline auto fields(CopyView& value) {
  auto& [database, database_name, backup, store, state, reason, since, good_copies, job] = value;
  return std::tie(database, database_name, backup, store, state, reason, since, good_copies, job);
}
inline auto fields(ListReply& value) {
  auto& [status, nodes, databases, stores, policies, tokens, operators, backups, windows, jobs, restores, next,
         copies] = value;
  return std::tie(status, nodes, databases, stores, policies, tokens, operators, backups, windows, jobs, restores, next,
                  copies);
}
inline auto fields(TokenReply& value) {
  auto& [token, text] = value;
  return std::tie(token, text);
}
inline auto fields(JobsReply& value) {
  auto& [jobs, warnings] = value;
  return std::tie(jobs, warnings);
}
inline auto fields(DoneReply& value) {
  auto& [lines] = value;
  return std::tie(lines);
}
inline auto fields(PolicyReply& value) {
  auto& [policy, changes, warnings] = value;
  return std::tie(policy, changes, warnings);
}
inline auto fields(NeededEpoch& value) {
  auto& [node, recipient, epoch] = value;
  return std::tie(node, recipient, epoch);
}
inline auto fields(RestorePlanReply& value) {
  auto& [restore, epochs, notes] = value;
  return std::tie(restore, epochs, notes);
}
inline auto fields(VerifyPlanReply& value) {
  auto& [node, epochs] = value;
  return std::tie(node, epochs);
}
inline auto fields(RetentionReply& value) {
  auto& [decisions, lines] = value;
  return std::tie(decisions, lines);
}
inline auto fields(Order& value) {
  auto& [id, epoch, deadline, slot, body] = value;
  return std::tie(id, epoch, deadline, slot, body);
}
inline auto fields(OperatorRequest& value) {
  // dry_run is a kind of request on the wire and stays as it is: the codec's test of it stands apart.
  auto& [version_min, version_max, body, dry_run] = value;
  return std::tie(version_min, version_max, body);
}
inline auto fields(OperatorReply& value) {
  auto& [body] = value;
  return std::tie(body);
}
inline auto fields(Message& value) {
  auto& [version, id, in_reply_to, epoch, body] = value;
  return std::tie(version, id, in_reply_to, epoch, body);
}

}  // namespace holdfast
