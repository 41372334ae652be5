#include "agent/postgres/data_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "agent/postgres/directory_stream.h"

namespace holdfast {
namespace {

// What the server empties or rebuilds by itself when it starts.
constexpr std::array<std::string_view, 8> emptied_directories = {
    "pg_wal", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans"};
constexpr std::array<std::string_view, 2> kept_below_wal = {"pg_wal/archive_status", "pg_wal/summaries"};

struct ExcludedName {
  std::string_view name;
  enum class Match : std::uint8_t { whole, prefix } match;
  std::string_view reason;
};
constexpr std::array<ExcludedName, 9> excluded_names = {{
    {"postgresql.auto.conf.tmp", ExcludedName::Match::whole, "half written setting file"},
    {"current_logfiles.tmp", ExcludedName::Match::whole, "half written list of log files"},
    {"pg_internal.init", ExcludedName::Match::prefix, "cache that the server rebuilds"},
    {"backup_label", ExcludedName::Match::whole, "label of another backup"},
    {"tablespace_map", ExcludedName::Match::whole, "map of another backup"},
    {"backup_manifest", ExcludedName::Match::whole, "manifest of another backup"},
    {"postmaster.pid", ExcludedName::Match::whole, "belongs to the running server"},
    {"postmaster.opts", ExcludedName::Match::whole, "belongs to the running server"},
    {"pgsql_tmp", ExcludedName::Match::prefix, "temporary file of a query"},
}};

std::string_view name_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view directory_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const auto slash = std::min(path.find('/'), path.size());
    parts.push_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return parts;
}

// "global", "base/<db>", "pg_tblspc/<oid>/<version>/<db>": where relations are.
bool is_relation_directory(std::string_view directory) {
  const auto parts = parts_of(directory);
  if (parts.size() == 1) return parts[0] == "global";
  if (parts.size() == 2) return parts[0] == "base" && is_digits(parts[1]);
  return parts.size() == 4 && parts[0] == "pg_tblspc" && is_digits(parts[1]) && is_digits(parts[3]);
}

std::optional<std::uint32_t> number_of(std::string_view digits) {
  std::uint32_t value = 0;
  if (!is_digits(digits)) return std::nullopt;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (problem != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// "<number>[_fork][.<segment>]"
std::optional<RelationFile> parse_relation_name(std::string_view name) {
  RelationFile file;
  if (const auto dot = name.find('.'); dot != std::string_view::npos) {
    const auto segment = number_of(name.substr(dot + 1));
    if (!segment || *segment == 0) return std::nullopt;
    file.segment = *segment;
    name = name.substr(0, dot);
  }
  if (const auto underscore = name.find('_'); underscore != std::string_view::npos) {
    const std::string_view fork = name.substr(underscore + 1);
    if (fork == "fsm") {
      file.fork = Fork::fsm;
    } else if (fork == "vm") {
      file.fork = Fork::visibility;
    } else if (fork == "init") {
      file.fork = Fork::init;
    } else {
      return std::nullopt;
    }
    name = name.substr(0, underscore);
  }
  const auto number = number_of(name);
  if (!number || name[0] == '0') return std::nullopt;
  file.number = *number;
  return file;
}

// "t<backend>_<number>[_fork][.<segment>]"
bool is_temporary_relation(std::string_view name) {
  if (name.size() < 4 || name[0] != 't') return false;
  const auto underscore = name.find('_');
  return underscore != std::string_view::npos && is_digits(name.substr(1, underscore - 1)) &&
         parse_relation_name(name.substr(underscore + 1)).has_value();
}

InclusionDecision decide_tablespace_part(const std::vector<std::string_view>& parts, FileKind kind,
                                         std::string_view version_directory) {
  if (parts.size() == 3 && parts[2] != version_directory) {
    return {Inclusion::exclude, "belongs to another version of the server"};
  }
  if (parts.size() == 2 && kind == FileKind::file) return {Inclusion::exclude, "not a tablespace"};
  return {};
}

}  // namespace

std::optional<RelationFile> relation_file(std::string_view path) {
  if (!is_relation_directory(directory_of(path))) return std::nullopt;
  return parse_relation_name(name_of(path));
}

InclusionDecision decide_inclusion(std::string_view path, FileKind kind,
                                   const std::set<std::string, std::less<>>& siblings,
                                   std::string_view version_directory) {
  if (kind == FileKind::other) return {Inclusion::exclude, "neither file, directory nor link"};
  const auto parts = parts_of(path);
  const std::string_view name = name_of(path);
  if (std::ranges::find(emptied_directories, parts[0]) != emptied_directories.end()) {
    // A link counts too: pg_wal often lies on another disk.
    if (parts.size() == 1) return {Inclusion::directory_only, "its content belongs to the running server"};
    const bool kept = kind == FileKind::directory && std::ranges::find(kept_below_wal, path) != kept_below_wal.end();
    if (kept) return {Inclusion::directory_only, "its content belongs to the running server"};
    return {Inclusion::exclude, "its content belongs to the running server"};
  }
  for (const auto& excluded : excluded_names) {
    const bool fits =
        excluded.match == ExcludedName::Match::whole ? name == excluded.name : name.starts_with(excluded.name);
    if (fits) return {Inclusion::exclude, excluded.reason};
  }
  if (parts[0] == "pg_tblspc") {
    const auto decision = decide_tablespace_part(parts, kind, version_directory);
    if (decision.inclusion != Inclusion::copy) return decision;
  }
  if (kind != FileKind::file || !is_relation_directory(directory_of(path))) return {};
  if (is_temporary_relation(name)) return {Inclusion::exclude, "temporary table"};
  const auto relation = parse_relation_name(name);
  if (relation && relation->fork != Fork::init && siblings.contains(fmt::format("{}_init", relation->number))) {
    return {Inclusion::exclude, "unlogged table: emptied by recovery"};
  }
  return {};
}

namespace {

// Names of users and groups, asked once each.
class Owners {
 public:
  const std::string& user(uid_t uid) {
    auto [entry, is_new] = users_.try_emplace(uid);
    if (is_new) {
      const auto found = user_by_uid(uid);
      entry->second = found ? found->name : std::to_string(uid);
    }
    return entry->second;
  }
  const std::string& group(gid_t gid) {
    auto [entry, is_new] = groups_.try_emplace(gid);
    if (is_new) {
      ::group record{};
      ::group* found = nullptr;
      std::vector<char> buffer(16 * 1024);
      ::getgrgid_r(gid, &record, buffer.data(), buffer.size(), &found);
      entry->second = found != nullptr ? found->gr_name : std::to_string(gid);
    }
    return entry->second;
  }

 private:
  std::map<uid_t, std::string> users_;
  std::map<gid_t, std::string> groups_;
};

FileKind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return FileKind::file;
  if (S_ISDIR(mode)) return FileKind::directory;
  if (S_ISLNK(mode)) return FileKind::link;
  return FileKind::other;
}

class Walk {
 public:
  Walk(const std::string& root, std::string_view version_directory, const StopToken& stop)
      : root_(root), version_directory_(version_directory), stop_(stop) {}

  // What is below `relative` ("" is the data directory itself).
  Result<> directory(const std::string& relative) {
    if (stop_.stop_requested()) return fail(Code::cancelled, "a stop was requested");
    const std::string full = relative.empty() ? root_ : root_ + "/" + relative;
    const auto stream = DirectoryStream::open(full);
    if (!stream) {
      // A database that was dropped since its name was seen.
      if (stream.error().code == Code::not_found && !relative.empty()) return {};
      return std::unexpected(stream.error());
    }
    const auto names = TRY(stream->names());
    for (const auto& name : names) TRY(entry(*stream, relative, name, names));
    return {};
  }
  DataDirectoryListing finish() {
    std::ranges::sort(listing_.entries, {}, &DataFile::path);
    std::ranges::sort(listing_.tablespaces, {}, &TablespaceLink::oid);
    return std::move(listing_);
  }

 private:
  Result<> entry(const DirectoryStream& parent, const std::string& relative, const std::string& name,
                 const std::set<std::string, std::less<>>& siblings) {
    DataFile file;
    file.path = relative.empty() ? name : relative + "/" + name;
    struct stat info {};
    if (::fstatat(parent.fd(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return {};
      return std::unexpected(error_from_errno(errno, fmt::format("look at \"{}/{}\"", root_, file.path)));
    }
    file.kind = kind_of(info.st_mode);
    const auto decision = decide_inclusion(file.path, file.kind, siblings, version_directory_);
    if (decision.inclusion == Inclusion::exclude) return {};
    file.mode = info.st_mode & 07777;
    file.owner = owners_.user(info.st_uid);
    file.group = owners_.group(info.st_gid);
    file.modified = Timestamp::from_micros(std::int64_t{info.st_mtim.tv_sec} * 1'000'000 + info.st_mtim.tv_nsec / 1000);
    if (file.kind == FileKind::link && decision.inclusion == Inclusion::directory_only) {
      file.kind = FileKind::directory;
      file.mode = 0700;
    }
    if (file.kind == FileKind::file) {
      file.size = static_cast<std::uint64_t>(info.st_size);
      file.relation = relation_file(file.path);
      listing_.file_bytes += file.size;
    }
    if (file.kind == FileKind::link) {
      const bool there = TRY(read_link(parent, name, file));
      if (!there) return {};
    }
    const bool descend = file.kind == FileKind::directory || is_tablespace_link(file);
    const std::string path = file.path;
    listing_.entries.push_back(std::move(file));
    if (descend) return directory(path);
    return {};
  }

  // false: it vanished.
  Result<bool> read_link(const DirectoryStream& parent, const std::string& name, DataFile& file) {
    std::array<char, 4096> target{};
    const auto length = ::readlinkat(parent.fd(), name.c_str(), target.data(), target.size());
    if (length < 0) {
      if (errno == ENOENT) return false;
      return std::unexpected(error_from_errno(errno, fmt::format("read link \"{}/{}\"", root_, file.path)));
    }
    file.link_target.assign(target.data(), static_cast<std::size_t>(length));
    if (is_tablespace_link(file)) {
      listing_.tablespaces.push_back({*number_of(name_of(file.path)), file.link_target});
    }
    return true;
  }

  static bool is_tablespace_link(const DataFile& file) {
    return file.kind == FileKind::link && directory_of(file.path) == "pg_tblspc" && number_of(name_of(file.path));
  }

  const std::string& root_;
  std::string_view version_directory_;
  const StopToken& stop_;
  Owners owners_;
  DataDirectoryListing listing_;
};

}  // namespace

Result<DataDirectoryListing> walk_data_directory(const std::string& data_directory, const OsUser& owner,
                                                 std::string_view version_directory, const StopToken& stop) {
  const ActingAs user = TRY(ActingAs::user(owner));
  Walk walk(data_directory, version_directory, stop);
  TRY_DURING(fmt::format("walk \"{}\"", data_directory), walk.directory(""));
  return walk.finish();
}

}  // namespace holdfast
