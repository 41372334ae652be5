#include "agent/postgres/server_programs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <charconv>

#include "shared/os/process.h"

namespace holdfast {

std::vector<std::string> places_of_server_programs(int major_version) {
  return {fmt::format("/usr/lib/postgresql/{}/bin", major_version), fmt::format("/usr/pgsql-{}/bin", major_version),
          fmt::format("/opt/postgresql/{}/bin", major_version)};
}

Result<std::string> find_server_programs(int major_version) {
  std::vector<std::string> places = places_of_server_programs(major_version);
  places.insert(places.end(), {"/usr/local/pgsql/bin", "/usr/bin"});
  for (const auto& place : places) {
    if (::access((place + "/pg_ctl").c_str(), X_OK) != 0 || ::access((place + "/postgres").c_str(), X_OK) != 0)
      continue;
    Command command;
    command.arguments = {place + "/pg_ctl", "--version"};
    command.timeout = std::chrono::seconds(20);
    const auto outcome = run_command(command);
    if (!outcome || outcome->exit_code != 0) continue;
    const auto number = outcome->output.find_first_of("0123456789");
    if (number != std::string::npos && major_of(std::string_view(outcome->output).substr(number)) == major_version) {
      return place;
    }
  }
  return fail(Code::not_found, fmt::format("PostgreSQL {} is not installed on this host", major_version),
              "install the same major version; looked in " + fmt::format("{}", fmt::join(places, ", ")));
}

int major_of(std::string_view version) {
  int major = 0;
  std::from_chars(version.data(), version.data() + version.size(), major);
  return major;
}

}  // namespace holdfast
