#pragma once
// Keeps the agent connected: opens transports, says hello, backs off with jitter, hands over what came.
#include <memory>
#include <vector>

#include "agent/session/link.h"
#include "agent/state/node_keys.h"
#include "shared/log/log.h"
#include "shared/wire/transport.h"

namespace holdfast {

// One thread uses it.
class ConnectionKeeper {
 public:
  // wake_fds end a poll early.
  ConnectionKeeper(ZmqContext& context, const Enrolled& identity, const NodeKeys& keys, CoordinatorLink& link,
                   Clock& clock, Entropy& entropy, Logger log, std::vector<int> wake_fds);

  // Waits for the coordinator at most this long, answers what can be answered at once, returns what came.
  std::vector<CoordinatorLink::Received> poll(Micros timeout);
  // Sends when connected; what must arrive is sent again by the link.
  void send(const std::vector<Message>& messages);
  bool connected() const { return transport_ != nullptr && link_.welcomed(); }

 private:
  void connect();
  void disconnect(const Error& cause);

  ZmqContext& context_;
  const Enrolled& identity_;
  const NodeKeys& keys_;
  CoordinatorLink& link_;
  Clock& clock_;
  Entropy& entropy_;
  Logger log_;
  std::vector<int> wake_fds_;
  std::unique_ptr<ClientTransport> transport_;
  std::size_t endpoint_ = 0;    // which of identity_.endpoints
  std::uint32_t failures_ = 0;  // in a row
  Micros next_try_{0};
  bool was_connected_ = false;
  Code last_cause_ = Code::internal;  // of the last warning
};

}  // namespace holdfast
