#include "coordinator/shell/round.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/os/system_entropy.h"
#include "shared/wire/codec.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class HandClock final : public Clock {
 public:
  Timestamp now() const override { return Timestamp::from_micros(1'790'000'000'000'000) + at_; }
  Micros monotonic() const override { return at_; }
  void sleep_for(Micros duration) override { at_ += duration; }
  Micros at_{std::chrono::hours(1)};
};

// What happened, in order, over all the parts.
using Journal = std::vector<std::string>;

class NotingTransport final : public ServerTransport {
 public:
  explicit NotingTransport(Journal& journal) : journal_(journal) {}
  Result<std::vector<Incoming>> receive(Micros timeout, std::size_t) override {
    waited_ = timeout;
    return std::exchange(waiting_, {});
  }
  Result<> send(Door, const CurvePublicKey&, ByteView bytes) override {
    const Message message = decode_message(bytes).value();
    journal_.push_back("send " + std::to_string(message.id));
    sent_.push_back(message);
    if (absent_) return fail(Code::unavailable, "the peer is not connected");
    return {};
  }
  Journal& journal_;
  std::vector<Incoming> waiting_;
  std::vector<Message> sent_;
  Micros waited_{0};
  bool absent_ = false;
};

class NotingCatalog final : public KeyValueStore {
 public:
  explicit NotingCatalog(Journal& journal) : journal_(journal) {}
  Result<std::optional<Bytes>> get(Family, ByteView) override { return std::nullopt; }
  Result<> scan(Family, ByteView, ByteView, const std::function<bool(ByteView, ByteView)>&) override { return {}; }
  Result<> commit(const std::vector<CatalogChange>& changes, std::uint64_t epoch) override {
    if (broken_) return fail(*broken_, "another coordinator took over");
    journal_.push_back("commit " + std::to_string(changes.size()) + " in epoch " + std::to_string(epoch));
    return {};
  }
  Result<std::uint64_t> begin_epoch() override { return 1; }
  Journal& journal_;
  std::optional<Code> broken_;
};

class Rounds : public testing::Test {
 protected:
  Round make() {
    return Round({.core = {.apply = [this](const Event& event, Timestamp) { return apply(event); },
                           .keys_revision = [this] { return keys_revision_; },
                           .keys = [this] { return core_keys_; }},
                  .catalog = catalog_,
                  .epoch = 7,
                  .transport = transport_,
                  .keys = keys_,
                  .give_work = [this](Work) { journal_.push_back("work"); },
                  .sign = [](const GrantPass&) { return PassReply{}; },
                  .take_answers = [this] { return std::exchange(answers_, {}); },
                  .clock = clock_,
                  .log = Logger::none()});
  }
  Effects apply(const Event& event) {
    if (std::holds_alternative<Tick>(event)) {
      journal_.push_back("tick");
      return std::exchange(on_tick_, {});
    }
    if (std::holds_alternative<ObjectsRemoved>(event)) {
      journal_.push_back("removed");
      return {};
    }
    const auto& came = std::get<MessageCame>(event);
    journal_.push_back("apply " + std::to_string(came.message.id));
    return std::exchange(effects_[came.message.id], {});
  }
  // A message with this id comes; the core answers it with these changes and a message of the same id.
  void comes(std::uint64_t id, std::size_t changes) {
    Message message;
    message.id = id;
    message.body = Heartbeat{};
    transport_.waiting_.push_back({Door::fleet, key_, "192.0.2.1", encode_message(message)});
    Message answer;
    answer.id = id;
    answer.body = HeartbeatAck{};
    effects_[id].changes.resize(changes);
    effects_[id].sends.push_back({Door::fleet, key_, answer});
  }
  // The first round of a program always has a tick; the journal starts behind it.
  Round started() {
    Round round = make();
    EXPECT_TRUE(round.run());
    journal_.clear();
    return round;
  }

  SystemEntropy entropy_;
  CurvePublicKey key_ = make_curve_key(entropy_).public_key;
  Journal journal_;
  HandClock clock_;
  NotingTransport transport_{journal_};
  NotingCatalog catalog_{journal_};
  KnownKeys keys_;
  std::map<std::uint64_t, Effects> effects_;
  Effects on_tick_;
  std::deque<Event> answers_;
  std::uint64_t keys_revision_ = 0;
  std::vector<Core::KnownKey> core_keys_;
};

TEST_F(Rounds, CommitOnceForAllThatWasWaitingAndThenSend) {
  Round round = started();
  comes(1, 2);
  comes(2, 3);
  effects_[2].work.emplace_back(RemoveWal{});
  ASSERT_TRUE(round.run());
  EXPECT_THAT(journal_, ElementsAre("apply 1", "apply 2", "commit 5 in epoch 7", "send 1", "send 2", "work"));
}

TEST_F(Rounds, SendNothingWhenTheCommitFails) {
  for (const Code code : {Code::conflict, Code::exhausted, Code::unavailable}) {
    Round round = started();
    comes(1, 1);
    effects_[1].work.emplace_back(RemoveWal{});
    keys_revision_ = 99;
    core_keys_ = {{key_, Admission::admit}};
    catalog_.broken_ = code;
    const auto outcome = round.run();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, code);
    EXPECT_THAT(journal_, ElementsAre("apply 1"));
    EXPECT_EQ(keys_.admission(Door::fleet, key_), Admission::unknown) << "who may speak is committed state";
    catalog_.broken_.reset();
    keys_revision_ = 0;
    core_keys_.clear();
    journal_.clear();
  }
}

