#pragma once
// One line an event, for operators: text or JSON, with fields. A Logger is handed in, never looked up. An error is
// returned or logged, never both.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

namespace holdfast {

enum class LogLevel : std::uint8_t { debug, info, warning, error };
enum class LogFormat : std::uint8_t { text, json };

struct LogField {
  std::string name;
  std::string value;
  template <class T>
  LogField(std::string_view field, const T& content) : name(field), value(fmt::format("{}", content)) {}
};

// Where lines go. Safe from many threads.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void write(LogLevel level, std::string_view message, const std::vector<LogField>& fields) = 0;
};

// A sink with the fields that every line of this part carries. Cheap to copy; safe from many threads.
class Logger {
 public:
  explicit Logger(std::shared_ptr<LogSink> sink, std::vector<LogField> context = {})
      : sink_(std::move(sink)), context_(std::move(context)) {}
  // Drops everything: for tests.
  static Logger none();

  Logger with(std::vector<LogField> more) const;
  void debug(std::string_view message, std::vector<LogField> fields = {}) const;
  void info(std::string_view message, std::vector<LogField> fields = {}) const;
  void warning(std::string_view message, std::vector<LogField> fields = {}) const;
  void error(std::string_view message, std::vector<LogField> fields = {}) const;
  void error(std::string_view message, const Error& cause, std::vector<LogField> fields = {}) const;

 private:
  void write(LogLevel level, std::string_view message, std::vector<LogField> fields) const;
  std::shared_ptr<LogSink> sink_;
  std::vector<LogField> context_;
};

// To stderr, from this level on. Control characters in messages and values are escaped: a database name cannot forge a
// line.
std::shared_ptr<LogSink> make_stderr_sink(LogFormat format, LogLevel from);

// One line without its end; exposed for tests.
std::string format_line(LogFormat format, std::string_view time, LogLevel level, std::string_view message,
                        const std::vector<LogField>& fields);

}  // namespace holdfast
