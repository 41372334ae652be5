#include "shared/base/result.h"

#include <cerrno>
#include <system_error>

namespace holdfast {

std::string_view to_string(Code code) {
  switch (code) {
    case Code::internal:
      return "internal";
    case Code::invalid:
      return "invalid";
    case Code::not_found:
      return "not_found";
    case Code::already_exists:
      return "already_exists";
    case Code::conflict:
      return "conflict";
    case Code::denied:
      return "denied";
    case Code::unavailable:
      return "unavailable";
    case Code::corrupt:
      return "corrupt";
    case Code::exhausted:
      return "exhausted";
    case Code::timed_out:
      return "timed_out";
    case Code::cancelled:
      return "cancelled";
    case Code::unsupported:
      return "unsupported";
    case Code::not_restorable:
      return "not_restorable";
  }
  return "unknown";
}

std::string Error::text() const {
  return hint.empty() ? message : message + " (hint: " + hint + ")";
}

namespace {
Code code_of_errno(int number) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return Code::exhausted;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::denied;
    case ENOENT:
      return Code::not_found;
    case EEXIST:
      return Code::already_exists;
    default:
      return Code::unavailable;
  }
}
}  // namespace

Error error_from_errno(int number, std::string_view what) {
  return {code_of_errno(number), std::string(what) + ": " + std::generic_category().message(number), {}};
}

}  // namespace holdfast
