#include "shared/os/process.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

TEST(RunCommand, GivesOutputAndExitCode) {
  const auto outcome = run_command({.arguments = {"sh", "-c", "echo out; echo err >&2; exit 3"}});
  ASSERT_THAT(outcome, Succeeded());
  EXPECT_EQ(outcome->exit_code, 3);
  EXPECT_EQ(outcome->output, "out\nerr\n");
}

TEST(RunCommand, SaysWhenThereIsNoSuchProgram) {
  EXPECT_THAT(run_command({.arguments = {"no-such-program-here"}}),
              FailedWith(Code::not_found, "no-such-program-here"));
}

TEST(RunCommand, KillsWhatTakesTooLongWithItsChildren) {
  EXPECT_THAT(run_command({.arguments = {"sh", "-c", "sleep 100 & wait"}, .timeout = std::chrono::milliseconds(100)}),
              FailedWith(Code::timed_out, "100ms"));
}

TEST(RunCommand, DoesNotWaitForADaemonThatKeepsTheOutputOpen) {
  const auto outcome =
      run_command({.arguments = {"sh", "-c", "sleep 30 & echo started"}, .timeout = std::chrono::seconds(20)});
  ASSERT_THAT(outcome, Succeeded());
  EXPECT_EQ(outcome->output, "started\n");
}

TEST(RunCommand, HandsNoSecretOfOursToOthers) {
  ::setenv("HOLDFAST_TOKEN", "hf1.secret", 1);
  const auto outcome = run_command({.arguments = {"env"}, .environment = {"EXTRA=1"}});
  ::unsetenv("HOLDFAST_TOKEN");
  ASSERT_THAT(outcome, Succeeded());
  EXPECT_EQ(outcome->output.find("hf1.secret"), std::string::npos);
  EXPECT_NE(outcome->output.find("EXTRA=1"), std::string::npos);
}

class AsAnotherUser : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  }
};

TEST_F(AsAnotherUser, ACommandRunsWithThatUsersRights) {
  const auto nobody = user_by_name("nobody");
  ASSERT_THAT(nobody, Succeeded());
  const auto outcome = run_command({.arguments = {"id", "-u"}, .as_user = *nobody});
  ASSERT_THAT(outcome, Succeeded());
  EXPECT_EQ(outcome->output, std::to_string(nobody->uid) + "\n");
}

TEST_F(AsAnotherUser, OnlyTheActingThreadChanges) {
  const auto nobody = user_by_name("nobody");
  ASSERT_THAT(nobody, Succeeded());
  std::promise<void> acting_now;
  uid_t seen_by_other = 12345;
  std::thread other([&] {
    acting_now.get_future().wait();
    seen_by_other = ::geteuid();
  });
  {
    const auto acting = ActingAs::user(*nobody);
    EXPECT_THAT(acting, Succeeded());
    EXPECT_EQ(::geteuid(), nobody->uid);
    acting_now.set_value();
    other.join();
    EXPECT_EQ(seen_by_other, 0U);
  }
  EXPECT_EQ(::geteuid(), 0U);
}

TEST(Users, AreFoundByNameAndNumber) {
  EXPECT_EQ(user_by_name("root").value().uid, 0U);
  EXPECT_EQ(user_by_uid(0).value().name, "root");
  EXPECT_THAT(user_by_name("no-such-user-here"), FailedWith(Code::not_found));
}

}  // namespace
}  // namespace holdfast
