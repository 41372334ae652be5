#include "coordinator/cli/client.h"

#include <fmt/format.h>

#include <algorithm>

#include "shared/wire/codec.h"

namespace holdfast {
namespace {

// The coordinator remembers what it did by (operator's key, message id), and every command is a process of its own:
// ids go up with the clock, and the low bits keep apart two that start in the same microsecond.
std::uint64_t first_id(Clock& clock, Entropy& entropy) {
  const auto noise = entropy.bytes<2>();
  return (static_cast<std::uint64_t>(clock.now().micros()) << 12U) | (read_be<std::uint16_t>(noise) & 0xfffU);
}

}  // namespace

Client::Client(std::unique_ptr<ClientTransport> transport, Clock& clock, Entropy& entropy, StopToken stop,
               ClientOptions options)
    : transport_(std::move(transport)),
      clock_(clock),
      stop_(std::move(stop)),
      options_(std::move(options)),
      next_id_(first_id(clock, entropy)) {}

Error Client::unreachable() const {
  return Error{
      Code::unavailable,
      fmt::format("the coordinator at \"{}\" did not answer within {}", options_.endpoint, to_text(options_.deadline)),
      "check that holdfast-coordinator runs there and that its fleet port is reachable"};
}

Result<std::optional<OperatorReplyBody>> Client::receive_reply(std::uint64_t id, Micros timeout) {
  Result<std::optional<Bytes>> received = transport_->receive(timeout);
  if (!received) {
    if (received.error().code != Code::denied) return std::unexpected(std::move(received).error());
    contact_ = Contact::made;
    return fail(Code::denied,
                fmt::format("the coordinator at \"{}\" does not know this operator's key", options_.endpoint),
                "use the operator file of this fleet (--operator), or ask an admin whether it was revoked");
  }
  if (!*received) return std::optional<OperatorReplyBody>();
  const Message message = TRY_DURING("answer of the coordinator", decode_reply(**received));
  contact_ = Contact::made;
  if (const auto* refused = std::get_if<Refused>(&message.body)) {  // said before it looked at the question
    return fail(refused->code, refused->message, refused->hint);
  }
  const auto* reply = std::get_if<OperatorReply>(&message.body);
  // An answer to an earlier question that was sent twice is dropped.
  if (reply == nullptr || message.in_reply_to != id) return std::optional<OperatorReplyBody>();
  return reply->body;
}

Result<OperatorReplyBody> Client::ask(OperatorRequest request) {
  Message message;
  message.id = next_id_++;
  message.body = std::move(request);
  const Bytes bytes = encode_message(message);

  const Micros start = clock_.monotonic();
  Micros sent_at = start - options_.resend;
  while (true) {
    if (stop_.stop_requested()) return fail(Code::cancelled, "interrupted");
    const Micros now = clock_.monotonic();
    if (now - start >= options_.deadline) break;
    if (now - sent_at >= options_.resend) {
      const Result<> sent = transport_->send(bytes);
      if (!sent && sent.error().code != Code::unavailable) return std::unexpected(sent.error());
      sent_at = now;
    }
    const Micros wait = std::min(options_.deadline - (now - start), options_.resend - (now - sent_at));
    std::optional<OperatorReplyBody> reply = TRY(receive_reply(message.id, wait));
    if (!reply) continue;
    if (const auto* refused = std::get_if<Refused>(&*reply)) {
      return fail(refused->code, refused->message, refused->hint);
    }
    return std::move(*reply);
  }
  if (contact_ == Contact::not_tried) contact_ = Contact::failed;
  return std::unexpected(unreachable());
}

}  // namespace holdfast
