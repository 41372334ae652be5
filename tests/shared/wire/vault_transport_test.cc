// The sockets of vaults beneath their protocol: what becomes of everybody else when one of them ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/os/system_entropy.h"
#include "shared/wire/vault_transport.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

class VaultTransport : public testing::Test {
 protected:
  std::unique_ptr<VaultListener> listen(std::uint16_t port = 0) {
    return open_vault_listener(context_, {"127.0.0.1", port}, server_, {}).value();
  }
  std::unique_ptr<VaultConnection> connect(const VaultListener& to) {
    const std::string endpoint = "tcp://127.0.0.1:" + std::to_string(to.port());
    return open_vault_connection(context_, {endpoint, server_.public_key}, client_).value();
  }
  // What the listener was sent.
  static std::vector<VaultIncoming> arrived(VaultListener& at) {
    return at.receive(std::chrono::seconds(10), 10).value();
  }

  SystemEntropy entropy_;
  CurveKeyPair server_ = make_curve_key(entropy_);
  CurveKeyPair client_ = make_curve_key(entropy_);
  ZmqContext context_;
};

TEST_F(VaultTransport, GivesItsPortBackWhenItEnds) {
  auto listener = listen();
  const std::uint16_t port = listener->port();
  for (int round = 0; round < 50; ++round) {
    const auto connection = connect(*listener);
    ASSERT_THAT(connection->send(as_bytes("hello"), {}), Succeeded());
    ASSERT_EQ(arrived(*listener).size(), 1U);
    listener.reset();
    listener = listen(port);
  }
}

// An I/O thread that waits for the reader of a monitor serves nobody else any more.
TEST_F(VaultTransport, ServesOthersWhenBothEndsOfAConnectionGoAtOnce) {
  for (int round = 0; round < 100; ++round) {
    std::vector<std::unique_ptr<VaultConnection>> connections;
    auto listener = listen();
    for (int i = 0; i < 4; ++i) {
      connections.push_back(connect(*listener));
      ASSERT_THAT(connections.back()->send(as_bytes("hello"), {}), Succeeded());
      ASSERT_EQ(arrived(*listener).size(), 1U) << "round " << round;
    }
    listener.reset();
    connections.clear();
  }
}

TEST_F(VaultTransport, LosesAConnectionForGood) {
  auto listener = listen();
  const std::uint16_t port = listener->port();
  const auto connection = connect(*listener);
  ASSERT_THAT(connection->send(as_bytes("hello"), {}), Succeeded());
  ASSERT_EQ(arrived(*listener).size(), 1U);
  listener.reset();
  EXPECT_THAT(connection->receive(std::chrono::seconds(10)), FailedWith(Code::unavailable));
  listener = listen(port);
  EXPECT_THAT(connection->send(as_bytes("hello"), {}), FailedWith(Code::unavailable));
}

TEST_F(VaultTransport, SaysAtOnceThatNobodyListens) {
  auto listener = listen();
  const std::string endpoint = "tcp://127.0.0.1:" + std::to_string(listener->port());
  listener.reset();
  const auto connection = open_vault_connection(context_, {endpoint, server_.public_key}, client_).value();
  EXPECT_THAT(connection->receive(std::chrono::hours(1)), FailedWith(Code::unavailable));
}

}  // namespace
}  // namespace holdfast
