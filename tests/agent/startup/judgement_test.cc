#include "agent/startup/judgement.h"

#include <gmock/gmock.h>

#include <functional>

namespace holdfast {
namespace {

using testing::HasSubstr;
using Weight = Obstacle::Weight;

const Timestamp now = Timestamp::from_micros(1'790'000'000'000'000);

PathFacts path(const char* name, FileKind kind, std::uint32_t mode, std::uint32_t uid) {
  PathFacts out;
  out.path = name;
  out.info.kind = kind;
  out.info.mode = mode;
  out.info.uid = uid;
  return out;
}

StartupFacts sound_host() {
  StartupFacts facts;
  facts.user = 33;
  facts.directory = "/state";
  facts.directory_found = path("/state", FileKind::directory, 0700, 33);
  facts.secrets = {path("/state/node.key", FileKind::file, 0600, 33)};
  facts.space = Space{10ULL << 30U, 20ULL << 30U};
  facts.now = now;
  facts.built = now - std::chrono::hours(24);
  return facts;
}

TEST(StartupJudgement, FindsNothingOnASoundHost) {
  EXPECT_TRUE(judge_startup(sound_host()).empty());
}

TEST(StartupJudgement, FindsNothingBeforeTheStateWasMade) {
  StartupFacts facts = sound_host();
  facts.directory_found.reset();
  facts.secrets.clear();
  facts.space.reset();
  EXPECT_TRUE(judge_startup(facts).empty());
}

struct Case {
  const char* name;
  std::function<void(StartupFacts&)> change;
  Weight weight;
  const char* says;
  const char* hint;
};

void PrintTo(const Case& problem, std::ostream* out) {
  *out << problem.name;
}

class StartupProblem : public testing::TestWithParam<Case> {};

TEST_P(StartupProblem, IsFoundWithItsHint) {
  StartupFacts facts = sound_host();
  GetParam().change(facts);
  const auto found = judge_startup(facts);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].weight, GetParam().weight);
  EXPECT_THAT(found[0].error.message, HasSubstr(GetParam().says));
  EXPECT_THAT(found[0].error.hint, HasSubstr(GetParam().hint));
}

const Case problems[] = {
    {"KeyForOthers", [](auto& facts) { facts.secrets[0].info.mode = 0640; }, Weight::error,
     "\"/state/node.key\" holds secrets and can be used by others (mode 0640)", "chmod 600 /state/node.key"},
    {"KeyOfAnotherUser", [](auto& facts) { facts.secrets[0].info.uid = 7; }, Weight::error,
     "belongs to user 7, and the agent runs as user 33", "chown 33 /state/node.key"},
    {"KeyIsALink", [](auto& facts) { facts.secrets[0].info.kind = FileKind::link; }, Weight::error, "not a plain file",
     "copy"},
    {"DirectoryIsAFile", [](auto& facts) { facts.directory_found->info.kind = FileKind::file; }, Weight::error,
     "\"/state\" is not a directory", "--state"},
    {"DirectoryOpenToOthers", [](auto& facts) { facts.directory_found->info.mode = 0755; }, Weight::warning,
     "(mode 0755); it is made private", "chmod 700"},
    {"DirectoryOfAnotherUser", [](auto& facts) { facts.directory_found->info.uid = 7; }, Weight::error,
     "belongs to user 7", "chown -R 33 /state"},
    {"DirectoryOfAnotherUserAsRoot",
     [](auto& facts) {
       facts.user = 0;
       facts.secrets.clear();
     },
     Weight::warning, "belongs to user 33", "replace the node's keys"},
    {"NothingCanBeSeen",
     [](auto& facts) {
       facts.unreadable = Error{Code::unavailable, "stat \"/state\": permission denied", "run as"};
     },
     Weight::error, "permission denied", "run as"},
    {"NoSpace", [](auto& facts) { facts.space->free_bytes = (64ULL << 20U) - 1; }, Weight::error,
     "63 MiB are free where the state directory \"/state\" is, less than 64 MiB", "free some"},
    {"LittleSpace", [](auto& facts) { facts.space->free_bytes = 64ULL << 20U; }, Weight::warning, "less than 512 MiB",
     "free some"},
    {"ClockBeforeTheBuild", [](auto& facts) { facts.built = facts.now + std::chrono::hours(49); }, Weight::error,
     "before this program was built", "set the clock"},
    {"ConfigurationOthersCanChange",
     [](auto& facts) { facts.configuration_file = path("/etc/agent.yaml", FileKind::file, 0664, 0); }, Weight::warning,
     "\"/etc/agent.yaml\" can be changed by others", "chmod go-w"},
    {"TokenOthersCanRead", [](auto& facts) { facts.token_file = path("/token", FileKind::file, 0644, 33); },
     Weight::warning, "\"/token\" can be read by others", "chmod 600 /token"},
    {"BadConfiguration",
     [](auto& facts) {
       facts.configuration = Error{Code::invalid, "a.yaml:3:1: unknown key", "see"};
     },
     Weight::error, "a.yaml:3:1", "see"},
};

INSTANTIATE_TEST_SUITE_P(Of, StartupProblem, testing::ValuesIn(problems),
                         [](const auto& test) { return test.param.name; });

TEST(StartupJudgement, SaysNothingAtTheEdgeOfWhatIsFine) {
  StartupFacts facts = sound_host();
  facts.space->free_bytes = 512ULL << 20U;
  facts.built = facts.now + std::chrono::hours(48);
  facts.configuration_file = path("/etc/agent.yaml", FileKind::file, 0644, 0);
  facts.token_file = path("/token", FileKind::file, 0600, 33);
  EXPECT_TRUE(judge_startup(facts).empty());
}

TEST(StartupJudgement, TellsAllThatIsWrongAtOnce) {
  StartupFacts facts = sound_host();
  facts.secrets[0].info.mode = 0644;
  facts.space->free_bytes = 0;
  facts.directory_found->info.mode = 0777;
  const auto found = judge_startup(facts);
  ASSERT_EQ(found.size(), 3U);
  ASSERT_TRUE(has_errors(found));
  const Error all = as_one(found);
  EXPECT_EQ(all.code, Code::unavailable);
  EXPECT_THAT(all.message, HasSubstr("for 2 reasons\n  1. \"/state/node.key\""));
  EXPECT_THAT(all.message, HasSubstr("\n     hint: chmod 600"));
  EXPECT_THAT(all.message, HasSubstr("\n  2. 0 MiB are free"));
}

TEST(StartupJudgement, IsAboutWhatWasWrittenWhenThatIsAmongIt) {
  StartupFacts facts = sound_host();
  facts.secrets[0].info.mode = 0644;
  facts.configuration = Error{Code::invalid, "a.yaml:3:1: unknown key", {}};
  EXPECT_EQ(as_one(judge_startup(facts)).code, Code::invalid);
}

TEST(StartupJudgement, LeavesASingleErrorAsItIs) {
  StartupFacts facts = sound_host();
  facts.space->free_bytes = 0;
  const auto found = judge_startup(facts);
  EXPECT_EQ(as_one(found).message, found[0].error.message);
}

TEST(ClockJudgement, WarnsOfAClockThatWentBackOrJumpedFarAhead) {
  EXPECT_TRUE(judge_clock(now, Timestamp()).empty());
  EXPECT_TRUE(judge_clock(now, now + std::chrono::minutes(5)).empty());
  EXPECT_TRUE(judge_clock(now, now - std::chrono::hours(24 * 365)).empty());
  const auto back = judge_clock(now, now + std::chrono::minutes(6));
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(back[0].weight, Weight::warning);
  EXPECT_THAT(back[0].error.message, HasSubstr("before the agent's last sign of life"));
  const auto ahead = judge_clock(now, now - std::chrono::hours(24 * 366));
  ASSERT_EQ(ahead.size(), 1U);
  EXPECT_EQ(ahead[0].weight, Weight::warning);
  EXPECT_THAT(ahead[0].error.message, HasSubstr("more than a year after"));
}

}  // namespace
}  // namespace holdfast
