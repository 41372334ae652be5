#include "agent/postgres/server_log.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "shared/os/process.h"

namespace holdfast {
namespace {

constexpr std::uint64_t most_of_one_place = 64U << 10U;

std::string read_from(const std::string& path, std::uint64_t from) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(from));
  return file ? std::string(std::istreambuf_iterator<char>(file), {}) : std::string();
}

// LOG_METAINFO_DATAFILE of the server (src/include/utils/elog.h): a line for each file that is written, "stderr
// log/a.log". The server removes it when it starts, and its logging collector writes it anew.
std::string list_of_files(const std::string& data_directory) {
  return data_directory + "/current_logfiles";
}

std::string collected_file_in(const std::string& data_directory) {
  constexpr std::string_view plain = "stderr ";
  std::ifstream list(list_of_files(data_directory));
  for (std::string line; std::getline(list, line);) {
    if (!line.starts_with(plain)) continue;
    const std::string name = line.substr(plain.size());
    return name.starts_with('/') ? name : fmt::format("{}/{}", data_directory, name);
  }
  return {};
}

}  // namespace

ServerLog::ServerLog(ServerLogPlaces places, Clock& clock) : places_(std::move(places)), begun_(clock.now()) {
  for (const auto& file : places_.files) marks_[file] = mark_of(file);
  names_ = mark_of(list_of_files(places_.data_directory));
  // A name without a time in it, or a start within the same second: the next server goes on in the same file.
  if (const auto file = collected_file_in(places_.data_directory); !file.empty()) marks_[file] = mark_of(file);
}

ServerLog::Mark ServerLog::mark_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino, static_cast<std::uint64_t>(info.st_size),
          info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec};
}

std::string ServerLog::since_mark(const std::string& path) const {
  const auto known = marks_.find(path);
  const Mark before = known == marks_.end() ? Mark{} : known->second;
  const Mark now = mark_of(path);
  // Rotated or emptied since: all of it is new.
  const bool same = before.device == now.device && before.inode == now.inode && before.size <= now.size;
  std::uint64_t from = same ? before.size : 0;
  if (now.size > from + most_of_one_place) from = now.size - most_of_one_place;
  return read_from(path, from);
}

std::string ServerLog::collected_file() const {
  if (mark_of(list_of_files(places_.data_directory)) == names_) return {};
  return collected_file_in(places_.data_directory);
}

std::string ServerLog::collected() const {
  const std::string file = collected_file();
  if (file.empty()) return {};
  std::string text = since_mark(file);
  // A file outside the directory may be older than this start although the directory never named it. The first line
  // that a collector gets tells the starts apart.
  if (const auto begin = text.rfind("LOG:  starting PostgreSQL "); begin != std::string::npos) text.erase(0, begin);
  return text;
}

std::string ServerLog::journal() const {
  if (places_.unit.empty()) return {};
  Command command;
  const auto micros = begun_.micros();
  command.arguments = {"journalctl",
                       "--quiet",
                       "--no-pager",
                       "--output=cat",
                       "--lines=500",
                       "--unit=" + places_.unit,
                       fmt::format("--since=@{}.{:06}", micros / 1'000'000, micros % 1'000'000)};
  command.timeout = std::chrono::seconds(10);
  const auto outcome = run_command(command);
  if (!outcome || outcome->exit_code != 0) return {};
  const auto size = outcome->output.size();
  return outcome->output.substr(size > most_of_one_place ? size - most_of_one_place : 0);
}

std::string ServerLog::said() const {
  std::string text;
  for (const auto& file : places_.files) text += since_mark(file);
  return text + journal() + collected();
}

}  // namespace holdfast
