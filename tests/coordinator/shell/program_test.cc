// The real program as a process.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "coordinator/shell/state_directory.h"
#include "shared/identity/operator_file.h"
#include "shared/os/clock.h"
#include "shared/os/posix_file_system.h"
#include "shared/os/system_entropy.h"
#include "shared/wire/codec.h"
#include "shared/wire/transport.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

class Program : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/holdfast-program-XXXXXX";
    base_ = ::mkdtemp(pattern.data());
    CreateFleetOptions options;
    options.directory = base_ / "fleet";
    auto created = create_fleet(files_, entropy_, clock_.now(), std::move(options));
    ASSERT_TRUE(created) << created.error().text();
    fleet_ = *created;
  }
  void TearDown() override {
    for (const pid_t pid : running_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    std::filesystem::remove_all(base_);
  }

  pid_t start(const std::string& log, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), std::string(HOLDFAST_BINARY_DIR) + "/holdfast-coordinator");
    const std::string log_path = base_ / log;
    const pid_t pid = ::fork();
    if (pid == 0) {
      const int out = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      ::dup2(out, 1);
      ::dup2(out, 2);
      std::vector<char*> argv;
      for (auto& argument : arguments) argv.push_back(argument.data());
      argv.push_back(nullptr);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    running_.push_back(pid);
    return pid;
  }
  pid_t start_coordinator(const std::string& log) {
    return start(log, {"--state", fleet_.state_directory, "--bind", "127.0.0.1", "--fleet-port", "0", "--enrol-port",
                       "0", "--http", "127.0.0.1:7480"});
  }
  int wait_for_end(pid_t pid) {
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    std::erase(running_, pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  std::string output(const std::string& log) const {
    std::ifstream file(base_ / log);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  // Polls; false when it did not come in time.
  bool says(const std::string& log, const std::string& text) {
    const Micros deadline = clock_.monotonic() + std::chrono::seconds(30);
    while (clock_.monotonic() < deadline) {
      if (output(log).find(text) != std::string::npos) return true;
      clock_.sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }

  SystemClock clock_;
  SystemEntropy entropy_;
  PosixFileSystem files_;
  std::filesystem::path base_;
  CreatedFleet fleet_;
  std::vector<pid_t> running_;
};

TEST_F(Program, SaysWhenItIsReadyAndStopsInOrder) {
  const pid_t pid = start_coordinator("log");
  ASSERT_TRUE(says("log", "coordinator ready")) << output("log");
  EXPECT_THAT(output("log"), HasSubstr("fleet_port"));
  EXPECT_THAT(output("log"), HasSubstr("not served"));
  ::kill(pid, SIGTERM);
  EXPECT_EQ(wait_for_end(pid), 0) << output("log");
}

TEST_F(Program, RefusesASecondOneOnItsStateDirectory) {
  const pid_t first = start_coordinator("first");
  ASSERT_TRUE(says("first", "coordinator ready")) << output("first");
  const pid_t second = start_coordinator("second");
  EXPECT_EQ(wait_for_end(second), 6);
  EXPECT_THAT(output("second"), HasSubstr("in use by process " + std::to_string(first)));
}

TEST_F(Program, StartsAgainAfterItWasKilled) {
  const pid_t first = start_coordinator("first");
  ASSERT_TRUE(says("first", "coordinator ready")) << output("first");
  ::kill(first, SIGKILL);
  EXPECT_EQ(wait_for_end(first), 128 + SIGKILL);
  start_coordinator("second");
  EXPECT_TRUE(says("second", "coordinator ready")) << output("second");
}

TEST_F(Program, AnswersTheFirstOperator) {
  const auto port = [this] {
    const std::string log = output("log");
    const auto at = log.find("fleet_port=");
    return log.substr(at + 11, log.find_first_not_of("0123456789", at + 11) - at - 11);
  };
  start_coordinator("log");
  ASSERT_TRUE(says("log", "coordinator ready")) << output("log");
  const auto admin = read_operator_file(files_, fleet_.operator_file, std::nullopt).value();
  ZmqContext context;
  ClientTransportOptions options;
  options.endpoint = "tcp://127.0.0.1:" + port();
  options.server = admin.fleet_server;
  const auto client = open_client_transport(context, options, admin.key, {}).value();
  Message question;
  question.id = 5;
  question.body = OperatorRequest{.body = ListRequest{}};
  ASSERT_TRUE(client->send(encode_message(question)));
  const auto bytes = client->receive(std::chrono::seconds(30)).value();
  ASSERT_TRUE(bytes) << output("log");
  const auto answer = decode_reply(*bytes);
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->in_reply_to, 5U);
  const auto& list = std::get<ListReply>(std::get<OperatorReply>(answer->body).body);
  EXPECT_EQ(list.status.fleet, fleet_.fleet);
}

TEST_F(Program, SaysWhatIsWrongWithItsArguments) {
  const std::string config = base_ / "bad.yaml";
  std::ofstream(config) << "fleet_prt: 1\n";
  struct Case {
    std::vector<std::string> arguments;
    int exit_code;
    std::string_view says;
  };
  const Case cases[] = {
      {{}, 2, "--state"},
      {{"--state", fleet_.state_directory, "--colour"}, 2, "--colour"},
      {{"--state", fleet_.state_directory, "--fleet-port", "x"}, 2, "--fleet-port"},
      {{"--state", fleet_.state_directory, "--config", config}, 2, "bad.yaml:1:"},
      {{"--state", fleet_.state_directory, "--config", base_ / "none.yaml"}, 2, "none.yaml"},
      {{"--state", fleet_.state_directory, "--config", base_}, 2, "--config"},
      {{"--state", base_}, 8, "holdfast init"},
      {{"--version"}, 0, "holdfast-coordinator "},
      {{"--help"}, 0, "--enrol-port"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(wait_for_end(start("log", c.arguments)), c.exit_code) << c.says;
    EXPECT_THAT(output("log"), HasSubstr(c.says));
  }
}

}  // namespace
}  // namespace holdfast
