#include "coordinator/core/operators.h"
#include "coordinator/catalog/audit.h"
#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

class Operators : public FleetFixture {
 protected:
  CurveKeyPair viewer_ = make_curve_key(entropy_);
  CurveKeyPair worker_ = make_curve_key(entropy_);
  void SetUp() override {
    add_operator("vic", Role::viewer, viewer_.public_key);
    add_operator("oli", Role::operator_, worker_.public_key);
    restart();
  }
  bool denied(const CurveKeyPair& who, const OperatorBody& body) {
    const auto answer = ask(who.public_key, body);
    const auto* refused = std::get_if<Refused>(&answer);
    return refused != nullptr && refused->code == Code::denied;
  }
};

TEST_F(Operators, MayOnlyDoWhatTheirRoleAllows) {
  struct Case {
    const char* name;
    OperatorBody body;
    Role least;
  };
  const Case cases[] = {
      {"list", ListRequest{}, Role::viewer},
      {"token create", CreateTokenRequest{}, Role::admin},
      {"token revoke", RevokeTokenRequest{}, Role::admin},
      {"node approve", NodeRequest{}, Role::admin},
      {"node cordon", NodeRequest{NodeRequest::Verb::cordon, "x", {}, {}}, Role::operator_},
      {"node label", NodeRequest{NodeRequest::Verb::label, "x", {}, {}}, Role::admin},
      {"node drain", NodeRequest{NodeRequest::Verb::drain, "x", {}, {}}, Role::operator_},
      {"node shutdown", NodeRequest{NodeRequest::Verb::shutdown, "x", {}, {}}, Role::operator_},
      {"store add", AddStoreRequest{}, Role::admin},
      {"store check", StoreRequest{}, Role::operator_},
      {"store remove", StoreRequest{StoreRequest::Verb::remove, "x"}, Role::admin},
      {"policy apply", ApplyPolicyRequest{}, Role::admin},
      {"policy apply --dry-run", ApplyPolicyRequest{default_policy(), true}, Role::viewer},
      {"policy delete", DeletePolicyRequest{}, Role::admin},
      {"backup create", CreateBackupRequest{}, Role::operator_},
      {"backup keep", BackupRequest{}, Role::operator_},
      {"backup delete", BackupRequest{BackupRequest::Verb::remove, "x"}, Role::admin},
      {"verify", VerifyRequest{}, Role::operator_},
      {"restore plan", RestorePlanRequest{}, Role::operator_},
      {"restore run", RestoreRunRequest{}, Role::operator_},
      {"restore rollback", RestoreRequest{}, Role::operator_},
      {"job cancel", CancelJobRequest{}, Role::operator_},
      {"retention preview", RetentionRequest{}, Role::viewer},
      {"retention run", RetentionRequest{true, {}}, Role::admin},
      {"database ping", RefreshRequest{}, Role::operator_},
      {"operator create", CreateOperatorRequest{}, Role::admin},
      {"operator revoke", RevokeOperatorRequest{}, Role::admin},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(needed_role(c.body), c.least) << c.name;
    EXPECT_EQ(denied(viewer_, c.body), c.least > Role::viewer) << c.name;
    EXPECT_EQ(denied(worker_, c.body), c.least > Role::operator_) << c.name;
    EXPECT_FALSE(denied(admin_, c.body)) << c.name;
  }
}

TEST_F(Operators, AreNotHeardWhenNobodyKnowsThem) {
  const auto stranger = make_curve_key(entropy_);
  EXPECT_EQ(std::get<Refused>(ask(stranger.public_key, ListRequest{})).message, "no answer");
  EXPECT_EQ(core_->admission(Door::fleet, stranger.public_key), Admission::unknown);
  EXPECT_EQ(core_->admission(Door::enrol, stranger.public_key), Admission::admit);
  EXPECT_EQ(core_->admission(Door::fleet, viewer_.public_key), Admission::admit);
}

