// holdfast operator: the key is made here, and only its public half leaves.
#include <gmock/gmock.h>

#include "shared/identity/operator_file.h"
#include "tests/coordinator/cli/fake_fleet.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

class OperatorVerbs : public testing::Test {
 protected:
  void SetUp() override {
    fleet_.fleet = fleet_.entropy.id<FleetId>();
    fleet_.root = make_sign_key(fleet_.entropy).public_key;
    fleet_.wire.answer = [this](const OperatorBody& body) -> std::optional<OperatorReplyBody> {
      const auto* create = std::get_if<CreateOperatorRequest>(&body);
      if (create == nullptr || !let_in_) return reply_;
      ListReply made;
      made.operators.resize(1);
      made.operators[0].id = OperatorId({7});
      made.operators[0].name = create->name;
      made.operators[0].role = create->role;
      made.operators[0].curve = create->curve;
      return OperatorReplyBody(made);
    };
  }
  int create(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"operator", "create", "eve", "--role", "viewer", "--file", file_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return fleet_.run(arguments);
  }
  bool file_is_there() { return fleet_.files.stat(file_).value().has_value(); }

  TemporaryDirectory directory_;
  std::string file_ = directory_ / "eve.operator";
  FakeFleet fleet_;
  bool let_in_ = true;
  std::optional<OperatorReplyBody> reply_ = DoneReply{{"it is so"}};
};

TEST_F(OperatorVerbs, MakeAFileWhoseKeyTheCoordinatorKnows) {
  ASSERT_EQ(create(), 0) << fleet_.console.errors;
  const auto file = read_operator_file(fleet_.files, file_, std::nullopt);
  ASSERT_TRUE(file) << file.error().text();
  const auto* request = fleet_.last<CreateOperatorRequest>();
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(request->curve, file->key.public_key);
  EXPECT_EQ(request->role, Role::viewer);
  EXPECT_EQ(file->name, "eve");
  EXPECT_EQ(file->role, "viewer");
  EXPECT_EQ(file->fleet, fleet_.fleet);
  EXPECT_EQ(file->root, fleet_.root);
  EXPECT_EQ(file->endpoint, "tcp://c:7400");
  EXPECT_EQ(fleet_.files.stat(file_).value()->mode & 0777U, 0600U);
}

TEST_F(OperatorVerbs, TellTheNewOperatorAsJson) {
  ASSERT_EQ(create({"-o", "json"}), 0) << fleet_.console.errors;
  EXPECT_THAT(fleet_.console.output, HasSubstr("\"kind\": \"Operator\""));
  EXPECT_THAT(fleet_.console.output, HasSubstr("\"role\": \"viewer\""));
  EXPECT_THAT(fleet_.console.output, HasSubstr("\"state\": \"active\""));
}

TEST_F(OperatorVerbs, LeaveNoFileOfARefusedOperator) {
  let_in_ = false;
  reply_ = Refused{Code::already_exists, "there is an operator \"eve\" already", ""};
  EXPECT_EQ(create(), 6);
  EXPECT_FALSE(file_is_there());
}

TEST_F(OperatorVerbs, KeepTheFileWhenNobodyAnswered) {
  let_in_ = false;
  reply_ = std::nullopt;
  EXPECT_EQ(create(), 4);
  EXPECT_TRUE(file_is_there());
  EXPECT_THAT(fleet_.console.errors, HasSubstr("not known"));
}

TEST_F(OperatorVerbs, OverwriteNothing) {
  ASSERT_EQ(create(), 0);
  fleet_.wire.sent.clear();
  EXPECT_EQ(create(), 6);
  EXPECT_TRUE(fleet_.wire.sent.empty());
  EXPECT_TRUE(file_is_there());
}

TEST_F(OperatorVerbs, MakeNoFileInADryRun) {
  let_in_ = false;
  EXPECT_EQ(create({"--dry-run"}), 0) << fleet_.console.errors;
  EXPECT_FALSE(file_is_there());
}

TEST_F(OperatorVerbs, WantARoleAndAFile) {
  EXPECT_EQ(fleet_.run({"operator", "create", "eve", "--file", file_}), 2);
  EXPECT_EQ(fleet_.run({"operator", "create", "eve", "--role", "viewer"}), 2);
  EXPECT_EQ(fleet_.run({"operator", "create", "eve", "--role", "king", "--file", file_}), 2);
}

TEST_F(OperatorVerbs, AskBeforeTheyShutSomebodyOut) {
  EXPECT_EQ(fleet_.run({"operator", "revoke", "eve"}), 2);
  EXPECT_EQ(fleet_.last<RevokeOperatorRequest>(), nullptr);
  EXPECT_EQ(fleet_.run({"operator", "revoke", "eve", "--yes"}), 0);
  EXPECT_EQ(fleet_.last<RevokeOperatorRequest>()->name, "eve");
}

}  // namespace
}  // namespace holdfast
