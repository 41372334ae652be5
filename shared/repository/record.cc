#include "shared/repository/record.h"

#include <fmt/format.h>

#include "schema/repository.capnp.h"
#include "shared/repository/capnp_bytes.h"
#include "shared/repository/signed_object.h"

namespace holdfast {
namespace {

namespace wire = schema::repository;
constexpr SignedKind kind{"HFBR0001", "holdfast backup record 1", "a backup record"};

void write(wire::StoredObject::Builder out, const StoredObject& object) {
  out.setName(capnp_bytes::chars(object.name));
  out.setSize(object.size);
  out.setSha256(capnp_bytes::blob(object.sha256));
}

Result<StoredObject> read(wire::StoredObject::Reader in) {
  StoredObject out;
  out.name = capnp_bytes::text(in.getName());
  out.size = in.getSize();
  out.sha256 = TRY(capnp_bytes::array_of<32>(in.getSha256()));
  return out;
}

void write_facts(wire::BackupRecord::Builder out, const BackupRecord& record) {
  using capnp_bytes::blob;
  out.setFleet(blob(record.fleet.bytes()));
  out.setDatabase(blob(record.database.bytes()));
  out.setNode(blob(record.node.bytes()));
  out.setBackup(blob(record.backup.bytes()));
  out.setJob(blob(record.job.bytes()));
  out.setEngine(static_cast<std::uint8_t>(record.engine));
  out.setEngineVersion(capnp_bytes::chars(record.engine_version));
  out.setSystemId(record.system_id.value());
  out.setPageSize(record.page_size);
  out.setWalSegmentSize(record.wal_segment_size);
  out.setType(static_cast<std::uint8_t>(record.type));
  out.setParent(blob(record.parent.bytes()));
  out.setReason(capnp_bytes::chars(record.reason));
  out.setStartLsn(record.start_lsn.value());
  out.setStopLsn(record.stop_lsn.value());
  out.setTimeline(record.timeline.value());
  out.setStartedAt(record.started_at.micros());
  out.setFinishedAt(record.finished_at.micros());
  out.setDatabaseName(capnp_bytes::chars(record.database_name));
  out.setSourcePath(capnp_bytes::chars(record.source_path));
  out.setNote(capnp_bytes::chars(record.note));
  out.setDatabaseBytes(record.database_bytes.value());
  out.setReadBytes(record.read_bytes.value());
  out.setStoredBytes(record.stored_bytes.value());
  out.setPages(record.pages);
  out.setChangedPages(record.changed_pages);
  out.setPagesChecked(record.pages_checked);
  out.setBadPages(record.bad_pages);
  out.setEpoch(blob(record.epoch.bytes()));
}

void write_lists(wire::BackupRecord::Builder out, const BackupRecord& record) {
  auto labels = out.initLabels(static_cast<unsigned>(record.labels.size()));
  for (unsigned i = 0; i < labels.size(); ++i) {
    labels[i].setName(capnp_bytes::chars(record.labels[i].first));
    labels[i].setValue(capnp_bytes::chars(record.labels[i].second));
  }
  auto bad = out.initBadPageList(static_cast<unsigned>(record.bad_page_list.size()));
  for (unsigned i = 0; i < bad.size(); ++i) bad.set(i, capnp_bytes::chars(record.bad_page_list[i]));
  auto epochs = out.initNeededEpochs(static_cast<unsigned>(record.needed_epochs.size()));
  for (unsigned i = 0; i < epochs.size(); ++i) epochs.set(i, capnp_bytes::blob(record.needed_epochs[i].bytes()));
  auto objects = out.initObjects(static_cast<unsigned>(record.objects.size()));
  for (unsigned i = 0; i < objects.size(); ++i) write(objects[i], record.objects[i]);
  auto needed = out.initNeededPacks(static_cast<unsigned>(record.needed_packs.size()));
  for (unsigned i = 0; i < needed.size(); ++i) {
    write(needed[i].initObject(), record.needed_packs[i].object);
    needed[i].setLiveBytes(record.needed_packs[i].live_bytes);
  }
}

Result<> read_facts(wire::BackupRecord::Reader in, BackupRecord& out) {
  using namespace capnp_bytes;
  out.fleet = TRY(value_of<FleetId>(in.getFleet()));
  out.database = TRY(value_of<DatabaseId>(in.getDatabase()));
  out.node = TRY(value_of<NodeId>(in.getNode()));
  out.backup = TRY(value_of<BackupId>(in.getBackup()));
  out.job = TRY(value_of<JobId>(in.getJob()));
  out.engine = TRY(enum_of(in.getEngine(), Engine::sqlite));
  out.engine_version = text(in.getEngineVersion());
  out.system_id = SystemId(in.getSystemId());
  out.page_size = in.getPageSize();
  out.wal_segment_size = in.getWalSegmentSize();
  out.type = TRY(enum_of(in.getType(), BackupType::differential));
  out.parent = TRY(value_of<BackupId>(in.getParent()));
  out.reason = text(in.getReason());
  out.start_lsn = Lsn(in.getStartLsn());
  out.stop_lsn = Lsn(in.getStopLsn());
  out.timeline = Timeline(in.getTimeline());
  out.started_at = Timestamp::from_micros(in.getStartedAt());
  out.finished_at = Timestamp::from_micros(in.getFinishedAt());
  out.database_name = text(in.getDatabaseName());
  out.source_path = text(in.getSourcePath());
  out.note = text(in.getNote());
  out.database_bytes = ByteCount(in.getDatabaseBytes());
  out.read_bytes = ByteCount(in.getReadBytes());
  out.stored_bytes = ByteCount(in.getStoredBytes());
  out.pages = in.getPages();
  out.changed_pages = in.getChangedPages();
  out.pages_checked = in.getPagesChecked();
  out.bad_pages = in.getBadPages();
  out.epoch = TRY(value_of<EpochId>(in.getEpoch()));
  return {};
}

Result<> read_lists(wire::BackupRecord::Reader in, BackupRecord& out) {
  using namespace capnp_bytes;
  for (const auto label : in.getLabels()) out.labels.emplace_back(text(label.getName()), text(label.getValue()));
  for (const auto page : in.getBadPageList()) out.bad_page_list.push_back(text(page));
  for (const auto epoch : in.getNeededEpochs()) out.needed_epochs.push_back(TRY(value_of<EpochId>(epoch)));
  for (const auto object : in.getObjects()) out.objects.push_back(TRY(read(object)));
  for (const auto needed : in.getNeededPacks()) {
    out.needed_packs.push_back({TRY(read(needed.getObject())), needed.getLiveBytes()});
  }
  return {};
}

Result<BackupRecord> decode_body(ByteView body) {
  return capnp_bytes::parse<wire::BackupRecord>(body, kind.what, [](auto in) -> Result<BackupRecord> {
    BackupRecord out;
    TRY(read_facts(in, out));
    TRY(read_lists(in, out));
    return out;
  });
}

}  // namespace

Bytes encode_record(const BackupRecord& record, const SignKeyPair& signer) {
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<wire::BackupRecord>();
  write_facts(out, record);
  write_lists(out, record);
  return encode_signed(kind, capnp_bytes::canonical<wire::BackupRecord>(message), signer);
}

Result<BackupRecord> decode_record(ByteView object, const SignPublicKey& signer) {
  const SignedBytes content = TRY(decode_signed(kind, object));
  TRY(verify_signed(kind, content, signer));
  return decode_body(content.body);
}

Result<EpochId> peek_record_epoch(ByteView object) {
  const SignedBytes content = TRY(decode_signed(kind, object));
  return capnp_bytes::parse<wire::BackupRecord>(content.body, kind.what, [](auto in) -> Result<EpochId> {
    return capnp_bytes::value_of<EpochId>(in.getEpoch());
  });
}

Result<BackupRecord> read_record(ByteView object, const EpochDocument& epoch) {
  BackupRecord record = TRY(decode_record(object, epoch.signer));
  if (record.fleet != epoch.fleet || record.database != epoch.database || record.node != epoch.node ||
      record.epoch != epoch.epoch) {
    return fail(Code::denied,
                fmt::format("the record of backup {} does not belong to epoch {}", record.backup, epoch.epoch));
  }
  return record;
}

}  // namespace holdfast