TEST_F(Operators, CannotEnrolWithTheirKeyNorSpeakAsANode) {
  Host host = make_host("db1");
  host.curve = {viewer_.public_key, viewer_.secret_key.clone()};
  EXPECT_TRUE(std::holds_alternative<Refused>(enrol(host, make_token().text)));
  EXPECT_TRUE(say(host, Heartbeat{}).empty());
}

TEST_F(Operators, AreLetInByTheirKeyWithTheRoleTheyWereGiven) {
  const CurveKeyPair eve = make_curve_key(entropy_);
  const auto made = expect<ListReply>(CreateOperatorRequest{"eve", Role::viewer, eve.public_key}).operators.at(0);
  EXPECT_EQ(made.name, "eve");
  EXPECT_EQ(made.role, Role::viewer);
  EXPECT_EQ(core_->admission(Door::fleet, eve.public_key), Admission::admit);
  restart();
  EXPECT_TRUE(std::holds_alternative<ListReply>(ask(eve.public_key, ListRequest{})));
  EXPECT_TRUE(denied(eve, DeletePolicyRequest{"default"}));
  EXPECT_EQ(verify_audit(store_)->front().what, "let in operator eve with the role viewer");
}

TEST_F(Operators, HaveNamesAndKeysOfTheirOwn) {
  const auto code = [&](const std::string& name, const CurvePublicKey& key) {
    return refusal(CreateOperatorRequest{name, Role::viewer, key}).code;
  };
  const CurvePublicKey fresh = make_curve_key(entropy_).public_key;
  EXPECT_EQ(code("vic", fresh), Code::already_exists);
  EXPECT_EQ(code("", fresh), Code::invalid);
  EXPECT_EQ(code("eve smith", fresh), Code::invalid);
  EXPECT_EQ(code("eve", CurvePublicKey{}), Code::invalid);
  EXPECT_EQ(code("eve", viewer_.public_key), Code::conflict);
  EXPECT_EQ(code("eve", join("db1").curve.public_key), Code::conflict);
  // A revoked one's name is free, its key is not.
  expect<DoneReply>(RevokeOperatorRequest{"vic"});
  EXPECT_EQ(code("vic", viewer_.public_key), Code::conflict);
  expect<ListReply>(CreateOperatorRequest{"vic", Role::viewer, fresh});
}

TEST_F(Operators, GetNothingOnceTheyAreRevoked) {
  const std::uint64_t revision = core_->known_keys_revision();
  expect<DoneReply>(RevokeOperatorRequest{"vic"});
  EXPECT_GT(core_->known_keys_revision(), revision);
  EXPECT_EQ(core_->admission(Door::fleet, viewer_.public_key), Admission::revoked);
  EXPECT_EQ(std::get<Refused>(ask(viewer_.public_key, ListRequest{})).message, "no answer");
  restart();
  EXPECT_EQ(std::get<Refused>(ask(viewer_.public_key, ListRequest{})).message, "no answer");
  EXPECT_EQ(verify_audit(store_)->front().what, "revoked operator vic");
  EXPECT_EQ(refusal(RevokeOperatorRequest{"vic"}).code, Code::not_found);
}

TEST_F(Operators, AlwaysHaveAnAdminAmongThem) {
  EXPECT_EQ(refusal(RevokeOperatorRequest{"ann"}).code, Code::conflict);
  const CurveKeyPair bob = make_curve_key(entropy_);
  expect<ListReply>(CreateOperatorRequest{"bob", Role::admin, bob.public_key});
  expect<DoneReply>(RevokeOperatorRequest{"ann"});  // oneself, when another is left
  EXPECT_EQ(std::get<Refused>(ask(bob.public_key, RevokeOperatorRequest{"bob"})).code, Code::conflict);
}

TEST_F(Operators, ANodeIsNone) {
  Host host = join("db1");
  EXPECT_EQ(std::get<Refused>(ask(host.curve.public_key, ListRequest{})).message, "no answer");
}

