#include <gmock/gmock.h>

#include "shared/repository/verify.h"
#include "tests/harness/damaged_stores.h"
#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t segment_size = 1U << 20U;

class Wal : public testing::Test {
 protected:
  Wal() { EXPECT_TRUE(memory->put(epoch_name(fleet.database, fleet.epoch.key.id), fleet.epoch.object)); }

  WalHeader header(std::uint64_t first, std::uint64_t last, std::uint32_t timeline = 1) {
    WalHeader out;
    out.fleet = fleet.fleet;
    out.database = fleet.database;
    out.node = fleet.node;
    out.epoch = fleet.epoch.key.id;
    out.system_id = SystemId(7);
    out.timeline = Timeline(timeline);
    out.first = Lsn(first);
    out.last = Lsn(last);
    out.segment_size = segment_size;
    out.received_from = fleet.from;
    out.received_through = fleet.from + Micros(5);
    out.recoverable_through = fleet.from + Micros(4);
    return out;
  }
  // The byte at each position of each timeline is a function of both.
  static Bytes content(std::uint64_t first, std::uint64_t last, std::uint32_t timeline) {
    Bytes out(last - first);
    for (std::uint64_t at = first; at < last; ++at)
      out[at - first] = static_cast<std::uint8_t>(at * 7 + at / 1000 + timeline);
    return out;
  }
  EncodedWal encoded(const WalHeader& of) {
    return *encode_wal_object(of, content(of.first.value(), of.last.value(), of.timeline.value()), fleet.epoch.key,
                              fleet.signer, fleet.entropy, encoder);
  }
  // Puts it as the next of its timeline's chain.
  void put(std::uint64_t first, std::uint64_t last, std::uint32_t timeline = 1) {
    WalHeader of = header(first, last, timeline);
    of.predecessor = chain_end[timeline];
    const EncodedWal wal = encoded(of);
    chain_end[timeline] = wal.sha256;
    ASSERT_TRUE(memory->put(wal_name(fleet.database, of.timeline, of.first, of.last), wal.object));
  }
  void put_history(std::uint32_t timeline, const std::string& text) {
    ASSERT_TRUE(memory->put(history_name(fleet.database, Timeline(timeline)), as_bytes(text)));
  }
  std::string name(std::uint64_t first, std::uint64_t last) {
    return wal_name(fleet.database, Timeline(1), Lsn(first), Lsn(last));
  }
  // A store in which the body of this object is damaged.
  std::shared_ptr<Store> damaged(const std::string& object) {
    return std::make_shared<FlipsOneBit>(memory, object, 8 * (memory->get(object).value().size() - 10));
  }
  WalReader reader() { return {stores, fleet.anchor(), fleet.database, fleet.ring}; }
  static Bytes zero_after(Bytes bytes) {
    bytes.resize(segment_size, 0);
    return bytes;
  }

  TestFleet fleet;
  FrameEncoder encoder{1};
  FrameDecoder decoder;
  std::map<std::uint32_t, Sha256> chain_end;
  std::shared_ptr<MemoryStore> memory = std::make_shared<MemoryStore>();
  StoreSet stores{{{"disk", memory}}, 1};
};

TEST(WalGap, IsWhereAStretchIsMissing) {
  const std::vector<WalStretch> stretches{
      {Timeline(1), Lsn(100), Lsn(200)}, {Timeline(1), Lsn(300), Lsn(400)}, {Timeline(2), Lsn(100), Lsn(900)}};
  EXPECT_EQ(first_gap(stretches, Timeline(1), Lsn(100), Lsn(200)), std::nullopt);
  EXPECT_EQ(first_gap(stretches, Timeline(1), Lsn(150), Lsn(400)), Lsn(200));
  EXPECT_EQ(first_gap(stretches, Timeline(1), Lsn(50), Lsn(150)), Lsn(50));
  EXPECT_EQ(first_gap(stretches, Timeline(1), Lsn(350), Lsn(500)), Lsn(400));
  EXPECT_EQ(first_gap(stretches, Timeline(2), Lsn(150), Lsn(900)), std::nullopt);
  EXPECT_EQ(first_gap({}, Timeline(1), Lsn(1), Lsn(2)), Lsn(1));
}

