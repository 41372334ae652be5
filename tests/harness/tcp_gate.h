#pragma once
// A line to a server that a test can cut: forwards connections while it is open.
#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "shared/base/unique_handle.h"

namespace holdfast {

class TcpGate {
 public:
  // Listens on a free port of 127.0.0.1 and forwards to this server there.
  explicit TcpGate(int server_port);
  ~TcpGate();
  TcpGate(const TcpGate&) = delete;
  TcpGate& operator=(const TcpGate&) = delete;

  int port() const { return port_; }
  // Cuts every connection; new ones are taken and dropped at once.
  void close();
  void open() { open_ = true; }

 private:
  struct Connection;
  void accept_all();
  void end_all();

  const int server_port_;
  int port_ = 0;
  UniqueFd listener_;
  std::atomic<bool> open_{true};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::list<std::unique_ptr<Connection>> connections_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace holdfast
