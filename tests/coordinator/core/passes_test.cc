#include "coordinator/core/passes.h"

#include <gmock/gmock.h>

#include "shared/wire/codec.h"
#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Kind = BucketWish::Kind;

class Passes : public FleetFixture {
 protected:
  Passes() {
    add_bucket("far");
    host_ = join("db1");
    inventory(host_, {postgres("/data/orders", 1)});
    other_ = join("db2");
    inventory(other_, {postgres("/data/bills", 2)});
    Policy policy;
    policy.name = "all";
    apply_policy(policy);
    orders_ = first_database(host_);
    bills_ = first_database(other_);
  }
  DatabaseId first_database(const Host& host) {
    for (const auto& view : list(Listing::databases).databases) {
      for (const Member& member : view.database.members) {
        if (member.node == host.node) return view.database.id;
      }
    }
    ADD_FAILURE() << "no database on " << host.hostname;
    return {};
  }
  void add_bucket(const std::string& name, S3Place::Hosts hosts = S3Place::Hosts::presigned) {
    AddStoreRequest request = store_request(name, StoreKind::s3, "");
    request.s3.endpoint = "https://s3.example";
    request.s3.bucket = name;
    request.s3.credentials = "/etc/the.keys";
    request.s3.hosts = hosts;
    expect<DoneReply>(request);
  }
  // Everything that came of it.
  Effects ask(const Host& host, const BucketWish& wish, const std::string& store = "far") {
    MessageCame came;
    came.peer = host.curve.public_key;
    came.address = host.address;
    came.message.id = 77;
    came.message.body = PassRequest{store, wish};
    return core_->apply(came, now_);
  }
  bool granted(const Host& host, const BucketWish& wish, const std::string& store = "far") {
    const Effects effects = ask(host, wish, store);
    if (effects.passes.size() == 1) {
      EXPECT_EQ(effects.passes[0].wish, wish);
      EXPECT_EQ(effects.passes[0].answer.peer, host.curve.public_key);
      EXPECT_EQ(effects.passes[0].answer.message.in_reply_to, 77U);
      return true;
    }
    refused_with_ = "nothing at all";
    for (const Send& sent : effects.sends) {
      if (const auto* reply = std::get_if<PassReply>(&sent.message.body); reply != nullptr && reply->refused) {
        refused_with_ = reply->refused->message;
      }
    }
    return false;
  }
  std::string own(const std::string& rest) const { return orders_.text() + "/" + rest; }
  std::string others(const std::string& rest) const { return bills_.text() + "/" + rest; }

  Host host_;
  Host other_;
  DatabaseId orders_;
  DatabaseId bills_;
  std::string refused_with_;
};

TEST_F(Passes, LetAWriterPutAndLookBelowItsOwnDatabaseOnly) {
  EXPECT_TRUE(granted(host_, {Kind::put, own("")}));
  EXPECT_TRUE(granted(host_, {Kind::look, own("backups/b/pack-0000")}));
  EXPECT_TRUE(granted(host_, {Kind::list, own("wal/00000001/")}));
  EXPECT_TRUE(granted(host_, {Kind::get, own("wal/00000001/x")}));
  EXPECT_TRUE(granted(host_, {Kind::get, own("backups/b/record")}));
  EXPECT_TRUE(granted(host_, {Kind::put, "fleet.record"}));
  EXPECT_TRUE(granted(host_, {Kind::reach}));

  EXPECT_FALSE(granted(host_, {Kind::put, others("")}));
  EXPECT_THAT(refused_with_, HasSubstr("node \"db1\" has nothing to put at"));
  EXPECT_FALSE(granted(host_, {Kind::look, others("backups/b/record")}));
  EXPECT_FALSE(granted(host_, {Kind::list, others("")}));
  EXPECT_FALSE(granted(host_, {Kind::get, others("wal/00000001/x")}));
}

TEST_F(Passes, LetAWriterNeitherReadItsBackupsNorTheKeysToThem) {
  EXPECT_FALSE(granted(host_, {Kind::get, own("backups/b/manifest")}));
  EXPECT_FALSE(granted(host_, {Kind::get, own("backups/b/pack-0000")}));
  EXPECT_FALSE(granted(host_, {Kind::get, own("epochs/e.keys")}));
}