TEST_F(Wal, EndsBeforeAGapWhenThatIsWhatSomebodyWants) {
  put(0, 100);
  put(200, segment_size);
  WalReader wal = reader();
  EXPECT_EQ(wal.segment(Timeline(1), Lsn(0), segment_size).error().code, Code::corrupt);
  wal.end_at(Lsn(100));
  Bytes front = content(0, 100, 1);
  front.resize(segment_size);
  EXPECT_EQ(*wal.segment(Timeline(1), Lsn(0), segment_size), front);
  EXPECT_EQ(wal.segment(Timeline(1), Lsn(segment_size), segment_size).error().code, Code::not_found);
}

TEST_F(Wal, SaysWithoutKeysWhenEachTimelineWasWritten) {
  put(0, 100);
  WalHeader later = header(100, 200);
  later.received_from = fleet.from + Micros(50);
  later.received_through = fleet.from + Micros(99);
  later.recoverable_through = fleet.from + Micros(77);
  ASSERT_TRUE(memory->put(name(100, 200), encoded(later).object));
  put(50, 90, 3);
  const KeyRing none;
  WalReader all(stores, fleet.anchor(), fleet.database, none);
  const WalTimeline first{Timeline(1), fleet.from, fleet.from + Micros(99), fleet.from + Micros(77)};
  const WalTimeline third{Timeline(3), fleet.from, fleet.from + Micros(5), fleet.from + Micros(4)};
  EXPECT_THAT(all.timelines().value(), ElementsAre(first, third));
  // Of what is damaged nothing is believed, and the rest still counts.
  stores = StoreSet({{"disk", damaged(name(100, 200))}}, 1);
  WalReader broken(stores, fleet.anchor(), fleet.database, none);
  EXPECT_THAT(broken.timelines().value(),
              ElementsAre(WalTimeline{Timeline(1), fleet.from, fleet.from + Micros(5), fleet.from + Micros(4)}, third));
}

TEST_F(Wal, SaysUpToWhichMomentItTellsEverything) {
  put(0, 100);
  put(100, 200);
  put(50, 90, 2);
  WalHeader later = header(200, 300);
  later.received_through = fleet.from + Micros(99);
  later.recoverable_through = fleet.from + Micros(77);
  later.predecessor = chain_end[1];
  const EncodedWal wal = encoded(later);
  ASSERT_TRUE(memory->put(name(200, 300), wal.object));
  WalReader all = reader();
  const WalTimes all_of_it{fleet.from + Micros(99), fleet.from + Micros(77)};
  const WalTimes front{fleet.from + Micros(5), fleet.from + Micros(4)};
  EXPECT_EQ(all.times(Timeline(1), Lsn(300)).value(), all_of_it);
  EXPECT_EQ(all.times(Timeline(1), Lsn(299)).value(), front) << "what ends later does not count";
  EXPECT_EQ(all.times(Timeline(2), Lsn(89)).value(), WalTimes());
  EXPECT_EQ(all.times(Timeline(3), Lsn(300)).value(), WalTimes());
  stores = StoreSet({{"disk", damaged(name(200, 300))}}, 1);
  WalReader broken = reader();
  EXPECT_FALSE(broken.times(Timeline(1), Lsn(300)));
}

TEST_F(Wal, ObjectComesBackOfAnyLength) {
  for (const std::uint64_t size : {1UL, 8192UL, segment_size}) {
    WalHeader of = header(segment_size * 3, segment_size * 3 + size);
    const EncodedWal wal = encoded(of);
    EXPECT_EQ(wal.sha256, sha256(wal.object));
    const auto opened = open_wal_object(wal.object, fleet.signer.public_key, fleet.ring, decoder);
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_EQ(*opened, content(of.first.value(), of.last.value(), 1));
    const auto verified = verify_wal_object(wal.object, fleet.signer.public_key);
    ASSERT_TRUE(verified);
    EXPECT_EQ(verified->received_through, of.received_through);
    EXPECT_EQ(verified->recoverable_through, of.recoverable_through);
    EXPECT_EQ(*peek_wal_header(ByteView(wal.object).first(std::min(wal_header_limit, wal.object.size()))), *verified);
  }
}

