#include "agent/startup/gathering.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace holdfast {
namespace {

// state.db is made private each time it is opened.
constexpr const char* secret_files[] = {"node.key"};
constexpr const char* probe_name = "/.writable";

std::optional<PathFacts> look_at(FileSystem& files, const std::string& path, std::optional<Error>& problem) {
  if (path.empty()) return std::nullopt;
  auto info = files.stat(path);
  if (!info) {
    if (!problem)
      problem = Error{Code::unavailable, info.error().message, "run the agent as a user who may look there"};
    return std::nullopt;
  }
  if (!*info) return std::nullopt;
  return PathFacts{path, **info};
}

// Where a link leads, the agent goes too.
std::string behind_links(const std::string& path) {
  std::error_code problem;
  const auto real = std::filesystem::canonical(path, problem);
  return problem ? path : real.string();
}

// The directory, or the nearest above it that is there.
std::optional<Space> space_at(FileSystem& files, std::string path) {
  while (path.size() > 1) {
    const auto info = files.stat(path);
    if (info && *info) break;
    path = parent_of(path);
    if (path == ".") break;
  }
  const auto space = files.space(path.empty() ? "/" : path);
  return space ? std::optional(*space) : std::nullopt;
}

Error refused(const std::string& directory, const Error& cause) {
  return {Code::unavailable, fmt::format("the state directory \"{}\" cannot be used: {}", directory, cause.message),
          cause.code == Code::exhausted ? "free some space there"
                                        : "give the agent a directory that its user may write to, with --state"};
}

}  // namespace

StartupFacts gather_startup_facts(FileSystem& files, const Clock& clock, const StartupPlaces& places) {
  StartupFacts out;
  out.user = ::geteuid();
  out.now = clock.now();
  out.directory = places.directory;
  std::optional<Error> ignored;  // whoever reads them says more
  out.configuration_file = look_at(files, places.configuration_file, ignored);
  out.token_file = look_at(files, places.token_file, ignored);
  out.directory_found = look_at(files, behind_links(places.directory), out.unreadable);
  if (out.directory_found && out.directory_found->info.kind == FileKind::directory) {
    for (const char* name : secret_files) {
      if (auto found = look_at(files, places.directory + "/" + name, out.unreadable)) {
        out.secrets.push_back(std::move(*found));
      }
    }
  }
  out.space = space_at(files, places.directory);
  return out;
}

Result<> make_usable(FileSystem& files, const std::string& directory) {
  const std::string probe = directory + probe_name;
  const auto use = [&]() -> Result<> {
    TRY(files.make_directories(directory, 0700));
    const auto info = TRY(files.stat(behind_links(directory)));
    if (info && (info->mode & 077U) != 0 && ::chmod(directory.c_str(), 0700) != 0) {
      return std::unexpected(error_from_errno(errno, "make it private"));
    }
    TRY(files.replace_durably(probe, as_bytes("an agent was here"), 0600));
    return files.remove(probe);
  };
  if (auto usable = use(); !usable) return std::unexpected(refused(directory, usable.error()));
  return {};
}

}  // namespace holdfast
