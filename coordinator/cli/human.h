#pragma once
// Values as a person reads them in a table. Exact forms (RFC 3339, bytes) are for JSON.
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/time.h"

namespace holdfast {

// "42s", "5m", "3h", "12d"; "-" for never, "0s" for what is in the future by a skewed clock.
std::string human_age(Timestamp then, Timestamp now);
// "0 B", "812 KiB", "3.1 GiB".
std::string human_bytes(std::uint64_t bytes);
// "0.4s", "12s", "3m20s", "2h05m".
std::string human_seconds(double seconds);
// "2026-11-21 01:10:46Z", "-" for never.
std::string human_time(Timestamp time);
// The first 12 digits of an id: enough to name it in a command, short enough for a table.
std::string short_id(std::string_view id);
// Control characters replaced, so that a name from a host cannot move the cursor of a terminal.
std::string printable(std::string_view text);

}  // namespace holdfast
