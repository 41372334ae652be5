// What an agent does with a state that another one wrote, that was cut off, or that is damaged.
#include "agent/state/schema.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "agent/state/state.h"
#include "shared/base/unique_handle.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

const std::vector<Sha256> three_steps{sha256(as_bytes("one")), sha256(as_bytes("two")), sha256(as_bytes("three"))};

SchemaMark mark(std::int64_t number, const char* text, SchemaMark::Progress progress = SchemaMark::Progress::done) {
  SchemaMark out;
  out.number = number;
  out.checksum = to_bytes(sha256(as_bytes(std::string_view(text))));
  out.progress = progress;
  return out;
}

SchemaFacts facts(std::int64_t version, std::vector<SchemaMark> marks) {
  SchemaFacts out;
  out.version = version;
  out.marks = std::move(marks);
  return out;
}

constexpr auto begun = SchemaMark::Progress::begun;

TEST(SchemaJudgement, GoesOnBehindTheLastStepThatWasTaken) {
  const auto all = judge_schema(facts(3, {mark(1, "one"), mark(2, "two"), mark(3, "three")}), three_steps);
  ASSERT_THAT(all, Succeeded());
  EXPECT_EQ(all->from, 3);
  const auto two = judge_schema(facts(2, {mark(1, "one"), mark(2, "two")}), three_steps);
  ASSERT_THAT(two, Succeeded());
  EXPECT_EQ(two->from, 2);
  EXPECT_FALSE(two->cut_off.has_value());
  EXPECT_EQ(two->marks, SchemaPlan::Marks::are_there);
}

TEST(SchemaJudgement, TakesAFileWithoutNotesAtItsWord) {
  SchemaFacts old;
  old.version = 2;
  const auto plan = judge_schema(old, three_steps);
  ASSERT_THAT(plan, Succeeded());
  EXPECT_EQ(plan->from, 2);
  EXPECT_EQ(plan->marks, SchemaPlan::Marks::to_make);
}

TEST(SchemaJudgement, TakesAStepAgainThatLeftNothing) {
  const auto plan = judge_schema(facts(1, {mark(1, "one"), mark(2, "two", begun)}), three_steps);
  ASSERT_THAT(plan, Succeeded());
  EXPECT_EQ(plan->from, 1);
  EXPECT_EQ(plan->cut_off, 2);
}

struct Refused {
  const char* name;
  SchemaFacts found;
  Code code;
  const char* says;
};

void PrintTo(const Refused& refused, std::ostream* out) {
  *out << refused.name;
}

class SchemaRefusal : public testing::TestWithParam<Refused> {};

TEST_P(SchemaRefusal, SaysWhatIsWrong) {
  EXPECT_THAT(judge_schema(GetParam().found, three_steps), FailedWith(GetParam().code, GetParam().says));
}

const Refused refusals[] = {
    {"ANewerVersion", facts(4, {}), Code::unsupported, "state version 4, this one knows 3"},
    {"ANewerStepThatWasBegun", facts(3, {mark(1, "one"), mark(2, "two"), mark(3, "three"), mark(4, "four", begun)}),
     Code::unsupported, "state version 4, this one knows 3"},
    {"AnotherStep", facts(2, {mark(1, "one"), mark(2, "zwei")}), Code::unsupported, "step 2 is another one there"},
    {"ANegativeVersion", facts(-1, {}), Code::corrupt, "version -1"},
    {"AMissingNote", facts(2, {mark(1, "one")}), Code::corrupt, "not noted"},
    {"AHoleInTheNotes", facts(3, {mark(1, "one"), mark(3, "three")}), Code::corrupt, "not noted"},
    {"DoneButNotInTheVersion", facts(1, {mark(1, "one"), mark(2, "two")}), Code::corrupt,
     "step 2 of its making is noted as done, and it has version 1"},
    {"BegunButInTheVersion", facts(2, {mark(1, "one"), mark(2, "two", begun)}), Code::corrupt,
     "step 2 of its making is noted as begun, and it has version 2"},
    {"TwoBegun", facts(1, {mark(1, "one"), mark(2, "two", begun), mark(3, "three", begun)}), Code::corrupt,
     "step 3 of its making is noted as begun"},
};

INSTANTIATE_TEST_SUITE_P(Of, SchemaRefusal, testing::ValuesIn(refusals),
                         [](const auto& test) { return test.param.name; });

