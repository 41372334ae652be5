// Whatever happens to one object of a backup: it is named, by the check without keys and by the one with keys, and what
// is read is never other content.
#include <gmock/gmock.h>

#include "shared/repository/verify.h"
#include "tests/harness/damaged_stores.h"
#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

class Damage : public testing::TestWithParam<std::string> {
 protected:
  Damage() {
    if (GetParam() == "record") object = record_name(fleet.database, backup.id);
    if (GetParam() == "manifest") object = manifest_name(fleet.database, backup.id);
    if (GetParam() == "pack") object = pack_name(fleet.database, backup.id, 1);
    if (GetParam() == "epoch") object = epoch_name(fleet.database, fleet.epoch.key.id);
    size = memory->get(object).value().size();
  }
  // True when `store` with this damage is caught: by name, and no frame comes back changed.
  void expect_found(std::shared_ptr<Store> store, const std::string& what) {
    // Beside a sound copy, so that what is missing is only this store's.
    const StoreSet set({{"bad", store}, {"good", memory}}, 1);
    for (const KeyRing* keys : {static_cast<const KeyRing*>(nullptr), static_cast<const KeyRing*>(&fleet.ring)}) {
      const auto report = verify_backup(set, fleet.anchor(), fleet.database, backup.id, keys, {});
      ASSERT_TRUE(report) << what << ": " << report.error().text();
      bool named = false;
      for (const VerifyFinding& finding : report->findings) {
        EXPECT_EQ(finding.store, "bad") << what;
        named = named || finding.object == object;
      }
      EXPECT_TRUE(named) << what;
    }
    const StoreSet alone({{"bad", store}}, 1);
    const auto record = load_record(alone, fleet.anchor(), fleet.database, backup.id);
    if (!record) return;
    EXPECT_EQ(*record, backup.record) << what;
    const auto reader = BackupReader::open(alone, *record, fleet.ring);
    if (!reader) return;
    EXPECT_EQ(reader->manifest(), backup.manifest) << what;
    FrameDecoder decoder;
    for (std::uint32_t i = 0; i < backup.contents.size(); ++i) {
      const auto plain = reader->read_frame(i, decoder);
      if (plain) {
        EXPECT_EQ(*plain, backup.contents[i]) << what;
      } else {
        EXPECT_NE(plain.error().message.find(object), std::string::npos) << plain.error().message;
      }
    }
  }

  TestFleet fleet;
  std::shared_ptr<MemoryStore> memory = std::make_shared<MemoryStore>();
  StoreSet stores{{{"disk", memory}}, 1};
  TestBackup backup{fleet, stores, 8, 700};
  std::string object;
  std::size_t size = 0;
};

TEST_P(Damage, FlippedBitIsNamedWhereverItIs) {
  for (std::size_t byte = 0; byte < size; byte += 1 + size / 400) {
    const std::uint64_t bit = byte * 8 + byte % 8;
    expect_found(std::make_shared<FlipsOneBit>(memory, object, bit), "bit " + std::to_string(bit));
  }
}

TEST_P(Damage, CutIsNamedWhereverItIs) {
  for (std::size_t at = 0; at < size; at += 1 + size / 60) {
    expect_found(std::make_shared<CutsShort>(memory, object, at), "cut at " + std::to_string(at));
  }
  expect_found(std::make_shared<CutsShort>(memory, object, size - 1), "last byte");
}

TEST_P(Damage, LossIsNamed) {
  expect_found(std::make_shared<LosesObject>(memory, object), "lost");
}

TEST_P(Damage, SwapWithTheSameObjectOfAnotherBackupIsNamed) {
  std::string other;
  if (GetParam() == "epoch") {
    const NewEpoch another = fleet.new_epoch();
    other = epoch_name(fleet.database, another.key.id);
    ASSERT_TRUE(memory->put(other, another.object));
  } else {
    const TestBackup second(fleet, stores, 8, 700);
    const std::string prefix = backup_prefix(fleet.database, backup.id);
    other = backup_prefix(fleet.database, second.id) + object.substr(prefix.size());
  }
  expect_found(std::make_shared<SwapsTwoObjects>(memory, object, other), "swapped");
}

