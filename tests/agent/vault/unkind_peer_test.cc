// Peers that do not keep to the protocol: nothing of theirs becomes visible, and others are served all the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/harness/result_matchers.h"
#include "tests/harness/seeded_entropy.h"
#include "tests/harness/vault_host.h"

namespace holdfast {
namespace {

constexpr Micros soon = std::chrono::seconds(20);
constexpr Micros not_coming = std::chrono::seconds(1);

class UnkindPeer : public testing::Test {
 protected:
  UnkindPeer() { EXPECT_THAT(owner_->put("first", as_bytes("content")), Succeeded()); }

  void connect() { connection_ = open_vault_connection(host_.context, host_.address(), host_.client).value(); }
  // In, with every right.
  void enter() {
    connect();
    const auto grant = host_.grant(host_.client.public_key, {{"", GrantVerb::put | GrantVerb::get | GrantVerb::list}});
    say({1, VaultHello{host_.issued(grant)}});
    ASSERT_TRUE(std::holds_alternative<VaultWelcome>(answer().body));
  }
  void say(const VaultMessage& message, ByteView content = {}) {
    ASSERT_THAT(connection_->send(encode_vault_message(message), content), Succeeded());
  }
  VaultMessage answer() {
    const auto frames = connection_->receive(soon);
    if (!frames || !*frames) {
      ADD_FAILURE() << "no answer";
      return {};
    }
    return decode_vault_message((*frames)->header).value();
  }
  bool is_silent() {
    const auto frames = connection_->receive(not_coming);
    return frames && !*frames;
  }
  Code refusal() {
    const auto message = answer();
    const auto* refused = std::get_if<VaultRefused>(&message.body);
    if (refused == nullptr) ADD_FAILURE() << "not refused";
    return refused == nullptr ? Code::internal : refused->error.code;
  }
  std::vector<std::string> names() {
    std::vector<std::string> out;
    const auto objects = owner_->list("").value();
    for (const auto& object : objects) out.push_back(object.name);
    return out;
  }
  void expect_nothing_changed() { EXPECT_THAT(names(), testing::ElementsAre("first")); }

