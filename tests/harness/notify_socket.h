#pragma once
// The service manager's end of sd_notify(3): a datagram socket, and what came through it.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "shared/base/unique_handle.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {

class NotifySocket {
 public:
  NotifySocket() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) std::abort();
  }
  std::string path() const { return directory_ / "notify"; }

  // What has come since the last call; each message as it was sent.
  std::vector<std::string> take_all() {
    std::vector<std::string> out;
    std::array<char, 4096> buffer{};
    for (ssize_t length = 0; (length = ::recv(fd_.get(), buffer.data(), buffer.size(), 0)) >= 0;) {
      out.emplace_back(buffer.data(), static_cast<std::size_t>(length));
    }
    return out;
  }
  // The next message, waited for.
  std::string next() {
    pollfd waiting{fd_.get(), POLLIN, 0};
    ::poll(&waiting, 1, 30'000);
    std::array<char, 4096> buffer{};
    const ssize_t length = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    return length < 0 ? "nothing came" : std::string(buffer.data(), static_cast<std::size_t>(length));
  }

 private:
  TemporaryDirectory directory_;
  UniqueFd fd_;
};

}  // namespace holdfast
