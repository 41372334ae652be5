#include "agent/sqlite/online_backup.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace holdfast {
namespace {

bool all_zero(ByteView page) {
  return std::ranges::all_of(page, [](std::uint8_t byte) { return byte == 0; });
}

std::string group_name(gid_t gid) {
  std::array<char, 4096> buffer{};
  struct group entry {};
  struct group* found = nullptr;
  if (::getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) return found->gr_name;
  return {};
}

std::string user_name(uid_t uid) {
  std::array<char, 4096> buffer{};
  struct passwd entry {};
  struct passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) return found->pw_name;
  return {};
}

// Collects pages that are not zero until a frame is full.
class FrameFiller {
 public:
  FrameFiller(BackupWriter::Worker& worker, ManifestFile& file, std::uint32_t page_size)
      : worker_(worker), file_(file), limit_(std::max<std::size_t>(frame_plain_target, page_size)) {
    plain_.reserve(limit_);
  }
  Result<> add(std::uint64_t page_number, ByteView page) {
    if (plain_.size() + page.size() > limit_) TRY(flush());
    Extent* last = pending_ > 0 ? &file_.extents.back() : nullptr;
    if (last != nullptr && last->first_page + last->pages == page_number) {
      ++last->pages;
    } else {
      file_.extents.push_back({page_number, 1, 0, static_cast<std::uint32_t>(plain_.size())});
      ++pending_;
    }
    append(plain_, page);
    return {};
  }
  Result<> flush() {
    if (plain_.empty()) return {};
    const std::uint32_t frame = TRY(worker_.add_frame(plain_));
    for (auto extent = file_.extents.end() - static_cast<std::ptrdiff_t>(pending_); extent != file_.extents.end();
         ++extent) {
      extent->frame = frame;
    }
    pending_ = 0;
    plain_.clear();
    return {};
  }

 private:
  BackupWriter::Worker& worker_;
  ManifestFile& file_;
  std::size_t limit_;
  std::size_t pending_ = 0;  // extents at the end that do not know their frame yet
  Bytes plain_;
};

Result<> store_pages(const SqliteSnapshot& snapshot, BackupWriter::Worker& worker, ManifestFile& file,
                     SqliteBackup& outcome, const StopToken& stop, const SnapshotProgress& progress) {
  const std::uint32_t page_size = snapshot.header.page_size;
  FrameFiller filler(worker, file, page_size);
  const std::uint64_t pages_at_once = std::max<std::uint64_t>(1, frame_plain_target / page_size);
  Bytes buffer(pages_at_once * page_size);
  for (std::uint64_t page = 0; page < snapshot.pages; page += pages_at_once) {
    if (stop.stop_requested()) return fail(Code::cancelled, fmt::format("backup of \"{}\" was stopped", file.path));
    const std::uint64_t count = std::min<std::uint64_t>(pages_at_once, snapshot.pages - page);
    const auto length = static_cast<std::size_t>(count * page_size);
    const ssize_t got = ::pread(snapshot.image.get(), buffer.data(), length, static_cast<off_t>(page * page_size));
    if (got != static_cast<ssize_t>(length)) {
      return std::unexpected(
          error_from_errno(got < 0 ? errno : EIO, fmt::format("read the snapshot of \"{}\"", file.path)));
    }
    for (std::uint64_t i = 0; i < count; ++i) {
      const ByteView content = ByteView(buffer).subspan(i * page_size, page_size);
      if (all_zero(content)) {
        ++outcome.zero_pages;
      } else {
        TRY(filler.add(page + i, content));
      }
    }
    if (progress) progress((page + count) * page_size, std::uint64_t(snapshot.pages) * page_size);
  }
  TRY(filler.flush());
  return worker.finish();
}

}  // namespace

Result<SqliteBackup> sqlite_backup(const std::string& path, OpenSqliteFiles& open_files, const Clock& clock,
                                   const SnapshotOptions& options, BackupWriter::Worker& worker, Manifest& manifest,
                                   const StopToken& stop, const SnapshotProgress& progress) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    return std::unexpected(error_from_errno(errno, fmt::format("stat \"{}\"", path)));
  }
  const SqliteSnapshot snapshot = TRY(take_snapshot(path, open_files, clock, options, stop, {}));
  SqliteBackup outcome;
  outcome.page_size = snapshot.header.page_size;
  outcome.pages = snapshot.pages;
  outcome.database_bytes = std::uint64_t(snapshot.pages) * snapshot.header.page_size;
  outcome.journal = snapshot.journal;
  outcome.change_counter = snapshot.header.change_counter;
  outcome.engine_version = sqlite_version_text(snapshot.header.writer_version);
  outcome.taken_at = snapshot.taken_at;
  outcome.held = snapshot.held;

  ManifestFile file;
  file.path = std::filesystem::path(path).filename().string();
  file.mode = info.st_mode & 07777U;
  file.owner = user_name(info.st_uid);
  file.group = group_name(info.st_gid);
  file.size = outcome.database_bytes;
  file.modified = Timestamp::from_micros(info.st_mtim.tv_sec * 1'000'000LL + info.st_mtim.tv_nsec / 1000);
  TRY(store_pages(snapshot, worker, file, outcome, stop, progress));
  manifest.page_size = outcome.page_size;
  manifest.files.push_back(std::move(file));
  return outcome;
}

}  // namespace holdfast
