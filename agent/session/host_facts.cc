#include "agent/session/host_facts.h"

#include <sys/utsname.h>

#include <fstream>

#include "shared/crypto/keys.h"

namespace holdfast {
namespace {

std::string first_line(const char* path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

std::string os_name() {
  std::ifstream in("/etc/os-release");
  for (std::string line; std::getline(in, line);) {
    constexpr std::string_view key = "PRETTY_NAME=";
    if (!line.starts_with(key)) continue;
    std::string value = line.substr(key.size());
    if (value.size() >= 2 && value.front() == '"') value = value.substr(1, value.size() - 2);
    return value;
  }
  return "Linux";
}

}  // namespace

NodeFacts host_facts(const std::string& agent_version, const std::string& name_override) {
  utsname kernel{};
  ::uname(&kernel);
  NodeFacts facts;
  facts.hostname = name_override.empty() ? kernel.nodename : name_override;
  facts.os = os_name();
  facts.architecture = kernel.machine;
  facts.agent_version = agent_version;
  // machine-id(5) asks programs not to pass the id itself around.
  const std::string machine = first_line("/etc/machine-id");
  if (!machine.empty()) facts.machine_id = to_hex(sha256(as_bytes("holdfast machine " + machine))).substr(0, 32);
  return facts;
}

}  // namespace holdfast
