#include "shared/wire/codec_structs.h"

namespace holdfast {

void write_to(schema::Hello::Builder to, const Hello& from) {
  to.setVersionMin(from.version_min);
  to.setVersionMax(from.version_max);
  to.setFeatures(from.features);
  to.setBuild(text_of(from.build));
  to.setGeneration(from.generation);
  to.setClock(from.clock.micros());
  write_to(to.initFacts(), from.facts);
  to.setCoordinatorEpoch(from.coordinator_epoch);
  to.setAssignmentRevision(from.assignment_revision);
}

Hello read_from(schema::Hello::Reader from, Reading& reading) {
  Hello out;
  out.version_min = from.getVersionMin();
  out.version_max = from.getVersionMax();
  out.features = from.getFeatures();
  out.build = reading.text(from.getBuild());
  out.generation = from.getGeneration();
  out.clock = reading.time(from.getClock());
  out.facts = read_from(from.getFacts(), reading);
  out.coordinator_epoch = from.getCoordinatorEpoch();
  out.assignment_revision = from.getAssignmentRevision();
  return out;
}

void write_to(schema::Welcome::Builder to, const Welcome& from) {
  to.setVersion(from.version);
  to.setEpoch(from.epoch);
  to.setHeartbeatSeconds(from.heartbeat_seconds);
  to.setState(enumerant<schema::NodeState>(from.state));
  to.setAssignmentRevision(from.assignment_revision);
  to.setClock(from.clock.micros());
}

Welcome read_from(schema::Welcome::Reader from, Reading& reading) {
  Welcome out;
  out.version = from.getVersion();
  out.epoch = from.getEpoch();
  out.heartbeat_seconds = from.getHeartbeatSeconds();
  out.state = reading.enumerant<NodeState>(from.getState());
  out.assignment_revision = from.getAssignmentRevision();
  out.clock = reading.time(from.getClock());
  return out;
}

void write_to(schema::Heartbeat::Builder to, const Heartbeat& from) {
  to.setClock(from.clock.micros());
  write_list(to.initPositions(count(from.positions)), from.positions);
  to.setRunningJobs(from.running_jobs);
}

Heartbeat read_from(schema::Heartbeat::Reader from, Reading& reading) {
  Heartbeat out;
  out.clock = reading.time(from.getClock());
  out.positions = read_list<WalPosition>(from.getPositions(), reading);
  out.running_jobs = from.getRunningJobs();
  return out;
}

void write_to(schema::HeartbeatAck::Builder to, const HeartbeatAck& from) {
  to.setEpoch(from.epoch);
  to.setAssignmentRevision(from.assignment_revision);
}

HeartbeatAck read_from(schema::HeartbeatAck::Reader from, Reading&) {
  HeartbeatAck out;
  out.epoch = from.getEpoch();
  out.assignment_revision = from.getAssignmentRevision();
  return out;
}

void write_to(schema::Inventory::Builder to, const Inventory& from) {
  to.setRevision(from.revision);
  write_list(to.initDatabases(count(from.databases)), from.databases);
}

Inventory read_from(schema::Inventory::Reader from, Reading& reading) {
  Inventory out;
  out.revision = from.getRevision();
  out.databases = read_list<FoundDatabase>(from.getDatabases(), reading);
  return out;
}

void write_to(schema::InventoryAck::Builder to, const InventoryAck& from) {
  to.setRevision(from.revision);
}

InventoryAck read_from(schema::InventoryAck::Reader from, Reading&) {
  InventoryAck out;
  out.revision = from.getRevision();
  return out;
}

void write_to(schema::OrderAck::Builder to, const OrderAck& from) {
  to.setJob(data_unless_none(from.job));
  to.setAccepted(from.accepted);
  to.setCode(enumerant<schema::Code>(from.code));
  to.setError(text_of(from.error));
}

OrderAck read_from(schema::OrderAck::Reader from, Reading& reading) {
  OrderAck out;
  out.job = reading.fixed<JobId>(from.getJob());
  out.accepted = from.getAccepted();
  out.code = reading.enumerant<Code>(from.getCode());
  out.error = reading.text(from.getError());
  return out;
}

void write_to(schema::JobReport::Builder to, const JobReport& from) {
  to.setSequence(from.sequence);
  write_to(to.initJob(), from.job);
  if (from.backup) write_to(to.initBackup(), *from.backup);
  if (from.target) write_to(to.initTarget(), *from.target);
  if (from.abilities) write_to(to.initAbilities(), *from.abilities);
}

JobReport read_from(schema::JobReport::Reader from, Reading& reading) {
  JobReport out;
  out.sequence = from.getSequence();
  out.job = read_from(from.getJob(), reading);
  if (from.hasBackup()) out.backup = read_from(from.getBackup(), reading);
  if (from.hasTarget()) out.target = read_from(from.getTarget(), reading);
  if (from.hasAbilities()) out.abilities = read_from(from.getAbilities(), reading);
  return out;
}

void write_to(schema::JobReportAck::Builder to, const JobReportAck& from) {
  to.setJob(data_unless_none(from.job));
  to.setSequence(from.sequence);
}

JobReportAck read_from(schema::JobReportAck::Reader from, Reading& reading) {
  JobReportAck out;
  out.job = reading.fixed<JobId>(from.getJob());
  out.sequence = from.getSequence();
  return out;
}

void write_to(schema::EpochReport::Builder to, const EpochReport& from) {
  write_to(to.initEpoch(), from.epoch);
}

EpochReport read_from(schema::EpochReport::Reader from, Reading& reading) {
  EpochReport out;
  out.epoch = read_from(from.getEpoch(), reading);
  return out;
}

void write_to(schema::EpochReportAck::Builder to, const EpochReportAck& from) {
  to.setEpoch(data_unless_none(from.epoch));
}

EpochReportAck read_from(schema::EpochReportAck::Reader from, Reading& reading) {
  EpochReportAck out;
  out.epoch = reading.fixed<EpochId>(from.getEpoch());
  return out;
}

void write_to(schema::HistoryReport::Builder to, const HistoryReport& from) {
  write_to(to.initChange(), from.change);
}

HistoryReport read_from(schema::HistoryReport::Reader from, Reading& reading) {
  HistoryReport out;
  out.change = read_from(from.getChange(), reading);
  return out;
}

void write_to(schema::HistoryReportAck::Builder to, const HistoryReportAck& from) {
  to.setDatabase(data_unless_none(from.database));
  to.setTimeline(from.timeline.value());
}

HistoryReportAck read_from(schema::HistoryReportAck::Reader from, Reading& reading) {
  HistoryReportAck out;
  out.database = reading.fixed<DatabaseId>(from.getDatabase());
  out.timeline = Timeline(from.getTimeline());
  return out;
}

void write_to(schema::AssignmentAck::Builder to, const AssignmentAck& from) {
  to.setRevision(from.revision);
}

AssignmentAck read_from(schema::AssignmentAck::Reader from, Reading&) {
  AssignmentAck out;
  out.revision = from.getRevision();
  return out;
}

}  // namespace holdfast
