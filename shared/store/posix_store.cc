#include "shared/store/posix_store.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

namespace holdfast {
namespace {

constexpr std::string_view marker_name = ".holdfast-store";
constexpr std::string_view marker_text = "holdfast store 1\n";
constexpr std::string_view own_prefix = ".holdfast-";
constexpr std::string_view temporary_prefix = ".holdfast-tmp-";
constexpr std::string_view probe_prefix = ".holdfast-probe-";
constexpr std::string_view begun_directory = ".holdfast-incoming";
constexpr std::size_t compared_at_once = 1U << 20U;
constexpr std::uint32_t directory_mode = 0750;
constexpr std::uint32_t file_mode = 0640;
constexpr Micros temporary_age = std::chrono::hours(24);

std::string_view hint_for(Code code) {
  switch (code) {
    case Code::exhausted:
      return "free space there, or let retention remove more";
    case Code::denied:
      return "see who owns the directory and whether the file system is mounted read-only";
    default:
      return "";
  }
}

}  // namespace

PosixStore::PosixStore(FileSystem& files, std::string root, PosixFirstUse first_use)
    : files_(files), root_(std::move(root)), first_use_(std::move(first_use)) {
  while (root_.size() > 1 && root_.ends_with('/')) root_.pop_back();
}

std::string PosixStore::description() const {
  return "posix store at " + root_;
}

std::unexpected<Error> PosixStore::failed(Error error, std::string_view doing, const std::string& name) const {
  if (error.hint.empty()) error.hint = hint_for(error.code);
  return std::unexpected(std::move(error).during(fmt::format("{} \"{}\" in {}", doing, name, description())));
}

Result<> PosixStore::require_marker(const std::string& doing) {
  const auto marker = TRY_DURING(doing, files_.stat(path_of(std::string(marker_name))));
  if (!marker) {
    return fail(Code::unavailable, fmt::format("{}: {} has no \"{}\" in it", doing, description(), marker_name),
                "nothing was ever put there, or its file system is not mounted");
  }
  return {};
}

Result<> PosixStore::prepare_root() {
  if (!TRY(files_.stat(path_of(std::string(marker_name))))) {
    if (TRY(was_there_before())) {
      return fail(Code::unavailable,
                  fmt::format("{} has no \"{}\" in it, and had one before", description(), marker_name),
                  first_use_.witness.empty()
                      ? "mount its file system"
                      : fmt::format("mount its file system; only if the store is really to begin anew, remove \"{}\"",
                                    first_use_.witness));
    }
    TRY(make_root());
  }
  remember_it();
  return {};
}

Result<bool> PosixStore::was_there_before() {
  if (seen_ || first_use_.rule == PosixFirstUse::Rule::must_be_there) return true;
  return !first_use_.witness.empty() && TRY(files_.stat(first_use_.witness)).has_value();
}

// What cannot be remembered over a restart is remembered until then.
void PosixStore::remember_it() {
  if (seen_.exchange(true) || first_use_.witness.empty()) return;
  (void)files_.make_directories(parent_of(first_use_.witness), directory_mode).has_value();
  (void)files_.create_durably(first_use_.witness, as_bytes(root_ + "\n"), file_mode).has_value();
}

// The marker, when the directory is new. Never into a directory that has other things in it.
Result<> PosixStore::make_root() {
  const std::string marker = path_of(std::string(marker_name));
  TRY(files_.make_directories(root_, directory_mode));
  for (const DirectoryEntry& entry : TRY(files_.list(root_))) {
    // Another process may be making the marker at this moment.
    if (entry.name.starts_with(own_prefix) || entry.name == "lost+found") continue;
    return fail(Code::conflict, fmt::format("{} has no \"{}\" but is not empty either", description(), marker_name),
                fmt::format("take an empty directory, or create \"{}\" there with the content \"holdfast store 1\"",
                            marker_name));
  }
  // The directory may be what a process made that died before its name was durable. What may not be read (an ancestor
  // that only lets us pass) was not made by us.
  for (std::string above = parent_of(root_);; above = parent_of(above)) {
    auto synced = files_.sync_directory(above);
    if (!synced && synced.error().code != Code::denied) return synced;
    if (above == parent_of(above)) break;
  }
  auto made = files_.create_durably(marker, as_bytes(marker_text), file_mode);
  if (!made && made.error().code != Code::already_exists) return made;
  return {};
}

Result<> PosixStore::make_parents_durable(const std::string& name) {
  for (auto slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1)) {
    const std::string directory = path_of(name.substr(0, slash));
    auto info = TRY(files_.stat(directory));
    if (!info) {
      TRY(files_.make_directories(directory, directory_mode));
      info = TRY(files_.stat(directory));
      if (!info) return fail(Code::unavailable, fmt::format("directory \"{}\" is gone again", directory));
    }
    const std::uint64_t inode = info->inode;
    const bool known = durable_directories_.with([&](auto& known_inodes) {
      const auto found = known_inodes.find(directory);
      return found != known_inodes.end() && found->second == inode;
    });
    if (known) continue;
    TRY(files_.sync_directory(parent_of(directory)));
    durable_directories_.with([&](auto& known_inodes) { known_inodes[directory] = inode; });
  }
  return {};
}

