// Who gets in and who does not: tokens and keys that are wrong in every way, and operators that may not.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "shared/identity/operator_file.h"
#include "shared/identity/token.h"
#include "shared/os/clock.h"
#include "shared/os/posix_file_system.h"
#include "shared/os/system_entropy.h"
#include "shared/sqlite/connection.h"
#include "tests/harness/result_matchers.h"
#include "tests/scenario/small_fleet.h"

namespace holdfast {
namespace {

namespace files = std::filesystem;

class TokensAndKeys : public testing::Test {
 protected:
  TokensAndKeys() {
    directory_ = fleet_->path("files");
    files::create_directory(directory_);
    auto app = SqliteConnection::open(directory_ + "/app.data", SqliteOpen::create, std::chrono::seconds(5)).value();
    EXPECT_THAT(app.execute("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)"), Succeeded());
  }
  // Runs an agent that is to end by itself, and gives back its exit code; what it said is in its log.
  int run_agent(const std::string& name, const std::string& token) {
    fleet_->add_agent(name, {directory_});
    fleet_->start_agent(name, token);
    return fleet_->agent(name).wait();
  }
  std::string log_of(const std::string& name) { return read_file(fleet_->place(name).log); }
  bool logged(const std::string& name, const std::string& text) {
    return Fleet::eventually([&] { return log_of(name).find(text) != std::string::npos; }, 30);
  }
  void expect_refused(const std::string& name, const std::string& token, int exit_code, const std::string& why) {
    SCOPED_TRACE(name);
    EXPECT_EQ(run_agent(name, token), exit_code) << log_of(name);
    EXPECT_NE(log_of(name).find("error: "), std::string::npos);
    EXPECT_NE(log_of(name).find(why), std::string::npos) << log_of(name);
    EXPECT_TRUE(fleet_.node(name).is_null()) << "a node was made";
    if (token.size() <= 20) return;
    EXPECT_EQ(log_of(name).find(token.substr(20)), std::string::npos) << "the token was logged";
  }
  OperatorFile admin_file(Fleet& fleet) {
    return read_operator_file(posix_, fleet.path("fleet/admin.operator"), std::nullopt).value();
  }
  std::string write(const OperatorFile& file, const std::string& name) {
    const std::string path = fleet_->path(name);
    EXPECT_THAT(write_operator_file(posix_, entropy_, path, file, std::nullopt), Succeeded());
    return path;
  }

