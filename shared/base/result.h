#pragma once
// What can fail returns a Result: the failure is data that travels into the catalog and over the wire. Exceptions are
// for bugs only; kj, yaml-cpp and the like are converted where they are called.
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace holdfast {

// The kind of failure. These numbers go over the wire and into the catalog: append only, never renumber.
enum class Code : std::uint8_t {
  internal = 0,        // a bug of ours that was caught
  invalid = 1,         // bad input: config, argument, policy, token, message
  not_found = 2,       // the named thing does not exist (and that is certain)
  already_exists = 3,  // a write-once name is taken by other content
  conflict = 4,        // the state of things forbids it now
  denied = 5,          // not allowed: role, token, signature, permission
  unavailable = 6,     // could not reach it or it could not answer; trying again may help
  corrupt = 7,         // content does not fit its checksum, signature or format
  exhausted = 8,       // no space, quota, limit
  timed_out = 9,
  cancelled = 10,
  unsupported = 11,     // a version or feature this build does not know
  not_restorable = 12,  // no such point in the recovery window
};

std::string_view to_string(Code code);

// What failed, on what, why (message: lower case, no full stop, names quoted) and what to do (hint, may be empty).
struct Error {
  Code code = Code::internal;
  std::string message;
  std::string hint;

  // Adds what was being done, outermost first: "restore of x: open y: no such file".
  Error&& during(std::string_view step) && {
    message = std::string(step) + ": " + message;
    return std::move(*this);
  }
  Error&& with_hint(std::string_view text) && {
    hint = text;
    return std::move(*this);
  }
  // "message" or "message (hint: ...)", for a log line.
  std::string text() const;
};

template <class T = void>
struct [[nodiscard]] Result : std::expected<T, Error> {
  using std::expected<T, Error>::expected;
};

inline std::unexpected<Error> fail(Code code, std::string message, std::string hint = {}) {
  return std::unexpected(Error{code, std::move(message), std::move(hint)});
}

// The error of a failed call of the operating system; `number` is errno. ENOSPC and EDQUOT are exhausted, EACCES,
// EPERM and EROFS denied, ENOENT not_found, EEXIST already_exists, everything else unavailable.
Error error_from_errno(int number, std::string_view what);

}  // namespace holdfast

// Value of a Result, or return its error from the calling function. The counter gives each use a name of its own, so
// that one TRY may stand inside another.
#define HOLDFAST_JOIN_(a, b) a##b
#define HOLDFAST_JOIN(a, b) HOLDFAST_JOIN_(a, b)
#define HOLDFAST_TRY_(name, on_error, ...)                      \
  __extension__({                                               \
    auto name = (__VA_ARGS__);                                  \
    if (!name) [[unlikely]]                                     \
      return std::unexpected(std::move(name).error() on_error); \
    *std::move(name);                                           \
  })
#define TRY(...) HOLDFAST_TRY_(HOLDFAST_JOIN(try_result_, __COUNTER__), , __VA_ARGS__)

// The same, saying what was being done.
#define TRY_DURING(step, ...) HOLDFAST_TRY_(HOLDFAST_JOIN(try_result_, __COUNTER__), .during(step), __VA_ARGS__)
