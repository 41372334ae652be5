#pragma once
// One question to the coordinator and its answer. A question is sent again under the same message id until its answer
// comes, so that asking twice does nothing twice.
#include <memory>
#include <string>

#include "shared/base/entropy.h"
#include "shared/os/clock.h"
#include "shared/os/stop.h"
#include "shared/wire/messages.h"
#include "shared/wire/transport.h"

namespace holdfast {

// What became of the connection so far: "unavailable" means exit code 4 only when the coordinator never answered.
enum class Contact : std::uint8_t { not_tried, failed, made };

struct ClientOptions {
  std::string endpoint;  // for messages
  Micros deadline{std::chrono::seconds(10)};
  Micros resend{std::chrono::seconds(2)};
};

class Client {
 public:
  Client(std::unique_ptr<ClientTransport> transport, Clock& clock, Entropy& entropy, StopToken stop,
         ClientOptions options);

  // A refusal of the coordinator comes back as its error. Code::unavailable: no answer within the deadline (contact()
  // is then `failed`); Code::cancelled: a stop was requested.
  Result<OperatorReplyBody> ask(OperatorRequest request);
  Result<OperatorReplyBody> ask(OperatorBody body) { return ask(OperatorRequest{.body = std::move(body)}); }
  Contact contact() const { return contact_; }

 private:
  Result<std::optional<OperatorReplyBody>> receive_reply(std::uint64_t id, Micros timeout);
  Error unreachable() const;

  std::unique_ptr<ClientTransport> transport_;
  Clock& clock_;
  StopToken stop_;
  ClientOptions options_;
  std::uint64_t next_id_;
  Contact contact_ = Contact::not_tried;
};

}  // namespace holdfast
