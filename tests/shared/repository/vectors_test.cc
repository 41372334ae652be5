// Golden bytes under tests/vectors: what was written once must stay readable, and is written the same today. Run with
// HOLDFAST_WRITE_VECTORS=1 to make them anew after a change of the format, which needs a new version number.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "shared/repository/checkpoint.h"
#include "shared/repository/wal_object.h"
#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

std::string path_of(const std::string& name) {
  return std::string(HOLDFAST_VECTORS) + "/" + name + ".hex";
}

std::string wrapped(const std::string& hex) {
  std::string out;
  for (std::size_t at = 0; at < hex.size(); at += 64) out += hex.substr(at, 64) + "\n";
  return out;
}

// The vector's bytes. `today` is only written, when asked for.
Bytes vector_of(const std::string& name, ByteView today) {
  if (std::getenv("HOLDFAST_WRITE_VECTORS") != nullptr) std::ofstream(path_of(name)) << wrapped(to_hex(today));
  std::ifstream in(path_of(name));
  EXPECT_TRUE(in) << path_of(name) << " is missing";
  std::string hex;
  for (std::string line; std::getline(in, line);) hex += line;
  auto golden = from_hex(hex);
  EXPECT_TRUE(golden) << name;
  return golden.value_or(Bytes{});
}

// The same, and a failure when they are not what is written today.
Bytes guarded(const std::string& name, ByteView today) {
  Bytes golden = vector_of(name, today);
  EXPECT_EQ(to_hex(golden), to_hex(today)) << name;
  return golden;
}

// Keys and ids that somebody else can type in.
struct Plain {
  Plain() {
    chain.intermediate = issue_intermediate(root, {fleet, intermediate.public_key, from, until});
    chain.node = issue_node(intermediate, {fleet, node, "db3", {}, signer.public_key, {}, 1, from, until});
  }
  template <class AnyId>
  static AnyId id(std::uint8_t byte) {
    std::array<std::uint8_t, 16> bytes{};
    bytes.fill(byte);
    return AnyId(bytes);
  }
  // Every byte the same.
  class Constant final : public Entropy {
   public:
    explicit Constant(std::uint8_t byte) : byte_(byte) {}
    void fill(std::span<std::uint8_t> bytes) override { std::ranges::fill(bytes, byte_); }

   private:
    std::uint8_t byte_;
  };
  static SignKeyPair sign_key(std::uint8_t byte) {
    Constant seed(byte);
    return make_sign_key(seed);
  }

