#include "agent/incremental/cross_check.h"

#include <gmock/gmock.h>

#include "agent/incremental/change_trust.h"
#include "agent/postgres/page_check.h"
#include "shared/os/posix_file_system.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/seeded_entropy.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

using ::testing::ElementsAre;
using Read = FileDecision::Read;

Bytes pages_with(const std::vector<std::uint64_t>& lsns) {
  Bytes pages(lsns.size() * page_size);
  for (std::size_t i = 0; i < lsns.size(); ++i) {
    const auto high = static_cast<std::uint32_t>(lsns[i] >> 32U);
    const auto low = static_cast<std::uint32_t>(lsns[i]);
    std::memcpy(&pages[i * page_size], &high, sizeof high);
    std::memcpy(&pages[i * page_size + 4], &low, sizeof low);
  }
  return pages;
}

FileDecision reads(std::vector<BlockRange> blocks, std::uint32_t valid) {
  return {blocks.empty() ? Read::nothing : Read::some, {}, std::move(blocks), valid};
}

class CrossChecked : public testing::Test {
 protected:
  CrossCheck check_{{CrossCheck::Judged{"base/5/1", 0, reads({{1, 2}, {5, 1}}, 7)}, std::nullopt,
                     CrossCheck::Judged{"base/5/2.1", relation_segment_pages, reads({}, 4)}},
                    Lsn(0x1'0000'0100),
                    Lsn(0x1'0000'0200)};
};

TEST_F(CrossChecked, APageThatWasWrittenSinceAndWouldNotBeReadIsMissed) {
  check_.see(0, 0, pages_with({0x1'0000'0180, 0x1'0000'0180, 0x1'0000'0200, 0x1'0000'0101}));
  check_.see(2, 2 * page_size, pages_with({0x1'0000'0150}));
  const auto found = check_.outcome();
  EXPECT_EQ(found.judged, 5U);
  EXPECT_EQ(found.missed, 3U);
  EXPECT_THAT(found.missed_list, ElementsAre("base/5/1 block 0, LSN 1/180", "base/5/1 block 3, LSN 1/101",
                                             "base/5/2.1 block 131074, LSN 1/150"));
}

TEST_F(CrossChecked, PagesFromBeforeTheParentOrSinceThisBackupBeganSayNothing) {
  check_.see(0, 0, pages_with({0, 0x1'0000'0100, 0x1'0000'0201, 0xffff'ffff}));
  EXPECT_EQ(check_.outcome().judged, 0U);
}

TEST_F(CrossChecked, PagesBehindWhatTheParentHasAreReadAnyway) {
  check_.see(0, 7 * page_size, pages_with({0x1'0000'0180, 0x1'0000'0180}));
  const auto found = check_.outcome();
  EXPECT_EQ(found.judged, 2U);
  EXPECT_EQ(found.missed, 0U);
}

TEST_F(CrossChecked, FilesThatAreReadWholeAreNotAskedAfter) {
  check_.see(1, 0, pages_with({0x1'0000'0180}));
  EXPECT_EQ(check_.outcome().judged, 0U);
}

TEST(ChangeTrusted, IsLostForOneDatabaseAndForGood) {
  const TemporaryDirectory place;
  PosixFileSystem files;
  SeededEntropy entropy(1);
  const auto orders = entropy.id<DatabaseId>();
  const auto events = entropy.id<DatabaseId>();
  ASSERT_THAT(ChangeTrust(files, place.path() + "/distrusted").distrust(orders, "it missed a page"), Succeeded());
  ChangeTrust again(files, place.path() + "/distrusted");
  EXPECT_EQ(again.distrusted(orders).value(), "it missed a page");
  EXPECT_EQ(again.distrusted(events).value(), std::nullopt);
}

}  // namespace
}  // namespace holdfast
