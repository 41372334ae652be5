#include "coordinator/cli/recovery.h"

#include "coordinator/cli/app.h"
#include "shared/crypto/key_file.h"
#include "shared/repository/epoch.h"
#include "tests/coordinator/cli/fake_fleet.h"
#include "tests/coordinator/cli/samples.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

// A fleet's keys and one epoch that its node "db3" made for the recovery key.
class RecoveryTest : public testing::Test {
 protected:
  void SetUp() override {
    const SignKeyPair intermediate = make_sign_key(entropy_);
    const SignKeyPair signer = make_sign_key(entropy_);
    const Timestamp now = samples::now;
    NodeCertificate certificate;
    certificate.fleet = fleet_id_;
    certificate.node = node_;
    certificate.name = "db3";
    certificate.signer = signer.public_key;
    certificate.recipient = own_.public_key;
    certificate.not_after = now + std::chrono::hours(24);
    chain_.intermediate =
        issue_intermediate(root_, {fleet_id_, intermediate.public_key, Timestamp(), now + std::chrono::hours(24)});
    chain_.node = issue_node(intermediate, certificate);
    const auto made =
        make_epoch(entropy_, fleet_id_, database_, node_, {{"recovery", recovery_.public_key}}, chain_, signer, now);
    ASSERT_THAT(made, Succeeded());
    key_.id = made->key.id;
    key_.key = made->key.key.clone();
    needed_ = {node_, own_.public_key, {database_, made->key.id, made->object}};
  }

  std::string write_recovery_key(const std::string& path, const std::optional<Passphrase>& passphrase) {
    KeyFile file;
    file.kind = KeyKind::recovery;
    file.secret = to_bytes(recovery_.secret_key.bytes());
    EXPECT_THAT(write_key_file(files_, entropy_, path, file, passphrase, {1, 8192}), Succeeded());
    return path;
  }

  SeededEntropy entropy_{3};
  PosixFileSystem files_;
  FleetId fleet_id_ = samples::id<FleetId>(1);
  NodeId node_ = samples::id<NodeId>(0xb1);
  DatabaseId database_ = samples::id<DatabaseId>(0xd1);
  SignKeyPair root_ = make_sign_key(entropy_);
  BoxKeyPair recovery_ = make_box_key(entropy_);
  BoxKeyPair own_ = make_box_key(entropy_);
  CertificateChain chain_;
  EpochKey key_;
  NeededEpoch needed_;
};

TEST_F(RecoveryTest, SealsTheDataKeyForTheNode) {
  const auto grants = seal_for_nodes({needed_}, recovery_, fleet_id_, root_.public_key);
  ASSERT_THAT(grants, Succeeded());
  ASSERT_EQ(grants->size(), 1U);
  EXPECT_EQ(grants->front().node, node_);
  const auto opened = open_epoch_key(grants->front().key.epoch, grants->front().key.sealed, own_);
  ASSERT_THAT(opened, Succeeded());
  EXPECT_TRUE(equal_constant_time(opened->key.bytes(), key_.key.bytes()));
}

TEST_F(RecoveryTest, RefusesAnotherRecoveryKey) {
  const BoxKeyPair other = make_box_key(entropy_);
  EXPECT_THAT(seal_for_nodes({needed_}, other, fleet_id_, root_.public_key), FailedWith(Code::denied, key_.id.text()));
}

TEST_F(RecoveryTest, RefusesAKeyThatTheFleetDidNotSign) {
  const SignKeyPair foreign = make_sign_key(entropy_);
  EXPECT_FALSE(seal_for_nodes({needed_}, recovery_, fleet_id_, foreign.public_key).has_value());
}

TEST_F(RecoveryTest, RefusesTheKeyOfAnotherDatabase) {
  needed_.epoch.database = samples::id<DatabaseId>(0xd2);
  EXPECT_THAT(seal_for_nodes({needed_}, recovery_, fleet_id_, root_.public_key), FailedWith(Code::corrupt));
}

TEST_F(RecoveryTest, RefusesANodeWithoutAKey) {
  needed_.recipient = BoxPublicKey();
  EXPECT_THAT(seal_for_nodes({needed_}, recovery_, fleet_id_, root_.public_key), FailedWith(Code::invalid));
}

// A whole `restore run`: plan, key, order, progress, result.
class RestoreRun : public RecoveryTest {
 protected:
  void SetUp() override {
    RecoveryTest::SetUp();
    fleet_.fleet = fleet_id_;
    fleet_.root = root_.public_key;
    fleet_.operator_file = directory_ / "admin.operator";
    plan_ = samples::restore();
    fleet_.wire.answer = [this](const OperatorBody& body) { return std::optional(answer(body)); };
  }

  OperatorReplyBody answer(const OperatorBody& body) {
    if (std::holds_alternative<RestorePlanRequest>(body)) return RestorePlanReply{plan_, {needed_}, {"30 s of WAL"}};
    if (std::holds_alternative<RestoreRunRequest>(body)) return JobsReply{{samples::id<JobId>(1)}, {}};
    const auto* list = std::get_if<ListRequest>(&body);
    if (list == nullptr) return Refused{Code::invalid, "not expected", ""};
    ListReply reply;
    if (list->what == Listing::nodes) reply.nodes = {samples::node()};
    if (list->what == Listing::databases) reply.databases = {samples::database()};
    if (list->what == Listing::jobs) {
      reply.jobs = {samples::job(1, job_end_)};
      reply.jobs[0].kind = JobKind::restore;
      reply.jobs[0].error = job_end_ == JobState::failed ? "no space" : "";
    }
    if (list->what == Listing::restores) {
      Restore restore = plan_;
      restore.state = job_end_ == JobState::complete ? "complete" : "failed";
      restore.targets[0].state = restore.state;
      restore.targets[0].aside = "/var/lib/postgresql/15/main.aside";
      reply.restores = {restore};
    }
    return reply;
  }

