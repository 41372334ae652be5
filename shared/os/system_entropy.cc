#include "shared/os/system_entropy.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

namespace holdfast {

void SystemEntropy::fill(std::span<std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      std::abort();  // a predictable key is worse than no program
    }
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace holdfast
