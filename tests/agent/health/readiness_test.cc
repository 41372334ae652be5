#include "agent/health/readiness.h"

#include <gmock/gmock.h>

#include <functional>

#include "tests/agent/health/facts.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ReadinessFacts host_with(std::vector<ProtectedFacts> databases) {
  ReadinessFacts facts;
  facts.looked = true;
  facts.databases = std::move(databases);
  return facts;
}

TEST(Readiness, NeedsNoDatabaseButALookAtTheHost) {
  EXPECT_THAT(judge_readiness(ReadinessFacts()), ElementsAre(HasSubstr("not looked at yet")));
  EXPECT_THAT(judge_readiness(host_with({})), IsEmpty());
}

TEST(Readiness, IsThereWhenEveryClusterIsStreamed) {
  EXPECT_THAT(judge_readiness(host_with({sound_cluster(1), sound_cluster(2)})), IsEmpty());
}

struct Case {
  const char* name;
  std::function<void(ProtectedFacts&)> change;
  const char* missing;  // empty: nothing
};
void PrintTo(const Case& row, std::ostream* out) {
  *out << row.name;
}

class ReadinessWith : public testing::TestWithParam<Case> {};

TEST_P(ReadinessWith, MissesWhatIsNotProtected) {
  auto facts = sound_cluster();
  GetParam().change(facts);
  const auto missing = judge_readiness(host_with({sound_cluster(2), facts}));
  if (std::string(GetParam().missing).empty()) {
    EXPECT_THAT(missing, IsEmpty());
  } else {
    EXPECT_THAT(missing, ElementsAre(testing::AllOf(HasSubstr("database \"orders\""), HasSubstr(GetParam().missing))));
  }
}

const Case rows[] = {
    {"AServerThatDoesNotRun",
     [](auto& facts) {
       facts.runs = false;
       facts.log.reset();
     },
     ""},
    {"ADatabaseThatIsNotThere",
     [](auto& facts) {
       facts.present = false;
       facts.log.reset();
     },
     ""},
    {"ADatabaseOfAnotherAgent",
     [](auto& facts) {
       facts.problem = "another agent protects it";
       facts.log.reset();
     },
     ""},
    {"NoReceiver", [](auto& facts) { facts.log.reset(); }, "not received yet"},
    {"AReceiverThatConnects", [](auto& facts) { facts.log->state = WalReceiverState::connecting; },
     "not streamed yet (connecting)"},
    {"NothingDurable", [](auto& facts) { facts.log->durable = Lsn(); }, "nothing of its log is durable yet"},
    {"NoStore",
     [](auto& facts) {
       facts.hindered = Error{Code::conflict, "there is no store", {}};
     },
     "there is no store"},
    {"ALogThatAnotherNodeShips",
     [](auto& facts) {
       facts.ships = false;
       facts.log.reset();
     },
     ""},
};

INSTANTIATE_TEST_SUITE_P(A, ReadinessWith, testing::ValuesIn(rows), [](const auto& test) { return test.param.name; });

TEST(Readiness, WaitsForAWordOnADatabaseThatRuns) {
  ReadinessFacts facts = host_with({});
  facts.undecided = {"invoices"};
  EXPECT_THAT(judge_readiness(facts), ElementsAre(HasSubstr("database \"invoices\": nobody has said yet")));
}

}  // namespace
}  // namespace holdfast
