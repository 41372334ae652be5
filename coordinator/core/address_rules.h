#pragma once
// From where, and under which host names, a token may be used. Pure.
#include <string>
#include <vector>

#include "shared/base/result.h"

namespace holdfast {

// Code::invalid names the text: "10.0.0.0/8", "fd00::/8", or an address alone.
Result<> check_cidr(std::string_view text);
// An empty list allows every address; an address that cannot be read fits no list. IPv4 inside IPv6 counts as IPv4.
bool address_allowed(std::string_view address, const std::vector<std::string>& cidrs);
// A shell glob; an empty pattern allows every name.
bool host_allowed(const std::string& host, const std::string& pattern);

}  // namespace holdfast
