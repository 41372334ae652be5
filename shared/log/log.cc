#include "shared/log/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "shared/os/clock.h"

namespace holdfast {
namespace {

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "error";
}

// A line stays one line whatever a name in it holds. Quotes matter only where the text stands between quotes.
enum class Quotes : std::uint8_t { escape, keep };

std::string escaped(std::string_view text, Quotes quotes = Quotes::escape) {
  std::string out;
  for (const char c : text) {
    if (quotes == Quotes::escape && (c == '"' || c == '\\')) {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out;
}

bool needs_quotes(std::string_view value) {
  if (value.empty()) return true;
  for (const char c : value) {
    if (c == ' ' || c == '"' || c == '=' || c == '\\' || static_cast<unsigned char>(c) < 0x21) return true;
  }
  return false;
}

class NoSink final : public LogSink {
 public:
  void write(LogLevel, std::string_view, const std::vector<LogField>&) override {}
};

class StderrSink final : public LogSink {
 public:
  StderrSink(LogFormat format, LogLevel from)
      : format_(format), from_(from), logger_("holdfast", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger_.set_pattern("%v");
    logger_.set_level(spdlog::level::trace);
    logger_.flush_on(spdlog::level::trace);
  }
  void write(LogLevel level, std::string_view message, const std::vector<LogField>& fields) override {
    if (level < from_) return;
    logger_.info(format_line(format_, to_rfc3339(clock_.now()), level, message, fields));
  }

 private:
  LogFormat format_;
  LogLevel from_;
  SystemClock clock_;
  spdlog::logger logger_;
};

}  // namespace

std::string format_line(LogFormat format, std::string_view time, LogLevel level, std::string_view message,
                        const std::vector<LogField>& fields) {
  std::string line;
  if (format == LogFormat::json) {
    line = fmt::format(R"({{"time":"{}","level":"{}","message":"{}")", time, level_name(level), escaped(message));
    for (const auto& field : fields) line += fmt::format(R"(,"{}":"{}")", escaped(field.name), escaped(field.value));
    return line + "}";
  }
  line = fmt::format("{} {:7} {}", time, level_name(level), escaped(message, Quotes::keep));
  for (const auto& field : fields) {
    line += needs_quotes(field.value) ? fmt::format(" {}=\"{}\"", field.name, escaped(field.value))
                                      : fmt::format(" {}={}", field.name, field.value);
  }
  return line;
}

Logger Logger::none() {
  return Logger(std::make_shared<NoSink>());
}

Logger Logger::with(std::vector<LogField> more) const {
  Logger out = *this;
  for (auto& field : more) out.context_.push_back(std::move(field));
  return out;
}

void Logger::write(LogLevel level, std::string_view message, std::vector<LogField> fields) const {
  fields.insert(fields.begin(), context_.begin(), context_.end());
  sink_->write(level, message, fields);
}

void Logger::debug(std::string_view message, std::vector<LogField> fields) const {
  write(LogLevel::debug, message, std::move(fields));
}
void Logger::info(std::string_view message, std::vector<LogField> fields) const {
  write(LogLevel::info, message, std::move(fields));
}
void Logger::warning(std::string_view message, std::vector<LogField> fields) const {
  write(LogLevel::warning, message, std::move(fields));
}
void Logger::error(std::string_view message, std::vector<LogField> fields) const {
  write(LogLevel::error, message, std::move(fields));
}
void Logger::error(std::string_view message, const Error& cause, std::vector<LogField> fields) const {
  fields.emplace_back("cause", cause.message);
  fields.emplace_back("code", to_string(cause.code));
  if (!cause.hint.empty()) fields.emplace_back("hint", cause.hint);
  write(LogLevel::error, message, std::move(fields));
}

std::shared_ptr<LogSink> make_stderr_sink(LogFormat format, LogLevel from) {
  return std::make_shared<StderrSink>(format, from);
}

}  // namespace holdfast