// The name is taken: fine when it holds these very bytes, and durable only once the directory is synced, because
// whoever linked it may have died before doing so.
Result<> PosixStore::same_or_refuse(const std::string& name, ByteView content) {
  const Bytes there = TRY(files_.read(path_of(name)));
  if (!std::ranges::equal(there, content)) {
    return fail(Code::already_exists, "the name is taken by other content");
  }
  return files_.sync_directory(parent_of(path_of(name)));
}

Result<> PosixStore::put(const std::string& name, ByteView content) {
  TRY(check_object_name(name));
  const auto write = [&]() -> Result<> {
    TRY(prepare_root());
    TRY(make_parents_durable(name));
    auto written = files_.create_durably(path_of(name), content, file_mode);
    if (!written && written.error().code == Code::not_found) {
      // Removing the last object of a directory removes the directory; it may have happened just now.
      TRY(make_parents_durable(name));
      written = files_.create_durably(path_of(name), content, file_mode);
    }
    if (!written && written.error().code == Code::already_exists) return same_or_refuse(name, content);
    return written;
  };
  auto done = write();
  if (!done) return failed(std::move(done).error(), "put", name);
  return {};
}

Result<WrittenFile> PosixStore::begin() {
  static std::atomic<std::uint64_t> counter{0};
  const auto make = [&]() -> Result<WrittenFile> {
    TRY(prepare_root());
    const std::string directory = path_of(std::string(begun_directory));
    TRY(files_.make_directories(directory, directory_mode));
    return WrittenFile::create(fmt::format("{}/{}-{}", directory, ::getpid(), counter.fetch_add(1)), file_mode);
  };
  auto made = make();
  if (!made) return failed(std::move(made).error(), "begin", "an object");
  return made;
}

Result<> PosixStore::finish(const std::string& name, WrittenFile file) {
  TRY(check_object_name(name));
  const auto link = [&]() -> Result<> {
    TRY(file.sync());
    TRY(prepare_root());
    TRY(make_parents_durable(name));
    auto linked = file.link_as(path_of(name));
    if (!linked && linked.error().code == Code::not_found) {
      TRY(make_parents_durable(name));  // see put()
      linked = file.link_as(path_of(name));
    }
    if (!linked && linked.error().code == Code::already_exists) return same_file_or_refuse(name, file.path());
    return linked;
  };
  auto done = link();
  if (!done) return failed(std::move(done).error(), "put", name);
  return {};
}

Result<> PosixStore::make_durable(const std::string& name) {
  TRY(check_object_name(name));
  TRY(make_parents_durable(name));
  return files_.sync_directory(parent_of(path_of(name)));
}

Result<> PosixStore::remove_begun() {
  const std::string directory = path_of(std::string(begun_directory));
  const auto left = files_.list(directory);
  if (!left && left.error().code == Code::not_found) return {};
  if (!left) return failed(left.error(), "look for", "what was begun");
  for (const DirectoryEntry& entry : *left) TRY(files_.remove(directory + "/" + entry.name));
  return {};
}

