#pragma once
// A fleet with one node, one database and one epoch, made from a seed.
#include <gtest/gtest.h>

#include <random>

#include "shared/repository/backup_reader.h"
#include "shared/repository/backup_writer.h"
#include "shared/repository/layout.h"
#include "tests/harness/memory_store.h"

namespace holdfast {

class SeededEntropy final : public Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed) : engine_(seed) {}
  void fill(std::span<std::uint8_t> bytes) override {
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(engine_());
  }
  std::mt19937_64& engine() { return engine_; }

 private:
  std::mt19937_64 engine_;
};

struct TestFleet {
  explicit TestFleet(std::uint64_t seed = 1) : entropy(seed) {
    chain.intermediate = issue_intermediate(root, {fleet, intermediate.public_key, from, until});
    chain.node = issue_node(
        intermediate, {fleet, node, "db3", curve.public_key, signer.public_key, node_box.public_key, 1, from, until});
    epoch = new_epoch();
    ring.add({epoch.key.id, epoch.key.key.clone()});
  }
  NewEpoch new_epoch() {
    return std::move(
        *make_epoch(entropy, fleet, database, node, {{"recovery", recovery.public_key}}, chain, signer, from));
  }
  TrustAnchor anchor() const { return {fleet, root.public_key}; }
  Bytes random_bytes(std::size_t size) {
    Bytes out(size);
    entropy.fill(out);
    return out;
  }
  // What compresses about like rows do: words out of a small vocabulary.
  Bytes text_bytes(std::size_t size) {
    Bytes out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>('a' + (entropy.engine()() % 3) * (i % 5));
    return out;
  }

  SeededEntropy entropy;
  FleetId fleet = entropy.id<FleetId>();
  NodeId node = entropy.id<NodeId>();
  DatabaseId database = entropy.id<DatabaseId>();
  SignKeyPair root = make_sign_key(entropy);
  SignKeyPair intermediate = make_sign_key(entropy);
  SignKeyPair signer = make_sign_key(entropy);
  CurveKeyPair curve = make_curve_key(entropy);
  BoxKeyPair node_box = make_box_key(entropy);
  BoxKeyPair recovery = make_box_key(entropy);
  Timestamp from = Timestamp::from_micros(1'700'000'000'000'000);
  Timestamp until = Timestamp::from_micros(1'800'000'000'000'000);
  CertificateChain chain;
  NewEpoch epoch;
  KeyRing ring;
};

// A backup of a few files in `store`, and what is in it.
struct TestBackup {
  TestBackup(TestFleet& fleet, const StoreSet& set, std::size_t frames = 6, std::size_t frame_size = 3 * 512) {
    id = fleet.entropy.id<BackupId>();
    EXPECT_TRUE(set.put(epoch_name(fleet.database, fleet.epoch.key.id), fleet.epoch.object));
    BackupWriter writer(fleet.fleet, fleet.database, id, fleet.epoch.key, set, fleet.entropy, {1, 4096});
    auto worker = writer.worker();
    manifest.page_size = 512;
    for (std::size_t i = 0; i < frames; ++i) {
      contents.push_back(i % 2 == 0 ? fleet.text_bytes(frame_size) : fleet.random_bytes(frame_size));
      const auto frame = worker.add_frame(contents.back());
      EXPECT_TRUE(frame) << frame.error().text();
      ManifestFile file;
      file.path = "base/" + std::to_string(1000 + i);
      file.size = frame_size;
      file.owner = file.group = "postgres";
      file.mode = 0600;
      file.extents = {{0, static_cast<std::uint32_t>((frame_size + 511) / 512), *frame, 0}};
      manifest.files.push_back(file);
    }
    EXPECT_TRUE(worker.finish());
    const auto put = writer.put_manifest(manifest);
    EXPECT_TRUE(put) << put.error().text();
    record.node = fleet.node;
    record.database_name = "orders";
    record.engine = Engine::sqlite;
    record.finished_at = fleet.from;
    const auto object = writer.finish(record, fleet.signer);
    EXPECT_TRUE(object) << object.error().text();
  }

  BackupId id;
  Manifest manifest;
  BackupRecord record;
  std::vector<Bytes> contents;  // of each frame
};

}  // namespace holdfast