  PosixFileSystem posix_;
  SystemEntropy entropy_;
  SystemClock clock_;
  SmallFleet fleet_;
  std::string directory_;
};

TEST_F(TokensAndKeys, ATokenThatIsNoneIsUsage) {
  const std::string good = fleet_->new_token();
  std::string misspelt = good;
  misspelt[misspelt.size() / 2] = misspelt[misspelt.size() / 2] == 'A' ? 'B' : 'A';
  expect_refused("nothing", "", 2, "there is no token");
  expect_refused("garbage", "let-me-in", 2, "token");
  expect_refused("cut-off", good.substr(0, good.size() - 5), 2, "token");
  expect_refused("misspelt", misspelt, 2, "token");
  EXPECT_TRUE(fleet_.list("node").empty());
  // The state that was begun is no obstacle for the right one.
  fleet_->start_agent("misspelt", good);
  EXPECT_TRUE(Fleet::eventually([&] { return !fleet_.node("misspelt").is_null(); }));
}

TEST_F(TokensAndKeys, ATokenThatIsNotGoodAnyMoreIsDenied) {
  const Timestamp made = clock_.now();
  const std::string brief = fleet_->new_token({"--ttl", "1s"});
  const std::string revoked = fleet_->new_token();
  ASSERT_EQ(fleet_->cli({"token", "revoke", decode_token(revoked).value().id.text()}).exit_code, 0);
  expect_refused("revoked", revoked, 5, "the token was revoked");

  const std::string once = fleet_->new_token({"--uses", "1"});
  fleet_->add_agent("first", {directory_});
  fleet_->start_agent("first", once);
  ASSERT_TRUE(Fleet::eventually([&] { return !fleet_.node("first").is_null(); }));
  expect_refused("second", once, 5, "the token is used up");

  ASSERT_TRUE(Fleet::eventually([&] { return clock_.now() - made > std::chrono::seconds(1); }));
  expect_refused("late", brief, 5, "the token has expired");

  expect_refused("elsewhere", fleet_->new_token({"--cidr", "192.0.2.0/24"}), 5, "may not be used from address");
  expect_refused("other-host", fleet_->new_token({"--host", "no-such-host-*"}), 5, "may not be used by host");
  EXPECT_EQ(fleet_.list("node").size(), 1U);
}

TEST_F(TokensAndKeys, ATokenWithAWrongSecretOrOfAnotherFleetIsNotAccepted) {
  Fleet other;
  other.start_coordinator();
  const auto changed = [&](const std::function<void(TokenText&)>& change) {
    TokenText token = decode_token(fleet_->new_token()).value();
    change(token);
    return encode_token(token);
  };
  expect_refused("guesses",
                 changed([&](TokenText& token) { token.secret = decode_token(other.new_token())->secret.clone(); }), 5,
                 "token not accepted");
  // The other fleet's token, sent to this one's door.
  expect_refused("foreign", changed([&](TokenText& token) {
                   TokenText foreign = decode_token(other.new_token()).value();
                   token.id = foreign.id;
                   token.secret = foreign.secret.clone();
                 }),
                 5, "token not accepted");
  EXPECT_TRUE(fleet_.list("node").empty());
  // Somebody tries tokens: that is on record.
  EXPECT_NE(read_file(fleet_->path("coordinator.log")).find("a token was not accepted"), std::string::npos);

  // The token pins the coordinator's key: one that has another is not spoken to, whatever it would say.
  fleet_->add_agent("misled", {directory_});
  fleet_->start_agent(
      "misled", changed([&](TokenText& token) { token.enrol_server = decode_token(other.new_token())->enrol_server; }));
  EXPECT_TRUE(logged("misled", "cannot be reached for enrolment"));
  EXPECT_TRUE(fleet_.node("misled").is_null());
  EXPECT_EQ(fleet_->agent("misled").stop(), 0);
}

TEST_F(TokensAndKeys, TheSameKeysEnrolAgainAsTheSameNodeEvenWithAUsedUpToken) {
  const std::string once = fleet_->new_token({"--uses", "1"});
  fleet_->add_agent("db1", {directory_});
  fleet_->start_agent("db1", once);
  ASSERT_TRUE(Fleet::eventually([&] { return fleet_.node("db1").is_object(); }));
  const auto before = fleet_.node("db1");
  ASSERT_EQ(fleet_->agent("db1").stop(), 0);
  // The answer never came: all that is left are the keys.
  for (const char* file : {"state.db", "state.db-wal", "state.db-shm"})
    files::remove(fleet_->place("db1").state + "/" + file);
  fleet_->start_agent("db1", once);
  EXPECT_FALSE(fleet_->wait_for_backup().is_null());
  EXPECT_EQ(fleet_.list("node").size(), 1U);
  EXPECT_EQ(fleet_.node("db1")["id"], before["id"]);
}

TEST_F(TokensAndKeys, ANodeThatWaitsForApprovalGetsNothingUntilThen) {
  fleet_->add_agent("db1", {directory_});
  fleet_->start_agent("db1", fleet_->new_token({"--approval", "manual"}));
  ASSERT_TRUE(Fleet::eventually([&] { return fleet_.node("db1").is_object(); }));
  EXPECT_EQ(fleet_.node("db1")["state"], "pending");
  EXPECT_TRUE(logged("db1", "holdfast node approve db1"));
  EXPECT_TRUE(fleet_.list("database").empty());
  EXPECT_FALSE(files::exists(fleet_->place("db1").state + "/certificate"));
  ASSERT_EQ(fleet_->cli({"node", "approve", "db1"}).exit_code, 0);
  EXPECT_FALSE(fleet_->wait_for_backup().is_null());
  EXPECT_EQ(fleet_.node("db1")["state"], "active");
}

TEST_F(TokensAndKeys, ARevokedNodeIsCutOffAndStaysOut) {
  const std::string token = fleet_->new_token();
  fleet_->add_agent("db1", {directory_});
  fleet_->start_agent("db1", token);
  ASSERT_FALSE(fleet_->wait_for_backup().is_null());
  ASSERT_EQ(fleet_->cli({"node", "revoke", "db1", "--yes"}).exit_code, 0);
  EXPECT_EQ(fleet_.node("db1")["state"], "revoked");
  // Nothing it says is heard any more, and when it comes again it is told why.
  EXPECT_TRUE(logged("db1", "revoked")) << log_of("db1");
  const auto seen = fleet_.node("db1")["lastSeenAt"];
  // Neither its old identity nor a new token let these keys in again.
  EXPECT_EQ(fleet_->agent("db1").stop(), 0);
  for (const char* file : {"state.db", "state.db-wal", "state.db-shm"})
    files::remove(fleet_->place("db1").state + "/" + file);
  fleet_->start_agent("db1", fleet_->new_token());
  EXPECT_EQ(fleet_->agent("db1").wait(), 5) << log_of("db1");
  EXPECT_EQ(fleet_.node("db1")["state"], "revoked");
  EXPECT_EQ(fleet_.node("db1")["lastSeenAt"], seen);
  EXPECT_EQ(fleet_.list("node").size(), 1U);
  const auto backup = fleet_->cli({"backup", "create", fleet_.list("database")[0]["name"]});
  EXPECT_NE(backup.exit_code, 0);
}

TEST_F(TokensAndKeys, AnAgentWithAKeyThatNobodyKnowsGetsNothing) {
  fleet_->add_agent("db1", {directory_});
  fleet_->start_agent("db1", fleet_->new_token());
  ASSERT_FALSE(fleet_->wait_for_backup().is_null());
  ASSERT_EQ(fleet_->agent("db1").stop(), 0);
  files::remove(fleet_->place("db1").state + "/node.key");
  const std::size_t backups = fleet_.list("backup").size();
  const auto seen = fleet_.node("db1")["lastSeenAt"];
  write_file(fleet_->place("db1").log, "");
  fleet_->start_agent("db1");
  // A stranger is not even told that it is one.
  EXPECT_TRUE(logged("db1", "no connection to the coordinator")) << log_of("db1");
  EXPECT_EQ(fleet_.node("db1")["lastSeenAt"], seen);
  EXPECT_EQ(fleet_.list("backup").size(), backups);
}

TEST_F(TokensAndKeys, OperatorsOfAnotherFleetGetNothing) {
  Fleet other;
  OperatorFile here = admin_file(fleet_.fleet());
  // Their file as it is: nobody listens there.
  EXPECT_EQ(fleet_->cli({"--operator", other.path("fleet/admin.operator"), "node", "list"}).exit_code, 4);
  // Their key at our door.
  OperatorFile intruder = admin_file(fleet_.fleet());
  intruder.key = admin_file(other).key;
  const auto denied = fleet_->cli({"--operator", write(intruder, "intruder.operator"), "node", "list"});
  EXPECT_EQ(denied.exit_code, 4) << "a stranger is not told that somebody is there: " << denied.err;
  EXPECT_TRUE(denied.out.empty());
  // Our key and a server that is not the one in the file.
  OperatorFile misled = admin_file(fleet_.fleet());
  misled.fleet_server = admin_file(other).fleet_server;
  EXPECT_EQ(fleet_->cli({"--operator", write(misled, "misled.operator"), "node", "list"}).exit_code, 4);
  // Nor does a node's key make an operator: ours works all the time.
  EXPECT_EQ(fleet_->cli({"--operator", write(here, "same.operator"), "node", "list"}).exit_code, 0);
}

TEST(OperatorsWithoutTheRole, AreDeniedWhatChangesSomethingAndAreOnRecord) {
  Fleet fleet;
  PosixFileSystem posix;
  SystemEntropy entropy;
  fleet.start_coordinator();
  for (const std::string name : {"eve", "otto"}) {
    const std::string role = name == "eve" ? "viewer" : "operator";
    const std::string made = fleet.path(name + ".made");
    const auto who = fleet.query({"operator", "create", name, "--role", role, "--file", made});
    EXPECT_EQ(who["role"], role);
    // What the file says of the role is not believed.
    OperatorFile file = read_operator_file(posix, made, std::nullopt).value();
    EXPECT_EQ(file.role, role);
    file.role = "admin";
    ASSERT_THAT(write_operator_file(posix, entropy, fleet.path(name), file, std::nullopt), Succeeded());
  }
  const auto as = [&](const std::string& who, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--operator", fleet.path(who)});
    return fleet.cli(arguments);
  };
  EXPECT_EQ(as("eve", {"status"}).exit_code, 0);
  EXPECT_EQ(as("eve", {"node", "list"}).exit_code, 0);
  const std::vector<std::vector<std::string>> changes{
      {"token", "create"},
      {"store", "add", "local", "posix", "--path", fleet.store()},
      {"policy", "delete", "default", "--yes"},
      {"node", "revoke", "db1", "--yes"},
      {"operator", "revoke", "admin", "--yes"},
      {"operator", "create", "mallory", "--role", "admin", "--file", fleet.path("mallory")},
      {"retention", "run", "-l", "fleet=demo", "--yes"}};
  for (const auto& change : changes) {
    SCOPED_TRACE(change[0] + " " + change[1]);
    for (const char* who : {"eve", "otto"}) {
      const auto denied = as(who, change);
      EXPECT_EQ(denied.exit_code, 5) << denied.err;
      EXPECT_NE(denied.err.find(std::string("operator \"") + who + "\" has the role"), std::string::npos) << denied.err;
      EXPECT_TRUE(denied.out.empty()) << denied.out;
    }
  }
  EXPECT_EQ(as("eve", {"backup", "create", "-l", "fleet=demo"}).exit_code, 5);
  EXPECT_EQ(as("otto", {"backup", "create", "-l", "fleet=demo"}).exit_code, 8) << "may, but there is none";
  EXPECT_TRUE(fleet.query({"token", "list"})["items"].empty());
  EXPECT_TRUE(fleet.query({"store", "list"})["items"].empty());
  EXPECT_EQ(fleet.query({"policy", "list"})["items"].size(), 1U);
  EXPECT_EQ(fleet.query({"operator", "list"})["items"].size(), 3U);
  EXPECT_FALSE(files::exists(fleet.path("mallory")));
}

TEST(OperatorsThatWereRevoked, GetNothingFromTheirNextCommandOn) {
  Fleet fleet;
  fleet.start_coordinator();
  const auto as = [&](const std::string& who, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--operator", fleet.path(who)});
    return fleet.cli(arguments);
  };
  for (const char* name : {"eve", "otto"}) {
    fleet.query({"operator", "create", name, "--role", "admin", "--file", fleet.path(name)});
  }
  ASSERT_EQ(as("eve", {"operator", "list"}).exit_code, 0);
  EXPECT_EQ(fleet.cli({"operator", "revoke", "eve", "--yes", "--dry-run"}).exit_code, 0);
  ASSERT_EQ(as("eve", {"operator", "list"}).exit_code, 0) << "it was only said";

  ASSERT_EQ(fleet.cli({"operator", "revoke", "eve", "--yes"}).exit_code, 0);
  for (int start = 0; start < 2; ++start) {
    const auto denied = as("eve", {"status"});
    EXPECT_EQ(denied.exit_code, 5) << denied.err;
    EXPECT_TRUE(denied.out.empty());
    EXPECT_EQ(as("otto", {"status"}).exit_code, 0);
    fleet.coordinator().stop();
    fleet.start_coordinator();
  }
  // The last admin stays.
  ASSERT_EQ(as("otto", {"operator", "revoke", "admin", "--yes"}).exit_code, 0);
  EXPECT_EQ(fleet.cli({"status"}).exit_code, 5);
  EXPECT_EQ(as("otto", {"operator", "revoke", "otto", "--yes"}).exit_code, 6);
  EXPECT_EQ(as("otto", {"operator", "revoke", "nobody", "--yes"}).exit_code, 8);
}

}  // namespace
}  // namespace holdfast