TEST_F(Operators, LeaveATraceOfEachChange) {
  make_token();
  add_store();
  denied(viewer_, AddStoreRequest{});
  const auto entries = verify_audit(store_);
  ASSERT_TRUE(entries) << entries.error().text();
  ASSERT_EQ(entries->size(), 3U);
  EXPECT_EQ((*entries)[1].who, "operator ann");
  EXPECT_EQ((*entries)[1].what, "added store local at /srv/local");
  EXPECT_EQ((*entries)[2].who, "operator vic");
  restart();
  add_store("more");
  EXPECT_EQ(verify_audit(store_)->size(), 4U);
}

TEST_F(Operators, NeverSeeAVerifier) {
  EXPECT_EQ(make_token().token.verifier, (std::array<std::uint8_t, 32>{}));
  EXPECT_EQ(list(Listing::tokens).tokens.at(0).verifier, (std::array<std::uint8_t, 32>{}));
}

TEST_F(Operators, AreToldWhatIsWrongWithARequest) {
  add_store();
  struct Case {
    const char* name;
    OperatorBody body;
    Code code;
  };
  CreateTokenRequest no_uses;
  no_uses.uses = 0;
  CreateTokenRequest bad_cidr;
  bad_cidr.cidrs = {"nonsense"};
  CreateTokenRequest no_time;
  no_time.ttl = Micros(0);
  Policy nameless = default_policy();
  nameless.name = "a b";
  ListRequest bad_selector;
  bad_selector.what = Listing::databases;
  bad_selector.selection.selector = "env";
  ListRequest no_such_backup;
  no_such_backup.what = Listing::backups;
  no_such_backup.ids = {"abcd"};
  const Case cases[] = {
      {"no uses", no_uses, Code::invalid},
      {"bad cidr", bad_cidr, Code::invalid},
      {"no ttl", no_time, Code::invalid},
      {"unknown token", RevokeTokenRequest{"ffff"}, Code::not_found},
      {"unknown node", NodeRequest{NodeRequest::Verb::approve, "nobody", {}, {}}, Code::not_found},
      {"store twice", store_request("local", StoreKind::posix, "/other"), Code::already_exists},
      {"same path", store_request("other", StoreKind::posix, "/srv/local"), Code::conflict},
      {"relative path", store_request("other", StoreKind::posix, "srv"), Code::invalid},
      {"bad store name", store_request("a/b", StoreKind::posix, "/x"), Code::invalid},
      {"a bucket without a name", store_request("other", StoreKind::s3, ""), Code::invalid},
      {"a vault of nobody", store_request("other", StoreKind::peer, "/x"), Code::not_found},
      {"unknown store", StoreRequest{StoreRequest::Verb::check, "x"}, Code::not_found},
      {"check without nodes", StoreRequest{StoreRequest::Verb::check, "local"}, Code::unavailable},
      {"bad policy name", ApplyPolicyRequest{nameless, false}, Code::invalid},
      {"unknown policy", DeletePolicyRequest{"x"}, Code::not_found},
      {"backup of nothing", CreateBackupRequest{}, Code::invalid},
      {"unknown backup", BackupRequest{BackupRequest::Verb::keep, "ffff"}, Code::not_found},
      {"verify unknown", VerifyRequest{"ffff", false, {}, {}, false}, Code::not_found},
      {"restore of nothing", RestorePlanRequest{}, Code::invalid},
      {"unknown plan", RestoreRunRequest{}, Code::not_found},
      {"unknown restore", RestoreRequest{RestoreRequest::Verb::rollback, "ffff"}, Code::not_found},
      {"unknown job", CancelJobRequest{"ffff"}, Code::not_found},
      {"bad selector", bad_selector, Code::invalid},
      {"unknown backup in a list", no_such_backup, Code::not_found},
  };
  for (const auto& c : cases) {
    const auto refused = refusal(c.body);
    EXPECT_EQ(refused.code, c.code) << c.name << ": " << refused.message;
    EXPECT_FALSE(refused.message.empty()) << c.name;
  }
}

