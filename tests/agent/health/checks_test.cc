#include "agent/health/checks.h"

#include <gmock/gmock.h>

#include "tests/agent/health/facts.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::Optional;

TEST(HealthChecks, FindASoundClusterWell) {
  const auto facts = sound_cluster();
  EXPECT_EQ(check_server(facts), std::nullopt);
  EXPECT_EQ(check_log(facts, noon), std::nullopt);
  EXPECT_EQ(check_slot(facts), std::nullopt);
  EXPECT_EQ(check_stores(facts, 0), std::nullopt);
}

TEST(HealthChecks, HaveAWordEachThatIsReadAgain) {
  for (const HealthCheck check : {HealthCheck::server, HealthCheck::log, HealthCheck::slot, HealthCheck::stores,
                                  HealthCheck::state, HealthCheck::coordinator}) {
    EXPECT_EQ(health_check_of(to_string(check)), check);
  }
  EXPECT_EQ(health_check_of("weather"), std::nullopt);
}

TEST(ServerCheck, SaysWhyADatabaseCannotBeSpokenTo) {
  auto facts = sound_cluster();
  facts.runs = false;
  EXPECT_THAT(check_server(facts), Optional(HasSubstr("does not run")));
  facts.problem = "role \"backup\" does not exist";
  EXPECT_THAT(check_server(facts), Optional(facts.problem));
  facts.present = false;
  EXPECT_THAT(check_server(facts), Optional(HasSubstr("not on this host")));
}

TEST(LogCheck, FailsWhileNobodyReceivesOrTheStreamIsDown) {
  auto facts = sound_cluster();
  facts.log->state = WalReceiverState::waiting;
  facts.log->error = Error{Code::unavailable, "the server is away", {}};
  EXPECT_THAT(check_log(facts, noon), Optional(HasSubstr("waiting): the server is away")));
  facts.log.reset();
  EXPECT_THAT(check_log(facts, noon), Optional(HasSubstr("nobody receives its log")));
  facts.hindered = Error{Code::conflict, "no store", {}};
  EXPECT_THAT(check_log(facts, noon), Optional(std::string("no store")));
}

TEST(LogCheck, FailsWhenTheStoresDoNotTakeIt) {
  auto facts = sound_cluster();
  facts.log->error = Error{Code::exhausted, "store \"a\" is full", {}};
  EXPECT_THAT(check_log(facts, noon), Optional(HasSubstr("is full")));
}

TEST(LogCheck, FailsWhenNothingBecameDurableForAMinuteMoreThanThePolicyAllows) {
  auto facts = sound_cluster();
  facts.log->recoverable_through = noon - std::chrono::seconds(70);
  EXPECT_EQ(check_log(facts, noon), std::nullopt);
  facts.log->recoverable_through = noon - std::chrono::seconds(71);
  EXPECT_THAT(check_log(facts, noon), Optional(HasSubstr("durable only up to")));
}

TEST(SlotCheck, FailsWhenTheServerMayDropWhatWasNotShipped) {
  auto facts = sound_cluster();
  facts.log->slot->wal = SlotWal::extended;
  EXPECT_EQ(check_slot(facts), std::nullopt);
  facts.log->slot->wal = SlotWal::unreserved;
  EXPECT_THAT(check_slot(facts), Optional(HasSubstr("may drop")));
  facts.log->slot->wal = SlotWal::lost;
  EXPECT_THAT(check_slot(facts), Optional(HasSubstr("has dropped")));
}

TEST(StoresCheck, FailsWhenMoreWasMissedThanBeforeAndWhenNothingCanBeWritten) {
  auto facts = sound_cluster();
  facts.missed = 7;
  EXPECT_EQ(check_stores(facts, 7), std::nullopt);
  EXPECT_THAT(check_stores(facts, 4), Optional(HasSubstr("3 objects")));
  facts.hindered = Error{Code::unsupported, "store of an unknown kind", {}};
  EXPECT_THAT(check_stores(facts, 7), Optional(HasSubstr("unknown kind")));
}

}  // namespace
}  // namespace holdfast
