#include "shared/repository/record.h"

#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

BackupRecord full_record(TestFleet& fleet) {
  BackupRecord r;
  r.fleet = fleet.fleet;
  r.database = fleet.database;
  r.node = fleet.node;
  r.backup = fleet.entropy.id<BackupId>();
  r.job = fleet.entropy.id<JobId>();
  r.engine = Engine::postgres;
  r.engine_version = "15.18";
  r.system_id = SystemId(7'301'234'567'890'123'456ULL);
  r.page_size = 8192;
  r.wal_segment_size = 16U << 20U;
  r.type = BackupType::differential;
  r.parent = fleet.entropy.id<BackupId>();
  r.reason = "the cache was lost";
  r.start_lsn = Lsn(0x2000028);
  r.stop_lsn = Lsn(0x2000130);
  r.timeline = Timeline(3);
  r.started_at = fleet.from;
  r.finished_at = fleet.from + Micros(5'000'000);
  r.database_name = "orders";
  r.source_path = "/var/lib/postgresql/15/main";
  r.labels = {{"env", "prod"}, {"team", ""}};
  r.note = "before the upgrade";
  r.database_bytes = ByteCount(1);
  r.read_bytes = ByteCount(2);
  r.stored_bytes = ByteCount(3);
  r.pages = 4;
  r.changed_pages = 5;
  r.pages_checked = true;
  r.bad_pages = 1;
  r.bad_page_list = {"base/5/16384 block 7"};
  r.epoch = fleet.epoch.key.id;
  r.needed_epochs = {fleet.epoch.key.id, fleet.entropy.id<EpochId>()};
  r.objects = {{"a/pack-0000", 10, sha256(as_bytes("x"))}, {"a/manifest", 11, sha256(as_bytes("y"))}};
  r.needed_packs = {{{"b/pack-0003", 12, sha256(as_bytes("z"))}, 6}};
  return r;
}

TEST(BackupRecord, ComesBackWholeAndByteForByte) {
  TestFleet fleet;
  const BackupRecord record = full_record(fleet);
  const Bytes object = encode_record(record, fleet.signer);
  const auto again = decode_record(object, fleet.signer.public_key);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(*again, record);
  EXPECT_EQ(encode_record(*again, fleet.signer), object);
  EXPECT_EQ(*peek_record_epoch(object), record.epoch);
}

TEST(BackupRecord, BelongsToItsEpoch) {
  TestFleet fleet;
  const auto document = read_epoch(fleet.epoch.object, fleet.fleet, fleet.root.public_key);
  BackupRecord record = full_record(fleet);
  EXPECT_TRUE(read_record(encode_record(record, fleet.signer), *document));
  record.database = fleet.entropy.id<DatabaseId>();
  EXPECT_EQ(read_record(encode_record(record, fleet.signer), *document).error().code, Code::denied);
  record = full_record(fleet);
  record.node = fleet.entropy.id<NodeId>();
  EXPECT_EQ(read_record(encode_record(record, fleet.signer), *document).error().code, Code::denied);
}

TEST(BackupRecord, OfAnotherSignerIsDenied) {
  TestFleet fleet;
  const Bytes object = encode_record(full_record(fleet), fleet.root);
  EXPECT_EQ(decode_record(object, fleet.signer.public_key).error().code, Code::denied);
}

TEST(BackupRecord, EveryFlippedBitAndCutIsFound) {
  TestFleet fleet;
  const Bytes sound = encode_record(full_record(fleet), fleet.signer);
  for (std::size_t i = 0; i < sound.size(); ++i) {
    for (unsigned bit = 0; bit < 8; bit += 3) {
      Bytes damaged = sound;
      damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ (1U << bit));
      EXPECT_FALSE(decode_record(damaged, fleet.signer.public_key)) << i;
      (void)peek_record_epoch(damaged);  // unverified: must only not crash
    }
    EXPECT_FALSE(decode_record(ByteView(sound).first(i), fleet.signer.public_key)) << i;
  }
}

