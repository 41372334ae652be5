#include "agent/sqlite/integrity.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "shared/base/unique_handle.h"
#include "shared/sqlite/connection.h"

namespace holdfast {
namespace {

// immutable: no locks, no -shm, so the file's directory stays as it is.
std::string immutable_uri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

}  // namespace

Result<> check_sqlite_integrity(const std::string& path) {
  sqlite3* made = nullptr;
  const int opened = sqlite3_open_v2(immutable_uri(path).c_str(), &made,
                                     SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nullptr);
  const UniqueHandle<sqlite3, sqlite3_close> connection(made);
  if (opened != SQLITE_OK) return std::unexpected(sqlite_error(made, opened, fmt::format("open \"{}\"", path)));
  std::string found;
  const auto collect = [](void* into, int, char** values, char**) {
    auto& text = *static_cast<std::string*>(into);
    if (values[0] != nullptr) text += (text.empty() ? "" : "; ") + std::string(values[0]);
    return 0;
  };
  const int code = sqlite3_exec(made, "PRAGMA integrity_check(10)", collect, &found, nullptr);
  if (code != SQLITE_OK) return std::unexpected(sqlite_error(made, code, fmt::format("check \"{}\"", path)));
  if (found == "ok") return {};
  return fail(Code::corrupt, fmt::format("\"{}\" fails its integrity check: {}", path, found));
}

}  // namespace holdfast
