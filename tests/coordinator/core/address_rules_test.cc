#include "coordinator/core/address_rules.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(AddressRules, AllowEveryAddressWhenThereIsNoList) {
  EXPECT_TRUE(address_allowed("anything", {}));
}

TEST(AddressRules, CompareBothFamilies) {
  struct Case {
    const char* address;
    const char* cidr;
    bool allowed;
  };
  const Case cases[] = {
      {"10.1.2.3", "10.0.0.0/8", true},
      {"11.1.2.3", "10.0.0.0/8", false},
      {"10.1.2.3", "10.1.2.3", true},
      {"10.1.2.4", "10.1.2.3", false},
      {"10.1.2.3", "0.0.0.0/0", true},
      {"192.168.1.127", "192.168.1.0/25", true},
      {"192.168.1.128", "192.168.1.0/25", false},
      {"::ffff:10.1.2.3", "10.0.0.0/8", true},
      {"fd00::5", "fd00::/8", true},
      {"fe80::5", "fd00::/8", false},
      {"[fd00::5]:4711", "fd00::/8", true},
      {"10.1.2.3", "::/0", false},
      {"fd00::5", "0.0.0.0/0", false},
      {"not an address", "0.0.0.0/0", false},
      {"", "10.0.0.0/8", false},
  };
  for (const auto& c : cases) EXPECT_EQ(address_allowed(c.address, {c.cidr}), c.allowed) << c.address << " " << c.cidr;
  EXPECT_TRUE(address_allowed("10.1.2.3", {"fd00::/8", "10.0.0.0/8"}));
}

TEST(AddressRules, RefuseWhatIsNoRange) {
  for (const char* text : {"", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "10.0.0.0/", "10.0.0.0/x", "host"}) {
    EXPECT_EQ(check_cidr(text).error().code, Code::invalid) << text;
  }
  EXPECT_TRUE(check_cidr("10.0.0.0/8"));
  EXPECT_TRUE(check_cidr("::1"));
}

TEST(AddressRules, MatchHostNamesByAGlob) {
  EXPECT_TRUE(host_allowed("db3", ""));
  EXPECT_TRUE(host_allowed("db3", "db*"));
  EXPECT_TRUE(host_allowed("db3", "db[0-9]"));
  EXPECT_FALSE(host_allowed("web1", "db*"));
}

}  // namespace
}  // namespace holdfast
