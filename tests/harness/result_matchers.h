#pragma once
// EXPECT_THAT(result, Succeeded()) and FailedWith(Code, text in the message), which explain themselves.
#include <gmock/gmock.h>

#include "shared/base/result.h"

namespace holdfast {

template <class T>
void PrintTo(const Result<T>& result, std::ostream* out) {
  if (result.has_value()) {
    *out << "a value";
  } else {
    *out << "error " << to_string(result.error().code) << ": " << result.error().text();
  }
}

MATCHER(Succeeded, "succeeded") {
  return arg.has_value();
}

MATCHER_P(FailedWith, code, "failed with " + std::string(to_string(code))) {
  return !arg.has_value() && arg.error().code == code;
}

MATCHER_P2(FailedWith, code, part, "failed with " + std::string(to_string(code)) + " saying \"" + part + "\"") {
  return !arg.has_value() && arg.error().code == code && arg.error().text().find(part) != std::string::npos;
}

}  // namespace holdfast
