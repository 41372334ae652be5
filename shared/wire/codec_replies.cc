#include "shared/wire/codec_structs.h"

namespace holdfast {

namespace {

// Fills the union with what the variant holds.
struct ReplyWriter {
  schema::OperatorReply::Body::Builder to;
  void operator()(const Refused& from) { write_to(to.initRefused(), from); }
  void operator()(const ListReply& from) { write_to(to.initList(), from); }
  void operator()(const TokenReply& from) { write_to(to.initToken(), from); }
  void operator()(const JobsReply& from) { write_to(to.initJobs(), from); }
  void operator()(const DoneReply& from) { write_to(to.initDone(), from); }
  void operator()(const PolicyReply& from) { write_to(to.initPolicy(), from); }
  void operator()(const RestorePlanReply& from) { write_to(to.initRestorePlan(), from); }
  void operator()(const VerifyPlanReply& from) { write_to(to.initVerifyPlan(), from); }
  void operator()(const RetentionReply& from) { write_to(to.initRetention(), from); }
};

OperatorReplyBody read_body(schema::OperatorReply::Body::Reader from, Reading& reading) {
  using Tag = schema::OperatorReply::Body;
  switch (from.which()) {
    case Tag::NONE:
      reading.refuse(Code::invalid, "reply without a body");
      return {};
    case Tag::REFUSED:
      return read_from(from.getRefused(), reading);
    case Tag::LIST:
      return read_from(from.getList(), reading);
    case Tag::TOKEN:
      return read_from(from.getToken(), reading);
    case Tag::JOBS:
      return read_from(from.getJobs(), reading);
    case Tag::DONE:
      return read_from(from.getDone(), reading);
    case Tag::POLICY:
      return read_from(from.getPolicy(), reading);
    case Tag::RESTORE_PLAN:
      return read_from(from.getRestorePlan(), reading);
    case Tag::VERIFY_PLAN:
      return read_from(from.getVerifyPlan(), reading);
    case Tag::RETENTION:
      return read_from(from.getRetention(), reading);
  }
  reading.refuse(Code::unsupported, "reply of a kind that this version does not know");
  return {};
}

}  // namespace

void write_to(schema::NodeView::Builder to, const NodeView& from) {
  write_to(to.initNode(), from.node);
  to.setOnline(from.online);
  to.setDatabases(from.databases);
  if (from.last_shutdown) write_to(to.initLastShutdown(), *from.last_shutdown);
}

NodeView read_from(schema::NodeView::Reader from, Reading& reading) {
  NodeView out;
  out.node = read_from(from.getNode(), reading);
  out.online = from.getOnline();
  out.databases = from.getDatabases();
  if (from.hasLastShutdown()) out.last_shutdown = read_from(from.getLastShutdown(), reading);
  return out;
}

void write_to(schema::DatabaseView::Builder to, const DatabaseView& from) {
  write_to(to.initDatabase(), from.database);
  if (from.last_backup) write_to(to.initLastBackup(), *from.last_backup);
  to.setRecoverableFrom(from.recoverable_from.micros());
  to.setRecoverableThrough(from.recoverable_through.micros());
  write_list(to.initPositions(count(from.positions)), from.positions);
  to.setSizeBytes(from.size_bytes);
  to.setLate(text_of(from.late));
}

DatabaseView read_from(schema::DatabaseView::Reader from, Reading& reading) {
  DatabaseView out;
  out.database = read_from(from.getDatabase(), reading);
  if (from.hasLastBackup()) out.last_backup = read_from(from.getLastBackup(), reading);
  out.recoverable_from = reading.time(from.getRecoverableFrom());
  out.recoverable_through = reading.time(from.getRecoverableThrough());
  out.positions = read_list<WalPosition>(from.getPositions(), reading);
  out.size_bytes = from.getSizeBytes();
  out.late = reading.text(from.getLate());
  return out;
}

void write_to(schema::WindowGap::Builder to, const Window::Gap& from) {
  to.setFrom(from.from.micros());
  to.setTo(from.to.micros());
  to.setFromLsn(from.from_lsn.value());
  to.setToLsn(from.to_lsn.value());
}

Window::Gap read_from(schema::WindowGap::Reader from, Reading& reading) {
  Window::Gap out;
  out.from = reading.time(from.getFrom());
  out.to = reading.time(from.getTo());
  out.from_lsn = Lsn(from.getFromLsn());
  out.to_lsn = Lsn(from.getToLsn());
  return out;
}

void write_to(schema::Window::Builder to, const Window& from) {
  to.setDatabase(data_unless_none(from.database));
  to.setDatabaseName(text_of(from.database_name));
  to.setFrom(from.from.micros());
  to.setTo(from.to.micros());
  to.setThroughLsn(from.through_lsn.value());
  write_list(to.initGaps(count(from.gaps)), from.gaps);
}

Window read_from(schema::Window::Reader from, Reading& reading) {
  Window out;
  out.database = reading.fixed<DatabaseId>(from.getDatabase());
  out.database_name = reading.text(from.getDatabaseName());
  out.from = reading.time(from.getFrom());
  out.to = reading.time(from.getTo());
  out.through_lsn = Lsn(from.getThroughLsn());
  out.gaps = read_list<Window::Gap>(from.getGaps(), reading);
  return out;
}

void write_to(schema::RetentionDecision::Builder to, const RetentionDecision& from) {
  to.setBackup(data_unless_none(from.backup));
  to.setDatabase(data_unless_none(from.database));
  to.setDatabaseName(text_of(from.database_name));
  to.setFinishedAt(from.finished_at.micros());
  to.setKeep(from.keep);
  write_texts(to.initReasons(count(from.reasons)), from.reasons);
  to.setBytes(from.bytes);
  to.setFreedBytes(from.freed_bytes);
}

RetentionDecision read_from(schema::RetentionDecision::Reader from, Reading& reading) {
  RetentionDecision out;
  out.backup = reading.fixed<BackupId>(from.getBackup());
  out.database = reading.fixed<DatabaseId>(from.getDatabase());
  out.database_name = reading.text(from.getDatabaseName());
  out.finished_at = reading.time(from.getFinishedAt());
  out.keep = from.getKeep();
  out.reasons = read_texts(from.getReasons(), reading);
  out.bytes = from.getBytes();
  out.freed_bytes = from.getFreedBytes();
  return out;
}

void write_to(schema::FleetStatus::Builder to, const FleetStatus& from) {
  to.setFleetName(text_of(from.fleet_name));
  to.setFleet(data_unless_none(from.fleet));
  to.setEpoch(from.epoch);
  to.setVersion(text_of(from.version));
  to.setNodes(from.nodes);
  to.setNodesOffline(from.nodes_offline);
  to.setNodesPending(from.nodes_pending);
  write_texts(to.initAlerts(count(from.alerts)), from.alerts);
  to.setBelowMin(from.below_min);
  to.setBelowWant(from.below_want);
}

FleetStatus read_from(schema::FleetStatus::Reader from, Reading& reading) {
  FleetStatus out;
  out.fleet_name = reading.text(from.getFleetName());
  out.fleet = reading.fixed<FleetId>(from.getFleet());
  out.epoch = from.getEpoch();
  out.version = reading.text(from.getVersion());
  out.nodes = from.getNodes();
  out.nodes_offline = from.getNodesOffline();
  out.nodes_pending = from.getNodesPending();
  out.alerts = read_texts(from.getAlerts(), reading);
  out.below_min = from.getBelowMin();
  out.below_want = from.getBelowWant();
  return out;
}

void write_to(schema::CopyView::Builder to, const CopyView& from) {
  to.setDatabase(data_unless_none(from.database));
  to.setDatabaseName(text_of(from.database_name));
  to.setBackup(data_unless_none(from.backup));
  to.setStore(text_of(from.store));
  to.setState(text_of(from.state));
  to.setReason(text_of(from.reason));
  to.setSince(from.since.micros());
  to.setGoodCopies(from.good_copies);
  to.setJob(data_unless_none(from.job));
}

CopyView read_from(schema::CopyView::Reader from, Reading& reading) {
  CopyView out;
  out.database = reading.fixed<DatabaseId>(from.getDatabase());
  out.database_name = reading.text(from.getDatabaseName());
  out.backup = reading.fixed<BackupId>(from.getBackup());
  out.store = reading.text(from.getStore());
  out.state = reading.text(from.getState());
  out.reason = reading.text(from.getReason());
  out.since = reading.time(from.getSince());
  out.good_copies = from.getGoodCopies();
  out.job = reading.fixed<JobId>(from.getJob());
  return out;
}

void write_to(schema::ListReply::Builder to, const ListReply& from) {
  write_to(to.initStatus(), from.status);
  write_list(to.initNodes(count(from.nodes)), from.nodes);
  write_list(to.initDatabases(count(from.databases)), from.databases);
  write_list(to.initStores(count(from.stores)), from.stores);
  write_list(to.initPolicies(count(from.policies)), from.policies);
  write_list(to.initTokens(count(from.tokens)), from.tokens);
  write_list(to.initOperators(count(from.operators)), from.operators);
  write_list(to.initBackups(count(from.backups)), from.backups);
  write_list(to.initWindows(count(from.windows)), from.windows);
  write_list(to.initJobs(count(from.jobs)), from.jobs);
  write_list(to.initRestores(count(from.restores)), from.restores);
  to.setNext(text_of(from.next));
  write_list(to.initCopies(count(from.copies)), from.copies);
}

ListReply read_from(schema::ListReply::Reader from, Reading& reading) {
  ListReply out;
  out.status = read_from(from.getStatus(), reading);
  out.nodes = read_list<NodeView>(from.getNodes(), reading);
  out.databases = read_list<DatabaseView>(from.getDatabases(), reading);
  out.stores = read_list<StoreInfo>(from.getStores(), reading);
  out.policies = read_list<Policy>(from.getPolicies(), reading);
  out.tokens = read_list<Token>(from.getTokens(), reading);
  out.operators = read_list<Operator>(from.getOperators(), reading);
  out.backups = read_list<Backup>(from.getBackups(), reading);
  out.windows = read_list<Window>(from.getWindows(), reading);
  out.jobs = read_list<Job>(from.getJobs(), reading);
  out.restores = read_list<Restore>(from.getRestores(), reading);
  out.next = reading.text(from.getNext());
  out.copies = read_list<CopyView>(from.getCopies(), reading);
  return out;
}

void write_to(schema::TokenReply::Builder to, const TokenReply& from) {
  write_to(to.initToken(), from.token);
  to.setText(text_of(from.text));
}

TokenReply read_from(schema::TokenReply::Reader from, Reading& reading) {
  TokenReply out;
  out.token = read_from(from.getToken(), reading);
  out.text = reading.text(from.getText());
  return out;
}

void write_to(schema::JobsReply::Builder to, const JobsReply& from) {
  write_ids(to.initJobs(count(from.jobs)), from.jobs);
  write_texts(to.initWarnings(count(from.warnings)), from.warnings);
}

JobsReply read_from(schema::JobsReply::Reader from, Reading& reading) {
  JobsReply out;
  out.jobs = read_ids<JobId>(from.getJobs(), reading);
  out.warnings = read_texts(from.getWarnings(), reading);
  return out;
}

void write_to(schema::DoneReply::Builder to, const DoneReply& from) {
  write_texts(to.initLines(count(from.lines)), from.lines);
}

DoneReply read_from(schema::DoneReply::Reader from, Reading& reading) {
  DoneReply out;
  out.lines = read_texts(from.getLines(), reading);
  return out;
}

void write_to(schema::PolicyReply::Builder to, const PolicyReply& from) {
  write_to(to.initPolicy(), from.policy);
  write_texts(to.initChanges(count(from.changes)), from.changes);
  write_texts(to.initWarnings(count(from.warnings)), from.warnings);
}

PolicyReply read_from(schema::PolicyReply::Reader from, Reading& reading) {
  PolicyReply out;
  out.policy = read_from(from.getPolicy(), reading);
  out.changes = read_texts(from.getChanges(), reading);
  out.warnings = read_texts(from.getWarnings(), reading);
  return out;
}

void write_to(schema::NeededEpoch::Builder to, const NeededEpoch& from) {
  to.setNode(data_unless_none(from.node));
  to.setRecipient(data_unless_none(from.recipient));
  write_to(to.initEpoch(), from.epoch);
}

NeededEpoch read_from(schema::NeededEpoch::Reader from, Reading& reading) {
  NeededEpoch out;
  out.node = reading.fixed<NodeId>(from.getNode());
  out.recipient = reading.fixed<BoxPublicKey>(from.getRecipient());
  out.epoch = read_from(from.getEpoch(), reading);
  return out;
}

void write_to(schema::RestorePlanReply::Builder to, const RestorePlanReply& from) {
  write_to(to.initRestore(), from.restore);
  write_list(to.initEpochs(count(from.epochs)), from.epochs);
  write_texts(to.initNotes(count(from.notes)), from.notes);
}

RestorePlanReply read_from(schema::RestorePlanReply::Reader from, Reading& reading) {
  RestorePlanReply out;
  out.restore = read_from(from.getRestore(), reading);
  out.epochs = read_list<NeededEpoch>(from.getEpochs(), reading);
  out.notes = read_texts(from.getNotes(), reading);
  return out;
}

void write_to(schema::VerifyPlanReply::Builder to, const VerifyPlanReply& from) {
  to.setNode(data_unless_none(from.node));
  write_list(to.initEpochs(count(from.epochs)), from.epochs);
}

VerifyPlanReply read_from(schema::VerifyPlanReply::Reader from, Reading& reading) {
  VerifyPlanReply out;
  out.node = reading.fixed<NodeId>(from.getNode());
  out.epochs = read_list<NeededEpoch>(from.getEpochs(), reading);
  return out;
}

void write_to(schema::RetentionReply::Builder to, const RetentionReply& from) {
  write_list(to.initDecisions(count(from.decisions)), from.decisions);
  write_texts(to.initLines(count(from.lines)), from.lines);
}

RetentionReply read_from(schema::RetentionReply::Reader from, Reading& reading) {
  RetentionReply out;
  out.decisions = read_list<RetentionDecision>(from.getDecisions(), reading);
  out.lines = read_texts(from.getLines(), reading);
  return out;
}

void write_to(schema::OperatorReply::Builder to, const OperatorReply& from) {
  std::visit(ReplyWriter{to.getBody()}, from.body);
}

OperatorReply read_from(schema::OperatorReply::Reader from, Reading& reading) {
  return {.body = read_body(from.getBody(), reading)};
}

}  // namespace holdfast