TEST_F(Wal, ObjectHasSeveralFramesWhenItIsLong) {
  WalHeader of = header(0, frame_plain_target * 2 + 5);
  of.segment_size = 16U << 20U;
  const EncodedWal wal = encoded(of);
  EXPECT_EQ(peek_wal_header(wal.object)->frames, 3U);
  EXPECT_EQ(*open_wal_object(wal.object, fleet.signer.public_key, fleet.ring, decoder), content(0, of.last.value(), 1));
}

TEST_F(Wal, ObjectMustBeOneStretchOfOneSegment) {
  const auto encode = [&](std::uint64_t first, std::uint64_t last, std::size_t bytes) {
    return encode_wal_object(header(first, last), Bytes(bytes), fleet.epoch.key, fleet.signer, fleet.entropy, encoder);
  };
  EXPECT_EQ(encode(5, 5, 0).error().code, Code::invalid);
  EXPECT_EQ(encode(6, 5, 1).error().code, Code::invalid);
  EXPECT_EQ(encode(5, 7, 1).error().code, Code::invalid);
  EXPECT_EQ(encode(segment_size - 1, segment_size + 1, 2).error().code, Code::invalid);
  EXPECT_TRUE(encode(segment_size - 1, segment_size, 1));
}

TEST_F(Wal, EveryFlippedBitAndCutOfAnObjectIsFoundWithoutKeys) {
  const EncodedWal wal = encoded(header(100, 400));
  for (std::size_t i = 0; i < wal.object.size(); ++i) {
    Bytes damaged = wal.object;
    damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ (1U << (i % 8)));
    EXPECT_FALSE(verify_wal_object(damaged, fleet.signer.public_key)) << i;
    EXPECT_FALSE(verify_wal_object(ByteView(wal.object).first(i), fleet.signer.public_key)) << i;
    (void)peek_wal_header(damaged);
  }
  Bytes longer = wal.object;
  longer.push_back(0);
  EXPECT_FALSE(verify_wal_object(longer, fleet.signer.public_key));
  EXPECT_EQ(verify_wal_object(wal.object, fleet.root.public_key).error().code, Code::denied);
}

TEST(MergeWal, JoinsWhatTouchesOrOverlaps) {
  const auto wal = [](std::uint32_t timeline, std::uint64_t first, std::uint64_t last) {
    return WalName{Timeline(timeline), Lsn(first), Lsn(last)};
  };
  const auto stretch = [](std::uint32_t timeline, std::uint64_t first, std::uint64_t last) {
    return WalStretch{Timeline(timeline), Lsn(first), Lsn(last)};
  };
  EXPECT_THAT(merge_wal({}), IsEmpty());
  EXPECT_THAT(merge_wal({wal(1, 20, 30), wal(1, 0, 10), wal(1, 10, 20), wal(1, 10, 20)}),
              ElementsAre(stretch(1, 0, 30)));
  EXPECT_THAT(merge_wal({wal(1, 0, 30), wal(1, 5, 10), wal(1, 31, 40)}),
              ElementsAre(stretch(1, 0, 30), stretch(1, 31, 40)));
  EXPECT_THAT(merge_wal({wal(2, 10, 20), wal(1, 0, 10)}), ElementsAre(stretch(1, 0, 10), stretch(2, 10, 20)));
}

TEST_F(Wal, SegmentIsPutTogetherFromItsCuts) {
  put(segment_size, segment_size + 100);
  put(segment_size + 100, segment_size + 5000);
  put(segment_size + 5000, 2 * segment_size);
  WalReader wal = reader();
  const auto segment = wal.segment(Timeline(1), Lsn(segment_size + 7), segment_size);
  ASSERT_TRUE(segment) << segment.error().text();
  EXPECT_EQ(*segment, content(segment_size, 2 * segment_size, 1));
}

