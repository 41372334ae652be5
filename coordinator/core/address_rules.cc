#include "coordinator/core/address_rules.h"

#include <arpa/inet.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace holdfast {
namespace {

// IPv4 as ::ffff:a.b.c.d, so that both families compare alike.
struct Address {
  std::array<std::uint8_t, 16> bytes{};
  bool v4 = false;
};

std::optional<Address> parse_address(std::string text) {
  if (text.starts_with('[')) {  // "[fd00::1]:4711"
    const auto end = text.find(']');
    if (end == std::string::npos) return std::nullopt;
    text = text.substr(1, end - 1);
  }
  Address address;
  if (::inet_pton(AF_INET, text.c_str(), address.bytes.data() + 12) == 1) {
    address.bytes[10] = address.bytes[11] = 0xff;
    address.v4 = true;
    return address;
  }
  if (::inet_pton(AF_INET6, text.c_str(), address.bytes.data()) != 1) return std::nullopt;
  static constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  address.v4 = std::equal(mapped.begin(), mapped.end(), address.bytes.begin());
  return address;
}

struct Range {
  Address base;
  unsigned bits = 0;  // of the 128
};

std::optional<Range> parse_range(std::string_view text) {
  const auto slash = text.find('/');
  const auto base = parse_address(std::string(text.substr(0, slash)));
  if (!base) return std::nullopt;
  const unsigned width = base->v4 ? 32 : 128;
  unsigned bits = width;
  if (slash != std::string_view::npos) {
    const auto digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (error != std::errc{} || end != digits.data() + digits.size() || digits.empty() || bits > width) {
      return std::nullopt;
    }
  }
  return Range{*base, 128 - width + bits};
}

bool contains(const Range& range, const Address& address) {
  if (range.base.v4 != address.v4) return false;
  for (unsigned bit = 0; bit < range.bits; ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
    if (((range.base.bytes[bit / 8] ^ address.bytes[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

}  // namespace

Result<> check_cidr(std::string_view text) {
  if (!parse_range(text)) {
    return fail(Code::invalid, "\"" + std::string(text) + "\" is not an address range", "write it like 10.0.0.0/8");
  }
  return {};
}

bool address_allowed(std::string_view address, const std::vector<std::string>& cidrs) {
  if (cidrs.empty()) return true;
  const auto parsed = parse_address(std::string(address));
  if (!parsed) return false;
  return std::any_of(cidrs.begin(), cidrs.end(), [&](const std::string& text) {
    const auto range = parse_range(text);
    return range && contains(*range, *parsed);
  });
}

bool host_allowed(const std::string& host, const std::string& pattern) {
  return pattern.empty() || ::fnmatch(pattern.c_str(), host.c_str(), 0) == 0;
}

}  // namespace holdfast
