// Real sockets on loopback.
#include "shared/wire/transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zmq.h>

#include <map>
#include <set>

#include "shared/base/mutex.h"
#include "shared/os/clock.h"
#include "shared/os/mailbox.h"
#include "shared/os/system_entropy.h"
#include "shared/wire/zmq_parts.h"

namespace holdfast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Micros patience = seconds(20);     // until something that must come
constexpr Micros quiet = milliseconds(300);  // in which something that must not come would have come

// Whom the doors know; it also notes who was asked for.
class Register {
 public:
  void set(const CurvePublicKey& key, Admission admission) {
    state_.with([&](State& state) { state.known[key] = admission; });
  }
  std::size_t questions(const CurvePublicKey& key) const {
    return state_.with([&](const State& state) { return state.asked.count(key); });
  }
  AdmissionCheck check() {
    return [this](Door, const CurvePublicKey& key) {
      return state_.with([&](State& state) {
        state.asked.insert(key);
        const auto found = state.known.find(key);
        return found == state.known.end() ? Admission::unknown : found->second;
      });
    };
  }

 private:
  struct State {
    std::map<CurvePublicKey, Admission> known;
    std::multiset<CurvePublicKey> asked;
  };
  Guarded<State> state_;
};

class Transport : public testing::Test {
 protected:
  void SetUp() override { open(); }

  void open(std::uint32_t enrol_messages_per_minute = 1000, std::vector<int> extra_fds = {}) {
    server_.reset();
    enrol_ = make_curve_key(entropy_);
    fleet_ = make_curve_key(entropy_);
    ServerTransportOptions options;
    options.bind = "127.0.0.1";
    options.fleet_port = 0;
    options.enrol_port = 0;
    options.enrol_messages_per_minute = enrol_messages_per_minute;
    auto opened =
        open_server_transport(context_, options, {enrol_.public_key, enrol_.secret_key.clone()},
                              {fleet_.public_key, fleet_.secret_key.clone()}, register_.check(), std::move(extra_fds));
    ASSERT_TRUE(opened) << opened.error().text();
    server_ = std::move(*opened);
  }

  CurveKeyPair known_key(Admission admission = Admission::admit) {
    CurveKeyPair key = make_curve_key(entropy_);
    register_.set(key.public_key, admission);
    return key;
  }
  std::string endpoint(Door door) const { return fmt::format("tcp://127.0.0.1:{}", server_->port(door)); }
  const CurvePublicKey& key_of(Door door) const { return door == Door::enrol ? enrol_.public_key : fleet_.public_key; }
  std::unique_ptr<ClientTransport> client(Door door, const CurveKeyPair& key, std::vector<int> extra_fds = {}) {
    return client_with_server_key(door, key, key_of(door), std::move(extra_fds));
  }
  std::unique_ptr<ClientTransport> client_with_server_key(Door door, const CurveKeyPair& key,
                                                          const CurvePublicKey& server,
                                                          std::vector<int> extra_fds = {}) {
    ClientTransportOptions options;
    options.endpoint = endpoint(door);
    options.server = server;
    auto opened = open_client_transport(context_, options, key, std::move(extra_fds));
    EXPECT_TRUE(opened) << opened.error().text();
    return std::move(*opened);
  }

  // What comes within this time, at most `count` messages.
  std::vector<Incoming> take(std::size_t count, Micros within = patience) {
    std::vector<Incoming> out;
    const Micros deadline = clock_.monotonic() + within;
    while (out.size() < count && clock_.monotonic() < deadline) {
      auto came = server_->receive(std::min<Micros>(deadline - clock_.monotonic(), milliseconds(50)), 100);
      EXPECT_TRUE(came) << came.error().text();
      for (auto& message : *came) out.push_back(std::move(message));
    }
    return out;
  }
  bool nothing_comes() { return take(1, quiet).empty(); }
  void wait_until_asked_for(const CurvePublicKey& key) {
    const Micros deadline = clock_.monotonic() + patience;
    while (register_.questions(key) == 0 && clock_.monotonic() < deadline) ASSERT_TRUE(nothing_comes());
    ASSERT_GT(register_.questions(key), 0U) << "the handshake came to its end";
  }