class StateFile : public testing::Test {
 protected:
  StateFile() { EXPECT_THAT(AgentState::open(directory_.path()), Succeeded()); }
  void change(const std::string& sql) {
    auto connection = SqliteConnection::open(path_, SqliteOpen::read_write, Micros(0));
    ASSERT_THAT(connection, Succeeded());
    ASSERT_THAT(connection->execute(sql), Succeeded());
  }
  SchemaFacts read() {
    auto connection = SqliteConnection::open(path_, SqliteOpen::read_only, Micros(0)).value();
    return read_schema(connection).value();
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "state.db";
};

TEST_F(StateFile, NotesEachStepOfItsMaking) {
  const auto found = read();
  ASSERT_TRUE(found.marks.has_value());
  ASSERT_EQ(static_cast<std::int64_t>(found.marks->size()), found.version);
  for (const auto& step : *found.marks) {
    EXPECT_EQ(step.progress, SchemaMark::Progress::done);
    EXPECT_EQ(step.checksum.size(), sizeof(Sha256));
  }
}

TEST_F(StateFile, OfAnAgentThatMadeNoNotesGetsThem) {
  const auto before = read();
  change("DROP TABLE migrations");
  const auto state = AgentState::open(directory_.path());
  ASSERT_THAT(state, Succeeded());
  EXPECT_FALSE((*state)->repaired().has_value());
  EXPECT_EQ(read().marks, before.marks);
}

TEST_F(StateFile, WhoseStepWasCutOffTakesItAgainAndSaysSo) {
  const auto before = read();
  change("DROP TABLE run_ledgers; UPDATE migrations SET done = 0 WHERE number = 5; PRAGMA user_version = 4");
  const auto state = AgentState::open(directory_.path());
  ASSERT_THAT(state, Succeeded());
  ASSERT_TRUE((*state)->repaired().has_value());
  EXPECT_THAT(*(*state)->repaired(), HasSubstr("step 5"));
  EXPECT_THAT((*state)->run_ledgers(), Succeeded());
  EXPECT_EQ(read().version, before.version);
  EXPECT_EQ(read().marks, before.marks);
}

TEST_F(StateFile, WhoseStepLeftSomethingBehindIsRefusedAndNotChanged) {
  change("UPDATE migrations SET done = 0 WHERE number = 5; PRAGMA user_version = 4");
  EXPECT_THAT(AgentState::open(directory_.path()), FailedWith(Code::corrupt, "step 5 of its making does not fit"));
  EXPECT_EQ(read().version, 4);
}

// `holdfast-agent status` tries the lock to see whether an agent runs.
TEST_F(StateFile, IsOpenedAlthoughSomebodyAsksForTheStatusInThatMoment) {
  UniqueFd asking(::open((directory_ / "agent.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::flock(asking.get(), LOCK_SH | LOCK_NB), 0);
  std::jthread answered([&asking] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    asking.reset();
  });
  EXPECT_THAT(AgentState::open(directory_.path()), Succeeded());
}

TEST_F(StateFile, OfAnUnknownAgentIsRefusedByReadersToo) {
  change("UPDATE migrations SET checksum = x'00' WHERE number = 2");
  EXPECT_THAT(AgentState::open(directory_.path()), FailedWith(Code::unsupported, path_));
  EXPECT_THAT(AgentState::open_to_read(directory_.path()), FailedWith(Code::unsupported, "step 2 is another one"));
}

TEST_F(StateFile, ThatIsNoDatabaseIsExplained) {
  std::ofstream(path_, std::ios::trunc) << std::string(8192, 'x');
  EXPECT_THAT(AgentState::open(directory_.path()), FailedWith(Code::corrupt, "move it aside and enrol again"));
}

TEST_F(StateFile, IsLookedAtPageByPageAfterARunThatDidNotEndInOrder) {
  ASSERT_THAT(AgentState::open(directory_.path()).value()->begin_run({Timestamp::from_micros(1), "boot"}), Succeeded());
  // A chain of pages at the end that no statement of an opening reads.
  change("CREATE TABLE elsewhere (a BLOB); INSERT INTO elsewhere VALUES (zeroblob(60000))");
  constexpr std::streamoff page = 4096;
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-3 * page, std::ios::end);
  file << std::string(page, '\xaa') << std::flush;
  EXPECT_THAT(AgentState::open(directory_.path()), FailedWith(Code::corrupt, "it is damaged"));
}

TEST_F(StateFile, NamesTheProcessThatHasIt) {
  const auto state = AgentState::open(directory_.path());
  ASSERT_THAT(state, Succeeded());
  EXPECT_THAT(AgentState::open(directory_.path()), FailedWith(Code::conflict, "process " + std::to_string(::getpid())));
}

TEST_F(StateFile, RemembersWhenAnAgentWasAlive) {
  const Timestamp alive = Timestamp::from_micros(1'790'000'000'000'000);
  {
    const auto state = AgentState::open(directory_.path()).value();
    EXPECT_TRUE(state->last_seen().value().is_never());
    ASSERT_THAT(state->save_last_seen(alive), Succeeded());
  }
  EXPECT_EQ(AgentState::open(directory_.path()).value()->last_seen().value(), alive);
}

}  // namespace
}  // namespace holdfast
