// Whole verbs against a coordinator that answers from a function.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/coordinator/cli/fake_fleet.h"
#include "tests/coordinator/cli/samples.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

class Verbs : public testing::Test {
 protected:
  void SetUp() override {
    fleet_.wire.answer = [this](const OperatorBody& body) -> std::optional<OperatorReplyBody> {
      if (const auto* list = std::get_if<ListRequest>(&body)) return OperatorReplyBody(listing_of(*list));
      return OperatorReplyBody(reply_);
    };
  }

  ListReply listing_of(const ListRequest& request) {
    ListReply out;
    if (request.what == Listing::nodes) out.nodes = {samples::node()};
    if (request.what == Listing::databases) out.databases = {samples::database()};
    if (request.what == Listing::policies) out.policies = {default_policy()};
    if (request.what == Listing::backups && !none_) out.backups = {samples::backup()};
    if (request.what == Listing::jobs && !none_) out.jobs = {samples::job(1, JobState::complete)};
    if (request.what == Listing::jobs && !none_) out.jobs[0].backup = samples::backup().id;
    return out;
  }

  FakeFleet fleet_;
  OperatorReplyBody reply_ = DoneReply{{"it is so"}};
  bool none_ = false;
};

TEST_F(Verbs, AskWithTheSelectionThatWasTyped) {
  EXPECT_EQ(fleet_.run({"database", "list", "orders", "events", "-l", "env=prod"}), 0);
  const auto* first = std::get_if<ListRequest>(&std::get<OperatorRequest>(fleet_.wire.sent.front().body).body);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->selection.names, (std::vector<std::string>{"orders", "events"}));
  EXPECT_EQ(first->selection.selector, "env=prod");
}

TEST_F(Verbs, ReadAllPagesOfAListing) {
  fleet_.wire.answer = [](const OperatorBody& body) -> std::optional<OperatorReplyBody> {
    ListReply reply;
    reply.nodes = {samples::node()};
    const std::string after = std::get<ListRequest>(body).after;
    reply.nodes[0].node.name = after.empty() ? "first" : "second";
    reply.next = after.empty() ? "mark" : "";
    return OperatorReplyBody(reply);
  };
  EXPECT_EQ(fleet_.run({"node", "list", "-o", "name"}), 0);
  EXPECT_EQ(fleet_.console.output, "first\nsecond\n");
}

TEST_F(Verbs, EndAsTheRefusalSays) {
  struct Case {
    Code code;
    int exit;
  };
  for (const Case& one : {Case{Code::denied, 5}, Case{Code::conflict, 6}, Case{Code::already_exists, 6},
                          Case{Code::not_found, 8}, Case{Code::invalid, 2}, Case{Code::unavailable, 1}}) {
    reply_ = Refused{one.code, "no", "try this"};
    EXPECT_EQ(fleet_.run({"token", "revoke", "7"}), one.exit) << to_string(one.code);
    EXPECT_EQ(fleet_.console.errors, "error: no\nhint: try this\n");
  }
}

TEST_F(Verbs, EndWithFourWhenNobodyAnswers) {
  fleet_.wire.answer = [](const OperatorBody&) { return std::nullopt; };
  EXPECT_EQ(fleet_.run({"status"}), 4);
  EXPECT_THAT(fleet_.console.errors, HasSubstr("tcp://c:7400"));
  EXPECT_THAT(fleet_.console.errors, HasSubstr("hint: "));
}

TEST_F(Verbs, EndWithOneOnAnAnswerOfAnUnknownKind) {
  reply_ = JobsReply{};
  EXPECT_EQ(fleet_.run({"token", "revoke", "7"}), 1);
}

TEST_F(Verbs, NameWhatIsNotThere) {
  none_ = true;
  EXPECT_EQ(fleet_.run({"backup", "describe", "c9"}), 8);
  EXPECT_THAT(fleet_.console.errors, HasSubstr("no backup \"c9\""));
  EXPECT_EQ(fleet_.run({"job", "watch", "j9"}), 8);
}

TEST_F(Verbs, SayOnStandardErrorThatAListingIsEmpty) {
  none_ = true;
  EXPECT_EQ(fleet_.run({"backup", "list"}), 0);
  EXPECT_EQ(fleet_.console.output, "");
  EXPECT_EQ(fleet_.console.errors, "no backups\n");
  EXPECT_EQ(fleet_.run({"backup", "list", "-o", "name"}), 0);
  EXPECT_EQ(fleet_.console.errors, "");
}

