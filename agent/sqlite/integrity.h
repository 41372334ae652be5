#pragma once
#include <string>

#include "shared/base/result.h"

namespace holdfast {

// SQLite's own integrity_check of a file that nobody writes to; nothing is created beside it. Code::corrupt with what
// it found.
Result<> check_sqlite_integrity(const std::string& path);

}  // namespace holdfast
