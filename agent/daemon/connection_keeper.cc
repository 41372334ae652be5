#include "agent/daemon/connection_keeper.h"

#include <poll.h>

#include <algorithm>

#include "agent/session/enrolment.h"
#include "shared/wire/codec.h"

namespace holdfast {
namespace {

constexpr Micros first_wait = std::chrono::seconds(1);
// Everybody comes back at once after the coordinator was away; the spread is what keeps its handshakes few.
constexpr Micros longest_wait = std::chrono::seconds(60);
constexpr std::size_t messages_a_poll = 64;

}  // namespace

ConnectionKeeper::ConnectionKeeper(ZmqContext& context, const Enrolled& identity, const NodeKeys& keys,
                                   CoordinatorLink& link, Clock& clock, Entropy& entropy, Logger log,
                                   std::vector<int> wake_fds)
    : context_(context),
      identity_(identity),
      keys_(keys),
      link_(link),
      clock_(clock),
      entropy_(entropy),
      log_(std::move(log)),
      wake_fds_(std::move(wake_fds)) {}

void ConnectionKeeper::connect() {
  ClientTransportOptions options;
  options.endpoint = identity_.endpoints[endpoint_ % identity_.endpoints.size()];
  options.server = identity_.fleet_server;
  auto opened = open_client_transport(context_, options, keys_.curve, wake_fds_);
  if (!opened) return disconnect(opened.error());
  transport_ = std::move(*opened);
  auto hello = link_.hello();
  if (!hello) return disconnect(hello.error());
  send({*hello});
}

void ConnectionKeeper::disconnect(const Error& cause) {
  transport_.reset();
  const Micros wait = backoff(first_wait, longest_wait, failures_, entropy_);
  // Once for each kind of cause: being shut out is another story than not being heard.
  if (was_connected_ || failures_ == 0 || cause.code != last_cause_) {
    last_cause_ = cause.code;
    log_.warning("no connection to the coordinator; backups and WAL go on without it",
                 {{"cause", cause.message}, {"retry_in", to_text(Micros(wait.count() / 1000 * 1000))}});
  }
  was_connected_ = false;
  ++failures_;
  ++endpoint_;
  next_try_ = clock_.monotonic() + wait;
}

std::vector<CoordinatorLink::Received> ConnectionKeeper::poll(Micros timeout) {
  std::vector<CoordinatorLink::Received> out;
  if (transport_ && link_.silent()) disconnect({Code::timed_out, "the coordinator does not answer", {}});
  if (!transport_ && clock_.monotonic() >= next_try_) connect();
  if (!transport_) {
    std::vector<pollfd> waiting;
    for (const int fd : wake_fds_) waiting.push_back({fd, POLLIN, 0});
    ::poll(waiting.data(), waiting.size(), static_cast<int>(timeout.count() / 1000));
    return out;
  }
  for (std::size_t i = 0; i < messages_a_poll && transport_; ++i) {
    auto came = transport_->receive(i == 0 ? timeout : Micros(0));
    if (!came) {
      disconnect(came.error());
      break;
    }
    if (!*came) break;
    auto message = decode_message(**came);
    if (!message) {
      log_.warning("a message of the coordinator was not understood", {{"cause", message.error().message}});
      continue;
    }
    auto received = link_.receive(*message);
    if (!received) {
      // Our own state could not be written: nothing is confirmed, so all of it comes again.
      log_.error("a message of the coordinator could not be taken in", received.error());
      continue;
    }
    send(received->replies);
    if (received->refused) {
      log_.error("the coordinator refuses this node", received->refusal);
      disconnect(received->refusal);
    } else if (link_.welcomed() && !was_connected_) {
      was_connected_ = true;
      failures_ = 0;
      log_.info("connected to the coordinator",
                {{"endpoint", identity_.endpoints[endpoint_ % identity_.endpoints.size()]}});
    }
    out.push_back(std::move(*received));
  }
  return out;
}

void ConnectionKeeper::send(const std::vector<Message>& messages) {
  for (const auto& message : messages) {
    if (!transport_) return;
    if (auto sent = transport_->send(encode_message(message)); !sent && sent.error().code != Code::unavailable) {
      disconnect(sent.error());
    }
  }
}

}  // namespace holdfast
