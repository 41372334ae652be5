#include "agent/protection/directory_claims.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <fstream>
#include <optional>
#include <sstream>

namespace holdfast {
namespace {

// proc(5), /proc/locks: "1: FLOCK  ADVISORY  WRITE 4711 fd:00:131073 0 EOF". Empty: not known, for instance because it
// is in another namespace.
std::string holder_of(const struct stat& info) {
  const std::string place = fmt::format("{:02x}:{:02x}:{}", ::major(info.st_dev), ::minor(info.st_dev), info.st_ino);
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number;
    std::string kind;
    std::string advisory;
    std::string mode;
    std::string at;
    int pid = 0;
    if (words >> number >> kind >> advisory >> mode >> pid >> at && kind == "FLOCK" && at == place && pid > 0) {
      return fmt::format(" (process {})", pid);
    }
  }
  return {};
}

}  // namespace

std::map<std::string, Error> DirectoryClaims::hold(const std::map<std::string, std::string>& directories) {
  std::erase_if(claims_, [&](const auto& claim) { return !directories.contains(claim.first); });
  std::map<std::string, Error> others;
  for (const auto& [key, directory] : directories) {
    struct stat info {};
    if (::stat(directory.c_str(), &info) != 0) {
      claims_.erase(key);
      continue;
    }
    const std::pair<std::uint64_t, std::uint64_t> identity{info.st_dev, info.st_ino};
    if (const auto held = claims_.find(key); held != claims_.end() && held->second.identity == identity) continue;
    claims_.erase(key);
    UniqueFd lock(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock) continue;
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) {
      claims_.insert_or_assign(key, Claim{identity, std::move(lock)});
    } else if (errno == EWOULDBLOCK) {
      others.emplace(key, Error{Code::conflict,
                                fmt::format("another agent{} on this host protects \"{}\"", holder_of(info), directory),
                                "one agent a database: exclude it in one of the two (discovery.exclude)"});
    }
  }
  return others;
}

}  // namespace holdfast