TEST_F(Wal, LastSegmentIsZeroBehindItsEnd) {
  put(0, segment_size);
  put(segment_size, segment_size + 100);
  WalReader wal = reader();
  EXPECT_EQ(*wal.segment(Timeline(1), Lsn(segment_size), segment_size),
            zero_after(content(segment_size, segment_size + 100, 1)));
  // What comes later is seen by the same reader.
  put(segment_size + 100, segment_size + 300);
  EXPECT_EQ(*wal.segment(Timeline(1), Lsn(segment_size), segment_size),
            zero_after(content(segment_size, segment_size + 300, 1)));
}

TEST_F(Wal, EndOfTheWalIsNotFound) {
  WalReader wal = reader();
  EXPECT_EQ(wal.segment(Timeline(1), Lsn(0), segment_size).error().code, Code::not_found);
  put(0, segment_size);
  EXPECT_TRUE(wal.segment(Timeline(1), Lsn(0), segment_size));
  EXPECT_EQ(wal.segment(Timeline(1), Lsn(segment_size), segment_size).error().code, Code::not_found);
  EXPECT_EQ(wal.segment(Timeline(2), Lsn(0), segment_size).error().code, Code::not_found);
}

TEST_F(Wal, GapIsNotTheEnd) {
  put(0, segment_size);
  put(2 * segment_size, 3 * segment_size);
  WalReader wal = reader();
  EXPECT_EQ(wal.segment(Timeline(1), Lsn(segment_size), segment_size).error().code, Code::corrupt);
  put(segment_size, segment_size + 100);
  EXPECT_EQ(wal.segment(Timeline(1), Lsn(segment_size), segment_size).error().code, Code::corrupt);
  put(segment_size + 200, 2 * segment_size);
  EXPECT_EQ(wal.segment(Timeline(1), Lsn(segment_size), segment_size).error().code, Code::corrupt);
  put(segment_size + 50, segment_size + 250);
  EXPECT_EQ(*wal.segment(Timeline(1), Lsn(segment_size), segment_size), content(segment_size, 2 * segment_size, 1));
}

TEST_F(Wal, StoreThatIsAwayIsNotTheEnd) {
  put(0, 100);
  const auto away = std::make_shared<Unreachable>(std::make_shared<MemoryStore>());
  const StoreSet half({{"disk", memory}, {"away", away}}, 1);
  WalReader wal(half, fleet.anchor(), fleet.database, fleet.ring);
  EXPECT_EQ(wal.segment(Timeline(1), Lsn(segment_size), segment_size).error().code, Code::unavailable);
  // The rest of this segment may lie in the store that is away.
  EXPECT_EQ(wal.segment(Timeline(1), Lsn(0), segment_size).error().code, Code::unavailable);
  away->set_away(Unreachable::Away::no);
  EXPECT_TRUE(wal.segment(Timeline(1), Lsn(0), segment_size));
  EXPECT_EQ(wal.segment(Timeline(1), Lsn(segment_size), segment_size).error().code, Code::not_found);
}

TEST_F(Wal, WholeSegmentComesFromTheStoreThatAnswers) {
  put(0, segment_size);
  const StoreSet half({{"away", std::make_shared<Unreachable>(memory)}, {"disk", memory}}, 1);
  WalReader wal(half, fleet.anchor(), fleet.database, fleet.ring);
  EXPECT_TRUE(wal.segment(Timeline(1), Lsn(0), segment_size));
}

TEST_F(Wal, DamageLossAndMissingKeysAreNotTheEnd) {
  put(0, segment_size);
  const std::string object = name(0, segment_size);
  const auto code_with = [&](std::shared_ptr<Store> store, const KeyRing& keys) {
    const StoreSet set({{"disk", std::move(store)}}, 1);
    WalReader wal(set, fleet.anchor(), fleet.database, keys);
    return wal.segment(Timeline(1), Lsn(0), segment_size).error().code;
  };
  EXPECT_EQ(code_with(damaged(object), fleet.ring), Code::corrupt);
  EXPECT_EQ(code_with(std::make_shared<CutsShort>(memory, object, 700), fleet.ring), Code::corrupt);
  EXPECT_EQ(code_with(memory, KeyRing()), Code::denied);
  // Gone between listing and reading.
  class GoneOnGet final : public WrappedStore {
   public:
    using WrappedStore::WrappedStore;
    Result<Bytes> get(const std::string& asked) override {
      if (asked.find("/wal/") == std::string::npos) return below().get(asked);
      return fail(Code::not_found, "gone");
    }
  };
  EXPECT_EQ(code_with(std::make_shared<GoneOnGet>(memory), fleet.ring), Code::unavailable);
  EXPECT_NE(
      code_with(std::make_shared<LosesObject>(memory, epoch_name(fleet.database, fleet.epoch.key.id)), fleet.ring),
      Code::not_found);
}

