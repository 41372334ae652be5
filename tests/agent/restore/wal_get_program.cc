// What restore_command runs in these tests: "wal-get --socket SOCKET FILE DESTINATION", as holdfast-agent does.
#include <string_view>

#include "agent/restore/wal_get.h"

int main(int argc, char** argv) {
  if (argc != 6 || std::string_view(argv[1]) != "wal-get" || std::string_view(argv[2]) != "--socket") return 255;
  holdfast::WalGetOptions options;
  options.socket = argv[3];
  options.file = argv[4];
  options.destination = argv[5];
  options.give_up_after = std::chrono::seconds(5);
  return holdfast::wal_get_main(options);
}
