#include "coordinator/core/selection.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(Selectors, MatchLabels) {
  const Labels labels = {{"env", "prod"}, {"zone", "a"}};
  struct Case {
    const char* selector;
    bool fits;
  };
  const Case cases[] = {
      {"", true},
      {"env=prod", true},
      {"env==prod", true},
      {" env = prod , zone=a ", true},
      {"env=test", false},
      {"env!=test", true},
      {"env!=prod", false},
      {"missing=x", false},
      {"missing!=x", true},
      {"zone in (a,b)", true},
      {"zone in (b, c)", false},
      {"zone notin (b,c)", true},
      {"zone notin (a)", false},
      {"missing notin (a)", true},
      {"env=prod,zone in (a,b),role!=drill", true},
      {"env=prod,zone=b", false},
  };
  for (const auto& c : cases) {
    const auto requirements = parse_selector(c.selector);
    ASSERT_TRUE(requirements) << c.selector << ": " << requirements.error().text();
    EXPECT_EQ(fits(*requirements, labels), c.fits) << c.selector;
  }
}

TEST(Selectors, SayWhereTheyAreWrong) {
  for (const char* text : {"env", "env=", "=prod", "env=prod,", "env=prod zone=a", "zone in a", "zone in (",
                           "zone in ()", "zone in (a", "env!prod", ",", "env=prod,,zone=a"}) {
    const auto parsed = parse_selector(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Code::invalid);
    EXPECT_NE(parsed.error().message.find("at character"), std::string::npos) << parsed.error().message;
  }
}

class Lookups : public ::testing::Test {
 protected:
  CoreState state_;
  void add(const std::string& name, std::array<std::uint8_t, 16> id) {
    Database database;
    database.id = DatabaseId(id);
    database.name = name;
    state_.databases[database.id] = database;
    state_.database_by_name[name] = database.id;
  }
  void SetUp() override {
    add("orders", {0xab, 0x01});
    add("events", {0xab, 0x02});
    add("ab0", {0xcd});
  }
};

TEST_F(Lookups, TakeNamesIdsAndUniquePrefixes) {
  EXPECT_EQ(*find_database(state_, "orders"), DatabaseId({0xab, 0x01}));
  EXPECT_EQ(*find_database(state_, "ab01"), DatabaseId({0xab, 0x01}));
  EXPECT_EQ(*find_database(state_, DatabaseId({0xab, 0x02}).text()), DatabaseId({0xab, 0x02}));
  EXPECT_EQ(*find_database(state_, "ab0"), DatabaseId({0xcd}));  // a name before a prefix
}

TEST_F(Lookups, ListTheCandidatesOfAnAmbiguousPrefix) {
  const auto found = find_database(state_, "ab");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::invalid);
  EXPECT_NE(found.error().message.find("orders"), std::string::npos) << found.error().message;
  EXPECT_NE(found.error().message.find("events"), std::string::npos) << found.error().message;
}

TEST_F(Lookups, SayThatSomethingIsNotThere) {
  EXPECT_EQ(find_database(state_, "nothing").error().code, Code::not_found);
  EXPECT_EQ(find_database(state_, "").error().code, Code::not_found);
}

TEST_F(Lookups, RefuseAnEmptySelectionWhereItWouldMeanEverything) {
  EXPECT_EQ(select_databases(state_, {}, WhenEmpty::refuse).error().code, Code::invalid);
  EXPECT_EQ(select_databases(state_, {}, WhenEmpty::everything)->size(), 3U);
  EXPECT_EQ(select_databases(state_, {{}, "env=none"}, WhenEmpty::refuse).error().code, Code::not_found);
}

TEST_F(Lookups, WantBothNamesAndSelectorToFit) {
  state_.databases.at(DatabaseId({0xab, 0x01})).labels = {{"env", "prod"}};
  EXPECT_EQ(select_databases(state_, {{"orders", "events"}, "env=prod"}, WhenEmpty::refuse)->size(), 1U);
  EXPECT_EQ(select_databases(state_, {{}, "name in (orders,events)"}, WhenEmpty::refuse)->size(), 2U);
}

}  // namespace
}  // namespace holdfast