TEST_F(Wal, SoundCopyWinsOverADamagedOne) {
  put(0, segment_size);
  const StoreSet both({{"bad", damaged(name(0, segment_size))}, {"good", memory}}, 1);
  WalReader wal(both, fleet.anchor(), fleet.database, fleet.ring);
  EXPECT_TRUE(wal.segment(Timeline(1), Lsn(0), segment_size));
}

TEST_F(Wal, ObjectUnderAnotherNameIsRefused) {
  put(0, segment_size);
  put(segment_size, 2 * segment_size);
  const StoreSet swapped({{"disk", std::make_shared<SwapsTwoObjects>(memory, name(0, segment_size),
                                                                     name(segment_size, 2 * segment_size))}},
                         1);
  WalReader wal(swapped, fleet.anchor(), fleet.database, fleet.ring);
  EXPECT_EQ(wal.segment(Timeline(1), Lsn(0), segment_size).error().code, Code::denied);
}

// The server copied the front of the segment from the timeline it left; nobody streamed it on the new one.
TEST_F(Wal, SegmentOfASwitchBeginsWithTheOldTimeline) {
  const std::uint64_t at = segment_size + 300;
  put(0, segment_size, 1);
  put(segment_size, segment_size + 900, 1);  // the old timeline went on a little
  put(at, segment_size + 2000, 2);
  put_history(2, "1\t0/100" + std::string("12C") + "\tno recovery target specified\n");
  WalReader wal = reader();
  const auto segment = wal.segment(Timeline(2), Lsn(at), segment_size);
  ASSERT_TRUE(segment) << segment.error().text();
  Bytes expected = content(segment_size, at, 1);
  append(expected, content(at, segment_size + 2000, 2));
  EXPECT_EQ(*segment, zero_after(expected));
  // The segments before it are the old timeline's.
  EXPECT_EQ(wal.segment(Timeline(2), Lsn(0), segment_size).error().code, Code::not_found);
  EXPECT_EQ(as_text(*wal.history(Timeline(2))).substr(0, 2), "1\t");
  EXPECT_EQ(wal.history(Timeline(3)).error().code, Code::not_found);
}

TEST_F(Wal, SwitchWithoutTheOldTimelinesEndIsAGap) {
  put(segment_size, segment_size + 100, 1);
  put(segment_size + 300, segment_size + 2000, 2);
  put_history(2, "1\t0/10012C\tno recovery target specified\n");
  WalReader wal = reader();
  EXPECT_EQ(wal.segment(Timeline(2), Lsn(segment_size), segment_size).error().code, Code::corrupt);
}

TEST_F(Wal, StretchesAreTheStoresTogether) {
  put(0, 100);
  put(100, 300);
  put(500, 600);
  EXPECT_THAT(*reader().stretches(Timeline(1)),
              ElementsAre(WalStretch{Timeline(1), Lsn(0), Lsn(300)}, WalStretch{Timeline(1), Lsn(500), Lsn(600)}));
  const StoreSet away({{"disk", memory}, {"away", std::make_shared<Unreachable>(memory)}}, 1);
  EXPECT_FALSE(WalReader(away, fleet.anchor(), fleet.database, fleet.ring).stretches(Timeline(1)));
}