TEST_F(Verbs, SendATokenAsItWasAskedFor) {
  TokenReply reply;
  reply.text = "hf1.abc";
  reply.token.uses_total = 50;
  reply_ = reply;
  EXPECT_EQ(fleet_.run({"token", "create", "--label", "env=prod", "--label", "zone=a", "--uses", "50", "--ttl", "2h",
                        "--approval", "manual", "--cidr", "10.0.0.0/8", "--host", "db*"}),
            0)
      << fleet_.console.errors;
  EXPECT_EQ(fleet_.console.output, "hf1.abc\n");
  const auto* request = fleet_.last<CreateTokenRequest>();
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(request->labels, (Labels{{"env", "prod"}, {"zone", "a"}}));
  EXPECT_EQ(request->uses, 50U);
  EXPECT_EQ(request->ttl, std::chrono::hours(2));
  EXPECT_EQ(request->approval, Approval::manual);
  EXPECT_EQ(request->cidrs, std::vector<std::string>{"10.0.0.0/8"});
  EXPECT_EQ(request->host_pattern, "db*");
}

TEST_F(Verbs, ChangeNodes) {
  EXPECT_EQ(fleet_.run({"node", "cordon", "db3"}), 0);
  EXPECT_EQ(fleet_.last<NodeRequest>()->verb, NodeRequest::Verb::cordon);
  EXPECT_EQ(fleet_.console.output, "it is so\n");
  EXPECT_EQ(fleet_.run({"node", "label", "db3", "role=primary", "zone-"}), 0);
  EXPECT_EQ(fleet_.last<NodeRequest>()->set, (Labels{{"role", "primary"}}));
  EXPECT_EQ(fleet_.last<NodeRequest>()->unset, std::vector<std::string>{"zone"});
}

TEST_F(Verbs, AskBeforeTheyShutANodeOut) {
  EXPECT_EQ(fleet_.run({"node", "revoke", "db3"}), 2) << "nobody to ask";
  fleet_.console.terminal = true;
  fleet_.console.answers = {"n"};
  EXPECT_EQ(fleet_.run({"node", "revoke", "db3"}), 1);
  EXPECT_EQ(fleet_.last<NodeRequest>(), nullptr);
  fleet_.console.answers = {"y"};
  EXPECT_EQ(fleet_.run({"node", "revoke", "db3"}), 0);
  EXPECT_EQ(fleet_.run({"node", "revoke", "db3", "--yes"}), 0);
}

TEST_F(Verbs, AddAStore) {
  EXPECT_EQ(fleet_.run({"store", "add", "local", "posix", "--path", "/srv/backups"}), 0) << fleet_.console.errors;
  const auto* request = fleet_.last<AddStoreRequest>();
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(request->name, "local");
  EXPECT_EQ(request->kind, StoreKind::posix);
  EXPECT_EQ(request->path, "/srv/backups");
}

class AddingABucket : public Verbs {
 protected:
  void SetUp() override {
    fleet_.wire.answer = [this](const OperatorBody& body) -> std::optional<OperatorReplyBody> {
      if (const auto* request = std::get_if<AddStoreRequest>(&body)) added_ = *request;
      if (!std::holds_alternative<ListRequest>(body)) return OperatorReplyBody(DoneReply{{"added"}});
      ListReply reply;
      reply.stores.resize(1);
      reply.stores[0].name = "far";
      reply.stores[0].kind = StoreKind::s3;
      if (++asked_ > 2) reply.stores[0].state = state_;
      reply.stores[0].abilities = {Ability::yes, Ability::no};
      return OperatorReplyBody(reply);
    };
  }
  int add() {
    return fleet_.run({"store", "add", "far", "s3", "--endpoint", "https://s3.example.net", "--bucket", "copies",
                       "--prefix", "fleet", "--region", "eu-1", "--credentials", "/root/s3.keys", "--zone", "paris"});
  }
  AddStoreRequest added_;
  std::string state_ = "ok";
  int asked_ = 0;
};

TEST_F(AddingABucket, WaitsForWhatTheCoordinatorFinds) {
  EXPECT_EQ(add(), 0) << fleet_.console.errors;
  EXPECT_EQ(added_.kind, StoreKind::s3);
  EXPECT_EQ(added_.s3.endpoint, "https://s3.example.net");
  EXPECT_EQ(added_.s3.bucket, "copies");
  EXPECT_EQ(added_.s3.prefix, "fleet");
  EXPECT_EQ(added_.s3.region, "eu-1");
  EXPECT_EQ(added_.s3.credentials, "/root/s3.keys");
  EXPECT_EQ(added_.zone, "paris");
  EXPECT_THAT(fleet_.console.errors, HasSubstr("conditional PUT: yes, object lock: no"));
}

