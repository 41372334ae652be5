// --dry-run: the answer of the verb, and nothing else.
#include "coordinator/core/rehearsal.h"

#include "shared/wire/codec.h"
#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

using Node_ = NodeRequest::Verb;

class DryRuns : public FleetFixture {
 protected:
  Host host_ = join("db1", {{"fleet", "demo"}});
  Host waiting_ = make_host("db2");
  BackupId backup_;
  JobId job_;
  RestoreId restore_;
  TokenId token_;

  // One of everything that a verb can change.
  void SetUp() override {
    add_store();
    add_store("spare");
    enrol(waiting_, make_token({}, 1, Approval::manual).text);
    token_ = make_token().token.id;
    inventory(host_, {postgres("/srv/orders", 7), postgres("/srv/events", 8)});
    backup_ = take_backup(host_, database("orders").id, {});
    pass(std::chrono::minutes(1));
    take_backup(host_, database("orders").id, {});
    restored();
    CreateBackupRequest order;
    order.selection.names = {"orders"};
    job_ = expect<JobsReply>(order).jobs.at(0);
  }
  void restored() {
    RestorePlanRequest request;
    request.selection.names = {"orders"};
    const auto plan = expect<RestorePlanReply>(request);
    RestoreRunRequest run{plan.restore.id, {}};
    for (const auto& needed : plan.epochs) run.keys.push_back({needed.node, {needed.epoch.id, Bytes{1}}});
    JobReport done;
    done.sequence = 1;
    done.job.id = expect<JobsReply>(run).jobs.at(0);
    done.job.kind = JobKind::restore;
    done.job.state = JobState::complete;
    done.job.database = database("orders").id;
    done.target = RestoreTarget{};
    done.target->aside = "/srv/orders.aside";
    done.target->leftovers = "/srv/orders.leftovers";
    say(host_, done);
    restore_ = plan.restore.id;
  }

  // All that operators can see, as bytes.
  Bytes seen() {
    Bytes all;
    for (const Listing what :
         {Listing::status, Listing::nodes, Listing::databases, Listing::stores, Listing::policies, Listing::tokens,
          Listing::operators, Listing::backups, Listing::windows, Listing::jobs, Listing::restores}) {
      append(all, encode_value(OperatorReply{list(what)}));
    }
    return all;
  }
  OperatorReplyBody rehearse(OperatorBody body) { return rehearse(admin_.public_key, std::move(body)); }
  OperatorReplyBody rehearse(const CurvePublicKey& key, OperatorBody body) {
    MessageCame came;
    came.peer = key;
    came.message.id = ++requests_;
    came.message.body = OperatorRequest{protocol_min, protocol_max, std::move(body), true};
    const Effects effects = core_->apply(came, now_);
    EXPECT_TRUE(effects.changes.empty());
    EXPECT_TRUE(effects.work.empty());
    EXPECT_EQ(effects.sends.size(), 1U) << "more than the answer";
    return std::get<OperatorReply>(effects.sends.at(0).message.body).body;
  }
};

TEST_F(DryRuns, SayWhatTheVerbWouldDoAndChangeNothing) {
  struct Case {
    OperatorBody body;
    std::string says;
  };
  const std::string job = job_.text();
  const std::string backup = backup_.text();
  const Case cases[] = {
      {CreateTokenRequest{}, "token with 1 use, good until "},
      {RevokeTokenRequest{token_.text()}, "token " + token_.text() + " revoked (dry run)"},
      {NodeRequest{Node_::approve, "db2", {}, {}}, "node db2 approved (dry run)"},
      {NodeRequest{Node_::revoke, "db1", {}, {}}, "node db1 revoked"},
      {NodeRequest{Node_::label, "db1", {{"env", "prod"}}, {}}, "node db1 labelled (dry run)"},
      {NodeRequest{Node_::cordon, "db1", {}, {}}, "node db1 cordoned (dry run)"},
      {store_request("more", StoreKind::posix, "/srv/more"), "store more added (dry run)"},
      {StoreRequest{StoreRequest::Verb::remove, "spare"}, "store spare removed"},
      {StoreRequest{StoreRequest::Verb::check, "local"}, "store-check on node db1 ordered (dry run)"},
      {DeletePolicyRequest{"default"}, "policy default deleted (dry run)"},
      {CancelJobRequest{job}, "job " + job},
      {BackupRequest{BackupRequest::Verb::keep, backup}, "backup " + backup + " is kept"},
      {BackupRequest{BackupRequest::Verb::release, backup}, "backup " + backup + " is under its policy"},
      {BackupRequest{BackupRequest::Verb::remove, backup}, "backup " + backup + " is being removed"},
      {CreateBackupRequest{{{"events"}, ""}, BackupType::full, ""}, "backup of database events on node db1 ordered"},
      {RestoreRequest{RestoreRequest::Verb::rollback, restore_.text()}, "rollback of database orders on node db1"},
      {RestoreRequest{RestoreRequest::Verb::finalize, restore_.text()}, "finalize of database orders on node db1"},
      {CreateOperatorRequest{"eve", Role::viewer, make_curve_key(entropy_).public_key}, "operator eve with the role"},
  };
  const Bytes before = seen();
  for (const Case& c : cases) {
    const auto answer = rehearse(c.body);
    ASSERT_TRUE(std::holds_alternative<DoneReply>(answer)) << c.says << ": " << std::get<Refused>(answer).message;
    const auto& lines = std::get<DoneReply>(answer).lines;
    ASSERT_FALSE(lines.empty()) << c.says;
    EXPECT_EQ(lines.front().substr(0, c.says.size()), c.says);
    EXPECT_NE(lines.front().find("(dry run)"), std::string::npos) << lines.front();
    EXPECT_TRUE(seen() == before) << c.says << " changed something";
  }
  // In earnest each of them does change something.
  for (const Case& c : {cases[2], cases[6], cases[17]}) {
    ask(c.body);
    EXPECT_FALSE(seen() == before) << c.says;
  }
}

TEST_F(DryRuns, AreRefusedAsTheVerbWouldBe) {
  const auto code = [&](OperatorBody body) { return std::get<Refused>(rehearse(std::move(body))).code; };
  EXPECT_EQ(code(StoreRequest{StoreRequest::Verb::remove, "local"}), Code::conflict);
  EXPECT_EQ(code(RevokeTokenRequest{"none"}), refusal(RevokeTokenRequest{"none"}).code);
  EXPECT_EQ(code(store_request("local", StoreKind::posix, "/x")), Code::already_exists);
  const CurveKeyPair viewer = make_curve_key(entropy_);
  expect<ListReply>(CreateOperatorRequest{"vic", Role::viewer, viewer.public_key});
  const auto denied = core_->apply(
      MessageCame{
          Door::fleet, viewer.public_key, "",
          Message{.id = 1, .body = OperatorRequest{protocol_min, protocol_max, DeletePolicyRequest{"default"}, true}}},
      now_);
  EXPECT_EQ(std::get<Refused>(std::get<OperatorReply>(denied.sends.at(0).message.body).body).code, Code::denied);
}

TEST_F(DryRuns, AreNotRememberedAsDone) {
  MessageCame came;
  came.peer = admin_.public_key;
  came.message.id = 1'000'000;
  came.message.body =
      OperatorRequest{protocol_min, protocol_max, store_request("more", StoreKind::posix, "/srv/more"), true};
  apply(came);
  std::get<OperatorRequest>(came.message.body).dry_run = false;
  apply(came);
  EXPECT_EQ(list(Listing::stores).stores.size(), 3U);
}

}  // namespace
}  // namespace holdfast
