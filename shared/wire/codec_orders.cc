#include "shared/wire/codec_structs.h"

namespace holdfast {

namespace {

// Fills the union with what the variant holds.
struct OrderWriter {
  schema::Order::Body::Builder to;
  void operator()(const BackupOrder& from) { write_to(to.initBackup(), from); }
  void operator()(const RestoreOrder& from) { write_to(to.initRestore(), from); }
  void operator()(const VerifyOrder& from) { write_to(to.initVerify(), from); }
  void operator()(const RollbackOrder& from) { write_to(to.initRollback(), from); }
  void operator()(const FinalizeOrder& from) { write_to(to.initFinalize(), from); }
  void operator()(const StoreCheckOrder& from) { write_to(to.initStoreCheck(), from); }
  void operator()(const RefreshOrder& from) { write_to(to.initRefresh(), from); }
  void operator()(const CancelOrder& from) { write_to(to.initCancel(), from); }
  void operator()(const CopyOrder& from) { write_to(to.initCopy(), from); }
  void operator()(const ScrubOrder& from) { write_to(to.initScrub(), from); }
  void operator()(const ShutdownOrder& from) { write_to(to.initShutdown(), from); }
};

OrderBody read_body(schema::Order::Body::Reader from, Reading& reading) {
  using Tag = schema::Order::Body;
  switch (from.which()) {
    case Tag::NONE:
      reading.refuse(Code::invalid, "order without a body");
      return {};
    case Tag::BACKUP:
      return read_from(from.getBackup(), reading);
    case Tag::RESTORE:
      return read_from(from.getRestore(), reading);
    case Tag::VERIFY:
      return read_from(from.getVerify(), reading);
    case Tag::ROLLBACK:
      return read_from(from.getRollback(), reading);
    case Tag::FINALIZE:
      return read_from(from.getFinalize(), reading);
    case Tag::STORE_CHECK:
      return read_from(from.getStoreCheck(), reading);
    case Tag::REFRESH:
      return read_from(from.getRefresh(), reading);
    case Tag::CANCEL:
      return read_from(from.getCancel(), reading);
    case Tag::COPY:
      return read_from(from.getCopy(), reading);
    case Tag::SCRUB:
      return read_from(from.getScrub(), reading);
    case Tag::SHUTDOWN:
      return read_from(from.getShutdown(), reading);
  }
  reading.refuse(Code::unsupported, "order of a kind that this version does not know");
  return {};
}

}  // namespace

void write_to(schema::NamedRecipient::Builder to, const NamedRecipient& from) {
  to.setName(text_of(from.name));
  to.setKey(data_unless_none(from.key));
}

NamedRecipient read_from(schema::NamedRecipient::Reader from, Reading& reading) {
  NamedRecipient out;
  out.name = reading.text(from.getName());
  out.key = reading.fixed<BoxPublicKey>(from.getKey());
  return out;
}

void write_to(schema::BackupOrder::Builder to, const BackupOrder& from) {
  to.setDatabase(data_unless_none(from.database));
  to.setBackup(data_unless_none(from.backup));
  to.setType(enumerant<schema::BackupType>(from.type));
  to.setNote(text_of(from.note));
  to.setSkipPageCheck(from.skip_page_check);
}

BackupOrder read_from(schema::BackupOrder::Reader from, Reading& reading) {
  BackupOrder out;
  out.database = reading.fixed<DatabaseId>(from.getDatabase());
  out.backup = reading.fixed<BackupId>(from.getBackup());
  out.type = reading.enumerant<BackupType>(from.getType());
  out.note = reading.text(from.getNote());
  out.skip_page_check = from.getSkipPageCheck();
  return out;
}

void write_to(schema::RestoreOrder::Builder to, const RestoreOrder& from) {
  to.setRestore(data_unless_none(from.restore));
  write_to(to.initTarget(), from.target);
  write_list(to.initStores(count(from.stores)), from.stores);
  write_list(to.initKeys(count(from.keys)), from.keys);
}

RestoreOrder read_from(schema::RestoreOrder::Reader from, Reading& reading) {
  RestoreOrder out;
  out.restore = reading.fixed<RestoreId>(from.getRestore());
  out.target = read_from(from.getTarget(), reading);
  out.stores = read_list<StoreInfo>(from.getStores(), reading);
  out.keys = read_list<GrantedKey>(from.getKeys(), reading);
  return out;
}

void write_to(schema::WalPart::Builder to, const WalPart& from) {
  to.setTimeline(from.timeline.value());
  to.setFirst(from.first.value());
  to.setLast(from.last.value());
}

WalPart read_from(schema::WalPart::Reader from, Reading& /*reading*/) {
  return {Timeline(from.getTimeline()), Lsn(from.getFirst()), Lsn(from.getLast())};
}

void write_to(schema::VerifyOrder::Builder to, const VerifyOrder& from) {
  to.setDatabase(data_unless_none(from.database));
  to.setBackup(data_unless_none(from.backup));
  write_list(to.initStores(count(from.stores)), from.stores);
  write_list(to.initKeys(count(from.keys)), from.keys);
  write_list(to.initWal(count(from.wal)), from.wal);
  write_texts(to.initWalStores(count(from.wal_stores)), from.wal_stores);
}

VerifyOrder read_from(schema::VerifyOrder::Reader from, Reading& reading) {
  VerifyOrder out;
  out.database = reading.fixed<DatabaseId>(from.getDatabase());
  out.backup = reading.fixed<BackupId>(from.getBackup());
  out.stores = read_list<StoreInfo>(from.getStores(), reading);
  out.keys = read_list<GrantedKey>(from.getKeys(), reading);
  out.wal = read_list<WalPart>(from.getWal(), reading);
  out.wal_stores = read_texts(from.getWalStores(), reading);
  return out;
}

void write_to(schema::RollbackOrder::Builder to, const RollbackOrder& from) {
  to.setRestore(data_unless_none(from.restore));
  write_to(to.initTarget(), from.target);
}

RollbackOrder read_from(schema::RollbackOrder::Reader from, Reading& reading) {
  RollbackOrder out;
  out.restore = reading.fixed<RestoreId>(from.getRestore());
  out.target = read_from(from.getTarget(), reading);
  return out;
}

void write_to(schema::FinalizeOrder::Builder to, const FinalizeOrder& from) {
  to.setRestore(data_unless_none(from.restore));
  write_to(to.initTarget(), from.target);
}

FinalizeOrder read_from(schema::FinalizeOrder::Reader from, Reading& reading) {
  FinalizeOrder out;
  out.restore = reading.fixed<RestoreId>(from.getRestore());
  out.target = read_from(from.getTarget(), reading);
  return out;
}

void write_to(schema::StoreCheckOrder::Builder to, const StoreCheckOrder& from) {
  write_to(to.initStore(), from.store);
}

StoreCheckOrder read_from(schema::StoreCheckOrder::Reader from, Reading& reading) {
  StoreCheckOrder out;
  out.store = read_from(from.getStore(), reading);
  return out;
}

void write_to(schema::RefreshOrder::Builder, const RefreshOrder&) {}
RefreshOrder read_from(schema::RefreshOrder::Reader, Reading&) {
  return {};
}

void write_to(schema::CopyOrder::Builder to, const CopyOrder& from) {
  to.setDatabase(data_unless_none(from.database));
  to.setBackup(data_unless_none(from.backup));
  write_to(to.initTarget(), from.target);
  write_list(to.initSources(count(from.sources)), from.sources);
  to.setDoubtful(from.doubtful);
  to.setBandwidth(from.bandwidth);
}

CopyOrder read_from(schema::CopyOrder::Reader from, Reading& reading) {
  CopyOrder out;
  out.database = reading.fixed<DatabaseId>(from.getDatabase());
  out.backup = reading.fixed<BackupId>(from.getBackup());
  out.target = read_from(from.getTarget(), reading);
  out.sources = read_list<StoreInfo>(from.getSources(), reading);
  out.doubtful = from.getDoubtful();
  out.bandwidth = from.getBandwidth();
  return out;
}

void write_to(schema::ScrubOrder::Builder to, const ScrubOrder& from) {
  to.setDatabase(data_unless_none(from.database));
  to.setBackup(data_unless_none(from.backup));
  write_to(to.initStore(), from.store);
  write_list(to.initOthers(count(from.others)), from.others);
  to.setBandwidth(from.bandwidth);
}

ScrubOrder read_from(schema::ScrubOrder::Reader from, Reading& reading) {
  ScrubOrder out;
  out.database = reading.fixed<DatabaseId>(from.getDatabase());
  out.backup = reading.fixed<BackupId>(from.getBackup());
  out.store = read_from(from.getStore(), reading);
  out.others = read_list<StoreInfo>(from.getOthers(), reading);
  out.bandwidth = from.getBandwidth();
  return out;
}

void write_to(schema::ShutdownOrder::Builder to, const ShutdownOrder& from) {
  to.setReach(enumerant<schema::ShutdownReach>(from.reach));
  to.setForce(from.force);
  to.setDrain(from.drain.count());
}

ShutdownOrder read_from(schema::ShutdownOrder::Reader from, Reading& reading) {
  ShutdownOrder out;
  out.reach = reading.enumerant<ShutdownReach>(from.getReach());
  out.force = from.getForce();
  out.drain = reading.duration(from.getDrain());
  return out;
}

void write_to(schema::CancelOrder::Builder to, const CancelOrder& from) {
  to.setJob(data_unless_none(from.job));
}

CancelOrder read_from(schema::CancelOrder::Reader from, Reading& reading) {
  CancelOrder out;
  out.job = reading.fixed<JobId>(from.getJob());
  return out;
}

void write_to(schema::Order::Builder to, const Order& from) {
  to.setId(data_unless_none(from.id));
  to.setEpoch(from.epoch);
  to.setDeadline(from.deadline.micros());
  to.setSlot(from.slot);
  std::visit(OrderWriter{to.getBody()}, from.body);
}

Order read_from(schema::Order::Reader from, Reading& reading) {
  Order out;
  out.id = reading.fixed<JobId>(from.getId());
  out.epoch = from.getEpoch();
  out.deadline = reading.time(from.getDeadline());
  out.slot = from.getSlot();
  out.body = read_body(from.getBody(), reading);
  return out;
}

}  // namespace holdfast
