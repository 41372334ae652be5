#include "tests/harness/unsynced_loss_file_system.h"

#include <fmt/format.h>

#include <cerrno>

namespace holdfast {

struct UnsyncedLossFileSystem::State {
  struct Node {
    FileKind kind = FileKind::file;
    Bytes content;
    std::optional<Bytes> synced;  // nullopt: never
    std::uint32_t mode = 0;
    std::uint64_t inode = 0;
    Timestamp modified;
  };
  using Entries = std::map<std::string, std::shared_ptr<Node>>;

  Sync sync = Sync::honest;
  Entries now;   // what a process sees
  Entries kept;  // names that are on the disk
  std::uint64_t next_inode = 1;
  std::uint64_t next_temporary = 1;
  int steps = 0;
  std::optional<int> steps_left;
  std::optional<std::uint64_t> free_bytes;
  Timestamp clock = Timestamp::from_micros(1);

  static Error error(int number, const std::string& what) { return error_from_errno(number, what); }

  Result<> step(const std::string& what) {
    if (steps_left) {
      if (*steps_left == 0) return fail(Code::unavailable, fmt::format("{}: the machine is down", what));
      --*steps_left;
    }
    ++steps;
    return {};
  }
  Result<> up(const std::string& what) const {
    if (steps_left && *steps_left == 0) return fail(Code::unavailable, fmt::format("{}: the machine is down", what));
    return {};
  }
  std::shared_ptr<Node> find(const std::string& path) const {
    const auto found = now.find(path);
    return found == now.end() ? nullptr : found->second;
  }
  std::shared_ptr<Node> make(FileKind kind, std::uint32_t mode) {
    auto node = std::make_shared<Node>();
    node->kind = kind;
    node->mode = mode;
    node->inode = next_inode++;
    node->modified = clock;
    return node;
  }
  bool has_children(const std::string& path) const {
    const std::string below = path == "/" ? "/" : path + "/";
    const auto at = now.lower_bound(below);
    return at != now.end() && at->first.starts_with(below) && at->first != "/";
  }
  Result<> require_directory(const std::string& path, const std::string& what) const {
    const auto node = find(path);
    if (!node) return std::unexpected(error(ENOENT, what));
    if (node->kind != FileKind::directory) return std::unexpected(error(ENOTDIR, what));
    return {};
  }
  Result<> sync_directory(const std::string& path) {
    TRY(require_directory(path, "sync \"" + path + "\""));
    TRY(step("sync \"" + path + "\""));
    if (sync == Sync::lies) return {};
    std::erase_if(kept, [&](const auto& entry) { return entry.first != "/" && parent_of(entry.first) == path; });
    for (const auto& [name, node] : now) {
      if (name != "/" && parent_of(name) == path) kept[name] = node;
    }
    return {};
  }
  Result<std::string> write_temporary(const std::string& path, ByteView content, std::uint32_t mode) {
    const std::string what = "write \"" + path + "\"";
    TRY(require_directory(parent_of(path), what));
    const std::string temporary = fmt::format("{}/.holdfast-tmp-1-{}", parent_of(path), next_temporary++);
    TRY(step(what));
    auto node = make(FileKind::file, mode);
    now[temporary] = node;
    if (free_bytes && *free_bytes < content.size()) {
      now.erase(temporary);
      return std::unexpected(error(ENOSPC, what));
    }
    if (free_bytes) *free_bytes -= content.size();
    TRY(step(what));
    node->content = to_bytes(content);
    TRY(step("sync \"" + path + "\""));
    if (sync == Sync::honest) node->synced = node->content;
    return temporary;
  }
};

UnsyncedLossFileSystem::UnsyncedLossFileSystem(Sync sync) {
  state_.with([&](auto& state) {
    state = std::make_unique<State>();
    state->sync = sync;
    state->now["/"] = state->kept["/"] = state->make(FileKind::directory, 0755);
  });
}
UnsyncedLossFileSystem::~UnsyncedLossFileSystem() = default;

void UnsyncedLossFileSystem::crash_after(int steps) {
  state_.with([&](auto& state) { state->steps_left = steps; });
}
int UnsyncedLossFileSystem::steps() const {
  return state_.with([](auto& state) { return state->steps; });
}
void UnsyncedLossFileSystem::limit_space(std::optional<std::uint64_t> free_bytes) {
  state_.with([&](auto& state) { state->free_bytes = free_bytes; });
}
void UnsyncedLossFileSystem::set_now(Timestamp now) {
  state_.with([&](auto& state) { state->clock = now; });
}
void UnsyncedLossFileSystem::restart_process() {
  state_.with([](auto& state) { state->steps_left.reset(); });
}
void UnsyncedLossFileSystem::power_cycle() {
  state_.with([](auto& state) {
    state->steps_left.reset();
    // Names sort before what is below them, so a directory is decided before its content.
    State::Entries alive;
    for (const auto& [name, node] : state->kept) {
      if (name != "/" && !alive.contains(parent_of(name))) continue;
      node->content = node->synced.value_or(Bytes{});
      alive[name] = node;
    }
    state->now = state->kept = alive;
  });
}

Result<Bytes> UnsyncedLossFileSystem::read(const std::string& path) {
  return read_range(path, 0, ~std::uint64_t{0});
}

Result<Bytes> UnsyncedLossFileSystem::read_range(const std::string& path, std::uint64_t offset, std::uint64_t length) {
  return state_.with([&](auto& state) -> Result<Bytes> {
    const std::string what = "read \"" + path + "\"";
    TRY(state->up(what));
    const auto node = state->find(path);
    if (!node) return std::unexpected(State::error(ENOENT, what));
    if (node->kind != FileKind::file) return std::unexpected(State::error(EISDIR, what));
    if (offset >= node->content.size()) return Bytes{};
    return to_bytes(ByteView(node->content).subspan(offset, std::min(length, node->content.size() - offset)));
  });
}

Result<> UnsyncedLossFileSystem::create_durably(const std::string& path, ByteView content, std::uint32_t mode) {
  return state_.with([&](auto& state) -> Result<> {
    const std::string temporary = TRY(state->write_temporary(path, content, mode));
    TRY(state->step("link \"" + path + "\""));
    const bool taken = state->now.contains(path);
    if (!taken) state->now[path] = state->now[temporary];
    TRY(state->step("unlink \"" + temporary + "\""));
    state->now.erase(temporary);
    if (taken) return std::unexpected(State::error(EEXIST, "create \"" + path + "\""));
    return state->sync_directory(parent_of(path));
  });
}

Result<> UnsyncedLossFileSystem::replace_durably(const std::string& path, ByteView content, std::uint32_t mode) {
  return state_.with([&](auto& state) -> Result<> {
    const std::string temporary = TRY(state->write_temporary(path, content, mode));
    TRY(state->step("rename \"" + temporary + "\""));
    state->now[path] = state->now[temporary];
    state->now.erase(temporary);
    return state->sync_directory(parent_of(path));
  });
}

Result<std::optional<FileInfo>> UnsyncedLossFileSystem::stat(const std::string& path) {
  return state_.with([&](auto& state) -> Result<std::optional<FileInfo>> {
    TRY(state->up("stat \"" + path + "\""));
    const auto node = state->find(path);
    if (!node) return std::nullopt;
    FileInfo info;
    info.kind = node->kind;
    info.size = node->content.size();
    info.modified = node->modified;
    info.mode = node->mode;
    info.inode = node->inode;
    return info;
  });
}

Result<std::vector<DirectoryEntry>> UnsyncedLossFileSystem::list(const std::string& path) {
  return state_.with([&](auto& state) -> Result<std::vector<DirectoryEntry>> {
    const std::string what = "list \"" + path + "\"";
    TRY(state->up(what));
    const std::string clean = path.size() > 1 && path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
    TRY(state->require_directory(clean, what));
    std::vector<DirectoryEntry> entries;
    for (const auto& [name, node] : state->now) {
      if (name != "/" && parent_of(name) == clean) {
        entries.push_back({name.substr(clean == "/" ? 1 : clean.size() + 1), node->kind});
      }
    }
    return entries;
  });
}

Result<> UnsyncedLossFileSystem::make_directories(const std::string& path, std::uint32_t mode) {
  return state_.with([&](auto& state) -> Result<> {
    const std::string what = "make directory \"" + path + "\"";
    TRY(state->up(what));
    for (auto slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
      const std::string part = path.substr(0, slash);
      if (!part.empty() && !state->find(part)) {
        TRY(state->require_directory(parent_of(part), what));
        TRY(state->step(what));
        state->now[part] = state->make(FileKind::directory, mode);
        TRY(state->sync_directory(parent_of(part)));
      } else if (!part.empty()) {
        TRY(state->require_directory(part, what));
      }
      if (slash == std::string::npos) return {};
    }
  });
}

Result<> UnsyncedLossFileSystem::remove(const std::string& path) {
  return state_.with([&](auto& state) -> Result<> {
    TRY(state->up("remove \"" + path + "\""));
    if (!state->find(path)) return {};
    if (state->has_children(path)) return std::unexpected(State::error(ENOTEMPTY, "remove \"" + path + "\""));
    TRY(state->step("remove \"" + path + "\""));
    state->now.erase(path);
    return state->sync_directory(parent_of(path));
  });
}

Result<> UnsyncedLossFileSystem::rename(const std::string& from, const std::string& to) {
  return state_.with([&](auto& state) -> Result<> {
    const auto node = state->find(from);
    if (!node || node->kind != FileKind::file) return std::unexpected(State::error(ENOENT, "rename \"" + from + "\""));
    TRY(state->step("rename \"" + from + "\""));
    state->now[to] = node;
    state->now.erase(from);
    TRY(state->sync_directory(parent_of(to)));
    return state->sync_directory(parent_of(from));
  });
}

Result<> UnsyncedLossFileSystem::sync_directory(const std::string& path) {
  return state_.with([&](auto& state) { return state->sync_directory(path); });
}

Result<Space> UnsyncedLossFileSystem::space(const std::string&) {
  return state_.with([](auto& state) -> Result<Space> {
    return Space{state->free_bytes.value_or(1ULL << 40U), 1ULL << 40U};
  });
}

}  // namespace holdfast
