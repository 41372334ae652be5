#include "agent/shutdown/receipt.h"

#include <gmock/gmock.h>

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

ShutdownReceipt whole() {
  ShutdownReceipt receipt;
  receipt.state = ClusterState::shut_down;
  receipt.checkpoint = Lsn(0x3000028);
  receipt.log_end = Lsn(0x30000A0);
  receipt.durable = Lsn(0x30000A0);
  receipt.min_copies = 2;
  return receipt;
}

TEST(ShutdownReceipt, SaysNothingMissingWhenCheckpointAndDurableLogFit) {
  EXPECT_TRUE(whole().is_whole());
  EXPECT_EQ(whole().verdict(),
            "nothing missing: checkpoint 0/3000028, log durable up to 0/30000A0 in at least 2 copies");
}

TEST(ShutdownReceipt, NeverSaysItOtherwise) {
  const auto expect_missing = [](const auto& change, const char* said) {
    ShutdownReceipt receipt = whole();
    change(receipt);
    EXPECT_FALSE(receipt.is_whole());
    EXPECT_THAT(receipt.verdict(), Not(HasSubstr(std::string(nothing_missing))));
    EXPECT_THAT(receipt.verdict(), HasSubstr(said));
  };
  expect_missing([](auto& r) { r.durable = Lsn(0x3000028); }, "120 bytes of log between 0/3000028 and 0/30000A0");
  expect_missing([](auto& r) { r.state.reset(); }, "how it was stopped is not known");
  expect_missing([](auto& r) { r.state = ClusterState::in_production; }, "not stopped in order");
  expect_missing([](auto& r) { r.state = ClusterState::shut_down_in_recovery; }, "a standby");
  expect_missing([](auto& r) { r.log_end = Lsn(); }, "may be missing");
  expect_missing([](auto& r) { r.log = ShutdownReceipt::Log::not_shipped; }, "on this host only");
  expect_missing([](auto& r) { r.log = ShutdownReceipt::Log::shipped_elsewhere; }, "another node ships its log");
}

TEST(ShutdownReceipt, WentWellWhenWhatThisNodeShipsIsSafe) {
  EXPECT_TRUE(whole().went_well());
  const auto well = [](const auto& change) {
    ShutdownReceipt receipt = whole();
    change(receipt);
    return receipt.went_well();
  };
  using Server = ShutdownReceipt::Server;
  using Log = ShutdownReceipt::Log;
  EXPECT_TRUE(well([](auto& r) { r.state = ClusterState::shut_down_in_recovery, r.log = Log::shipped_elsewhere; }));
  EXPECT_TRUE(well([](auto& r) { r.state = ClusterState::in_production, r.server = Server::runs_on; }));
  EXPECT_TRUE(well([](auto& r) { r.log = Log::not_shipped, r.durable = Lsn(); })) << "nobody had promised anything";
  EXPECT_FALSE(well([](auto& r) { r.durable = Lsn(0x3000028); }));
  EXPECT_FALSE(well([](auto& r) { r.state = ClusterState::in_production; })) << "it was to stop";
  EXPECT_FALSE(well([](auto& r) { r.state.reset(); }));
  EXPECT_FALSE(well(
      [](auto& r) { r.state = ClusterState::in_production, r.server = Server::runs_on, r.durable = Lsn(0x3000028); }));
  EXPECT_FALSE(well([](auto& r) { r.log_end = Lsn(); }));
}

TEST(EndOfRecord, CountsPageHeadersAndIsRoundedUp) {
  const WalSegmentSize size;
  EXPECT_EQ(end_of_record(Lsn(0x3000028), 114, size), Lsn(0x30000A0));
  // 100 bytes before the end of a page: 14 more behind the next one's header.
  EXPECT_EQ(end_of_record(Lsn(0x3002000 - 100), 114, size), Lsn(0x3002000 + 24 + 16));
  // The same at the end of a segment, whose first page has the longer header.
  EXPECT_EQ(end_of_record(Lsn(0x4000000 - 104), 114, size), Lsn(0x4000000 + 40 + 16));
  EXPECT_EQ(end_of_record(Lsn(0x3002000 - 120), 114, size), Lsn(0x3002000));
}

}  // namespace
}  // namespace holdfast
