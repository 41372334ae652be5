#include "shared/wire/routes.h"

#include <gtest/gtest.h>

#include "shared/wire/address_limit.h"
#include "shared/wire/zap_handler.h"

namespace holdfast {
namespace {

CurvePublicKey key(std::uint8_t number) {
  std::array<std::uint8_t, 32> bytes{};
  bytes[31] = number;
  return CurvePublicKey(bytes);
}
std::string place_of(const Routes& routes, const CurvePublicKey& peer) {
  const Bytes* place = routes.find(peer);
  return place == nullptr ? "nowhere" : std::string(as_text(*place));
}

TEST(Routes, KnowTheNewestPlaceOfAPeer) {
  Routes routes(10);
  EXPECT_EQ(place_of(routes, key(1)), "nowhere");
  routes.learn(key(1), as_bytes("a"));
  routes.learn(key(1), as_bytes("b"));
  EXPECT_EQ(place_of(routes, key(1)), "b");
  routes.forget(key(1));
  EXPECT_EQ(place_of(routes, key(1)), "nowhere");
}

TEST(Routes, GiveAPlaceToOnePeerOnly) {
  Routes routes(10);
  routes.learn(key(1), as_bytes("a"));
  routes.learn(key(2), as_bytes("a"));
  EXPECT_EQ(place_of(routes, key(1)), "nowhere");
  EXPECT_EQ(place_of(routes, key(2)), "a");
}

TEST(Routes, ForgetWhoWasSilentLongest) {
  Routes routes(2);
  routes.learn(key(1), as_bytes("a"));
  routes.learn(key(2), as_bytes("b"));
  routes.learn(key(1), as_bytes("a"));
  routes.learn(key(3), as_bytes("c"));
  EXPECT_EQ(place_of(routes, key(2)), "nowhere");
  EXPECT_EQ(place_of(routes, key(1)), "a");
  EXPECT_EQ(routes.size(), 2U);
}

TEST(AddressLimit, LetsABurstThroughAndThenTheRate) {
  AddressLimit limit(60, 10);
  const Micros start = std::chrono::hours(1);
  for (int i = 0; i < 60; ++i) EXPECT_TRUE(limit.admit("192.0.2.1", start)) << i;
  EXPECT_FALSE(limit.admit("192.0.2.1", start));
  EXPECT_TRUE(limit.admit("192.0.2.2", start)) << "another address has its own";
  EXPECT_TRUE(limit.admit("192.0.2.1", start + std::chrono::seconds(1)));
  EXPECT_FALSE(limit.admit("192.0.2.1", start + std::chrono::seconds(1)));
}

TEST(AddressLimit, RemembersSoManyBusyAddressesOnly) {
  AddressLimit limit(60, 2);
  const Micros start = std::chrono::hours(1);
  EXPECT_TRUE(limit.admit("a", start));
  EXPECT_TRUE(limit.admit("b", start));
  EXPECT_FALSE(limit.admit("c", start));
  EXPECT_TRUE(limit.admit("c", start + std::chrono::minutes(1))) << "the others have been quiet";
}

TEST(HandshakeAnswers, DependOnTheDoor) {
  const std::map<std::string, Door> domains{{"enrol", Door::enrol}, {"fleet", Door::fleet}};
  const auto answer = [&](std::string_view domain, Admission admission) {
    return zap_status(domains, domain, key(1).bytes(), [&](Door, const CurvePublicKey&) { return admission; });
  };
  EXPECT_EQ(answer("fleet", Admission::admit), "200");
  EXPECT_EQ(answer("fleet", Admission::unknown), "300");
  EXPECT_EQ(answer("fleet", Admission::revoked), "400");
  EXPECT_EQ(answer("enrol", Admission::admit), "200");
  EXPECT_EQ(answer("enrol", Admission::unknown), "200");
  EXPECT_EQ(answer("enrol", Admission::revoked), "400");
  EXPECT_EQ(answer("", Admission::admit), "500");
  EXPECT_EQ(
      zap_status(domains, "fleet", as_bytes("short"), [](Door, const CurvePublicKey&) { return Admission::admit; }),
      "500");
}

TEST(UserIds, AreTheKey) {
  EXPECT_EQ(key_of_user_id(zap_user_id(key(7))).value(), key(7));
  EXPECT_FALSE(key_of_user_id(""));
  EXPECT_FALSE(key_of_user_id("alice"));
}

}  // namespace
}  // namespace holdfast