  // A socket that does what no client of ours does.
  ZmqSocket raw_client(Door door, const CurveKeyPair& key, std::string_view routing_id = {}) {
    ZmqSocket socket = open_zmq_socket(context_.native(), ZMQ_DEALER).value();
    EXPECT_TRUE(set_option(socket, ZMQ_LINGER, 0));
    EXPECT_TRUE(set_option(socket, ZMQ_CURVE_SECRETKEY, key.secret_key.bytes()));
    EXPECT_TRUE(set_option(socket, ZMQ_CURVE_PUBLICKEY, key.public_key.bytes()));
    EXPECT_TRUE(set_option(socket, ZMQ_CURVE_SERVERKEY, key_of(door).bytes()));
    if (!routing_id.empty()) {
      EXPECT_TRUE(set_option(socket, ZMQ_ROUTING_ID, as_bytes(routing_id)));
    }
    EXPECT_EQ(zmq_connect(socket.get(), endpoint(door).c_str()), 0);
    return socket;
  }

  SystemEntropy entropy_;
  SystemClock clock_;
  ZmqContext context_;
  Register register_;
  CurveKeyPair enrol_;
  CurveKeyPair fleet_;
  std::unique_ptr<ServerTransport> server_;
};

std::string text_of(const std::optional<Bytes>& bytes) {
  return bytes ? std::string(as_text(*bytes)) : "nothing";
}

TEST_F(Transport, CarriesMessagesOfAKnownNodeBothWays) {
  const CurveKeyPair key = known_key();
  const auto node = client(Door::fleet, key);
  ASSERT_TRUE(node->send(as_bytes("hello")));
  const auto came = take(1);
  ASSERT_EQ(came.size(), 1U);
  EXPECT_EQ(came[0].door, Door::fleet);
  EXPECT_EQ(came[0].peer, key.public_key);
  EXPECT_EQ(came[0].address, "127.0.0.1");
  EXPECT_EQ(as_text(came[0].bytes), "hello");
  ASSERT_TRUE(server_->send(Door::fleet, key.public_key, as_bytes("welcome")));
  EXPECT_EQ(text_of(node->receive(patience).value()), "welcome");
}

TEST_F(Transport, LetsUnknownAndKnownKeysEnrol) {
  for (const CurveKeyPair& key : {make_curve_key(entropy_), known_key()}) {
    const auto node = client(Door::enrol, key);
    ASSERT_TRUE(node->send(as_bytes("let me in")));
    const auto came = take(1);
    ASSERT_EQ(came.size(), 1U);
    EXPECT_EQ(came[0].door, Door::enrol);
    EXPECT_EQ(came[0].peer, key.public_key);
    ASSERT_TRUE(server_->send(Door::enrol, key.public_key, as_bytes("challenge")));
    EXPECT_EQ(text_of(node->receive(patience).value()), "challenge");
  }
}

TEST_F(Transport, LetsNothingOfAnUnknownKeyThroughTheFleetDoor) {
  const CurveKeyPair key = make_curve_key(entropy_);
  const auto rogue = client(Door::fleet, key);
  ASSERT_TRUE(rogue->send(as_bytes("hello")));
  wait_until_asked_for(key.public_key);
  EXPECT_TRUE(nothing_comes());
  EXPECT_EQ(rogue->receive(Micros(0)).value(), std::nullopt) << "it waits; it may be known soon";
}

TEST_F(Transport, LetsNobodyInWithoutAKey) {
  for (const Door door : {Door::enrol, Door::fleet}) {
    ZmqSocket socket = open_zmq_socket(context_.native(), ZMQ_DEALER).value();
    ASSERT_TRUE(set_option(socket, ZMQ_LINGER, 0));
    ASSERT_EQ(zmq_connect(socket.get(), endpoint(door).c_str()), 0);
    ASSERT_EQ(zmq_send(socket.get(), "hello", 5, 0), 5);
    EXPECT_TRUE(nothing_comes());
  }
}

TEST_F(Transport, TurnsRevokedKeysAwayForGoodAtBothDoors) {
  for (const Door door : {Door::enrol, Door::fleet}) {
    const CurveKeyPair key = known_key(Admission::revoked);
    const auto node = client(door, key);
    ASSERT_TRUE(node->send(as_bytes("hello")));
    const auto answer = node->receive(patience);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::denied);
    EXPECT_FALSE(node->send(as_bytes("again")));
    EXPECT_TRUE(nothing_comes());
  }
}