// Signed by the right key, and still not what a reader may trust to be well formed.
TEST(BackupRecord, SurvivesSignedNonsense) {
  TestFleet fleet;
  const Bytes sound = encode_record(full_record(fleet), fleet.signer);
  const std::size_t body_size = sound.size() - 8 - 4 - 64;
  for (int round = 0; round < 2000; ++round) {
    Bytes body(sound.begin() + 12, sound.begin() + 12 + static_cast<std::ptrdiff_t>(body_size));
    for (std::uint64_t changes = 1 + fleet.entropy.engine()() % 4; changes > 0; --changes) {
      body[fleet.entropy.engine()() % body.size()] = static_cast<std::uint8_t>(fleet.entropy.engine()());
    }
    if (round % 5 == 0) body.resize(fleet.entropy.engine()() % body.size());
    SignedBytes content;
    content.signature = sign(fleet.signer, "holdfast backup record 1", body);
    content.body = body;
    Bytes object = to_bytes(as_bytes("HFBR0001"));
    append(object, content.encode());
    const auto decoded = decode_record(object, fleet.signer.public_key);
    if (!decoded) {
      EXPECT_TRUE(decoded.error().code == Code::corrupt || decoded.error().code == Code::unsupported);
    } else {
      // Bits that no field of today uses may be a later version's; all else is what it says.
      EXPECT_EQ(*decode_record(encode_record(*decoded, fleet.signer), fleet.signer.public_key), *decoded);
    }
  }
}

TEST(BackupRecord, OfANewerVersionSaysSo) {
  TestFleet fleet;
  Bytes object = encode_record(full_record(fleet), fleet.signer);
  object[7] = '2';
  EXPECT_EQ(decode_record(object, fleet.signer.public_key).error().code, Code::unsupported);
}

TEST(DatabaseRecord, ComesBack) {
  TestFleet fleet;
  const DatabaseRecord record{fleet.fleet, fleet.database, Engine::sqlite,    "orders.db",
                              SystemId(9), fleet.from,     fleet.epoch.key.id};
  const Bytes object = encode_database_record(record, fleet.signer);
  EXPECT_EQ(*decode_database_record(object, fleet.signer.public_key), record);
  EXPECT_EQ(*peek_database_record_epoch(object), record.epoch);
  EXPECT_FALSE(decode_database_record(object, fleet.root.public_key));
  // One kind of record never passes for another.
  EXPECT_FALSE(decode_record(object, fleet.signer.public_key));
}

TEST(FleetRecord, IsVerifiedByTheRootItNames) {
  TestFleet fleet;
  FleetRecord record{1, fleet.fleet, "acme", fleet.root.public_key, fleet.recovery.public_key, fleet.from};
  const Bytes object = encode_fleet_record(record, fleet.root);
  EXPECT_EQ(*decode_fleet_record(object), record);
  EXPECT_FALSE(decode_fleet_record(encode_fleet_record(record, fleet.signer)));
  record.format_version = 2;
  EXPECT_EQ(decode_fleet_record(encode_fleet_record(record, fleet.root)).error().code, Code::unsupported);
}

TEST(ReleasedMark, IsVerifiedUpToTheRoot) {
  TestFleet fleet;
  const ReleasedMark mark{fleet.fleet, fleet.database, fleet.entropy.id<BackupId>(), 42, fleet.from, "older than 30d"};
  const Bytes object = encode_released(mark, fleet.chain.intermediate, fleet.intermediate);
  EXPECT_EQ(*decode_released(object, fleet.root.public_key), mark);
  EXPECT_EQ(decode_released(object, fleet.signer.public_key).error().code, Code::denied);
  // A node cannot release: its key is not the intermediate one.
  EXPECT_EQ(decode_released(encode_released(mark, fleet.chain.intermediate, fleet.signer), fleet.root.public_key)
                .error()
                .code,
            Code::denied);
  for (std::size_t i = 0; i < object.size(); ++i) {
    Bytes damaged = object;
    damaged[i] ^= 0x10;
    EXPECT_FALSE(decode_released(damaged, fleet.root.public_key)) << i;
  }
}

}  // namespace
}  // namespace holdfast
