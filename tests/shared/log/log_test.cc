#include "shared/log/log.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace holdfast {
namespace {

class KeepsLines final : public LogSink {
 public:
  void write(LogLevel level, std::string_view message, const std::vector<LogField>& fields) override {
    lines.push_back(format_line(LogFormat::text, "T", level, message, fields));
  }
  std::vector<std::string> lines;
};

TEST(TextLines, QuoteOnlyWhatNeedsIt) {
  EXPECT_EQ(format_line(LogFormat::text, "T", LogLevel::info, "backup done", {{"database", "orders"}, {"note", "a b"}}),
            "T info    backup done database=orders note=\"a b\"");
}

TEST(TextLines, KeepTheQuotesOfAMessage) {
  EXPECT_EQ(format_line(LogFormat::text, "T", LogLevel::info, "store \"a\" is full", {}),
            "T info    store \"a\" is full");
}

TEST(TextLines, CannotBeForgedByAName) {
  const auto line = format_line(LogFormat::text, "T", LogLevel::info, "m", {{"database", "x\nT error   faked"}});
  EXPECT_EQ(line.find('\n'), std::string::npos);
}

TEST(JsonLines, AreJsonWhateverTheValues) {
  const auto line =
      format_line(LogFormat::json, "T", LogLevel::error, "quote \" and \x01", {{"path", "/a\\b\tc"}, {"lsn", 5}});
  const auto parsed = nlohmann::json::parse(line);
  EXPECT_EQ(parsed["message"], "quote \" and \x01");
  EXPECT_EQ(parsed["path"], "/a\\b\tc");
  EXPECT_EQ(parsed["lsn"], "5");
  EXPECT_EQ(parsed["level"], "error");
}

TEST(Loggers, CarryTheirContextAndTheCauseOfAnError) {
  const auto sink = std::make_shared<KeepsLines>();
  const Logger log = Logger(sink, {{"agent", "db3"}}).with({{"job", "7"}});
  log.error("backup failed", Error{Code::exhausted, "store full", "make room"});
  ASSERT_EQ(sink->lines.size(), 1U);
  EXPECT_EQ(sink->lines[0],
            "T error   backup failed agent=db3 job=7 cause=\"store full\" code=exhausted hint=\"make room\"");
}

}  // namespace
}  // namespace holdfast
