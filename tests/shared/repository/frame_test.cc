#include "shared/repository/frame.h"

#include <gmock/gmock.h>

#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

class Frame : public testing::Test {
 protected:
  FrameIdentity identity(std::uint32_t object = 3, std::uint32_t number = 0, FrameEnd end = FrameEnd::more) {
    FrameIdentity out;
    out.fleet = fleet.fleet;
    out.database = fleet.database;
    out.epoch = fleet.epoch.key.id;
    out.owner.fill(0x11);
    out.object = object;
    out.number = number;
    out.end = end;
    out.nonce_prefix = fleet.entropy.bytes<16>();
    return out;
  }
  Bytes made(const FrameIdentity& of, ByteView plain) {
    Bytes out;
    EXPECT_TRUE(encoder.append(out, of, fleet.epoch.key.key, plain));
    return out;
  }

  TestFleet fleet;
  FrameEncoder encoder{1};
  FrameDecoder decoder;
};

TEST_F(Frame, ComesBackWhateverItHolds) {
  for (const std::size_t size : {1UL, 2UL, 100UL, 8192UL, frame_plain_target, frame_plain_limit}) {
    for (const Bytes& plain : {Bytes(size, 0), fleet.text_bytes(size), fleet.random_bytes(size)}) {
      const FrameIdentity who = identity();
      const Bytes stored = made(who, plain);
      EXPECT_LE(stored.size(), size + frame_header_size + 16);
      const auto opened = decoder.open(stored, who, fleet.ring);
      ASSERT_TRUE(opened) << opened.error().text();
      EXPECT_EQ(opened->plain, plain);
      EXPECT_EQ(opened->stored_size, stored.size());
    }
  }
}

TEST_F(Frame, RefusesNothingAndTooMuch) {
  Bytes out{1, 2};
  EXPECT_EQ(encoder.append(out, identity(), fleet.epoch.key.key, {}).error().code, Code::invalid);
  EXPECT_EQ(encoder.append(out, identity(), fleet.epoch.key.key, Bytes(frame_plain_limit + 1)).error().code,
            Code::invalid);
  EXPECT_EQ(out, (Bytes{1, 2}));
}

TEST_F(Frame, KeepsWhatDoesNotCompressAsItIs) {
  const Bytes plain = fleet.random_bytes(8192);
  EXPECT_EQ(made(identity(), plain).size(), plain.size() + frame_header_size + 16);
  EXPECT_LT(made(identity(), fleet.text_bytes(8192)).size(), 4096U);
}

TEST_F(Frame, CanBeWalkedOverWithoutAKey) {
  const FrameIdentity who = identity(9, 4, FrameEnd::last);
  Bytes stored = made(who, fleet.text_bytes(5000));
  const std::size_t size = stored.size();
  append(stored, Bytes(100));
  const auto header = read_frame_header(stored);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->stored_size, size);
  EXPECT_EQ(header->plain_size, 5000U);
  EXPECT_EQ(header->object, 9U);
  EXPECT_EQ(header->number, 4U);
  EXPECT_EQ(header->end, FrameEnd::last);
  EXPECT_EQ(header->epoch, who.epoch);
}

// Compaction copies frames as they are; what made their key travels in their header and in the manifest.
TEST_F(Frame, OpensWithItsFirstIdentityWhereverItLies) {
  const FrameIdentity first = identity(3, 7);
  const Bytes plain = fleet.text_bytes(3000);
  const Bytes stored = made(first, plain);
  Bytes other_pack = made(identity(8, 0), fleet.random_bytes(500));
  const std::size_t offset = other_pack.size();
  append(other_pack, stored);
  append(other_pack, made(identity(8, 1, FrameEnd::last), fleet.random_bytes(500)));
  const auto opened = decoder.open(ByteView(other_pack).subspan(offset), first, fleet.ring);
  ASSERT_TRUE(opened) << opened.error().text();
  EXPECT_EQ(opened->plain, plain);
}

struct Wrong {
  std::string name;
  std::function<void(FrameIdentity&)> change;
};
class FrameElsewhere : public Frame, public testing::WithParamInterface<Wrong> {};

