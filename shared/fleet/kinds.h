#pragma once
// Kinds of things, with numbers that are stored and sent: append only.
#include <cstdint>

namespace holdfast {

enum class Engine : std::uint8_t { postgres = 0, sqlite = 1 };
enum class BackupType : std::uint8_t { full = 0, incremental = 1, differential = 2 };

}  // namespace holdfast
