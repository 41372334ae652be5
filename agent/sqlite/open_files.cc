#include "agent/sqlite/open_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "shared/base/unique_handle.h"

namespace holdfast {

struct OpenSqliteFiles::State {
  struct Held {
    int count = 0;
    SqliteHeader header;
  };
  std::mutex mutex;  // held while a file is open for a look, so that no lease can begin in between
  std::map<FileIdentity, Held> held;
};

namespace {

FileIdentity identity_of(const struct stat& info) {
  return {info.st_dev, info.st_ino};
}

Result<struct stat> regular_file(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    return std::unexpected(error_from_errno(errno, fmt::format("stat \"{}\"", path)));
  }
  if (!S_ISREG(info.st_mode)) return fail(Code::invalid, fmt::format("\"{}\" is not a file", path));
  return info;
}

// Opens and closes a descriptor of the file: only for files that nobody holds.
Result<std::optional<SqliteHeader>> read_header(const std::string& path, const FileIdentity& expected) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return std::unexpected(error_from_errno(errno, fmt::format("open \"{}\"", path)));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) {
    return std::unexpected(error_from_errno(errno, fmt::format("stat \"{}\"", path)));
  }
  if (identity_of(info) != expected) {
    return fail(Code::conflict, fmt::format("\"{}\" was replaced while it was looked at", path));
  }
  std::array<std::uint8_t, sqlite_header_size> bytes{};
  const ssize_t got = ::pread(fd.get(), bytes.data(), bytes.size(), 0);
  if (got < 0) return std::unexpected(error_from_errno(errno, fmt::format("read \"{}\"", path)));
  return parse_sqlite_header(ByteView(bytes).first(static_cast<std::size_t>(got)));
}

}  // namespace

OpenSqliteFiles::OpenSqliteFiles() : state_(std::make_shared<State>()) {}

Result<OpenSqliteFiles::Peek> OpenSqliteFiles::peek(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  const struct stat info = TRY(regular_file(path));
  Peek out{identity_of(info), static_cast<std::uint64_t>(info.st_size), std::nullopt};
  if (const auto known = state_->held.find(out.identity); known != state_->held.end()) {
    out.header = known->second.header;
    return out;
  }
  if (out.size >= sqlite_header_size) out.header = TRY(read_header(path, out.identity));
  return out;
}

Result<OpenSqliteFiles::Lease> OpenSqliteFiles::hold(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  const struct stat info = TRY(regular_file(path));
  const FileIdentity identity = identity_of(info);
  auto known = state_->held.find(identity);
  if (known == state_->held.end()) {
    const auto header = TRY(read_header(path, identity));
    if (!header) {
      return fail(Code::unsupported, fmt::format("\"{}\" is not a SQLite database", path),
                  "a database that is encrypted as a whole cannot be read from outside; exclude it");
    }
    known = state_->held.emplace(identity, State::Held{0, *header}).first;
  }
  ++known->second.count;
  return Lease(state_, identity, known->second.header);
}

OpenSqliteFiles::Lease::~Lease() {
  if (!state_) return;
  const std::lock_guard lock(state_->mutex);
  const auto known = state_->held.find(identity_);
  if (--known->second.count == 0) state_->held.erase(known);
}

}  // namespace holdfast
