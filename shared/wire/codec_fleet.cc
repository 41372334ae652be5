#include "shared/wire/codec_structs.h"

namespace holdfast {

void write_to(schema::NodeFacts::Builder to, const NodeFacts& from) {
  to.setHostname(text_of(from.hostname));
  to.setMachineId(text_of(from.machine_id));
  to.setOs(text_of(from.os));
  to.setArchitecture(text_of(from.architecture));
  to.setAgentVersion(text_of(from.agent_version));
}

NodeFacts read_from(schema::NodeFacts::Reader from, Reading& reading) {
  NodeFacts out;
  out.hostname = reading.text(from.getHostname());
  out.machine_id = reading.text(from.getMachineId());
  out.os = reading.text(from.getOs());
  out.architecture = reading.text(from.getArchitecture());
  out.agent_version = reading.text(from.getAgentVersion());
  return out;
}

void write_to(schema::Node::Builder to, const Node& from) {
  to.setId(data_unless_none(from.id));
  to.setName(text_of(from.name));
  to.setState(enumerant<schema::NodeState>(from.state));
  write_labels(to.initLabels(count(from.labels)), from.labels);
  to.setCurve(data_unless_none(from.curve));
  to.setSigner(data_unless_none(from.signer));
  to.setRecipient(data_unless_none(from.recipient));
  write_to(to.initFacts(), from.facts);
  to.setToken(data_unless_none(from.token));
  to.setAddress(text_of(from.address));
  to.setEnrolledAt(from.enrolled_at.micros());
  to.setLastSeenAt(from.last_seen_at.micros());
  to.setClockOffsetMs(from.clock_offset_ms);
  to.setGeneration(from.generation);
  to.setChain(data_of(from.chain));
}

Node read_from(schema::Node::Reader from, Reading& reading) {
  Node out;
  out.id = reading.fixed<NodeId>(from.getId());
  out.name = reading.text(from.getName());
  out.state = reading.enumerant<NodeState>(from.getState());
  out.labels = read_labels(from.getLabels(), reading);
  out.curve = reading.fixed<CurvePublicKey>(from.getCurve());
  out.signer = reading.fixed<SignPublicKey>(from.getSigner());
  out.recipient = reading.fixed<BoxPublicKey>(from.getRecipient());
  out.facts = read_from(from.getFacts(), reading);
  out.token = reading.fixed<TokenId>(from.getToken());
  out.address = reading.text(from.getAddress());
  out.enrolled_at = reading.time(from.getEnrolledAt());
  out.last_seen_at = reading.time(from.getLastSeenAt());
  out.clock_offset_ms = from.getClockOffsetMs();
  out.generation = from.getGeneration();
  out.chain = reading.bytes(from.getChain());
  return out;
}

void write_to(schema::FoundDatabase::Builder to, const FoundDatabase& from) {
  to.setKey(text_of(from.key));
  to.setEngine(enumerant<schema::Engine>(from.engine));
  to.setName(text_of(from.name));
  to.setPath(text_of(from.path));
  to.setVersion(text_of(from.version));
  to.setSystemId(from.system_id.value());
  to.setRunning(from.running);
  to.setStandby(from.standby);
  to.setExcluded(from.excluded);
  to.setTimeline(from.timeline.value());
  to.setSizeBytes(from.size_bytes);
  to.setPageChecksums(from.page_checksums);
  to.setProblem(text_of(from.problem));
  to.setHint(text_of(from.hint));
  write_texts(to.initUnusedSlots(count(from.unused_slots)), from.unused_slots);
}

FoundDatabase read_from(schema::FoundDatabase::Reader from, Reading& reading) {
  FoundDatabase out;
  out.key = reading.text(from.getKey());
  out.engine = reading.enumerant<Engine>(from.getEngine());
  out.name = reading.text(from.getName());
  out.path = reading.text(from.getPath());
  out.version = reading.text(from.getVersion());
  out.system_id = SystemId(from.getSystemId());
  out.running = from.getRunning();
  out.standby = from.getStandby();
  out.excluded = from.getExcluded();
  out.timeline = Timeline(from.getTimeline());
  out.size_bytes = from.getSizeBytes();
  out.page_checksums = from.getPageChecksums();
  out.problem = reading.text(from.getProblem());
  out.hint = reading.text(from.getHint());
  out.unused_slots = read_texts(from.getUnusedSlots(), reading);
  return out;
}

void write_to(schema::Member::Builder to, const Member& from) {
  to.setNode(data_unless_none(from.node));
  write_to(to.initFound(), from.found);
  to.setPresent(from.present);
  to.setSeenAt(from.seen_at.micros());
}

Member read_from(schema::Member::Reader from, Reading& reading) {
  Member out;
  out.node = reading.fixed<NodeId>(from.getNode());
  out.found = read_from(from.getFound(), reading);
  out.present = from.getPresent();
  out.seen_at = reading.time(from.getSeenAt());
  return out;
}

void write_to(schema::LogCopy::Builder to, const LogCopy& from) {
  to.setStore(text_of(from.store));
  to.setState(text_of(from.state));
  to.setComparedAt(from.compared_at.micros());
  to.setCheckedAt(from.checked_at.micros());
}

LogCopy read_from(schema::LogCopy::Reader from, Reading& reading) {
  LogCopy out;
  out.store = reading.text(from.getStore());
  out.state = reading.text(from.getState());
  out.compared_at = reading.time(from.getComparedAt());
  out.checked_at = reading.time(from.getCheckedAt());
  return out;
}

void write_to(schema::Database::Builder to, const Database& from) {
  to.setId(data_unless_none(from.id));
  to.setName(text_of(from.name));
  to.setEngine(enumerant<schema::Engine>(from.engine));
  to.setSystemId(from.system_id.value());
  write_list(to.initMembers(count(from.members)), from.members);
  to.setActive(data_unless_none(from.active));
  write_labels(to.initLabels(count(from.labels)), from.labels);
  to.setCreatedAt(from.created_at.micros());
  to.setProtection(enumerant<schema::Protection>(from.protection));
  to.setPolicy(text_of(from.policy));
  to.setProtectionReason(text_of(from.protection_reason));
  write_texts(to.initAlerts(count(from.alerts)), from.alerts);
  to.setBackupsBy(data_unless_none(from.backups_by));
  to.setBackupsNote(text_of(from.backups_note));
  write_list(to.initLogCopies(count(from.log_copies)), from.log_copies);
}

Database read_from(schema::Database::Reader from, Reading& reading) {
  Database out;
  out.id = reading.fixed<DatabaseId>(from.getId());
  out.name = reading.text(from.getName());
  out.engine = reading.enumerant<Engine>(from.getEngine());
  out.system_id = SystemId(from.getSystemId());
  out.members = read_list<Member>(from.getMembers(), reading);
  out.active = reading.fixed<NodeId>(from.getActive());
  out.labels = read_labels(from.getLabels(), reading);
  out.created_at = reading.time(from.getCreatedAt());
  out.protection = reading.enumerant<Protection>(from.getProtection());
  out.policy = reading.text(from.getPolicy());
  out.protection_reason = reading.text(from.getProtectionReason());
  out.alerts = read_texts(from.getAlerts(), reading);
  out.backups_by = reading.fixed<NodeId>(from.getBackupsBy());
  out.backups_note = reading.text(from.getBackupsNote());
  out.log_copies = read_list<LogCopy>(from.getLogCopies(), reading);
  return out;
}

void write_to(schema::S3Place::Builder to, const S3Place& from) {
  to.setEndpoint(text_of(from.endpoint));
  to.setRegion(text_of(from.region));
  to.setBucket(text_of(from.bucket));
  to.setPrefix(text_of(from.prefix));
  to.setAddressing(enumerant<schema::S3Addressing>(from.addressing));
  to.setCaFile(text_of(from.ca_file));
  to.setCredentials(text_of(from.credentials));
  to.setHosts(enumerant<schema::S3Hosts>(from.hosts));
}

S3Place read_from(schema::S3Place::Reader from, Reading& reading) {
  S3Place out;
  out.endpoint = reading.text(from.getEndpoint());
  out.region = reading.text(from.getRegion());
  out.bucket = reading.text(from.getBucket());
  out.prefix = reading.text(from.getPrefix());
  out.addressing = reading.enumerant<S3Place::Addressing>(from.getAddressing());
  out.ca_file = reading.text(from.getCaFile());
  out.credentials = reading.text(from.getCredentials());
  out.hosts = reading.enumerant<S3Place::Hosts>(from.getHosts());
  return out;
}

void write_to(schema::PeerPlace::Builder to, const PeerPlace& from) {
  to.setNode(data_unless_none(from.node));
  to.setEndpoint(text_of(from.endpoint));
  to.setServer(data_unless_none(from.server));
  to.setQuotaBytes(from.quota_bytes);
  to.setGrant(data_of(from.grant));
}

PeerPlace read_from(schema::PeerPlace::Reader from, Reading& reading) {
  PeerPlace out;
  out.node = reading.fixed<NodeId>(from.getNode());
  out.endpoint = reading.text(from.getEndpoint());
  out.server = reading.fixed<CurvePublicKey>(from.getServer());
  out.quota_bytes = from.getQuotaBytes();
  out.grant = reading.bytes(from.getGrant());
  return out;
}

void write_to(schema::StoreAbilities::Builder to, const StoreAbilities& from) {
  to.setConditionalPut(enumerant<schema::Ability>(from.conditional_put));
  to.setObjectLock(enumerant<schema::Ability>(from.object_lock));
}

StoreAbilities read_from(schema::StoreAbilities::Reader from, Reading& reading) {
  StoreAbilities out;
  out.conditional_put = reading.enumerant<Ability>(from.getConditionalPut());
  out.object_lock = reading.enumerant<Ability>(from.getObjectLock());
  return out;
}

void write_to(schema::StoreInfo::Builder to, const StoreInfo& from) {
  to.setId(data_unless_none(from.id));
  to.setName(text_of(from.name));
  to.setKind(enumerant<schema::StoreKind>(from.kind));
  to.setPath(text_of(from.path));
  to.setCreatedAt(from.created_at.micros());
  to.setState(text_of(from.state));
  to.setUsedBytes(from.used_bytes);
  to.setObjects(from.objects);
  write_to(to.initS3(), from.s3);
  write_to(to.initPeer(), from.peer);
  write_to(to.initAbilities(), from.abilities);
  to.setZone(text_of(from.zone));
}

StoreInfo read_from(schema::StoreInfo::Reader from, Reading& reading) {
  StoreInfo out;
  out.id = reading.fixed<StoreId>(from.getId());
  out.name = reading.text(from.getName());
  out.kind = reading.enumerant<StoreKind>(from.getKind());
  out.path = reading.text(from.getPath());
  out.created_at = reading.time(from.getCreatedAt());
  out.state = reading.text(from.getState());
  out.used_bytes = from.getUsedBytes();
  out.objects = from.getObjects();
  out.s3 = read_from(from.getS3(), reading);
  out.peer = read_from(from.getPeer(), reading);
  out.abilities = read_from(from.getAbilities(), reading);
  out.zone = reading.text(from.getZone());
  return out;
}

void write_to(schema::Token::Builder to, const Token& from) {
  to.setId(data_unless_none(from.id));
  to.setVerifier(data_unless_zero(from.verifier));
  write_labels(to.initLabels(count(from.labels)), from.labels);
  to.setApproval(enumerant<schema::Approval>(from.approval));
  write_texts(to.initCidrs(count(from.cidrs)), from.cidrs);
  to.setHostPattern(text_of(from.host_pattern));
  to.setUsesTotal(from.uses_total);
  to.setUsesLeft(from.uses_left);
  to.setCreatedAt(from.created_at.micros());
  to.setExpiresAt(from.expires_at.micros());
  to.setRevoked(from.revoked);
  to.setCreatedBy(text_of(from.created_by));
}

Token read_from(schema::Token::Reader from, Reading& reading) {
  Token out;
  out.id = reading.fixed<TokenId>(from.getId());
  out.verifier = reading.array(from.getVerifier());
  out.labels = read_labels(from.getLabels(), reading);
  out.approval = reading.enumerant<Approval>(from.getApproval());
  out.cidrs = read_texts(from.getCidrs(), reading);
  out.host_pattern = reading.text(from.getHostPattern());
  out.uses_total = from.getUsesTotal();
  out.uses_left = from.getUsesLeft();
  out.created_at = reading.time(from.getCreatedAt());
  out.expires_at = reading.time(from.getExpiresAt());
  out.revoked = from.getRevoked();
  out.created_by = reading.text(from.getCreatedBy());
  return out;
}

void write_to(schema::Operator::Builder to, const Operator& from) {
  to.setId(data_unless_none(from.id));
  to.setName(text_of(from.name));
  to.setRole(enumerant<schema::Role>(from.role));
  to.setCurve(data_unless_none(from.curve));
  to.setCreatedAt(from.created_at.micros());
  to.setRevoked(from.revoked);
}

Operator read_from(schema::Operator::Reader from, Reading& reading) {
  Operator out;
  out.id = reading.fixed<OperatorId>(from.getId());
  out.name = reading.text(from.getName());
  out.role = reading.enumerant<Role>(from.getRole());
  out.curve = reading.fixed<CurvePublicKey>(from.getCurve());
  out.created_at = reading.time(from.getCreatedAt());
  out.revoked = from.getRevoked();
  return out;
}

}  // namespace holdfast
