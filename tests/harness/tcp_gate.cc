#include "tests/harness/tcp_gate.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace holdfast {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// One direction, until either side ends.
void pump(int from, int to) {
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t got = ::recv(from, buffer.data(), buffer.size(), 0);
    if (got <= 0) break;
    for (ssize_t sent = 0; sent < got;) {
      const ssize_t more = ::send(to, buffer.data() + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
      if (more <= 0) return;
      sent += more;
    }
  }
  ::shutdown(to, SHUT_WR);
}

}  // namespace

struct TcpGate::Connection {
  UniqueFd client;
  UniqueFd server;
  std::thread forth;
  std::thread back;

  void cut() const {
    ::shutdown(client.get(), SHUT_RDWR);
    ::shutdown(server.get(), SHUT_RDWR);
  }
  ~Connection() {
    cut();
    forth.join();
    back.join();
  }
};

TcpGate::TcpGate(int server_port)
    : server_port_(server_port), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::listen(listener_.get(), 64) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    throw std::runtime_error("no port for a gate");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { accept_all(); });
}

TcpGate::~TcpGate() {
  stopping_ = true;
  thread_.join();
  end_all();
}

void TcpGate::close() {
  open_ = false;
  end_all();
}

void TcpGate::end_all() {
  const std::lock_guard lock(mutex_);
  connections_.clear();
}

void TcpGate::accept_all() {
  while (!stopping_) {
    pollfd waiting{listener_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, 50) <= 0) continue;
    UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (client.get() < 0 || !open_) continue;
    UniqueFd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(server_port_);
    if (::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) continue;
    auto made = std::make_unique<Connection>();
    made->client = std::move(client);
    made->server = std::move(server);
    made->forth = std::thread(pump, made->client.get(), made->server.get());
    made->back = std::thread(pump, made->server.get(), made->client.get());
    const std::lock_guard lock(mutex_);
    connections_.push_back(std::move(made));
  }
}

}  // namespace holdfast