  FleetId fleet = id<FleetId>(0x01);
  DatabaseId database = id<DatabaseId>(0x02);
  NodeId node = id<NodeId>(0x03);
  BackupId backup = id<BackupId>(0x04);
  EpochKey epoch{id<EpochId>(0x05), std::move(*Secret<32>::from_bytes(Bytes(32, 0x06)))};
  SignKeyPair root = sign_key(0x11);
  SignKeyPair intermediate = sign_key(0x12);
  SignKeyPair signer = sign_key(0x13);
  Timestamp from = Timestamp::from_micros(1'700'000'000'000'000);
  Timestamp until = Timestamp::from_micros(1'800'000'000'000'000);
  CertificateChain chain;
};

FrameIdentity pack_frame(const Plain& plain) {
  FrameIdentity who;
  who.fleet = plain.fleet;
  who.database = plain.database;
  who.epoch = plain.epoch.id;
  who.space = FrameSpace::pack;
  std::ranges::copy(plain.backup.bytes(), who.owner.begin());
  who.object = 7;
  who.number = 2;
  who.end = FrameEnd::last;
  who.nonce_prefix.fill(0x77);
  return who;
}

TEST(Vectors, RawFrame) {
  Plain plain;
  FrameEncoder encoder(1);
  Bytes today;
  ASSERT_TRUE(encoder.append(today, pack_frame(plain), plain.epoch.key, as_bytes("holdfast")));
  const Bytes golden = guarded("frame-raw", today);
  KeyRing ring;
  ring.add({plain.epoch.id, plain.epoch.key.clone()});
  FrameDecoder decoder;
  const auto opened = decoder.open(golden, pack_frame(plain), ring);
  ASSERT_TRUE(opened) << opened.error().text();
  EXPECT_EQ(as_text(opened->plain), "holdfast");
}

// Compressed bytes may change with the compressor: only what was written once must open.
TEST(Vectors, CompressedFrame) {
  Plain plain;
  FrameEncoder encoder(1);
  Bytes today;
  ASSERT_TRUE(encoder.append(today, pack_frame(plain), plain.epoch.key, Bytes(8192, 'x')));
  KeyRing ring;
  ring.add({plain.epoch.id, plain.epoch.key.clone()});
  FrameDecoder decoder;
  const auto opened = decoder.open(vector_of("frame-compressed", today), pack_frame(plain), ring);
  ASSERT_TRUE(opened) << opened.error().text();
  EXPECT_EQ(opened->plain, Bytes(8192, 'x'));
}

TEST(Vectors, CertificateChain) {
  Plain plain;
  const auto chain = CertificateChain::decode(guarded("certificate-chain", plain.chain.encode()));
  ASSERT_TRUE(chain);
  EXPECT_EQ(verify_chain(*chain, plain.root.public_key)->name, "db3");
}

TEST(Vectors, BackupRecord) {
  Plain plain;
  BackupRecord record;
  record.fleet = plain.fleet;
  record.database = plain.database;
  record.node = plain.node;
  record.backup = plain.backup;
  record.engine_version = "15.18";
  record.system_id = SystemId(7'000'000'000'000'000'001ULL);
  record.wal_segment_size = 16U << 20U;
  record.start_lsn = Lsn(0x2000028);
  record.stop_lsn = Lsn(0x2000130);
  record.timeline = Timeline(1);
  record.started_at = plain.from;
  record.finished_at = plain.from + Micros(1'000'000);
  record.database_name = "orders";
  record.labels = {{"env", "prod"}};
  record.epoch = plain.epoch.id;
  record.needed_epochs = {plain.epoch.id};
  record.objects = {{"a/pack-0000", 123, sha256(as_bytes("pack"))}, {"a/manifest", 45, sha256(as_bytes("manifest"))}};
  const auto golden =
      decode_record(guarded("backup-record", encode_record(record, plain.signer)), plain.signer.public_key);
  ASSERT_TRUE(golden) << golden.error().text();
  EXPECT_EQ(*golden, record);
}

TEST(Vectors, FleetRecord) {
  Plain plain;
  const FleetRecord record{1, plain.fleet, "acme", plain.root.public_key, {}, plain.from};
  EXPECT_EQ(*decode_fleet_record(guarded("fleet-record", encode_fleet_record(record, plain.root))), record);
}

TEST(Vectors, WalObject) {
  Plain plain;
  WalHeader header;
  header.fleet = plain.fleet;
  header.database = plain.database;
  header.node = plain.node;
  header.epoch = plain.epoch.id;
  header.system_id = SystemId(7'000'000'000'000'000'001ULL);
  header.timeline = Timeline(1);
  header.first = Lsn(0x3000000);
  header.last = Lsn(0x3000004);
  header.segment_size = 16U << 20U;
  Plain::Constant prefix(0x77);
  FrameEncoder encoder(1);
  const auto today = encode_wal_object(header, as_bytes("wal!"), plain.epoch, plain.signer, prefix, encoder);
  ASSERT_TRUE(today);
  KeyRing ring;
  ring.add({plain.epoch.id, plain.epoch.key.clone()});
  FrameDecoder decoder;
  const auto opened = open_wal_object(guarded("wal-object", today->object), plain.signer.public_key, ring, decoder);
  ASSERT_TRUE(opened) << opened.error().text();
  EXPECT_EQ(as_text(*opened), "wal!");
}

// Its data key is sealed anew each time: only what was written once must open.
TEST(Vectors, Checkpoint) {
  Plain plain;
  Plain::Constant seed(0x14);
  const BoxKeyPair recovery = make_box_key(seed);
  CheckpointHeader header;
  header.fleet = plain.fleet;
  header.coordinator_epoch = 7;
  header.sequence = 3;
  header.made_at = plain.from;
  Plain::Constant entropy(0x77);
  const auto today = encode_checkpoint(header, as_bytes("holdfast"), recovery.public_key, plain.chain.intermediate,
                                       plain.intermediate, entropy);
  ASSERT_TRUE(today);
  const auto opened = open_checkpoint(vector_of("checkpoint", *today), plain.fleet, plain.root.public_key, recovery);
  ASSERT_TRUE(opened) << opened.error().text();
  EXPECT_EQ(as_text(*opened), "holdfast");
}

TEST(Vectors, Manifest) {
  Plain plain;
  Manifest manifest;
  manifest.database = plain.database;
  manifest.backup = plain.backup;
  manifest.page_size = 512;
  manifest.packs = {{plain.backup, 0, plain.epoch.id}};
  manifest.frames = {{0, 0, 0, 600, 1024, FrameEnd::more, {1, 2}}, {0, 1, 600, 300, 512, FrameEnd::last, {3, 4}}};
  ManifestFile directory;
  directory.path = "base";
  directory.kind = EntryKind::directory;
  directory.mode = 0700;
  directory.owner = directory.group = "postgres";
  directory.modified = plain.from;
  ManifestFile file = directory;
  file.path = "base/1";
  file.kind = EntryKind::file;
  file.size = 2000;
  file.extents = {{0, 2, 0, 0}, {3, 1, 1, 0}};
  manifest.files = {directory, file};
  manifest.backup_label = to_bytes(as_bytes("label\n"));
  manifest.tablespaces = {{16400, "/mnt/fast"}};
  const auto golden = decode_manifest(guarded("manifest", encode_manifest(manifest)));
  ASSERT_TRUE(golden) << golden.error().text();
  EXPECT_EQ(*golden, manifest);
}

}  // namespace
}  // namespace holdfast
