#pragma once
// The Date header: "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7).
#include <string_view>

#include "shared/base/time.h"

namespace holdfast {

// The one form that servers must send; the obsolete ones are Code::invalid.
Result<Timestamp> parse_http_date(std::string_view text);

}  // namespace holdfast
