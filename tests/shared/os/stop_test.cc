#include "shared/os/stop.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

#include "shared/os/mailbox.h"

namespace holdfast {
namespace {

bool readable(int fd) {
  pollfd waiting{fd, POLLIN, 0};
  return ::poll(&waiting, 1, 0) == 1;
}

TEST(StopTokens, CopiesShareTheRequest) {
  const StopToken token;
  const StopToken copy = token;
  EXPECT_FALSE(copy.stop_requested());
  EXPECT_FALSE(readable(copy.fd()));
  token.request_stop();
  EXPECT_TRUE(copy.stop_requested());
  EXPECT_TRUE(readable(copy.fd()));
}

TEST(StopTokens, WakeWhoWaits) {
  const StopToken token;
  std::thread waiter([token] { EXPECT_TRUE(token.wait_for(std::chrono::seconds(60))); });
  token.request_stop();
  waiter.join();
}

TEST(Mailboxes, GiveEverythingInOrderAndAreReadableUntilThen) {
  Mailbox<int> mailbox;
  EXPECT_FALSE(readable(mailbox.fd()));
  std::thread([&mailbox] {
    for (int i = 0; i < 100; ++i) mailbox.send(i);
  }).join();
  EXPECT_TRUE(readable(mailbox.fd()));
  const auto all = mailbox.take_all();
  ASSERT_EQ(all.size(), 100U);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  EXPECT_FALSE(readable(mailbox.fd()));
}

}  // namespace
}  // namespace holdfast
