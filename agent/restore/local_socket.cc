#include "agent/restore/local_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>

namespace holdfast {

Result<sockaddr_un> local_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(Code::invalid,
                fmt::format("\"{}\" is too long for a socket (at most {} bytes)", path, sizeof address.sun_path - 1));
  }
  std::copy(path.begin(), path.end(), address.sun_path);
  return address;
}

Result<UniqueFd> connect_local(const std::string& path) {
  const sockaddr_un address = TRY(local_address(path));
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return std::unexpected(error_from_errno(errno, "create a socket"));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    Error error = error_from_errno(errno, fmt::format("connect to \"{}\"", path));
    // No socket there means no service, which says nothing about the file that was asked for.
    if (error.code == Code::not_found) error.code = Code::unavailable;
    return std::unexpected(std::move(error));
  }
  return fd;
}

void limit_waiting(int fd, Micros limit) {
  timeval wait{};
  wait.tv_sec = limit.count() / 1'000'000;
  wait.tv_usec = limit.count() % 1'000'000;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
}

Result<> send_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return std::unexpected(error_from_errno(errno, "send"));
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return {};
}

namespace {

Result<std::size_t> receive_some(int fd, std::uint8_t* into, std::size_t size) {
  for (;;) {
    const ssize_t got = ::recv(fd, into, size, 0);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got == 0) return fail(Code::unavailable, "the other end closed the connection");
    if (errno != EINTR) return std::unexpected(error_from_errno(errno, "receive"));
  }
}

}  // namespace

Result<std::string> receive_line(int fd, std::size_t limit) {
  std::string line;
  while (line.size() < limit) {
    std::uint8_t byte = 0;  // one at a time: what follows the line belongs to the next reader
    (void)TRY(receive_some(fd, &byte, 1));
    if (byte == '\n') return line;
    line.push_back(static_cast<char>(byte));
  }
  return fail(Code::corrupt, "a line without an end");
}

Result<Bytes> receive_exactly(int fd, std::size_t size) {
  Bytes bytes(size);
  std::size_t done = 0;
  while (done < size) done += TRY(receive_some(fd, bytes.data() + done, size - done));
  return bytes;
}

}  // namespace holdfast
