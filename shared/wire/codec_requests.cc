#include "shared/wire/codec_structs.h"

namespace holdfast {

namespace {

// Fills the union with what the variant holds.
struct RequestWriter {
  schema::OperatorRequest::Body::Builder to;
  void operator()(const ListRequest& from) { write_to(to.initList(), from); }
  void operator()(const CreateTokenRequest& from) { write_to(to.initCreateToken(), from); }
  void operator()(const RevokeTokenRequest& from) { write_to(to.initRevokeToken(), from); }
  void operator()(const NodeRequest& from) { write_to(to.initNode(), from); }
  void operator()(const AddStoreRequest& from) { write_to(to.initAddStore(), from); }
  void operator()(const StoreRequest& from) { write_to(to.initStore(), from); }
  void operator()(const ApplyPolicyRequest& from) { write_to(to.initApplyPolicy(), from); }
  void operator()(const DeletePolicyRequest& from) { write_to(to.initDeletePolicy(), from); }
  void operator()(const CreateBackupRequest& from) { write_to(to.initCreateBackup(), from); }
  void operator()(const BackupRequest& from) { write_to(to.initBackup(), from); }
  void operator()(const VerifyRequest& from) { write_to(to.initVerify(), from); }
  void operator()(const RestorePlanRequest& from) { write_to(to.initRestorePlan(), from); }
  void operator()(const RestoreRunRequest& from) { write_to(to.initRestoreRun(), from); }
  void operator()(const RestoreRequest& from) { write_to(to.initRestore(), from); }
  void operator()(const CancelJobRequest& from) { write_to(to.initCancelJob(), from); }
  void operator()(const RetentionRequest& from) { write_to(to.initRetention(), from); }
  void operator()(const RefreshRequest& from) { write_to(to.initRefresh(), from); }
  void operator()(const CreateOperatorRequest& from) { write_to(to.initCreateOperator(), from); }
  void operator()(const RevokeOperatorRequest& from) { write_to(to.initRevokeOperator(), from); }
  void operator()(const CopyRequest& from) { write_to(to.initCopy(), from); }
};

OperatorBody read_body(schema::OperatorRequest::Body::Reader from, Reading& reading) {
  using Tag = schema::OperatorRequest::Body;
  switch (from.which()) {
    case Tag::NONE:
      reading.refuse(Code::invalid, "request without a body");
      return {};
    case Tag::LIST:
      return read_from(from.getList(), reading);
    case Tag::CREATE_TOKEN:
      return read_from(from.getCreateToken(), reading);
    case Tag::REVOKE_TOKEN:
      return read_from(from.getRevokeToken(), reading);
    case Tag::NODE:
      return read_from(from.getNode(), reading);
    case Tag::ADD_STORE:
      return read_from(from.getAddStore(), reading);
    case Tag::STORE:
      return read_from(from.getStore(), reading);
    case Tag::APPLY_POLICY:
      return read_from(from.getApplyPolicy(), reading);
    case Tag::DELETE_POLICY:
      return read_from(from.getDeletePolicy(), reading);
    case Tag::CREATE_BACKUP:
      return read_from(from.getCreateBackup(), reading);
    case Tag::BACKUP:
      return read_from(from.getBackup(), reading);
    case Tag::VERIFY:
      return read_from(from.getVerify(), reading);
    case Tag::RESTORE_PLAN:
      return read_from(from.getRestorePlan(), reading);
    case Tag::RESTORE_RUN:
      return read_from(from.getRestoreRun(), reading);
    case Tag::RESTORE:
      return read_from(from.getRestore(), reading);
    case Tag::CANCEL_JOB:
      return read_from(from.getCancelJob(), reading);
    case Tag::RETENTION:
      return read_from(from.getRetention(), reading);
    case Tag::REFRESH:
      return read_from(from.getRefresh(), reading);
    case Tag::CREATE_OPERATOR:
      return read_from(from.getCreateOperator(), reading);
    case Tag::REVOKE_OPERATOR:
      return read_from(from.getRevokeOperator(), reading);
    case Tag::COPY:
      return read_from(from.getCopy(), reading);
    case Tag::DRY_RUN:
      reading.refuse(Code::invalid, "dry run of a dry run");
      return {};
  }
  reading.refuse(Code::unsupported, "request of a kind that this version does not know");
  return {};
}

}  // namespace

void write_to(schema::Selection::Builder to, const Selection& from) {
  write_texts(to.initNames(count(from.names)), from.names);
  to.setSelector(text_of(from.selector));
}

Selection read_from(schema::Selection::Reader from, Reading& reading) {
  Selection out;
  out.names = read_texts(from.getNames(), reading);
  out.selector = reading.text(from.getSelector());
  return out;
}

void write_to(schema::ListRequest::Builder to, const ListRequest& from) {
  to.setWhat(enumerant<schema::Listing>(from.what));
  write_to(to.initSelection(), from.selection);
  write_texts(to.initIds(count(from.ids)), from.ids);
  to.setLimit(from.limit);
  to.setAfter(text_of(from.after));
}

ListRequest read_from(schema::ListRequest::Reader from, Reading& reading) {
  ListRequest out;
  out.what = reading.enumerant<Listing>(from.getWhat());
  out.selection = read_from(from.getSelection(), reading);
  out.ids = read_texts(from.getIds(), reading);
  out.limit = from.getLimit();
  out.after = reading.text(from.getAfter());
  return out;
}

void write_to(schema::CreateTokenRequest::Builder to, const CreateTokenRequest& from) {
  write_labels(to.initLabels(count(from.labels)), from.labels);
  to.setApproval(enumerant<schema::Approval>(from.approval));
  write_texts(to.initCidrs(count(from.cidrs)), from.cidrs);
  to.setHostPattern(text_of(from.host_pattern));
  to.setUses(from.uses);
  to.setTtl(from.ttl.count());
}

CreateTokenRequest read_from(schema::CreateTokenRequest::Reader from, Reading& reading) {
  CreateTokenRequest out;
  out.labels = read_labels(from.getLabels(), reading);
  out.approval = reading.enumerant<Approval>(from.getApproval());
  out.cidrs = read_texts(from.getCidrs(), reading);
  out.host_pattern = reading.text(from.getHostPattern());
  out.uses = from.getUses();
  out.ttl = reading.duration(from.getTtl());
  return out;
}

void write_to(schema::RevokeTokenRequest::Builder to, const RevokeTokenRequest& from) {
  to.setId(text_of(from.id));
}

RevokeTokenRequest read_from(schema::RevokeTokenRequest::Reader from, Reading& reading) {
  RevokeTokenRequest out;
  out.id = reading.text(from.getId());
  return out;
}

void write_to(schema::NodeRequest::Builder to, const NodeRequest& from) {
  to.setVerb(enumerant<schema::NodeVerb>(from.verb));
  to.setNode(text_of(from.node));
  write_labels(to.initSet(count(from.set)), from.set);
  write_texts(to.initUnset(count(from.unset)), from.unset);
  to.setForce(from.force);
  to.setKeepDatabases(from.keep_databases);
  to.setDeadline(from.deadline.count());
}

NodeRequest read_from(schema::NodeRequest::Reader from, Reading& reading) {
  NodeRequest out;
  out.verb = reading.enumerant<NodeRequest::Verb>(from.getVerb());
  out.node = reading.text(from.getNode());
  out.set = read_labels(from.getSet(), reading);
  out.unset = read_texts(from.getUnset(), reading);
  out.force = from.getForce();
  out.keep_databases = from.getKeepDatabases();
  out.deadline = reading.duration(from.getDeadline());
  return out;
}

void write_to(schema::AddStoreRequest::Builder to, const AddStoreRequest& from) {
  to.setName(text_of(from.name));
  to.setKind(enumerant<schema::StoreKind>(from.kind));
  to.setPath(text_of(from.path));
  write_to(to.initS3(), from.s3);
  to.setPeerNode(text_of(from.peer_node));
  to.setQuotaBytes(from.quota_bytes);
  to.setZone(text_of(from.zone));
}

AddStoreRequest read_from(schema::AddStoreRequest::Reader from, Reading& reading) {
  AddStoreRequest out;
  out.name = reading.text(from.getName());
  out.kind = reading.enumerant<StoreKind>(from.getKind());
  out.path = reading.text(from.getPath());
  out.s3 = read_from(from.getS3(), reading);
  out.peer_node = reading.text(from.getPeerNode());
  out.quota_bytes = from.getQuotaBytes();
  out.zone = reading.text(from.getZone());
  return out;
}

void write_to(schema::StoreRequest::Builder to, const StoreRequest& from) {
  to.setVerb(enumerant<schema::StoreVerb>(from.verb));
  to.setName(text_of(from.name));
}

StoreRequest read_from(schema::StoreRequest::Reader from, Reading& reading) {
  StoreRequest out;
  out.verb = reading.enumerant<StoreRequest::Verb>(from.getVerb());
  out.name = reading.text(from.getName());
  return out;
}

void write_to(schema::ApplyPolicyRequest::Builder to, const ApplyPolicyRequest& from) {
  write_to(to.initPolicy(), from.policy);
  to.setDryRun(from.dry_run);
}

ApplyPolicyRequest read_from(schema::ApplyPolicyRequest::Reader from, Reading& reading) {
  ApplyPolicyRequest out;
  out.policy = read_from(from.getPolicy(), reading);
  out.dry_run = from.getDryRun();
  return out;
}

void write_to(schema::DeletePolicyRequest::Builder to, const DeletePolicyRequest& from) {
  to.setName(text_of(from.name));
}

DeletePolicyRequest read_from(schema::DeletePolicyRequest::Reader from, Reading& reading) {
  DeletePolicyRequest out;
  out.name = reading.text(from.getName());
  return out;
}

void write_to(schema::CreateBackupRequest::Builder to, const CreateBackupRequest& from) {
  write_to(to.initSelection(), from.selection);
  to.setType(enumerant<schema::BackupType>(from.type));
  to.setNote(text_of(from.note));
  to.setSkipPageCheck(from.skip_page_check);
}

CreateBackupRequest read_from(schema::CreateBackupRequest::Reader from, Reading& reading) {
  CreateBackupRequest out;
  out.selection = read_from(from.getSelection(), reading);
  out.type = reading.enumerant<BackupType>(from.getType());
  out.note = reading.text(from.getNote());
  out.skip_page_check = from.getSkipPageCheck();
  return out;
}

void write_to(schema::BackupRequest::Builder to, const BackupRequest& from) {
  to.setVerb(enumerant<schema::BackupVerb>(from.verb));
  to.setId(text_of(from.id));
}

BackupRequest read_from(schema::BackupRequest::Reader from, Reading& reading) {
  BackupRequest out;
  out.verb = reading.enumerant<BackupRequest::Verb>(from.getVerb());
  out.id = reading.text(from.getId());
  return out;
}

void write_to(schema::VerifyRequest::Builder to, const VerifyRequest& from) {
  to.setBackup(text_of(from.backup));
  to.setPlanOnly(from.plan_only);
  to.setNode(data_unless_none(from.node));
  write_list(to.initKeys(count(from.keys)), from.keys);
  to.setWithWal(from.with_wal);
}

VerifyRequest read_from(schema::VerifyRequest::Reader from, Reading& reading) {
  VerifyRequest out;
  out.backup = reading.text(from.getBackup());
  out.plan_only = from.getPlanOnly();
  out.node = reading.fixed<NodeId>(from.getNode());
  out.keys = read_list<GrantedKey>(from.getKeys(), reading);
  out.with_wal = from.getWithWal();
  return out;
}

void write_to(schema::RestoreMapping::Builder to, const RestorePlanRequest::Mapping& from) {
  to.setDatabase(text_of(from.database));
  to.setNode(text_of(from.node));
  to.setDirectory(text_of(from.directory));
}

RestorePlanRequest::Mapping read_from(schema::RestoreMapping::Reader from, Reading& reading) {
  RestorePlanRequest::Mapping out;
  out.database = reading.text(from.getDatabase());
  out.node = reading.text(from.getNode());
  out.directory = reading.text(from.getDirectory());
  return out;
}

void write_to(schema::RestorePlanRequest::Builder to, const RestorePlanRequest& from) {
  write_to(to.initSelection(), from.selection);
  write_to(to.initTarget(), from.target);
  to.setBackup(text_of(from.backup));
  to.setTargetNode(text_of(from.target_node));
  to.setTargetDirectory(text_of(from.target_directory));
  write_list(to.initMap(count(from.map)), from.map);
  write_mappings(to.initTablespaces(count(from.tablespaces)), from.tablespaces);
  to.setStart(enumerant<schema::StartAfter>(from.start));
  to.setMethod(enumerant<schema::RestoreMethod>(from.method));
}

RestorePlanRequest read_from(schema::RestorePlanRequest::Reader from, Reading& reading) {
  RestorePlanRequest out;
  out.selection = read_from(from.getSelection(), reading);
  out.target = read_from(from.getTarget(), reading);
  out.backup = reading.text(from.getBackup());
  out.target_node = reading.text(from.getTargetNode());
  out.target_directory = reading.text(from.getTargetDirectory());
  out.map = read_list<RestorePlanRequest::Mapping>(from.getMap(), reading);
  out.tablespaces = read_mappings(from.getTablespaces(), reading);
  out.start = reading.enumerant<StartAfter>(from.getStart());
  out.method = reading.enumerant<RestoreMethod>(from.getMethod());
  return out;
}

void write_to(schema::NodeGrant::Builder to, const RestoreRunRequest::Grant& from) {
  to.setNode(data_unless_none(from.node));
  write_to(to.initKey(), from.key);
}

RestoreRunRequest::Grant read_from(schema::NodeGrant::Reader from, Reading& reading) {
  RestoreRunRequest::Grant out;
  out.node = reading.fixed<NodeId>(from.getNode());
  out.key = read_from(from.getKey(), reading);
  return out;
}

void write_to(schema::RestoreRunRequest::Builder to, const RestoreRunRequest& from) {
  to.setRestore(data_unless_none(from.restore));
  write_list(to.initKeys(count(from.keys)), from.keys);
}

RestoreRunRequest read_from(schema::RestoreRunRequest::Reader from, Reading& reading) {
  RestoreRunRequest out;
  out.restore = reading.fixed<RestoreId>(from.getRestore());
  out.keys = read_list<RestoreRunRequest::Grant>(from.getKeys(), reading);
  return out;
}

void write_to(schema::RestoreRequest::Builder to, const RestoreRequest& from) {
  to.setVerb(enumerant<schema::RestoreVerb>(from.verb));
  to.setId(text_of(from.id));
}

RestoreRequest read_from(schema::RestoreRequest::Reader from, Reading& reading) {
  RestoreRequest out;
  out.verb = reading.enumerant<RestoreRequest::Verb>(from.getVerb());
  out.id = reading.text(from.getId());
  return out;
}

void write_to(schema::CancelJobRequest::Builder to, const CancelJobRequest& from) {
  to.setId(text_of(from.id));
}

CancelJobRequest read_from(schema::CancelJobRequest::Reader from, Reading& reading) {
  CancelJobRequest out;
  out.id = reading.text(from.getId());
  return out;
}

void write_to(schema::RetentionRequest::Builder to, const RetentionRequest& from) {
  to.setRun(from.run);
  write_to(to.initSelection(), from.selection);
}

RetentionRequest read_from(schema::RetentionRequest::Reader from, Reading& reading) {
  RetentionRequest out;
  out.run = from.getRun();
  out.selection = read_from(from.getSelection(), reading);
  return out;
}

void write_to(schema::RefreshRequest::Builder to, const RefreshRequest& from) {
  write_to(to.initSelection(), from.selection);
}

RefreshRequest read_from(schema::RefreshRequest::Reader from, Reading& reading) {
  RefreshRequest out;
  out.selection = read_from(from.getSelection(), reading);
  return out;
}

void write_to(schema::CopyRequest::Builder to, const CopyRequest& from) {
  to.setLostStore(text_of(from.lost_store));
  write_to(to.initSelection(), from.selection);
}

CopyRequest read_from(schema::CopyRequest::Reader from, Reading& reading) {
  CopyRequest out;
  out.lost_store = reading.text(from.getLostStore());
  out.selection = read_from(from.getSelection(), reading);
  return out;
}

void write_to(schema::CreateOperatorRequest::Builder to, const CreateOperatorRequest& from) {
  to.setName(text_of(from.name));
  to.setRole(enumerant<schema::Role>(from.role));
  to.setCurve(data_unless_none(from.curve));
}

CreateOperatorRequest read_from(schema::CreateOperatorRequest::Reader from, Reading& reading) {
  CreateOperatorRequest out;
  out.name = reading.text(from.getName());
  out.role = reading.enumerant<Role>(from.getRole());
  out.curve = reading.fixed<CurvePublicKey>(from.getCurve());
  return out;
}

void write_to(schema::RevokeOperatorRequest::Builder to, const RevokeOperatorRequest& from) {
  to.setName(text_of(from.name));
}

RevokeOperatorRequest read_from(schema::RevokeOperatorRequest::Reader from, Reading& reading) {
  RevokeOperatorRequest out;
  out.name = reading.text(from.getName());
  return out;
}

void write_to(schema::OperatorRequest::Builder to, const OperatorRequest& from) {
  to.setVersionMin(from.version_min);
  to.setVersionMax(from.version_max);
  std::visit(RequestWriter{from.dry_run ? to.getBody().initDryRun().getBody() : to.getBody()}, from.body);
}

OperatorRequest read_from(schema::OperatorRequest::Reader from, Reading& reading) {
  OperatorRequest out;
  out.version_min = from.getVersionMin();
  out.version_max = from.getVersionMax();
  out.dry_run = from.getBody().isDryRun();
  out.body = read_body(out.dry_run ? from.getBody().getDryRun().getBody() : from.getBody(), reading);
  return out;
}

}  // namespace holdfast
