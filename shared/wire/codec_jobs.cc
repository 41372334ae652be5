#include "shared/wire/codec_structs.h"

namespace holdfast {

void write_to(schema::Progress::Builder to, const Progress& from) {
  to.setDoneBytes(from.done_bytes);
  to.setTotalBytes(from.total_bytes);
  to.setStep(text_of(from.step));
  to.setBytesPerSecond(from.bytes_per_second);
}

Progress read_from(schema::Progress::Reader from, Reading& reading) {
  Progress out;
  out.done_bytes = from.getDoneBytes();
  out.total_bytes = from.getTotalBytes();
  out.step = reading.text(from.getStep());
  out.bytes_per_second = from.getBytesPerSecond();
  return out;
}

void write_to(schema::Finding::Builder to, const Finding& from) {
  to.setStore(text_of(from.store));
  to.setObject(text_of(from.object));
  to.setProblem(text_of(from.problem));
}

Finding read_from(schema::Finding::Reader from, Reading& reading) {
  Finding out;
  out.store = reading.text(from.getStore());
  out.object = reading.text(from.getObject());
  out.problem = reading.text(from.getProblem());
  return out;
}

void write_to(schema::MissedRuns::Builder to, const MissedRuns& from) {
  to.setCount(from.count);
  to.setSince(from.since.micros());
  to.setCause(text_of(from.cause));
}

MissedRuns read_from(schema::MissedRuns::Reader from, Reading& reading) {
  MissedRuns out;
  out.count = from.getCount();
  out.since = reading.time(from.getSince());
  out.cause = reading.text(from.getCause());
  return out;
}

void write_to(schema::JobStep::Builder to, const JobStep& from) {
  to.setName(text_of(from.name));
  to.setOutcome(enumerant<schema::StepOutcome>(from.outcome));
  to.setTook(from.took.count());
  to.setSentence(text_of(from.sentence));
}

JobStep read_from(schema::JobStep::Reader from, Reading& reading) {
  JobStep out;
  out.name = reading.text(from.getName());
  out.outcome = reading.enumerant<StepOutcome>(from.getOutcome());
  out.took = reading.duration(from.getTook());
  out.sentence = reading.text(from.getSentence());
  return out;
}

void write_to(schema::DatabaseReceipt::Builder to, const DatabaseReceipt& from) {
  to.setDatabase(data_unless_none(from.database));
  to.setName(text_of(from.name));
  to.setEngine(enumerant<schema::Engine>(from.engine));
  write_list(to.initSteps(count(from.steps)), from.steps);
  to.setState(text_of(from.state));
  to.setCheckpoint(from.checkpoint.value());
  to.setTimeline(from.timeline.value());
  to.setDurable(from.durable.value());
  to.setBackup(data_unless_none(from.backup));
  to.setCopies(from.copies);
  to.setWhole(from.whole);
  to.setVerdict(text_of(from.verdict));
}

DatabaseReceipt read_from(schema::DatabaseReceipt::Reader from, Reading& reading) {
  DatabaseReceipt out;
  out.database = reading.fixed<DatabaseId>(from.getDatabase());
  out.name = reading.text(from.getName());
  out.engine = reading.enumerant<Engine>(from.getEngine());
  out.steps = read_list<JobStep>(from.getSteps(), reading);
  out.state = reading.text(from.getState());
  out.checkpoint = Lsn(from.getCheckpoint());
  out.timeline = Timeline(from.getTimeline());
  out.durable = Lsn(from.getDurable());
  out.backup = reading.fixed<BackupId>(from.getBackup());
  out.copies = from.getCopies();
  out.whole = from.getWhole();
  out.verdict = reading.text(from.getVerdict());
  return out;
}

void write_to(schema::Job::Builder to, const Job& from) {
  to.setId(data_unless_none(from.id));
  to.setKind(enumerant<schema::JobKind>(from.kind));
  to.setState(enumerant<schema::JobState>(from.state));
  to.setNode(data_unless_none(from.node));
  to.setDatabase(data_unless_none(from.database));
  to.setBackup(data_unless_none(from.backup));
  to.setRestore(data_unless_none(from.restore));
  to.setOrigin(text_of(from.origin));
  to.setCreatedAt(from.created_at.micros());
  to.setStartedAt(from.started_at.micros());
  to.setFinishedAt(from.finished_at.micros());
  to.setDeadline(from.deadline.micros());
  write_to(to.initProgress(), from.progress);
  to.setError(text_of(from.error));
  to.setHint(text_of(from.hint));
  to.setCode(enumerant<schema::Code>(from.code));
  to.setOutcome(text_of(from.outcome));
  write_list(to.initFindings(count(from.findings)), from.findings);
  to.setStore(text_of(from.store));
  to.setDueAt(from.due_at.micros());
  write_to(to.initMissed(), from.missed);
  write_list(to.initSteps(count(from.steps)), from.steps);
  write_list(to.initReceipts(count(from.receipts)), from.receipts);
}

Job read_from(schema::Job::Reader from, Reading& reading) {
  Job out;
  out.id = reading.fixed<JobId>(from.getId());
  out.kind = reading.enumerant<JobKind>(from.getKind());
  out.state = reading.enumerant<JobState>(from.getState());
  out.node = reading.fixed<NodeId>(from.getNode());
  out.database = reading.fixed<DatabaseId>(from.getDatabase());
  out.backup = reading.fixed<BackupId>(from.getBackup());
  out.restore = reading.fixed<RestoreId>(from.getRestore());
  out.origin = reading.text(from.getOrigin());
  out.created_at = reading.time(from.getCreatedAt());
  out.started_at = reading.time(from.getStartedAt());
  out.finished_at = reading.time(from.getFinishedAt());
  out.deadline = reading.time(from.getDeadline());
  out.progress = read_from(from.getProgress(), reading);
  out.error = reading.text(from.getError());
  out.hint = reading.text(from.getHint());
  out.code = reading.enumerant<Code>(from.getCode());
  out.outcome = reading.text(from.getOutcome());
  out.findings = read_list<Finding>(from.getFindings(), reading);
  out.store = reading.text(from.getStore());
  out.due_at = reading.time(from.getDueAt());
  out.missed = read_from(from.getMissed(), reading);
  out.steps = read_list<JobStep>(from.getSteps(), reading);
  out.receipts = read_list<DatabaseReceipt>(from.getReceipts(), reading);
  return out;
}

void write_to(schema::RecoveryTarget::Builder to, const RecoveryTarget& from) {
  to.setKind(enumerant<schema::TargetKind>(from.kind));
  to.setTime(from.time.micros());
  to.setLsn(from.lsn.value());
  to.setText(text_of(from.text));
  to.setInclusive(from.inclusive);
  to.setTimeline(text_of(from.timeline));
}

RecoveryTarget read_from(schema::RecoveryTarget::Reader from, Reading& reading) {
  RecoveryTarget out;
  out.kind = reading.enumerant<TargetKind>(from.getKind());
  out.time = reading.time(from.getTime());
  out.lsn = Lsn(from.getLsn());
  out.text = reading.text(from.getText());
  out.inclusive = from.getInclusive();
  out.timeline = reading.text(from.getTimeline());
  return out;
}

void write_to(schema::RestoreTarget::Builder to, const RestoreTarget& from) {
  to.setDatabase(data_unless_none(from.database));
  to.setDatabaseName(text_of(from.database_name));
  to.setEngine(enumerant<schema::Engine>(from.engine));
  to.setNode(data_unless_none(from.node));
  to.setDirectory(text_of(from.directory));
  to.setInPlace(from.in_place);
  to.setBackup(data_unless_none(from.backup));
  to.setBackupFinishedAt(from.backup_finished_at.micros());
  write_to(to.initTarget(), from.target);
  to.setTimeline(from.timeline.value());
  to.setPlannedThrough(from.planned_through.value());
  to.setStart(enumerant<schema::StartAfter>(from.start));
  to.setMethod(enumerant<schema::RestoreMethod>(from.method));
  write_mappings(to.initTablespaces(count(from.tablespaces)), from.tablespaces);
  to.setBytes(from.bytes);
  write_ids(to.initEpochs(count(from.epochs)), from.epochs);
  to.setJob(data_unless_none(from.job));
  to.setState(text_of(from.state));
  to.setReachedLsn(from.reached_lsn.value());
  to.setReachedTime(from.reached_time.micros());
  to.setSeconds(from.seconds);
  to.setAside(text_of(from.aside));
  to.setWayBack(enumerant<schema::WayBack>(from.way_back));
  to.setFetchedBytes(from.fetched_bytes);
  to.setLeftovers(text_of(from.leftovers));
  to.setError(text_of(from.error));
  to.setHint(text_of(from.hint));
  to.setCode(enumerant<schema::Code>(from.code));
}

RestoreTarget read_from(schema::RestoreTarget::Reader from, Reading& reading) {
  RestoreTarget out;
  out.database = reading.fixed<DatabaseId>(from.getDatabase());
  out.database_name = reading.text(from.getDatabaseName());
  out.engine = reading.enumerant<Engine>(from.getEngine());
  out.node = reading.fixed<NodeId>(from.getNode());
  out.directory = reading.text(from.getDirectory());
  out.in_place = from.getInPlace();
  out.backup = reading.fixed<BackupId>(from.getBackup());
  out.backup_finished_at = reading.time(from.getBackupFinishedAt());
  out.target = read_from(from.getTarget(), reading);
  out.timeline = Timeline(from.getTimeline());
  out.planned_through = Lsn(from.getPlannedThrough());
  out.start = reading.enumerant<StartAfter>(from.getStart());
  out.method = reading.enumerant<RestoreMethod>(from.getMethod());
  out.tablespaces = read_mappings(from.getTablespaces(), reading);
  out.bytes = from.getBytes();
  out.epochs = read_ids<EpochId>(from.getEpochs(), reading);
  out.job = reading.fixed<JobId>(from.getJob());
  out.state = reading.text(from.getState());
  out.reached_lsn = Lsn(from.getReachedLsn());
  out.reached_time = reading.time(from.getReachedTime());
  out.seconds = reading.number(from.getSeconds());
  out.aside = reading.text(from.getAside());
  out.way_back = reading.enumerant<WayBack>(from.getWayBack());
  out.fetched_bytes = from.getFetchedBytes();
  out.leftovers = reading.text(from.getLeftovers());
  out.error = reading.text(from.getError());
  out.hint = reading.text(from.getHint());
  out.code = reading.enumerant<Code>(from.getCode());
  return out;
}

void write_to(schema::Restore::Builder to, const Restore& from) {
  to.setId(data_unless_none(from.id));
  to.setState(text_of(from.state));
  to.setCreatedBy(text_of(from.created_by));
  to.setCreatedAt(from.created_at.micros());
  to.setStartedAt(from.started_at.micros());
  to.setFinishedAt(from.finished_at.micros());
  write_list(to.initTargets(count(from.targets)), from.targets);
}

Restore read_from(schema::Restore::Reader from, Reading& reading) {
  Restore out;
  out.id = reading.fixed<RestoreId>(from.getId());
  out.state = reading.text(from.getState());
  out.created_by = reading.text(from.getCreatedBy());
  out.created_at = reading.time(from.getCreatedAt());
  out.started_at = reading.time(from.getStartedAt());
  out.finished_at = reading.time(from.getFinishedAt());
  out.targets = read_list<RestoreTarget>(from.getTargets(), reading);
  return out;
}

}  // namespace holdfast
