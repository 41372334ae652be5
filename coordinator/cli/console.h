#pragma once
// The terminal, or what stands for it: data goes to out, everything else to err.
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/os/stop.h"

namespace holdfast {

// A seam, so that whole verbs run in tests.
class Console {
 public:
  virtual ~Console() = default;
  virtual void out(std::string_view text) = 0;
  virtual void err(std::string_view text) = 0;
  virtual bool err_is_terminal() const = 0;
  virtual bool in_is_terminal() const = 0;
  virtual std::optional<std::string> environment(const std::string& name) const = 0;
  // All of standard input.
  virtual Result<std::string> read_input() = 0;
  // A line typed at the terminal; Code::unavailable when there is none.
  virtual Result<std::string> ask_line(std::string_view prompt) = 0;
  // The same without showing what is typed.
  virtual Result<std::string> ask_secret(std::string_view prompt) = 0;
};

class PosixConsole final : public Console {
 public:
  // A requested stop ends waiting for what somebody types, and gives the terminal its echo back.
  explicit PosixConsole(StopToken stop) : stop_(std::move(stop)) {}
  void out(std::string_view text) override;
  void err(std::string_view text) override;
  bool err_is_terminal() const override;
  bool in_is_terminal() const override;
  std::optional<std::string> environment(const std::string& name) const override;
  Result<std::string> read_input() override;
  Result<std::string> ask_line(std::string_view prompt) override;
  Result<std::string> ask_secret(std::string_view prompt) override;

 private:
  StopToken stop_;
};

}  // namespace holdfast