INSTANTIATE_TEST_SUITE_P(All, Damage, testing::Values("record", "manifest", "pack", "epoch"),
                         [](const auto& row) { return row.param; });

// Frames of one pack in another order, or of another pack: whoever can write to the store can do this without any key.
TEST(FrameOrder, MattersWithinAndBetweenPacks) {
  TestFleet fleet;
  auto memory = std::make_shared<MemoryStore>();
  const StoreSet stores({{"disk", memory}}, 1);
  const TestBackup backup(fleet, stores, 8, 900);
  const auto& frames = backup.manifest.frames;
  const auto objects = *memory->list("");
  FrameDecoder decoder;
  int tried = 0;
  for (std::uint32_t a = 0; a < frames.size(); ++a) {
    for (std::uint32_t b = 0; b < frames.size(); ++b) {
      if (a == b || frames[a].stored_size != frames[b].stored_size) continue;
      ++tried;
      const auto name_of = [&](const FrameRef& frame) { return pack_name(fleet.database, backup.id, frame.pack); };
      auto copy = std::make_shared<MemoryStore>();
      for (const ObjectInfo& info : objects) ASSERT_TRUE(copy->put(info.name, *memory->get(info.name)));
      const Bytes moved = *memory->get_range(name_of(frames[b]), frames[b].offset, frames[b].stored_size);
      Bytes pack = *copy->get(name_of(frames[a]));
      std::copy(moved.begin(), moved.end(), pack.begin() + static_cast<std::ptrdiff_t>(frames[a].offset));
      copy->overwrite(name_of(frames[a]), pack);
      const StoreSet changed({{"disk", copy}}, 1);
      const auto reader = BackupReader::open(changed, backup.record, fleet.ring);
      ASSERT_TRUE(reader);
      EXPECT_EQ(reader->read_frame(a, decoder).error().code, Code::corrupt);
    }
  }
  EXPECT_GT(tried, 0);
}

// Random changes anywhere in any object: refused, or without effect.
TEST(RandomDamage, NeverGivesOtherContent) {
  TestFleet fleet(99);
  auto memory = std::make_shared<MemoryStore>();
  const StoreSet stores({{"disk", memory}}, 1);
  const TestBackup backup(fleet, stores, 5, 700);
  const auto objects = *memory->list("");
  auto& random = fleet.entropy.engine();
  FrameDecoder decoder;
  for (int round = 0; round < 1500; ++round) {
    auto copy = std::make_shared<MemoryStore>();
    for (const ObjectInfo& info : objects) ASSERT_TRUE(copy->put(info.name, *memory->get(info.name)));
    const std::string& name = objects[random() % objects.size()].name;
    Bytes content = *copy->get(name);
    for (std::uint64_t changes = 1 + random() % 5; changes > 0; --changes) {
      content[random() % content.size()] = static_cast<std::uint8_t>(random());
    }
    if (round % 7 == 0) content.insert(content.begin() + static_cast<std::ptrdiff_t>(random() % content.size()), 0);
    if (round % 11 == 0) content.resize(random() % content.size());
    copy->overwrite(name, content);
    const StoreSet changed({{"disk", copy}}, 1);
    const auto record = load_record(changed, fleet.anchor(), fleet.database, backup.id);
    if (!record) continue;
    ASSERT_EQ(*record, backup.record);
    const auto reader = BackupReader::open(changed, *record, fleet.ring);
    if (!reader) continue;
    ASSERT_EQ(reader->manifest(), backup.manifest);
    for (std::uint32_t i = 0; i < backup.contents.size(); ++i) {
      const auto plain = reader->read_frame(i, decoder);
      if (plain) {
        ASSERT_EQ(*plain, backup.contents[i]);
      }
    }
  }
}

}  // namespace
}  // namespace holdfast