TEST_F(AddingABucket, LeavesHostsWithoutAKeyAndSaysWhatThatCosts) {
  EXPECT_EQ(fleet_.run({"store", "add", "far", "s3", "--endpoint", "https://s3.example.net", "--bucket", "copies",
                        "--credentials", "presigned", "--coordinator-credentials", "/root/s3.keys"}),
            0)
      << fleet_.console.errors;
  EXPECT_EQ(added_.s3.hosts, S3Place::Hosts::presigned);
  EXPECT_EQ(added_.s3.credentials, "/root/s3.keys");
  EXPECT_THAT(fleet_.console.errors, HasSubstr("a stolen one could replace what it wrote itself"));
}

TEST_F(AddingABucket, SaysWhatDoesNotWorkAndWhatToDo) {
  state_ = "the coordinator: 403 AccessDenied";
  EXPECT_EQ(add(), 1);
  EXPECT_THAT(fleet_.console.errors, HasSubstr("403 AccessDenied"));
  EXPECT_THAT(fleet_.console.errors, HasSubstr("hint: put it right and run: holdfast store check far"));
}

TEST_F(Verbs, AddAStoreThatANodeKeeps) {
  EXPECT_EQ(fleet_.run({"store", "add", "spare", "peer", "--node", "db3", "--path", "/srv/vault", "--quota", "100GB",
                        "--zone", "cellar"}),
            0)
      << fleet_.console.errors;
  const auto* request = fleet_.last<AddStoreRequest>();
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(request->kind, StoreKind::peer);
  EXPECT_EQ(request->peer_node, "db3");
  EXPECT_EQ(request->path, "/srv/vault");
  EXPECT_EQ(request->quota_bytes, 100'000'000'000U);
  EXPECT_EQ(request->zone, "cellar");
}

TEST_F(Verbs, ApplyAPolicyFromAFileOrStandardInput) {
  const std::string yaml = "apiVersion: holdfast/v1\nkind: Policy\nname: production\nmatch: {env: prod}\n";
  TemporaryDirectory directory;
  std::ofstream(directory / "p.yaml") << yaml;
  PolicyReply reply;
  reply.policy.name = "production";
  reply.changes = {"database orders: default -> production"};
  reply.warnings = {"incremental: not yet"};
  reply_ = reply;
  EXPECT_EQ(fleet_.run({"policy", "apply", "-f", directory / "p.yaml", "--dry-run"}), 0) << fleet_.console.errors;
  EXPECT_EQ(fleet_.last<ApplyPolicyRequest>()->policy.name, "production");
  EXPECT_TRUE(fleet_.last<ApplyPolicyRequest>()->dry_run);
  EXPECT_EQ(fleet_.console.output, "database orders: default -> production\n");
  EXPECT_THAT(fleet_.console.errors, HasSubstr("warning: incremental: not yet"));
  fleet_.console.input = yaml;
  EXPECT_EQ(fleet_.run({"policy", "apply", "-f", "-"}), 0);
  EXPECT_FALSE(fleet_.last<ApplyPolicyRequest>()->dry_run);
}

TEST_F(Verbs, DescribeAPolicyWithTheNextTenBackupsOfEachDatabase) {
  EXPECT_EQ(fleet_.run({"policy", "describe", "default", "-o", "json"}), 0) << fleet_.console.errors;
  const auto json = nlohmann::json::parse(fleet_.console.output);
  ASSERT_EQ(json["nextRuns"].size(), 1U);
  EXPECT_EQ(json["nextRuns"][0]["database"], "orders");
  const auto& runs = json["nextRuns"][0]["runs"];
  ASSERT_EQ(runs.size(), 10U);
  EXPECT_EQ(runs[0]["type"], "full");
  EXPECT_LT(runs[0]["at"].get<std::string>(), runs[1]["at"].get<std::string>());
  fleet_.console.output.clear();
  EXPECT_EQ(fleet_.run({"policy", "describe", "default"}), 0) << fleet_.console.errors;
  EXPECT_THAT(fleet_.console.output, HasSubstr("# next backups of orders:\n#   2"));
  EXPECT_TRUE(parse_policy(fleet_.console.output, "it can be applied again"));
}

TEST_F(Verbs, EndWithTwoOnAPolicyThatCannotBeRead) {
  fleet_.console.input = "apiVersion: holdfast/v1\nkind: Policy\nname: x\nretension: {}\n";
  EXPECT_EQ(fleet_.run({"policy", "apply", "-f", "-"}), 2);
  EXPECT_THAT(fleet_.console.errors, HasSubstr("retension"));
  EXPECT_EQ(fleet_.last<ApplyPolicyRequest>(), nullptr);
}

TEST_F(Verbs, BackUpAndShowWhatWasMade) {
  reply_ = JobsReply{{samples::id<JobId>(1)}, {"events is excluded"}};
  EXPECT_EQ(fleet_.run({"backup", "create", "orders", "--note", "before upgrade"}), 0) << fleet_.console.errors;
  EXPECT_EQ(fleet_.last<CreateBackupRequest>()->note, "before upgrade");
  EXPECT_FALSE(fleet_.last<CreateBackupRequest>()->skip_page_check);
  EXPECT_THAT(fleet_.console.output, HasSubstr("c10000000000"));
  EXPECT_EQ(fleet_.console.errors, "warning: events is excluded\n");
}

TEST_F(Verbs, BackUpWithoutLookingAtPageChecksums) {
  reply_ = JobsReply{{samples::id<JobId>(1)}, {}};
  EXPECT_EQ(fleet_.run({"backup", "create", "orders", "--no-verify"}), 0) << fleet_.console.errors;
  EXPECT_TRUE(fleet_.last<CreateBackupRequest>()->skip_page_check);
}

TEST_F(Verbs, BackUpAllWhenToldSo) {
  reply_ = JobsReply{{samples::id<JobId>(1)}, {}};
  EXPECT_EQ(fleet_.run({"backup", "create", "--all"}), 0) << fleet_.console.errors;
  EXPECT_EQ(fleet_.last<CreateBackupRequest>()->selection.names,
            std::vector<std::string>{samples::database().database.id.text()});
}

TEST_F(Verbs, VerifyWithoutKeys) {
  reply_ = JobsReply{{samples::id<JobId>(1)}, {}};
  EXPECT_EQ(fleet_.run({"backup", "verify", "c1"}), 0) << fleet_.console.errors;
  const auto* request = fleet_.last<VerifyRequest>();
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(request->backup, samples::backup().id.text());
  EXPECT_FALSE(request->plan_only);
  EXPECT_TRUE(request->keys.empty());
  EXPECT_FALSE(request->with_wal);
  EXPECT_EQ(fleet_.run({"backup", "verify", "c1", "--wal"}), 0) << fleet_.console.errors;
  EXPECT_TRUE(fleet_.last<VerifyRequest>()->with_wal);
}

TEST_F(Verbs, AskOnlyWhatWouldHappenInADryRun) {
  reply_ = DoneReply{{"it would be so"}};
  const std::vector<std::vector<std::string>> verbs{
      {"token", "create"},
      {"token", "revoke", "7"},
      {"node", "approve", "db1", "db2"},
      {"node", "revoke", "db1"},
      {"node", "label", "db1", "env=prod"},
      {"node", "cordon", "db1"},
      {"node", "uncordon", "db1"},
      {"store", "add", "local", "posix", "--path", "/srv"},
      {"store", "remove", "local"},
      {"policy", "delete", "default"},
      {"job", "cancel", samples::job(1, JobState::running).id.text()},
      {"backup", "keep", "c1"},
      {"backup", "release", "c1"},
      {"backup", "delete", "c1"},
      {"operator", "create", "eve", "--role", "viewer", "--file", "/nowhere/eve.operator"},
      {"operator", "revoke", "eve"},
  };
  for (auto verb : verbs) {
    SCOPED_TRACE(verb[0] + " " + verb[1]);
    verb.emplace_back("--dry-run");
    fleet_.wire.sent.clear();
    EXPECT_EQ(fleet_.run(verb), 0) << fleet_.console.errors;
    EXPECT_THAT(fleet_.console.output, HasSubstr("it would be so\n"));
    EXPECT_THAT(fleet_.console.errors, HasSubstr("nothing was changed"));
    std::size_t asked = 0;
    for (const Message& message : fleet_.wire.sent) {
      const auto& request = std::get<OperatorRequest>(message.body);
      if (std::holds_alternative<ListRequest>(request.body)) continue;
      EXPECT_TRUE(request.dry_run);
      ++asked;
    }
    EXPECT_EQ(asked, verb[1] == "approve" ? 2U : 1U);
  }
}

TEST_F(Verbs, DeleteABackup) {
  EXPECT_EQ(fleet_.run({"backup", "delete", "c1", "--yes"}), 0);
  EXPECT_EQ(fleet_.last<BackupRequest>()->verb, BackupRequest::Verb::remove);
  EXPECT_FALSE(std::get<OperatorRequest>(fleet_.wire.sent.back().body).dry_run);
}

TEST_F(Verbs, PreviewRetentionWithoutRunningIt) {
  RetentionReply reply;
  reply.decisions = {{samples::id<BackupId>(0xc1),
                      samples::id<DatabaseId>(0xd1),
                      "orders",
                      samples::at("2026-11-21T11:00:00Z"),
                      true,
                      {"daily", "newest"},
                      1024,
                      0}};
  reply.decisions.push_back(reply.decisions[0]);
  reply.decisions[1].keep = false;
  reply.decisions[1].reasons = {"too old"};
  reply.decisions[1].freed_bytes = 24;
  reply.lines = {"a budget cannot be met"};
  reply_ = reply;
  EXPECT_EQ(fleet_.run({"retention", "preview"}), 0);
  EXPECT_FALSE(fleet_.last<RetentionRequest>()->run);
  EXPECT_THAT(fleet_.console.output, HasSubstr("daily; newest"));
  EXPECT_THAT(fleet_.console.errors, HasSubstr("1 kept, 2.0 KiB in each store; 1 to release, which frees 24 B"));
  EXPECT_THAT(fleet_.console.errors, HasSubstr("a budget cannot be met"));
  fleet_.console.output.clear();
  EXPECT_EQ(fleet_.run({"retention", "preview", "-o", "json"}), 0);
  EXPECT_THAT(fleet_.console.output, HasSubstr("\"kind\": \"RetentionDecisionList\""));
  EXPECT_THAT(fleet_.console.output, HasSubstr("\"decision\": \"release\""));
  EXPECT_THAT(fleet_.console.output, HasSubstr("\"freedBytes\": 24"));
  EXPECT_THAT(fleet_.console.output, HasSubstr("\"keptBytes\": 2024"));
  EXPECT_EQ(fleet_.run({"retention", "run", "orders", "--dry-run"}), 0);
  EXPECT_FALSE(fleet_.last<RetentionRequest>()->run);
  EXPECT_EQ(fleet_.run({"retention", "run", "orders", "--yes"}), 0);
  EXPECT_TRUE(fleet_.last<RetentionRequest>()->run);
}

TEST_F(Verbs, ShutNodesDownOneAfterTheOtherAndStopAtTheFirstFailure) {
  std::vector<std::string> asked;
  fleet_.wire.answer = [&](const OperatorBody& body) -> std::optional<OperatorReplyBody> {
    if (const auto* node = std::get_if<NodeRequest>(&body)) {
      asked.push_back(node->node);
      EXPECT_TRUE(node->keep_databases);
      EXPECT_EQ(node->deadline, Micros(std::chrono::minutes(10)));
      if (asked.size() == 2) return OperatorReplyBody(Refused{Code::unavailable, "it is not connected", {}});
      return OperatorReplyBody(JobsReply{{samples::job(1, JobState::complete).id}, {}});
    }
    const auto& list = std::get<ListRequest>(body);
    ListReply reply;
    if (list.what == Listing::jobs) reply.jobs = {samples::job(1, JobState::complete)};
    if (list.what == Listing::nodes) {
      for (const char* name : {"c", "a", "b"}) {
        reply.nodes.push_back(samples::node());
        reply.nodes.back().node.name = name;
        reply.nodes.back().node.id = NodeId({static_cast<std::uint8_t>(name[0])});
      }
    }
    return OperatorReplyBody(reply);
  };
  EXPECT_EQ(fleet_.run({"node", "shutdown", "-l", "env=prod", "--keep-database", "--deadline", "10m", "--yes"}), 3);
  EXPECT_EQ(asked, (std::vector<std::string>{NodeId({'a'}).text(), NodeId({'b'}).text()}));
  EXPECT_THAT(fleet_.console.errors, HasSubstr("it is not connected"));
  EXPECT_THAT(fleet_.console.errors, HasSubstr("not begun: c"));
}

TEST_F(Verbs, ShutDownNothingThatWasNotNamedOrNotAgreedTo) {
  EXPECT_EQ(fleet_.run({"node", "shutdown", "--yes"}), 2);
  EXPECT_EQ(fleet_.run({"node", "shutdown", "db1"}), 2) << "nobody is there to ask";
  EXPECT_EQ(fleet_.run({"node", "shutdown", "db1", "--yes", "--deadline", "soon"}), 2);
  for (const auto& message : fleet_.wire.sent) {
    EXPECT_FALSE(std::holds_alternative<NodeRequest>(std::get<OperatorRequest>(message.body).body));
  }
}

}  // namespace
}  // namespace holdfast