TEST_P(FrameElsewhere, DoesNotOpen) {
  const FrameIdentity who = identity();
  const Bytes plain = fleet.text_bytes(1000);
  const Bytes stored = made(who, plain);
  FrameIdentity other = who;
  GetParam().change(other);
  // As the reader finds it, and with a header changed to fit what is expected.
  EXPECT_EQ(decoder.open(stored, other, fleet.ring).error().code, Code::corrupt);
  Bytes forged = made(other, plain);  // as long
  ASSERT_EQ(forged.size(), stored.size());
  std::copy(stored.begin() + frame_header_size, stored.end(), forged.begin() + frame_header_size);
  EXPECT_FALSE(decoder.open(forged, other, fleet.ring));
}

INSTANTIATE_TEST_SUITE_P(All, FrameElsewhere,
                         testing::Values(Wrong{"Fleet", [](FrameIdentity& i) { i.fleet = FleetId(); }},
                                         Wrong{"Database", [](FrameIdentity& i) { i.database = DatabaseId(); }},
                                         Wrong{"Epoch", [](FrameIdentity& i) { i.epoch = EpochId(); }},
                                         Wrong{"Space", [](FrameIdentity& i) { i.space = FrameSpace::wal; }},
                                         Wrong{"Owner", [](FrameIdentity& i) { i.owner[15] ^= 1; }},
                                         Wrong{"Object", [](FrameIdentity& i) { ++i.object; }},
                                         Wrong{"Number", [](FrameIdentity& i) { ++i.number; }},
                                         Wrong{"End", [](FrameIdentity& i) { i.end = FrameEnd::last; }}),
                         [](const auto& row) { return row.param.name; });

TEST_F(Frame, DoesNotOpenWithAnotherKey) {
  const FrameIdentity who = identity();
  const Bytes stored = made(who, fleet.text_bytes(1000));
  KeyRing wrong;
  EXPECT_EQ(decoder.open(stored, who, wrong).error().code, Code::denied);
  wrong.add({who.epoch, std::move(*Secret<32>::from_bytes(fleet.random_bytes(32)))});
  EXPECT_EQ(decoder.open(stored, who, wrong).error().code, Code::corrupt);
  // And the decoder has not remembered a key it should not have.
  EXPECT_TRUE(decoder.open(stored, who, fleet.ring));
  EXPECT_FALSE(decoder.open(stored, who, wrong));
}

TEST_F(Frame, DoesNotOpenWithAnyBitFlippedOrAnyByteMissing) {
  for (const Bytes& plain : {fleet.text_bytes(300), fleet.random_bytes(60)}) {
    const FrameIdentity who = identity();
    const Bytes sound = made(who, plain);
    for (std::size_t i = 0; i < sound.size(); ++i) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        Bytes damaged = sound;
        damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ (1U << bit));
        const auto opened = decoder.open(damaged, who, fleet.ring);
        ASSERT_FALSE(opened) << "byte " << i << " bit " << bit;
        EXPECT_TRUE(opened.error().code == Code::corrupt || opened.error().code == Code::unsupported);
        EXPECT_THAT(opened.error().message, HasSubstr("frame 0"));
      }
      EXPECT_FALSE(decoder.open(ByteView(sound).first(i), who, fleet.ring)) << "cut at " << i;
    }
  }
}

// Two frames of one object under one key: nonces must differ, whatever the content.
TEST_F(Frame, NeverEncryptsTwoFramesAlike) {
  FrameIdentity first = identity(1, 0);
  FrameIdentity second = first;
  second.number = 1;
  const Bytes plain = fleet.random_bytes(1000);
  const Bytes a = made(first, plain);
  const Bytes b = made(second, plain);
  EXPECT_NE(Bytes(a.begin() + frame_header_size, a.end()), Bytes(b.begin() + frame_header_size, b.end()));
}

TEST_F(Frame, SurvivesArbitraryBytes) {
  for (int round = 0; round < 3000; ++round) {
    Bytes noise = fleet.random_bytes(fleet.entropy.engine()() % 200);
    if (round % 2 == 0 && noise.size() > 8) std::copy_n("HFF1\x01", 5, noise.begin());
    EXPECT_FALSE(decoder.open(noise, identity(), fleet.ring));
  }
}

}  // namespace
}  // namespace holdfast
