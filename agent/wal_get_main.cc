// holdfast-wal-get: `holdfast-agent wal-get` alone. A server that recovers starts it for every segment, and the agent's
// libraries take longer to load than a segment that was fetched ahead takes to be moved.
#include <cstdio>
#include <string_view>
#include <vector>

#include "agent/restore/wal_get.h"
#include "shared/base/exit_code.h"

int main(int argc, char** argv) {
  std::vector<std::string_view> words(argv + 1, argv + argc);
  if (!words.empty() && words.front() == "wal-get") words.erase(words.begin());  // the agent's own form
  if (words.size() != 4 || words[0] != "--socket") {
    std::fputs("usage: holdfast-wal-get --socket SOCKET FILE DESTINATION\n", stderr);
    return static_cast<int>(holdfast::ExitCode::usage);
  }
  holdfast::WalGetOptions options;
  options.socket = words[1];
  options.file = words[2];
  options.destination = words[3];
  return holdfast::wal_get_main(options);
}
