#include "shared/wire/codec_structs.h"

namespace holdfast {

void write_to(schema::BackupCopy::Builder to, const BackupCopy& from) {
  to.setStore(text_of(from.store));
  to.setState(text_of(from.state));
  to.setCheckedAt(from.checked_at.micros());
}

BackupCopy read_from(schema::BackupCopy::Reader from, Reading& reading) {
  BackupCopy out;
  out.store = reading.text(from.getStore());
  out.state = reading.text(from.getState());
  out.checked_at = reading.time(from.getCheckedAt());
  return out;
}

void write_to(schema::Backup::Builder to, const Backup& from) {
  to.setId(data_unless_none(from.id));
  to.setDatabase(data_unless_none(from.database));
  to.setNode(data_unless_none(from.node));
  to.setJob(data_unless_none(from.job));
  to.setType(enumerant<schema::BackupType>(from.type));
  to.setParent(data_unless_none(from.parent));
  to.setState(enumerant<schema::BackupState>(from.state));
  to.setStartedAt(from.started_at.micros());
  to.setFinishedAt(from.finished_at.micros());
  to.setStartLsn(from.start_lsn.value());
  to.setStopLsn(from.stop_lsn.value());
  to.setTimeline(from.timeline.value());
  to.setEpoch(data_unless_none(from.epoch));
  to.setDatabaseBytes(from.database_bytes);
  to.setReadBytes(from.read_bytes);
  to.setStoredBytes(from.stored_bytes);
  to.setPages(from.pages);
  to.setChangedPages(from.changed_pages);
  to.setBadPages(from.bad_pages);
  to.setCrossCheckedPages(from.cross_checked_pages);
  to.setMissedPages(from.missed_pages);
  write_list(to.initCopies(count(from.copies)), from.copies);
  to.setVerifiedAt(from.verified_at.micros());
  to.setNote(text_of(from.note));
  to.setKeep(from.keep);
  to.setReason(text_of(from.reason));
  to.setError(text_of(from.error));
  to.setRecord(data_of(from.record));
}

Backup read_from(schema::Backup::Reader from, Reading& reading) {
  Backup out;
  out.id = reading.fixed<BackupId>(from.getId());
  out.database = reading.fixed<DatabaseId>(from.getDatabase());
  out.node = reading.fixed<NodeId>(from.getNode());
  out.job = reading.fixed<JobId>(from.getJob());
  out.type = reading.enumerant<BackupType>(from.getType());
  out.parent = reading.fixed<BackupId>(from.getParent());
  out.state = reading.enumerant<BackupState>(from.getState());
  out.started_at = reading.time(from.getStartedAt());
  out.finished_at = reading.time(from.getFinishedAt());
  out.start_lsn = Lsn(from.getStartLsn());
  out.stop_lsn = Lsn(from.getStopLsn());
  out.timeline = Timeline(from.getTimeline());
  out.epoch = reading.fixed<EpochId>(from.getEpoch());
  out.database_bytes = from.getDatabaseBytes();
  out.read_bytes = from.getReadBytes();
  out.stored_bytes = from.getStoredBytes();
  out.pages = from.getPages();
  out.changed_pages = from.getChangedPages();
  out.bad_pages = from.getBadPages();
  out.cross_checked_pages = from.getCrossCheckedPages();
  out.missed_pages = from.getMissedPages();
  out.copies = read_list<BackupCopy>(from.getCopies(), reading);
  out.verified_at = reading.time(from.getVerifiedAt());
  out.note = reading.text(from.getNote());
  out.keep = from.getKeep();
  out.reason = reading.text(from.getReason());
  out.error = reading.text(from.getError());
  out.record = reading.bytes(from.getRecord());
  return out;
}

void write_to(schema::WalRange::Builder to, const WalRange& from) {
  to.setDatabase(data_unless_none(from.database));
  to.setTimeline(from.timeline.value());
  to.setFirst(from.first.value());
  to.setLast(from.last.value());
  to.setFromTime(from.from_time.micros());
  to.setThroughTime(from.through_time.micros());
  to.setSegmentSize(from.segment_size);
}

WalRange read_from(schema::WalRange::Reader from, Reading& reading) {
  WalRange out;
  out.database = reading.fixed<DatabaseId>(from.getDatabase());
  out.timeline = Timeline(from.getTimeline());
  out.first = Lsn(from.getFirst());
  out.last = Lsn(from.getLast());
  out.from_time = reading.time(from.getFromTime());
  out.through_time = reading.time(from.getThroughTime());
  out.segment_size = from.getSegmentSize();
  return out;
}

void write_to(schema::TimelineChange::Builder to, const TimelineChange& from) {
  to.setDatabase(data_unless_none(from.database));
  to.setTimeline(from.timeline.value());
  to.setParent(from.parent.value());
  to.setAt(from.at.value());
}

TimelineChange read_from(schema::TimelineChange::Reader from, Reading& reading) {
  TimelineChange out;
  out.database = reading.fixed<DatabaseId>(from.getDatabase());
  out.timeline = Timeline(from.getTimeline());
  out.parent = Timeline(from.getParent());
  out.at = Lsn(from.getAt());
  return out;
}

void write_to(schema::EpochInfo::Builder to, const EpochInfo& from) {
  to.setDatabase(data_unless_none(from.database));
  to.setId(data_unless_none(from.id));
  to.setObject(data_of(from.object));
}

EpochInfo read_from(schema::EpochInfo::Reader from, Reading& reading) {
  EpochInfo out;
  out.database = reading.fixed<DatabaseId>(from.getDatabase());
  out.id = reading.fixed<EpochId>(from.getId());
  out.object = reading.bytes(from.getObject());
  return out;
}

void write_to(schema::LogArrears::Builder to, const LogArrears& from) {
  to.setStore(text_of(from.store));
  to.setObjects(from.objects);
}

LogArrears read_from(schema::LogArrears::Reader from, Reading& reading) {
  LogArrears out;
  out.store = reading.text(from.getStore());
  out.objects = from.getObjects();
  return out;
}

void write_to(schema::WalPosition::Builder to, const WalPosition& from) {
  to.setDatabase(data_unless_none(from.database));
  to.setTimeline(from.timeline.value());
  to.setFirst(from.first.value());
  to.setDurable(from.durable.value());
  to.setWritten(from.written.value());
  to.setFromTime(from.from_time.micros());
  to.setThroughTime(from.through_time.micros());
  to.setSegmentSize(from.segment_size);
  to.setSlotState(text_of(from.slot_state));
  to.setSlotRetainedBytes(from.slot_retained_bytes);
  to.setError(text_of(from.error));
  write_list(to.initArrears(count(from.arrears)), from.arrears);
}

WalPosition read_from(schema::WalPosition::Reader from, Reading& reading) {
  WalPosition out;
  out.database = reading.fixed<DatabaseId>(from.getDatabase());
  out.timeline = Timeline(from.getTimeline());
  out.first = Lsn(from.getFirst());
  out.durable = Lsn(from.getDurable());
  out.written = Lsn(from.getWritten());
  out.from_time = reading.time(from.getFromTime());
  out.through_time = reading.time(from.getThroughTime());
  out.segment_size = from.getSegmentSize();
  out.slot_state = reading.text(from.getSlotState());
  out.slot_retained_bytes = from.getSlotRetainedBytes();
  out.error = reading.text(from.getError());
  out.arrears = read_list<LogArrears>(from.getArrears(), reading);
  return out;
}

void write_to(schema::GrantedKey::Builder to, const GrantedKey& from) {
  to.setEpoch(data_unless_none(from.epoch));
  to.setSealed(data_of(from.sealed));
}

GrantedKey read_from(schema::GrantedKey::Reader from, Reading& reading) {
  GrantedKey out;
  out.epoch = reading.fixed<EpochId>(from.getEpoch());
  out.sealed = reading.bytes(from.getSealed());
  return out;
}

void write_to(schema::Refused::Builder to, const Refused& from) {
  to.setCode(enumerant<schema::Code>(from.code));
  to.setMessage(text_of(from.message));
  to.setHint(text_of(from.hint));
}

Refused read_from(schema::Refused::Reader from, Reading& reading) {
  Refused out;
  out.code = reading.enumerant<Code>(from.getCode());
  out.message = reading.text(from.getMessage());
  out.hint = reading.text(from.getHint());
  return out;
}

}  // namespace holdfast
