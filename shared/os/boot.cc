#include "shared/os/boot.h"

#include <fstream>

namespace holdfast {

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace holdfast