TEST_F(Transport, CutsARevokedKeyOffAtItsNextMessage) {
  for (const Door door : {Door::enrol, Door::fleet}) {
    const CurveKeyPair key = known_key();
    const auto node = client(door, key);
    ASSERT_TRUE(node->send(as_bytes("one")));
    ASSERT_EQ(take(1).size(), 1U);
    register_.set(key.public_key, Admission::revoked);
    ASSERT_TRUE(node->send(as_bytes("two")));
    EXPECT_TRUE(nothing_comes());
    EXPECT_EQ(server_->send(door, key.public_key, as_bytes("x")).error().code, Code::unavailable);
  }
}

TEST_F(Transport, NeverConnectsToAServerWithAnotherKey) {
  const CurveKeyPair key = known_key();
  const auto node = client_with_server_key(Door::fleet, key, make_curve_key(entropy_).public_key);
  ASSERT_TRUE(node->send(as_bytes("hello")));
  EXPECT_TRUE(nothing_comes());
  EXPECT_EQ(register_.questions(key.public_key), 0U);
}

TEST_F(Transport, KeepsTheKeysOfTheTwoDoorsApart) {
  const CurveKeyPair key = known_key();
  const auto at_fleet = client_with_server_key(Door::fleet, key, enrol_.public_key);
  const auto at_enrol = client_with_server_key(Door::enrol, key, fleet_.public_key);
  ASSERT_TRUE(at_fleet->send(as_bytes("hello")));
  ASSERT_TRUE(at_enrol->send(as_bytes("hello")));
  EXPECT_TRUE(nothing_comes());
  EXPECT_EQ(register_.questions(key.public_key), 0U);
}

TEST_F(Transport, DropsMessagesThatAreTooLong) {
  struct Case {
    Door door;
    std::size_t allowed;
  };
  for (const Case& c : {Case{Door::enrol, 16U << 10U}, Case{Door::fleet, 1U << 20U}}) {
    const CurveKeyPair key = known_key();
    const auto node = client(c.door, key);
    ASSERT_TRUE(node->send(Bytes(c.allowed)));
    const auto came = take(1);
    ASSERT_EQ(came.size(), 1U);
    EXPECT_EQ(came[0].bytes.size(), c.allowed);
    for (const std::size_t size : {c.allowed + 1, 2 * c.allowed}) {
      ASSERT_TRUE(node->send(Bytes(size)));
      EXPECT_TRUE(nothing_comes());
    }
    const CurveKeyPair other_key = known_key();
    const auto other = client(c.door, other_key);
    ASSERT_TRUE(other->send(as_bytes("still there")));
    EXPECT_EQ(take(1).size(), 1U) << "others are still served";
  }
}

TEST_F(Transport, HearsNobodyWhoChoseItsOwnRoutingId) {
  const CurveKeyPair victim_key = known_key();
  const CurveKeyPair thief_key = known_key();
  const auto victim = client(Door::fleet, victim_key);
  ASSERT_TRUE(victim->send(as_bytes("hello")));
  ASSERT_EQ(take(1).size(), 1U);

  const ZmqSocket first = raw_client(Door::fleet, thief_key, "place");
  const ZmqSocket second = raw_client(Door::fleet, victim_key, "place");
  ASSERT_EQ(zmq_send(first.get(), "steal", 5, 0), 5);
  wait_until_asked_for(thief_key.public_key);
  ASSERT_EQ(zmq_send(second.get(), "steal", 5, 0), 5);
  EXPECT_TRUE(nothing_comes());

  ASSERT_TRUE(server_->send(Door::fleet, victim_key.public_key, as_bytes("for the victim")));
  EXPECT_EQ(text_of(victim->receive(patience).value()), "for the victim");
  std::array<char, 32> stolen{};
  EXPECT_LT(zmq_recv(first.get(), stolen.data(), stolen.size(), ZMQ_DONTWAIT), 0);
}

TEST_F(Transport, DropsMessagesOfSeveralFrames) {
  const CurveKeyPair key = known_key();
  const ZmqSocket socket = raw_client(Door::fleet, key);
  ASSERT_EQ(zmq_send(socket.get(), "one", 3, ZMQ_SNDMORE), 3);
  ASSERT_EQ(zmq_send(socket.get(), "two", 3, 0), 3);
  ASSERT_EQ(zmq_send(socket.get(), "alone", 5, 0), 5);
  const auto came = take(1);
  ASSERT_EQ(came.size(), 1U);
  EXPECT_EQ(as_text(came[0].bytes), "alone");
}