TEST_F(Passes, AreNotToBeHadByTricksWithNames) {
  const std::string id = orders_.text();
  for (const BucketWish& wish : {BucketWish{Kind::put, ""},
                                 {Kind::put, "/"},
                                 {Kind::put, id},
                                 {Kind::put, id + "x/"},
                                 {Kind::put, id + "/wal/"},
                                 {Kind::put, id + "/../" + bills_.text() + "/"},
                                 {Kind::put, "../"},
                                 {Kind::put, "fleet.recordx"},
                                 {Kind::put, "coordinator/"},
                                 {Kind::get, id + "/wal/../epochs/e.keys"},
                                 {Kind::get, id + "/wal/../../" + bills_.text() + "/wal/1/x"},
                                 {Kind::get, id + "/backups/a/b/record"},
                                 {Kind::get, id + "/backups/record"},
                                 {Kind::get, "coordinator/1.checkpoint"},
                                 {Kind::look, id + "x/a"},
                                 {Kind::list, ""},
                                 {Kind::list, id},
                                 {Kind::list, id.substr(0, 4)},
                                 {Kind::list, id + "/../"},
                                 {Kind::list, "coordinator/"},
                                 {Kind::reach, id}}) {
    EXPECT_FALSE(granted(host_, wish)) << static_cast<int>(wish.kind) << " " << wish.name;
  }
}

TEST_F(Passes, AreForStoresThatTheCoordinatorSignsFor) {
  add_bucket("keyed", S3Place::Hosts::own_key);
  add_store("local");
  for (const std::string store : {"keyed", "local", "nowhere"}) {
    EXPECT_FALSE(granted(host_, {Kind::put, own("")}, store));
    EXPECT_THAT(refused_with_, HasSubstr("is none that the coordinator signs for"));
  }
}

TEST_F(Passes, LetANodeOnlyLookWhereItsPolicyDoesNotPut) {
  add_bucket("elsewhere");
  Policy policy;
  policy.name = "all";
  policy.stores = {"far"};
  apply_policy(policy);
  EXPECT_TRUE(granted(host_, {Kind::put, own("")}, "far"));
  EXPECT_FALSE(granted(host_, {Kind::put, own("")}, "elsewhere"));
  EXPECT_FALSE(granted(host_, {Kind::put, "fleet.record"}, "elsewhere"));
  EXPECT_TRUE(granted(host_, {Kind::list, own("backups/")}, "elsewhere"));
  EXPECT_TRUE(granted(host_, {Kind::get, own("backups/b/record")}, "elsewhere"));
}

TEST_F(Passes, AreNotForANodeThatWasRevoked) {
  ASSERT_TRUE(granted(host_, {Kind::put, own("")}));
  NodeRequest revoke;
  revoke.verb = NodeRequest::Verb::revoke;
  revoke.node = "db1";
  FleetFixture::ask(revoke);
  EXPECT_FALSE(granted(host_, {Kind::put, own("")}));
  EXPECT_FALSE(granted(host_, {Kind::reach}));
}

TEST_F(Passes, NeverHoldTheCredentialsNorSayWhereTheyAre) {
  auto sends = hello(host_);
  for (int i = 0; i < 3 && find_body<Assignment>(sends) == nullptr; ++i) {
    pass(std::chrono::seconds(10));
    say(host_, Heartbeat{});
    sends = tick();
  }
  const auto* assignment = find_body<Assignment>(sends);
  ASSERT_NE(assignment, nullptr);
  EXPECT_EQ(assignment->stores.at(0).s3.credentials, "presigned");
  EXPECT_EQ(assignment->stores.at(0).s3.hosts, S3Place::Hosts::presigned);
  const Bytes bytes = encode_value(*assignment);
  EXPECT_EQ(as_text(bytes).find("the.keys"), std::string_view::npos);
  // The shell signs with what the coordinator was told.
  const Effects effects = ask(host_, {Kind::put, own("")});
  ASSERT_THAT(effects.passes, SizeIs(1));
  EXPECT_EQ(effects.passes[0].place.credentials, "/etc/the.keys");
  EXPECT_THAT(effects.changes, IsEmpty());
}