  VaultHost host_;
  std::shared_ptr<PeerStore> owner_ = host_.store_of_owner();
  std::unique_ptr<VaultConnection> connection_;
  const Bytes chunk_ = Bytes(vault_chunk_bytes, 7);
};

TEST_F(UnkindPeer, IsAnsweredNothingButANoWithoutAGrant) {
  connect();
  for (const VaultBody& body : std::vector<VaultBody>{VaultGet{"first"}, VaultList{""}, VaultPut{"x", 1, {}},
                                                      VaultRemove{"first"}, VaultCheck{}, VaultAskSpace{}}) {
    say({5, body});
    EXPECT_EQ(refusal(), Code::unavailable);
  }
  say({6, VaultHello{Bytes(1000, 1)}});
  EXPECT_EQ(refusal(), Code::denied);
  say({7, VaultGet{"first"}});
  EXPECT_EQ(refusal(), Code::unavailable);
  expect_nothing_changed();
}

TEST_F(UnkindPeer, IsNotHeardWithGarbageOrContentBeforeItsGrant) {
  connect();
  ASSERT_THAT(connection_->send(Bytes(64, 0xff), {}), Succeeded());
  ASSERT_THAT(connection_->send(as_bytes("x"), chunk_), Succeeded());
  say({1, VaultChunk{0}}, chunk_);
  EXPECT_TRUE(is_silent());
  EXPECT_THAT(owner_->stat("first"), Succeeded());
}

TEST_F(UnkindPeer, IsCutOffWhenItSendsGarbage) {
  enter();
  ASSERT_THAT(connection_->send(Bytes(64, 0xff), {}), Succeeded());
  EXPECT_EQ(refusal(), Code::invalid);
  say({2, VaultGet{"first"}});
  EXPECT_EQ(refusal(), Code::unavailable) << "it has to show its grant again";
}

TEST_F(UnkindPeer, CannotSendAMessageThatIsTooLong) {
  enter();
  say({2, VaultGet{std::string(20'000, 'a')}});
  EXPECT_EQ(refusal(), Code::invalid);
}

TEST_F(UnkindPeer, CannotSendAFrameThatIsTooLong) {
  enter();
  say({2, VaultPut{"x", 10 * vault_chunk_bytes, {}}});
  ASSERT_TRUE(std::holds_alternative<VaultCredit>(answer().body));
  (void)connection_->send(encode_vault_message({2, VaultChunk{0}}), Bytes(2 * vault_chunk_bytes)).has_value();
  const auto after = connection_->receive(soon);
  EXPECT_FALSE(after && *after) << "the connection is cut";
  expect_nothing_changed();
}

TEST_F(UnkindPeer, CannotStoreWhatDoesNotFitItsDigest) {
  enter();
  say({2, VaultPut{"x", chunk_.size(), sha256(as_bytes("something else"))}});
  ASSERT_TRUE(std::holds_alternative<VaultCredit>(answer().body));
  say({2, VaultChunk{0}}, chunk_);
  EXPECT_EQ(refusal(), Code::corrupt);
  expect_nothing_changed();
}

TEST_F(UnkindPeer, CannotStoreMoreOrElsewhereThanItAnnounced) {
  enter();
  for (const std::uint64_t offset : {std::uint64_t{1}, std::uint64_t{vault_chunk_bytes}}) {
    say({2, VaultPut{"x", 2 * chunk_.size(), {}}});
    ASSERT_TRUE(std::holds_alternative<VaultCredit>(answer().body));
    say({2, VaultChunk{offset}}, chunk_);
    EXPECT_EQ(refusal(), Code::invalid);
  }
  say({3, VaultPut{"x", chunk_.size() - 1, {}}});
  ASSERT_TRUE(std::holds_alternative<VaultCredit>(answer().body));
  say({3, VaultChunk{0}}, chunk_);
  EXPECT_EQ(refusal(), Code::invalid);
  expect_nothing_changed();
}

TEST_F(UnkindPeer, IsCutOffWhenItSendsMoreThanItWasAskedFor) {
  enter();
  const std::uint64_t many = 64 * vault_window_bytes;
  say({2, VaultPut{"x", many, {}}});
  ASSERT_TRUE(std::holds_alternative<VaultCredit>(answer().body));
  // The disk cannot keep up with this for long.
  bool cut = false;
  for (std::uint64_t at = 0; at < many && !cut; at += chunk_.size()) {
    if (!connection_->send(encode_vault_message({2, VaultChunk{at}}), chunk_)) break;
    const auto frames = connection_->receive(Micros(0));
    if (!frames || !*frames) continue;
    const auto message = decode_vault_message((*frames)->header).value();
    cut = std::holds_alternative<VaultRefused>(message.body);
  }
  expect_nothing_changed();
  EXPECT_THAT(owner_->get("first"), Succeeded());
}

TEST_F(UnkindPeer, CannotPutContentBehindOtherMessages) {
  enter();
  say({2, VaultGet{"first"}}, chunk_);
  EXPECT_EQ(refusal(), Code::invalid);
}

TEST_F(UnkindPeer, ThatBeginsSomethingElseLosesWhatItHadBegun) {
  enter();
  say({2, VaultPut{"x", 2 * chunk_.size(), {}}});
  ASSERT_TRUE(std::holds_alternative<VaultCredit>(answer().body));
  say({2, VaultChunk{0}}, chunk_);
  ASSERT_TRUE(std::holds_alternative<VaultCredit>(answer().body));
  say({3, VaultStat{"first"}});
  EXPECT_EQ(refusal(), Code::denied);
  say({2, VaultChunk{chunk_.size()}}, chunk_);
  EXPECT_TRUE(is_silent());
  expect_nothing_changed();
}

TEST_F(UnkindPeer, ThatTakesNothingHoldsAWindowAndNoMore) {
  ASSERT_THAT(owner_->put("large", Bytes(4 * vault_window_bytes)), Succeeded());
  enter();
  say({2, VaultGet{"large"}});
  ASSERT_TRUE(std::holds_alternative<VaultContent>(answer().body));
  std::uint64_t came = 0;
  for (;;) {
    const auto frames = connection_->receive(not_coming);
    if (!frames || !*frames) break;
    came += (*frames)->content.size();
  }
  EXPECT_EQ(came, vault_window_bytes);
  say({2, VaultCredit{1000}});
  EXPECT_EQ(connection_->receive(soon).value()->content.size(), 1000U);
  EXPECT_TRUE(is_silent());
}

}  // namespace
}  // namespace holdfast
