// A request that comes twice is done once, whatever was in between.
#include "coordinator/core/replies.h"

#include "coordinator/catalog/rows.h"
#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

class Replies : public FleetFixture {
 protected:
  Event request(std::uint64_t id, OperatorBody body) { return request(admin_.public_key, id, std::move(body)); }
  static Event request(const CurvePublicKey& key, std::uint64_t id, OperatorBody body) {
    MessageCame came;
    came.peer = key;
    came.message.id = id;
    came.message.body = OperatorRequest{protocol_min, protocol_max, std::move(body)};
    return came;
  }
  OperatorReplyBody answer(const Event& event) {
    const auto sends = apply(event);
    const auto* reply = find_body<OperatorReply>(sends);
    return reply == nullptr ? Refused{Code::unavailable, "no answer", ""} : reply->body;
  }
  // It reaches the catalog, and the coordinator dies before anything is sent.
  void apply_and_crash(const Event& event) {
    apply(event);
    restart();
  }
  std::size_t kept() { return read_rows<ReplyRow>(store_)->size(); }
  static Event store_add(std::uint64_t id, const CurvePublicKey& key) {
    return request(key, id, store_request("local", StoreKind::posix, "/srv/local"));
  }
};

TEST_F(Replies, AnswerARepeatedRequestWithoutDoingItAgain) {
  const Event event = request(77, CreateTokenRequest{});
  const auto first = answer(event);
  const auto second = answer(event);
  EXPECT_EQ(std::get<TokenReply>(second).text, std::get<TokenReply>(first).text);
  EXPECT_EQ(list(Listing::tokens).tokens.size(), 1U);
}

TEST_F(Replies, OutliveACrashBetweenCommitAndReply) {
  const Event event = store_add(77, admin_.public_key);
  apply_and_crash(event);
  const auto again = answer(event);
  ASSERT_TRUE(std::holds_alternative<DoneReply>(again)) << std::get<Refused>(again).message;
  EXPECT_EQ(std::get<DoneReply>(again).lines, std::vector<std::string>{"store local added"});
  EXPECT_EQ(list(Listing::stores).stores.size(), 1U);
}

TEST_F(Replies, NameTheJobsThatWereStartedBeforeACrash) {
  add_store();
  Host db1 = join("db1");
  inventory(db1, {postgres("/data", 7)});
  Selection everything;
  everything.selector = "env=prod";
  const Event event = request(78, CreateBackupRequest{everything, BackupType::full, ""});
  apply_and_crash(event);
  const auto again = answer(event);
  ASSERT_TRUE(std::holds_alternative<JobsReply>(again)) << std::get<Refused>(again).message;
  ASSERT_EQ(std::get<JobsReply>(again).jobs.size(), 1U);
  ASSERT_EQ(list(Listing::jobs).jobs.size(), 1U);
  EXPECT_EQ(list(Listing::jobs).jobs.front().id, std::get<JobsReply>(again).jobs.front());
}

TEST_F(Replies, NeverPutATokensTextIntoTheCatalog) {
  const Event event = request(77, CreateTokenRequest{});
  const auto made = std::get<TokenReply>(answer(event));
  const auto rows = *read_rows<ReplyRow>(store_);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_FALSE(std::holds_alternative<TokenReply>(rows.front().reply.body));

  restart();
  const auto again = answer(event);
  ASSERT_TRUE(std::holds_alternative<Refused>(again));
  EXPECT_EQ(std::get<Refused>(again).code, Code::conflict);
  EXPECT_NE(std::get<Refused>(again).hint.find(made.token.id.text()), std::string::npos);
  EXPECT_EQ(list(Listing::tokens).tokens.size(), 1U);
}

TEST_F(Replies, AreOneForEachKeyAndMessage) {
  const CurveKeyPair other = make_curve_key(entropy_);
  add_operator("bob", Role::admin, other.public_key);
  restart();
  EXPECT_TRUE(std::holds_alternative<DoneReply>(answer(store_add(77, admin_.public_key))));
  const auto another_message = answer(store_add(78, admin_.public_key));
  EXPECT_EQ(std::get<Refused>(another_message).code, Code::already_exists);
  const auto another_key = answer(store_add(77, other.public_key));
  EXPECT_EQ(std::get<Refused>(another_key).code, Code::already_exists);
}

TEST_F(Replies, OfRequestsThatChangeNothingAreNotKept) {
  answer(request(77, ListRequest{}));
  answer(request(78, RevokeTokenRequest{"none"}));
  answer(request(79, RetentionRequest{}));
  EXPECT_EQ(kept(), 0U);
}

TEST_F(Replies, GoAfterTenMinutes) {
  answer(store_add(77, admin_.public_key));
  pass(std::chrono::minutes(10));
  tick();
  EXPECT_EQ(kept(), 1U);
  pass(std::chrono::seconds(1));
  tick();
  EXPECT_EQ(kept(), 0U);
  restart();
  EXPECT_EQ(std::get<Refused>(answer(store_add(77, admin_.public_key))).code, Code::already_exists);
}

TEST_F(Replies, AreBoundedForEachKey) {
  for (std::uint64_t id = 1; id <= replies_kept_per_key + 5; ++id) {
    pass(std::chrono::milliseconds(1));
    CreateTokenRequest token;
    token.uses = 1;
    answer(request(id, token));
  }
  EXPECT_EQ(kept(), replies_kept_per_key);
  EXPECT_EQ(read_rows<ReplyRow>(store_)->front().request, 6U);  // the oldest went
}

}  // namespace
}  // namespace holdfast