TEST_F(Operators, SelectDatabasesByTheLabelThatTheTokenGranted) {
  add_store();
  Host demo = join("demo1", {{"fleet", "demo"}});
  Host other = join("other1", {{"fleet", "live"}});
  inventory(demo, {postgres("/srv/orders", 7), sqlite("/srv/app.db")});
  inventory(other, {postgres("/srv/events", 8)});
  ListRequest request;
  request.what = Listing::databases;
  request.selection.selector = "fleet=demo";
  EXPECT_EQ(expect<ListReply>(request).databases.size(), 2U);
  request.selection.selector = "fleet=demo,engine=sqlite";
  EXPECT_EQ(expect<ListReply>(request).databases.size(), 1U);
  request.selection.selector = "name=events";
  EXPECT_EQ(expect<ListReply>(request).databases.size(), 1U);
  CreateBackupRequest backup;
  backup.selection.selector = "fleet=demo";
  EXPECT_EQ(expect<JobsReply>(backup).jobs.size(), 2U);
}

TEST_F(Operators, GetLongListsInPages) {
  add_store();
  Host host = join("db1");
  inventory(host, {postgres("/srv/a", 7), postgres("/srv/b", 8)});
  std::set<BackupId> taken;
  for (int i = 0; i < 5; ++i) {
    pass(std::chrono::hours(1));
    taken.insert(take_backup(host, database("a").id, {}));
    taken.insert(take_backup(host, database("b").id, {}));
  }
  for (const Listing what : {Listing::backups, Listing::jobs}) {
    ListRequest request;
    request.what = what;
    request.limit = 3;
    std::set<BackupId> seen;
    int pages = 0;
    do {
      const auto reply = expect<ListReply>(request);
      for (const auto& backup : reply.backups) EXPECT_TRUE(seen.insert(backup.id).second);
      for (const auto& job : reply.jobs) EXPECT_TRUE(seen.insert(job.backup).second);
      request.after = reply.next;
      ++pages;
    } while (!request.after.empty() && pages < 20);
    EXPECT_EQ(pages, 4);
    EXPECT_EQ(seen, taken);
  }
}

TEST_F(Operators, SeeTheNewestJobsAndRestoresFirst) {
  add_store();
  Host host = join("db1");
  inventory(host, {postgres("/srv/a", 7)});
  std::vector<BackupId> taken;
  std::vector<RestoreId> planned;
  for (int i = 0; i < 5; ++i) {
    pass(std::chrono::minutes(1));
    taken.insert(taken.begin(), take_backup(host, database("a").id, {}));
    RestorePlanRequest plan;
    plan.selection.names = {"a"};
    plan.target_directory = "/srv/copy" + std::to_string(i);
    planned.insert(planned.begin(), expect<RestorePlanReply>(plan).restore.id);
  }
  // In pages too: each goes on where the one before ended.
  std::vector<BackupId> jobs;
  std::vector<RestoreId> restores;
  for (const Listing what : {Listing::jobs, Listing::restores}) {
    ListRequest request;
    request.what = what;
    request.limit = 2;
    do {
      const auto reply = expect<ListReply>(request);
      for (const Job& job : reply.jobs) jobs.push_back(job.backup);
      for (const Restore& restore : reply.restores) restores.push_back(restore.id);
      request.after = reply.next;
    } while (!request.after.empty() && jobs.size() + restores.size() < 20);
  }
  EXPECT_EQ(jobs, taken);
  EXPECT_EQ(restores, planned);
}

TEST_F(Operators, SeeInOnePageHowTheFleetStands) {
  Host host = join("db1");
  inventory(host, {postgres("/srv/orders", 7)});
  auto reply = list(Listing::status);
  EXPECT_EQ(reply.status.fleet_name, "demo");
  EXPECT_EQ(reply.status.nodes, 1U);
  EXPECT_EQ(reply.status.nodes_offline, 0U);
  EXPECT_EQ(reply.databases.size(), 1U);
  EXPECT_EQ(reply.status.alerts.size(), 2U);  // no store, unprotected
  add_store();
  take_backup(host, database("orders").id, {});
  EXPECT_TRUE(list(Listing::status).status.alerts.empty());
  live({}, std::chrono::minutes(5));
  reply = list(Listing::status);
  EXPECT_EQ(reply.status.nodes_offline, 1U);
  EXPECT_EQ(reply.status.alerts.size(), 1U);
  EXPECT_FALSE(reply.nodes.at(0).online);
}

