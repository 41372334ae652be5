#include "shared/config/document.h"

#include <gtest/gtest.h>

#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

Setting parsed(std::string_view text) {
  return Setting::parse(text, "f.yaml").value();
}

TEST(Documents, GiveTypedValues) {
  auto root = parsed("name: orders\nwal: {rpo: 10s, keep: 3}\nsize: 2MiB\non: true\nlist: [a, b]\n");
  EXPECT_EQ(root.at("name")->text().value(), "orders");
  EXPECT_EQ(root.at("wal")->at("rpo")->duration().value(), std::chrono::seconds(10));
  EXPECT_EQ(root.at("wal")->at("keep")->integer(1, 10).value(), 3);
  EXPECT_EQ(root.at("size")->byte_size().value(), 2U << 20U);
  EXPECT_TRUE(root.at("on")->boolean().value());
  EXPECT_EQ(root.at("list")->texts().value(), (std::vector<std::string>{"a", "b"}));
  EXPECT_THAT(root.finish(), Succeeded());
}

TEST(Documents, AbsentIsNotAnErrorUntilItsValueIsAskedFor) {
  auto root = parsed("a: 1");
  const auto missing = root.at("b");
  ASSERT_THAT(missing, Succeeded());
  EXPECT_FALSE(missing->is_present());
  EXPECT_THAT(missing->text(), FailedWith(Code::invalid, "\"b\" is missing"));
}

TEST(Documents, EmptyIsAnEmptyMap) {
  EXPECT_THAT(parsed("").finish(), Succeeded());
  EXPECT_THAT(parsed("# only a comment\n").finish(), Succeeded());
}

TEST(Documents, AnUnknownKeyIsNamedWithItsPlace) {
  auto root = parsed("a: 1\nwal:\n  rpo: 10s\n  rpp: 5s\n");
  ASSERT_THAT(root.at("a"), Succeeded());
  ASSERT_THAT(root.at("wal")->at("rpo"), Succeeded());
  EXPECT_THAT(root.finish(), FailedWith(Code::invalid, "f.yaml:4:3: unknown key \"rpp\" in \"wal\""));
}

struct Bad {
  const char* name;
  const char* text;
  const char* complaint;
};
class BadDocuments : public testing::TestWithParam<Bad> {};
TEST_P(BadDocuments, AreRefusedWithTheirPlace) {
  EXPECT_THAT(Setting::parse(GetParam().text, "f.yaml"), FailedWith(Code::invalid, GetParam().complaint));
}
INSTANTIATE_TEST_SUITE_P(Table, BadDocuments,
                         testing::Values(Bad{"NotYaml", "a: [1,\n", "f.yaml:"}, Bad{"AList", "- a\n", "f.yaml:1:1"},
                                         Bad{"TwiceTheSameKey", "a: 1\nb: 2\na: 3\n",
                                             "f.yaml:3:1: \"a\" is there twice"},
                                         Bad{"TwoDocuments", "a: 1\n---\nb: 1\n", "more than one document"},
                                         Bad{"BadIndent", "a:\n  b: 1\n c: 2\n", "f.yaml:3"}),
                         [](const auto& row) { return row.param.name; });

TEST(Documents, WrongTypesAreNamedWithTheirPlace) {
  auto root = parsed("rpo: soon\nkeep: many\nlist: 3\nsize: 1XB\non: yes\nkeep2: 11\n");
  EXPECT_THAT(root.at("rpo")->duration(), FailedWith(Code::invalid, "f.yaml:1:6: \"rpo\" must be a duration"));
  EXPECT_THAT(root.at("keep")->integer(0, 9), FailedWith(Code::invalid, "whole number"));
  EXPECT_THAT(root.at("list")->texts(), FailedWith(Code::invalid, "must be a list"));
  EXPECT_THAT(root.at("size")->byte_size(), FailedWith(Code::invalid, "must be a size"));
  EXPECT_THAT(root.at("on")->boolean(), FailedWith(Code::invalid, "true or false"));
  EXPECT_THAT(root.at("keep2")->integer(0, 10), FailedWith(Code::invalid, "from 0 to 10"));
  EXPECT_THAT(root.at("keep")->at("x"), FailedWith(Code::invalid, "must be a map"));
}

}  // namespace
}  // namespace holdfast