TEST_F(Wal, VerifyFindsNothingInAWholeChain) {
  put(0, 100);
  put(100, segment_size);
  put(segment_size, segment_size + 10);
  for (const KeyRing* keys : {static_cast<const KeyRing*>(nullptr), static_cast<const KeyRing*>(&fleet.ring)}) {
    const auto report =
        verify_wal(stores, fleet.anchor(), fleet.database, Timeline(1), Lsn(50), Lsn(segment_size + 10), keys, {});
    ASSERT_TRUE(report);
    for (const auto& finding : report->findings) ADD_FAILURE() << finding.error.text();
    EXPECT_EQ(report->objects, 3U);
    EXPECT_EQ(report->frames, keys == nullptr ? 0U : 3U);
  }
}

TEST_F(Wal, VerifyNamesWhatIsMissingDamagedOrOutOfTheChain) {
  put(0, 100);
  put(100, 200);
  chain_end[1] = sha256(as_bytes("another object"));  // as if one had been replaced
  put(200, 300);
  const auto findings = [&](std::shared_ptr<Store> store, std::uint64_t to) {
    const StoreSet set({{"disk", std::move(store)}}, 1);
    return verify_wal(set, fleet.anchor(), fleet.database, Timeline(1), Lsn(0), Lsn(to), nullptr, {})->findings;
  };
  EXPECT_THAT(findings(memory, 200), IsEmpty());
  const auto chain = findings(memory, 300);
  ASSERT_EQ(chain.size(), 1U);
  EXPECT_EQ(chain[0].object, name(200, 300));
  const auto short_of = findings(memory, 400);
  ASSERT_EQ(short_of.size(), 2U);
  EXPECT_THAT(short_of[1].error.message, HasSubstr("missing from 0/12C"));
  const auto altered = findings(damaged(name(100, 200)), 200);
  ASSERT_EQ(altered.size(), 2U);  // the object, and the gap it leaves
  EXPECT_EQ(altered[0].object, name(100, 200));
  EXPECT_EQ(altered[0].store, "disk");
  EXPECT_EQ(findings(std::make_shared<LosesObject>(memory, name(0, 100)), 200).size(), 1U);
}

TEST_F(Wal, VerifyDoesNotBlameTheOneBehindADamagedObject) {
  put(0, 100);
  put(100, 200);
  put(200, 300);
  const StoreSet set({{"disk", damaged(name(100, 200))}}, 1);
  const auto report = verify_wal(set, fleet.anchor(), fleet.database, Timeline(1), Lsn(0), Lsn(300), nullptr, {});
  ASSERT_TRUE(report);
  ASSERT_EQ(report->findings.size(), 2U);
  EXPECT_EQ(report->findings[0].object, name(100, 200));
  EXPECT_THAT(report->findings[1].error.message, HasSubstr("from 0/64 on, up to 0/C8"));
}

TEST_F(Wal, VerifyNamesEachGap) {
  put(0, 100);
  put(200, 300);
  put(400, 500);
  const auto report = verify_wal(stores, fleet.anchor(), fleet.database, Timeline(1), Lsn(0), Lsn(600), nullptr, {});
  ASSERT_TRUE(report);
  std::vector<std::string> said;
  for (const auto& finding : report->findings) said.push_back(finding.error.message);
  EXPECT_THAT(said, ElementsAre(HasSubstr("from 0/64 on, up to 0/C8"), HasSubstr("from 0/12C on, up to 0/190"),
                                HasSubstr("from 0/1F4 on, up to 0/258")));
}

TEST_F(Wal, VerifyFollowsTheLogAcrossTimelinesAndMissesAHistory) {
  put(0, 100);
  put(100, 200, 2);
  const std::vector<WalStretch> way = {{Timeline(1), Lsn(50), Lsn(100)}, {Timeline(2), Lsn(100), Lsn(200)}};
  const auto findings = [&] { return verify_log(stores, fleet.anchor(), fleet.database, way, {})->findings; };
  ASSERT_EQ(findings().size(), 1U);
  EXPECT_EQ(findings()[0].object, history_name(fleet.database, Timeline(2)));
  put_history(2, "1\t0/64\tno recovery target specified\n");
  EXPECT_THAT(findings(), IsEmpty());
}

}  // namespace
}  // namespace holdfast
