#include <fmt/format.h>

#include "schema/repository.capnp.h"
#include "shared/repository/capnp_bytes.h"
#include "shared/repository/record.h"
#include "shared/repository/signed_object.h"

namespace holdfast {
namespace {

namespace wire = schema::repository;
constexpr SignedKind database_kind{"HFDR0001", "holdfast database record 1", "a database record"};
constexpr SignedKind fleet_kind{"HFFR0001", "holdfast fleet record 1", "a fleet record"};
constexpr SignedKind released_kind{"HFRM0001", "holdfast released mark 1", "a mark of release"};
constexpr std::uint32_t format_version = 1;

}  // namespace

Bytes encode_database_record(const DatabaseRecord& record, const SignKeyPair& signer) {
  using capnp_bytes::blob;
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<wire::DatabaseRecord>();
  out.setFleet(blob(record.fleet.bytes()));
  out.setDatabase(blob(record.database.bytes()));
  out.setEngine(static_cast<std::uint8_t>(record.engine));
  out.setName(capnp_bytes::chars(record.name));
  out.setSystemId(record.system_id.value());
  out.setCreatedAt(record.created_at.micros());
  out.setEpoch(blob(record.epoch.bytes()));
  return encode_signed(database_kind, capnp_bytes::canonical<wire::DatabaseRecord>(message), signer);
}

Result<DatabaseRecord> decode_database_record(ByteView object, const SignPublicKey& signer) {
  const SignedBytes content = TRY(decode_signed(database_kind, object));
  TRY(verify_signed(database_kind, content, signer));
  return capnp_bytes::parse<wire::DatabaseRecord>(content.body, database_kind.what,
                                                  [](auto in) -> Result<DatabaseRecord> {
                                                    using namespace capnp_bytes;
                                                    DatabaseRecord out;
                                                    out.fleet = TRY(value_of<FleetId>(in.getFleet()));
                                                    out.database = TRY(value_of<DatabaseId>(in.getDatabase()));
                                                    out.engine = TRY(enum_of(in.getEngine(), Engine::sqlite));
                                                    out.name = text(in.getName());
                                                    out.system_id = SystemId(in.getSystemId());
                                                    out.created_at = Timestamp::from_micros(in.getCreatedAt());
                                                    out.epoch = TRY(value_of<EpochId>(in.getEpoch()));
                                                    return out;
                                                  });
}

Result<EpochId> peek_database_record_epoch(ByteView object) {
  const SignedBytes content = TRY(decode_signed(database_kind, object));
  return capnp_bytes::parse<wire::DatabaseRecord>(content.body, database_kind.what, [](auto in) -> Result<EpochId> {
    return capnp_bytes::value_of<EpochId>(in.getEpoch());
  });
}

Bytes encode_fleet_record(const FleetRecord& record, const SignKeyPair& root) {
  using capnp_bytes::blob;
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<wire::FleetRecord>();
  out.setFormatVersion(record.format_version);
  out.setFleet(blob(record.fleet.bytes()));
  out.setName(capnp_bytes::chars(record.name));
  out.setRoot(blob(record.root.bytes()));
  out.setRecovery(blob(record.recovery.bytes()));
  out.setCreatedAt(record.created_at.micros());
  return encode_signed(fleet_kind, capnp_bytes::canonical<wire::FleetRecord>(message), root);
}

Result<FleetRecord> decode_fleet_record(ByteView object) {
  const SignedBytes content = TRY(decode_signed(fleet_kind, object));
  FleetRecord record =
      TRY(capnp_bytes::parse<wire::FleetRecord>(content.body, fleet_kind.what, [](auto in) -> Result<FleetRecord> {
        using namespace capnp_bytes;
        FleetRecord out;
        out.format_version = in.getFormatVersion();
        out.fleet = TRY(value_of<FleetId>(in.getFleet()));
        out.name = text(in.getName());
        out.root = TRY(value_of<SignPublicKey>(in.getRoot()));
        out.recovery = TRY(value_of<BoxPublicKey>(in.getRecovery()));
        out.created_at = Timestamp::from_micros(in.getCreatedAt());
        return out;
      }));
  TRY(verify_signed(fleet_kind, content, record.root));
  if (record.format_version != format_version) {
    return fail(Code::unsupported,
                fmt::format("the store has format {}, this program knows {}", record.format_version, format_version),
                "use the version that wrote it, or a newer one");
  }
  return record;
}

Bytes encode_released(const ReleasedMark& mark, const SignedBytes& intermediate_certificate,
                      const SignKeyPair& intermediate) {
  using capnp_bytes::blob;
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<wire::ReleasedMark>();
  out.setFleet(blob(mark.fleet.bytes()));
  out.setDatabase(blob(mark.database.bytes()));
  out.setBackup(blob(mark.backup.bytes()));
  out.setCoordinatorEpoch(mark.coordinator_epoch);
  out.setReleasedAt(mark.released_at.micros());
  out.setReason(capnp_bytes::chars(mark.reason));
  out.setCertificate(blob(intermediate_certificate.encode()));
  return encode_signed(released_kind, capnp_bytes::canonical<wire::ReleasedMark>(message), intermediate);
}

Result<ReleasedMark> decode_released(ByteView object, const SignPublicKey& root) {
  struct WithCertificate {
    ReleasedMark mark;
    SignedBytes certificate;
  };
  const SignedBytes content = TRY(decode_signed(released_kind, object));
  const auto both = TRY(
      capnp_bytes::parse<wire::ReleasedMark>(content.body, released_kind.what, [](auto in) -> Result<WithCertificate> {
        using namespace capnp_bytes;
        WithCertificate out;
        out.mark.fleet = TRY(value_of<FleetId>(in.getFleet()));
        out.mark.database = TRY(value_of<DatabaseId>(in.getDatabase()));
        out.mark.backup = TRY(value_of<BackupId>(in.getBackup()));
        out.mark.coordinator_epoch = in.getCoordinatorEpoch();
        out.mark.released_at = Timestamp::from_micros(in.getReleasedAt());
        out.mark.reason = text(in.getReason());
        out.certificate = TRY(SignedBytes::decode(view(in.getCertificate())));
        return out;
      }));
  const IntermediateCertificate signer = TRY_DURING(released_kind.what, verify_intermediate(both.certificate, root));
  TRY(verify_signed(released_kind, content, signer.intermediate));
  if (both.mark.fleet != signer.fleet) return fail(Code::denied, "a mark of release of another fleet");
  return both.mark;
}

}  // namespace holdfast