TEST_F(Operators, SeeWhatFailsUntilItGoesWellAgain) {
  Host host = join("db1");
  inventory(host, {postgres("/srv/orders", 7)});
  add_store();
  const DatabaseId orders = database("orders").id;
  JobReport report;
  report.sequence = 1;
  report.job.id = JobId({9});
  report.job.kind = JobKind::backup;
  report.job.state = JobState::failed;
  report.job.database = orders;
  report.job.finished_at = now_;
  report.job.error = "the store is full";
  say(host, report);
  auto reply = list(Listing::status);
  ASSERT_EQ(reply.jobs.size(), 1U);
  EXPECT_EQ(reply.jobs[0].error, "the store is full");
  now_ = now_ + std::chrono::minutes(5);
  take_backup(host, orders, {});
  EXPECT_TRUE(list(Listing::status).jobs.empty());
}

TEST_F(Operators, SeeAClockThatIsOffByAnHour) {
  Host host = join("db1");
  Heartbeat heartbeat;
  heartbeat.clock = now_ + std::chrono::hours(1);
  say(host, heartbeat);
  EXPECT_EQ(list(Listing::nodes).nodes.at(0).node.clock_offset_ms, 3'600'000);
  EXPECT_NE(list(Listing::status).status.alerts.at(1).find("3600 s ahead"), std::string::npos);
}

TEST_F(Operators, CannotRemoveAStoreThatIsUsed) {
  add_store("local");
  add_store("spare");
  Host host = join("db1");
  inventory(host, {postgres("/srv/orders", 7)});
  take_backup(host, database("orders").id, {});
  EXPECT_EQ(refusal(StoreRequest{StoreRequest::Verb::remove, "local"}).code, Code::conflict);
  expect<DoneReply>(StoreRequest{StoreRequest::Verb::remove, "spare"});
  EXPECT_EQ(list(Listing::stores).stores.size(), 1U);
}

TEST_F(Operators, MakeANodeRefuseNewWorkWhileItIsCordoned) {
  add_store();
  Host host = join("db1");
  inventory(host, {postgres("/srv/orders", 7)});
  expect<DoneReply>(NodeRequest{NodeRequest::Verb::cordon, "db1", {}, {}});
  CreateBackupRequest request;
  request.selection.names = {"orders"};
  EXPECT_EQ(refusal(request).code, Code::conflict);
  expect<DoneReply>(NodeRequest{NodeRequest::Verb::uncordon, "db1", {}, {}});
  EXPECT_EQ(expect<JobsReply>(request).jobs.size(), 1U);
}

TEST_F(Operators, AskNodesToLookAgain) {
  Host host = join("db1");
  const auto reply = expect<JobsReply>(RefreshRequest{});
  ASSERT_EQ(reply.jobs.size(), 1U);
  say(host, OrderAck{reply.jobs[0], true, {}, {}});  // its report is the inventory
  EXPECT_EQ(list(Listing::jobs).jobs.at(0).state, JobState::complete);
}

TEST_F(Operators, RevokingANodeCountsFromItsNextMessage) {
  Host host = join("db1");
  const auto before = core_->known_keys_revision();
  expect<DoneReply>(NodeRequest{NodeRequest::Verb::revoke, "db1", {}, {}});
  EXPECT_GT(core_->known_keys_revision(), before);
  EXPECT_TRUE(say(host, Heartbeat{}).empty());
  EXPECT_TRUE(inventory(host, {postgres("/srv/orders", 7)}).empty());
  EXPECT_TRUE(list(Listing::databases).databases.empty());
}

}  // namespace
}  // namespace holdfast