  TemporaryDirectory directory_;
  FakeFleet fleet_;
  Restore plan_;
  JobState job_end_ = JobState::complete;
};

TEST_F(RestoreRun, RestoresWithTheKeyBesideTheOperatorFile) {
  write_recovery_key(directory_ / "recovery.key", std::nullopt);
  EXPECT_EQ(fleet_.run({"restore", "run", "-l", "fleet=demo", "--to-time", "2026-11-21T11:30:00Z", "--yes"}), 0)
      << fleet_.console.errors;
  const auto* plan = fleet_.last<RestorePlanRequest>();
  ASSERT_NE(plan, nullptr);
  EXPECT_EQ(plan->selection.selector, "fleet=demo");
  EXPECT_EQ(plan->target.time, samples::at("2026-11-21T11:30:00Z"));
  const auto* run = fleet_.last<RestoreRunRequest>();
  ASSERT_NE(run, nullptr);
  EXPECT_EQ(run->restore, plan_.id);
  ASSERT_EQ(run->keys.size(), 1U);
  EXPECT_THAT(open_epoch_key(run->keys[0].key.epoch, run->keys[0].key.sealed, own_), Succeeded());
  EXPECT_THAT(fleet_.console.output, testing::HasSubstr("complete"));
  EXPECT_THAT(fleet_.console.errors, testing::HasSubstr("note: 30 s of WAL"));
  EXPECT_THAT(fleet_.console.errors, testing::HasSubstr("holdfast restore rollback|finalize e10000000000"));
}

TEST_F(RestoreRun, PrintsOnlyJsonOnStandardOutput) {
  write_recovery_key(directory_ / "recovery.key", std::nullopt);
  EXPECT_EQ(fleet_.run({"restore", "run", "orders", "--yes", "-o", "json"}), 0);
  EXPECT_THAT(fleet_.console.output,
              testing::StartsWith("{\n  \"apiVersion\": \"holdfast/v1\",\n  \"kind\": \"Restore\""));
}

TEST_F(RestoreRun, AsksForThePassphraseAtTheTerminal) {
  write_recovery_key(directory_ / "other.key", Passphrase("correct horse"));
  fleet_.console.terminal = true;
  fleet_.console.answers = {"y", "correct horse"};
  EXPECT_EQ(fleet_.run({"restore", "run", "orders", "--recovery-key", directory_ / "other.key"}), 0)
      << fleet_.console.errors;
  EXPECT_THAT(fleet_.console.prompts.at(0), testing::HasSubstr("in place"));
  EXPECT_THAT(fleet_.console.errors, testing::Not(testing::HasSubstr("horse")));
}

TEST_F(RestoreRun, EndsWithFiveOnAWrongPassphrase) {
  write_recovery_key(directory_ / "recovery.key", Passphrase("correct horse"));
  fleet_.console.answers = {"wrong"};
  EXPECT_EQ(fleet_.run({"restore", "run", "orders", "--yes"}), 5);
  EXPECT_EQ(fleet_.last<RestoreRunRequest>(), nullptr);
}

TEST_F(RestoreRun, NeedsAYesWhenItWouldReplaceADatabase) {
  write_recovery_key(directory_ / "recovery.key", std::nullopt);
  EXPECT_EQ(fleet_.run({"restore", "run", "orders"}), 2);
  EXPECT_THAT(fleet_.console.errors, testing::HasSubstr("hint: say so with --yes"));
  EXPECT_EQ(fleet_.last<RestoreRunRequest>(), nullptr);
  plan_.targets[0].in_place = false;
  EXPECT_EQ(fleet_.run({"restore", "run", "orders", "--target-directory", "/srv/new"}), 0) << fleet_.console.errors;
}

TEST_F(RestoreRun, ChangesNothingInADryRun) {
  EXPECT_EQ(fleet_.run({"restore", "run", "orders", "--dry-run"}), 0) << fleet_.console.errors;
  EXPECT_EQ(fleet_.last<RestoreRunRequest>(), nullptr);
  EXPECT_THAT(fleet_.console.output, testing::HasSubstr("planned"));
}

TEST_F(RestoreRun, NamesTheMissingKey) {
  EXPECT_EQ(fleet_.run({"restore", "run", "orders", "--yes"}), 2);
  EXPECT_THAT(fleet_.console.errors, testing::HasSubstr("--recovery-key"));
}

TEST_F(RestoreRun, EndsWithOneWhenAllFailed) {
  write_recovery_key(directory_ / "recovery.key", std::nullopt);
  job_end_ = JobState::failed;
  EXPECT_EQ(fleet_.run({"restore", "run", "orders", "--yes"}), 1);
  EXPECT_THAT(fleet_.console.errors,
              testing::HasSubstr("error: restore of database \"orders\" on node \"db3\": no space"));
}

TEST_F(RestoreRun, EndsWithSevenWhenThePlanSaysNo) {
  fleet_.wire.answer = [](const OperatorBody& body) -> std::optional<OperatorReplyBody> {
    if (std::holds_alternative<RestorePlanRequest>(body)) {
      return OperatorReplyBody(Refused{Code::not_restorable, "orders is recoverable to 11:00 only", "--to-time ..."});
    }
    return OperatorReplyBody(ListReply{});
  };
  EXPECT_EQ(fleet_.run({"restore", "run", "orders", "--to-time", "2026-11-21T11:30:00Z", "--yes"}), 7);
}

}  // namespace
}  // namespace holdfast