// As same_or_refuse(), without either of them whole in memory.
Result<> PosixStore::same_file_or_refuse(const std::string& name, const std::string& other) {
  const auto there = TRY(files_.stat(path_of(name)));
  const auto ours = TRY(files_.stat(other));
  bool same = there && ours && there->kind == FileKind::file && there->size == ours->size;
  for (std::uint64_t at = 0; same && at < ours->size; at += compared_at_once) {
    same = TRY(files_.read_range(path_of(name), at, compared_at_once)) ==
           TRY(files_.read_range(other, at, compared_at_once));
  }
  if (!same) return fail(Code::already_exists, "the name is taken by other content");
  return files_.sync_directory(parent_of(path_of(name)));
}

Result<std::optional<FileInfo>> PosixStore::file_at(const std::string& name) {
  TRY(check_object_name(name));
  const auto info = TRY(files_.stat(path_of(name)));
  if (info && info->kind == FileKind::file) return info;
  TRY(require_marker(fmt::format("look for \"{}\"", name)));
  return std::nullopt;
}

Result<Bytes> PosixStore::get(const std::string& name) {
  const auto info = TRY(file_at(name));
  if (!info) return fail(Code::not_found, fmt::format("there is no \"{}\" in {}", name, description()));
  auto content = files_.read_range(path_of(name), 0, info->size);
  if (!content) return failed(std::move(content).error(), "read", name);
  return content;
}

Result<Bytes> PosixStore::get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) {
  const auto info = TRY(file_at(name));
  if (!info) return fail(Code::not_found, fmt::format("there is no \"{}\" in {}", name, description()));
  const auto too_short = [&] {
    return fail(Code::corrupt, fmt::format("\"{}\" in {} ends before byte {}: it has {}", name, description(),
                                           offset + length, info->size));
  };
  if (offset > info->size || length > info->size - offset) return too_short();
  auto content = files_.read_range(path_of(name), offset, length);
  if (!content) return failed(std::move(content).error(), "read", name);
  if (content->size() != length) return too_short();
  return content;
}

Result<std::optional<ObjectInfo>> PosixStore::stat(const std::string& name) {
  const auto info = TRY(file_at(name));
  if (!info) return std::nullopt;
  return ObjectInfo{name, info->size};
}

Result<bool> PosixStore::is_directory(const std::string& name) {
  if (name.empty()) return true;
  TRY(check_object_name(name));
  const auto info = TRY(files_.stat(path_of(name)));
  return info && info->kind == FileKind::directory;
}

Result<> PosixStore::collect(const std::string& directory, const std::string& prefix, std::vector<ObjectInfo>& into) {
  auto entries = files_.list(directory.empty() ? root_ : path_of(directory));
  if (!entries) {
    // Gone between two looks, or never there: nothing below it.
    if (entries.error().code == Code::not_found) return {};
    return std::unexpected(std::move(entries).error());
  }
  for (const DirectoryEntry& entry : *entries) {
    if (entry.name.starts_with(own_prefix)) continue;
    const std::string name = directory.empty() ? entry.name : directory + "/" + entry.name;
    if (entry.kind == FileKind::directory) {
      // Only where names with the prefix can be: above it or below it.
      const std::string below = name + "/";
      if (below.starts_with(prefix) || prefix.starts_with(below)) TRY(collect(name, prefix, into));
    } else if (entry.kind == FileKind::file && name.starts_with(prefix)) {
      const auto info = TRY(files_.stat(path_of(name)));
      if (info) into.push_back({name, info->size});
    }
  }
  return {};
}

Result<std::vector<ObjectInfo>> PosixStore::list(const std::string& prefix) {
  TRY(require_marker(fmt::format("list \"{}\"", prefix)));
  const auto slash = prefix.find_last_of('/');
  const std::string directory = slash == std::string::npos ? "" : prefix.substr(0, slash);
  std::vector<ObjectInfo> found;
  if (!TRY(is_directory(directory))) return found;
  if (auto done = collect(directory, prefix, found); !done) {
    return failed(std::move(done).error(), "list", prefix);
  }
  std::ranges::sort(found, {}, &ObjectInfo::name);
  return found;
}