TEST_F(Passes, LetANodeReadWhatItHasToRestoreAndOnlyMeanwhile) {
  const BackupId backup = take_backup(other_, bills_, {});
  ASSERT_FALSE(granted(other_, {Kind::get, others("backups/b/pack-0000")}));
  VerifyRequest verify;
  verify.backup = backup.text();
  const auto answer = FleetFixture::ask(verify);
  ASSERT_FALSE(std::holds_alternative<Refused>(answer)) << std::get<Refused>(answer).message;
  const bool by_other = granted(other_, {Kind::get, others("backups/b/pack-0000")});
  const bool by_host = granted(host_, {Kind::get, others("backups/b/pack-0000")});
  EXPECT_TRUE(by_other != by_host) << "exactly the one that verifies";
  const Host& reader = by_other ? other_ : host_;
  EXPECT_TRUE(granted(reader, {Kind::get, others("epochs/e.keys")}));
  EXPECT_TRUE(granted(reader, {Kind::get, "fleet.record"}));
}

// The decision alone, about a node that has no database and one job.
class PassesOfAJob : public testing::Test {
 protected:
  PassesOfAJob() {
    for (const std::string name : {"far", "spare"}) {
      StoreInfo store;
      store.name = name;
      store.kind = StoreKind::s3;
      store.s3.hosts = S3Place::Hosts::presigned;
      state.stores[name] = store;
    }
    node.id = entropy.id<NodeId>();
    node.name = "db3";
    node.state = NodeState::active;
    state.nodes[node.id] = node;
  }
  void give(JobKind kind, NodeId to, const std::string& store = {}) {
    JobRow row;
    row.job.id = entropy.id<JobId>();
    row.job.kind = kind;
    row.job.node = to;
    row.job.database = database;
    row.job.store = store;
    row.job.state = JobState::running;
    state.jobs[row.job.id] = row;
    state.open_jobs.insert(row.job.id);
  }
  bool may(const std::string& store, Kind kind, const std::string& rest) const {
    return may_have_pass(state, node, {store, {kind, database.text() + "/" + rest}}).has_value();
  }

  SeededEntropy entropy{9};
  CoreState state;
  Node node;
  const DatabaseId database = entropy.id<DatabaseId>();
};

TEST_F(PassesOfAJob, LetACopyFillItsTargetAndReadEverywhere) {
  give(JobKind::copy, node.id, "spare");
  EXPECT_TRUE(may("spare", Kind::put, ""));
  EXPECT_TRUE(may_have_pass(state, node, {"spare", {Kind::put, "fleet.record"}}));
  EXPECT_FALSE(may("far", Kind::put, ""));
  EXPECT_FALSE(may_have_pass(state, node, {"far", {Kind::put, "fleet.record"}}));
  for (const std::string store : {"far", "spare"}) {
    EXPECT_TRUE(may(store, Kind::get, "backups/b/pack-0000"));
    EXPECT_TRUE(may(store, Kind::get, "epochs/e.keys"));
    EXPECT_TRUE(may(store, Kind::list, "wal/"));
  }
}

TEST_F(PassesOfAJob, LetARestoreReadAndPutNothing) {
  give(JobKind::restore, node.id);
  EXPECT_TRUE(may("far", Kind::get, "backups/b/manifest"));
  EXPECT_TRUE(may("far", Kind::list, "wal/00000001/"));
  EXPECT_FALSE(may("far", Kind::put, ""));
}

TEST_F(PassesOfAJob, AreOfTheNodeThatHasItAndEndWithIt) {
  give(JobKind::restore, entropy.id<NodeId>());
  EXPECT_FALSE(may("far", Kind::get, "backups/b/manifest"));
  give(JobKind::restore, node.id);
  EXPECT_TRUE(may("far", Kind::get, "backups/b/manifest"));
  state.open_jobs.clear();
  EXPECT_FALSE(may("far", Kind::get, "backups/b/manifest"));
}

TEST_F(PassesOfAJob, OfAnotherKindLetItDoNothing) {
  give(JobKind::backup, node.id);
  give(JobKind::store_check, node.id);
  give(JobKind::rollback, node.id);
  EXPECT_FALSE(may("far", Kind::get, "backups/b/manifest"));
  EXPECT_FALSE(may("far", Kind::put, ""));
  EXPECT_TRUE(may_have_pass(state, node, {"far", {Kind::look, "fleet.record"}}));
}

TEST_F(PassesOfAJob, AreNotForANodeThatIsNotTheFleetsNow) {
  give(JobKind::restore, node.id);
  for (const NodeState gone : {NodeState::pending, NodeState::revoked}) {
    node.state = gone;
    EXPECT_FALSE(may("far", Kind::get, "backups/b/manifest"));
    EXPECT_FALSE(may_have_pass(state, node, {"far", {Kind::reach}}));
  }
}

}  // namespace
}  // namespace holdfast