TEST_F(Transport, AnswersTheNewestConnectionOfAKey) {
  const CurveKeyPair key = known_key();
  const auto older = client(Door::fleet, key);
  ASSERT_TRUE(older->send(as_bytes("older")));
  ASSERT_EQ(take(1).size(), 1U);
  const auto newer = client(Door::fleet, key);
  ASSERT_TRUE(newer->send(as_bytes("newer")));
  ASSERT_EQ(take(1).size(), 1U);
  ASSERT_TRUE(server_->send(Door::fleet, key.public_key, as_bytes("answer")));
  EXPECT_EQ(text_of(newer->receive(patience).value()), "answer");
  EXPECT_EQ(older->receive(Micros(0)).value(), std::nullopt);
}

TEST_F(Transport, SaysThatAPeerIsNotThere) {
  const CurveKeyPair key = known_key();
  EXPECT_EQ(server_->send(Door::fleet, key.public_key, as_bytes("x")).error().code, Code::unavailable);
  auto node = client(Door::fleet, key);
  ASSERT_TRUE(node->send(as_bytes("hello")));
  ASSERT_EQ(take(1).size(), 1U);
  EXPECT_EQ(server_->send(Door::enrol, key.public_key, as_bytes("x")).error().code, Code::unavailable)
      << "it is connected at the other door";
  node.reset();
  const Micros deadline = clock_.monotonic() + patience;
  Result<> sent;
  while ((sent = server_->send(Door::fleet, key.public_key, as_bytes("x"))) && clock_.monotonic() < deadline) {
    EXPECT_TRUE(take(1, milliseconds(20)).empty());
  }
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Code::unavailable);
}

TEST_F(Transport, LimitsWhatOneAddressMayTryAtTheEnrolDoor) {
  ASSERT_NO_FATAL_FAILURE(open(3));
  const auto node = client(Door::enrol, make_curve_key(entropy_));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(node->send(as_bytes("guess")));
  EXPECT_EQ(take(3).size(), 3U);
  EXPECT_TRUE(nothing_comes());
}

TEST_F(Transport, IsWokenByOtherEvents) {
  Mailbox<int> mailbox;
  mailbox.send(1);
  ASSERT_NO_FATAL_FAILURE(open(1000, {mailbox.fd()}));
  EXPECT_TRUE(server_->receive(std::chrono::hours(1), 10).value().empty());
  const auto node = client(Door::fleet, known_key(), {mailbox.fd()});
  EXPECT_EQ(node->receive(std::chrono::hours(1)).value(), std::nullopt);
}

TEST_F(Transport, SaysWhichPortIsTaken) {
  ZmqContext other;
  ServerTransportOptions options;
  options.bind = "127.0.0.1";
  options.enrol_port = 0;
  options.fleet_port = server_->port(Door::fleet);
  const auto second =
      open_server_transport(other, options, make_curve_key(entropy_), make_curve_key(entropy_), register_.check(), {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::conflict);
  EXPECT_THAT(second.error().hint, testing::HasSubstr("--fleet-port"));
}

TEST_F(Transport, ConnectsOnceTheServerIsThere) {
  const CurveKeyPair key = known_key();
  const std::uint16_t port = server_->port(Door::fleet);
  server_.reset();
  ClientTransportOptions options;
  options.endpoint = fmt::format("tcp://127.0.0.1:{}", port);
  options.server = fleet_.public_key;
  const auto node = open_client_transport(context_, options, key, {}).value();
  ASSERT_TRUE(node->send(as_bytes("early")));
  EXPECT_EQ(node->receive(milliseconds(50)).value(), std::nullopt);

  ServerTransportOptions server;
  server.bind = "127.0.0.1";
  server.enrol_port = 0;
  server.fleet_port = port;
  // The port is given back by a thread of libzmq, soon.
  const Micros deadline = clock_.monotonic() + patience;
  while (!server_ && clock_.monotonic() < deadline) {
    auto opened = open_server_transport(context_, server, make_curve_key(entropy_),
                                        {fleet_.public_key, fleet_.secret_key.clone()}, register_.check(), {});
    if (opened) server_ = std::move(*opened);
  }
  ASSERT_TRUE(server_);
  const auto came = take(1);
  ASSERT_EQ(came.size(), 1U);
  EXPECT_EQ(as_text(came[0].bytes), "early");
}

TEST_F(Transport, RefusesAnEndpointThatIsNone) {
  ClientTransportOptions options;
  options.endpoint = "backup.example";
  options.server = fleet_.public_key;
  const auto opened = open_client_transport(context_, options, known_key(), {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::invalid);
}

}  // namespace
}  // namespace holdfast