// Stops at the first file it meets.
Result<bool> PosixStore::holds_objects(const std::string& directory) {
  auto entries = files_.list(path_of(directory));
  if (!entries && entries.error().code == Code::not_found) return false;
  if (!entries) return std::unexpected(std::move(entries).error());
  for (const DirectoryEntry& entry : *entries) {
    if (entry.name.starts_with(own_prefix)) continue;
    if (entry.kind == FileKind::file) return true;
    if (entry.kind == FileKind::directory && TRY(holds_objects(directory + "/" + entry.name))) return true;
  }
  return false;
}

Result<std::vector<std::string>> PosixStore::list_parts(const std::string& prefix) {
  if (!prefix.empty() && !prefix.ends_with('/')) {
    return fail(Code::invalid, fmt::format("\"{}\" does not end with \"/\"", prefix));
  }
  TRY(require_marker(fmt::format("list \"{}\"", prefix)));
  std::vector<std::string> parts;
  if (!TRY(is_directory(prefix.substr(0, prefix.find_last_not_of('/') + 1)))) return parts;
  auto entries = files_.list(root_ + "/" + prefix);
  if (!entries) {
    if (entries.error().code == Code::not_found) return parts;
    return failed(std::move(entries).error(), "list", prefix);
  }
  for (const DirectoryEntry& entry : *entries) {
    if (entry.name.starts_with(own_prefix)) continue;
    if (entry.kind == FileKind::file) parts.push_back(entry.name);
    if (entry.kind != FileKind::directory) continue;
    // An empty directory is not a part of any object's name.
    const auto holds = holds_objects(prefix + entry.name);
    if (!holds) return failed(holds.error(), "list", prefix);
    if (*holds) parts.push_back(entry.name + "/");
  }
  std::ranges::sort(parts);
  return parts;
}

Result<> PosixStore::remove(const std::string& name) {
  if (!TRY(file_at(name))) return {};
  if (auto done = files_.remove(path_of(name)); !done) return failed(std::move(done).error(), "remove", name);
  // Directories that are empty now go too; one that is not refuses by itself.
  for (auto slash = name.find_last_of('/'); slash != std::string::npos && slash > 0;
       slash = name.find_last_of('/', slash - 1)) {
    if (!files_.remove(path_of(name.substr(0, slash)))) break;
  }
  return {};
}

Result<> PosixStore::sweep(const std::string& directory, Timestamp now) {
  for (const DirectoryEntry& entry : TRY(files_.list(directory))) {
    const std::string path = directory + "/" + entry.name;
    if (entry.kind == FileKind::directory) {
      auto done = sweep(path, now);
      if (!done && done.error().code != Code::not_found) return done;
    } else if (entry.kind == FileKind::file &&
               (entry.name.starts_with(temporary_prefix) || entry.name.starts_with(probe_prefix))) {
      const auto info = TRY(files_.stat(path));
      if (info && now - info->modified > temporary_age) TRY(files_.remove(path));
    }
  }
  return {};
}

Result<> PosixStore::check() {
  static std::atomic<std::uint64_t> counter{0};
  const std::string probe = fmt::format("{}{}-{}", probe_prefix, ::getpid(), counter.fetch_add(1));
  const auto try_it = [&]() -> Result<> {
    TRY(prepare_root());
    const std::string path = path_of(probe);
    const ByteView content = as_bytes("holdfast probe\n");
    TRY(files_.replace_durably(path, content, file_mode));
    const Bytes back = TRY(files_.read(path));
    const auto info = TRY(files_.stat(path));
    if (!std::ranges::equal(back, content) || !info) {
      return fail(Code::corrupt, "what was written does not come back", "do not trust this file system");
    }
    auto again = files_.create_durably(path, content, file_mode);
    if (again || again.error().code != Code::already_exists) {
      return fail(Code::unsupported, "a name that is taken can be taken again",
                  "a store needs a file system with hard links");
    }
    TRY(files_.remove(path));
    return sweep(root_, info->modified);
  };
  auto done = try_it();
  if (!done) return failed(std::move(done).error(), "write the probe", probe);
  return {};
}

Result<Space> PosixStore::space() {
  auto space = files_.space(root_);
  if (!space) return failed(std::move(space).error(), "ask for the space of", root_);
  return space;
}

}  // namespace holdfast