TEST_F(Rounds, CommitNothingWhenNothingChanged) {
  Round round = started();
  comes(1, 0);
  ASSERT_TRUE(round.run());
  EXPECT_THAT(journal_, ElementsAre("apply 1", "send 1"));
}

TEST_F(Rounds, TickOnceASecond) {
  Round round = started();
  ASSERT_TRUE(round.run());
  EXPECT_THAT(journal_, IsEmpty());
  EXPECT_LE(transport_.waited_, std::chrono::seconds(1));
  clock_.at_ += std::chrono::seconds(1);
  ASSERT_TRUE(round.run());
  EXPECT_EQ(transport_.waited_, Micros(0));
  ASSERT_TRUE(round.run());
  EXPECT_THAT(journal_, ElementsAre("tick")) << "one, however late";
}

TEST_F(Rounds, TakeAnswersOfTheWorker) {
  Round round = started();
  answers_.emplace_back(ObjectsRemoved{});
  ASSERT_TRUE(round.run());
  EXPECT_THAT(journal_, ElementsAre("removed"));
}

TEST_F(Rounds, GoOnWhenAPeerIsAway) {
  Round round = started();
  transport_.absent_ = true;
  comes(1, 0);
  comes(2, 0);
  EXPECT_TRUE(round.run());
  EXPECT_THAT(journal_, ElementsAre("apply 1", "apply 2", "send 1", "send 2"));
}

TEST_F(Rounds, LetANewKeyInBeforeItHearsOfIt) {
  Round round = started();
  EXPECT_EQ(keys_.admission(Door::fleet, key_), Admission::unknown);
  core_keys_ = {{key_, Admission::admit}};
  keys_revision_ = 1;
  comes(1, 1);
  ASSERT_TRUE(round.run());
  EXPECT_EQ(keys_.admission(Door::fleet, key_), Admission::admit);
}

TEST_F(Rounds, DropWhatIsNoMessage) {
  Round round = started();
  transport_.waiting_.push_back({Door::enrol, key_, "192.0.2.1", to_bytes(as_bytes("GET / HTTP/1.1"))});
  ASSERT_TRUE(round.run());
  EXPECT_THAT(journal_, IsEmpty());
}

TEST_F(Rounds, SayThatAMessageIsOfANewerKind) {
  Round round = started();
  Message message;
  message.id = 41;
  message.body = Heartbeat{};
  Bytes bytes = encode_message(message);
  bytes[16 + 2] = 200;  // the envelope's tag
  transport_.waiting_.push_back({Door::fleet, key_, "192.0.2.1", bytes});
  ASSERT_TRUE(round.run());
  ASSERT_EQ(transport_.sent_.size(), 1U);
  EXPECT_EQ(transport_.sent_[0].in_reply_to, 41U);
  EXPECT_EQ(std::get<Refused>(transport_.sent_[0].body).code, Code::unsupported);
}

TEST(KnownKeys, AreAskedByDoor) {
  SystemEntropy entropy;
  const auto member = make_curve_key(entropy).public_key;
  const auto revoked = make_curve_key(entropy).public_key;
  const auto stranger = make_curve_key(entropy).public_key;
  KnownKeys keys;
  keys.replace({{member, Admission::admit}, {revoked, Admission::revoked}});
  EXPECT_EQ(keys.admission(Door::fleet, member), Admission::admit);
  EXPECT_EQ(keys.admission(Door::fleet, revoked), Admission::revoked);
  EXPECT_EQ(keys.admission(Door::fleet, stranger), Admission::unknown);
  EXPECT_EQ(keys.admission(Door::enrol, member), Admission::admit);
  EXPECT_EQ(keys.admission(Door::enrol, revoked), Admission::revoked);
  EXPECT_EQ(keys.admission(Door::enrol, stranger), Admission::admit);
}

TEST(KnownKeys, AreRevokedWhenOneOfTwoEntriesSaysSo) {
  SystemEntropy entropy;
  const auto key = make_curve_key(entropy).public_key;
  KnownKeys keys;
  keys.replace({{key, Admission::revoked}, {key, Admission::admit}});
  EXPECT_EQ(keys.admission(Door::fleet, key), Admission::revoked);
}

}  // namespace
}  // namespace holdfast
