#include "agent/session/enrolment.h"

#include <fmt/format.h>

#include <algorithm>

#include "shared/fleet/facts.h"
#include "shared/identity/certificate.h"
#include "shared/wire/codec.h"

namespace holdfast {
namespace {

constexpr Micros answer_timeout = std::chrono::seconds(10);

// The answer to message `id`; strays of an earlier try are passed over.
Result<Message> wait_for_answer(ClientTransport& transport, std::uint64_t id, Clock& clock) {
  const Micros deadline = clock.monotonic() + answer_timeout;
  while (clock.monotonic() < deadline) {
    const auto bytes = TRY(transport.receive(deadline - clock.monotonic()));
    if (!bytes) return fail(Code::timed_out, "the coordinator did not answer");
    Message message = TRY(decode_message(*bytes));
    if (message.in_reply_to != id) continue;
    if (auto* refused = std::get_if<Refused>(&message.body)) {
      return fail(refused->code, refused->message, refused->hint);
    }
    return message;
  }
  return fail(Code::timed_out, "the coordinator did not answer");
}

Result<Message> ask(ClientTransport& transport, const Message& message, Clock& clock) {
  TRY(transport.send(encode_message(message)));
  return wait_for_answer(transport, message.id, clock);
}

EnrolProof make_proof(const TokenText& token, const EnrolHello& hello, const EnrolChallenge& challenge,
                      const NodeKeys& keys, const NodeFacts& facts) {
  EnrolProof proof;
  proof.token = token.id;
  proof.client_nonce = hello.nonce;
  proof.server_nonce = challenge.nonce;
  proof.signer = keys.signer.public_key;
  proof.recipient = keys.recipient.public_key;
  proof.facts = facts;
  EnrolmentTranscript transcript;
  transcript.token = token.id;
  transcript.client_nonce = proof.client_nonce;
  transcript.server_nonce = proof.server_nonce;
  transcript.curve = keys.curve.public_key;
  transcript.signer = proof.signer;
  transcript.recipient = proof.recipient;
  transcript.facts = encode_facts(facts_texts(facts));
  proof.mac = enrolment_mac(token_verifier(token.id, token.secret), transcript);
  return proof;
}

Result<std::variant<Enrolled, EnrolPending>> try_endpoint(ZmqContext& context, const std::string& endpoint,
                                                          const TokenText& token, const NodeKeys& keys,
                                                          const NodeFacts& facts, Entropy& entropy, Clock& clock) {
  ClientTransportOptions options;
  options.endpoint = endpoint;
  options.server = token.enrol_server;
  const auto transport = TRY(open_client_transport(context, options, keys.curve, {}));
  return try_enrolment(*transport, token, keys, facts, entropy, clock);
}

// Nothing an operator must do can be expected to come true by waiting.
bool is_refusal(const Error& error) {
  return error.code == Code::denied || error.code == Code::invalid || error.code == Code::unsupported;
}

}  // namespace

Micros backoff(Micros base, Micros limit, std::uint32_t failures, Entropy& entropy) {
  const std::int64_t full = std::min(limit.count(), base.count() << std::min(failures, 20U));
  const auto random = entropy.bytes<8>();
  const auto jitter = static_cast<std::int64_t>(read_be<std::uint64_t>(random) >> 1U) % (full / 2 + 1);
  return Micros(full / 2 + jitter);
}

Result<std::variant<Enrolled, EnrolPending>> try_enrolment(ClientTransport& transport, const TokenText& token,
                                                           const NodeKeys& keys, const NodeFacts& facts,
                                                           Entropy& entropy, Clock& clock) {
  EnrolHello hello;
  hello.token = token.id;
  hello.nonce = entropy.bytes<32>();
  Message first;
  first.id = 1;
  first.body = hello;
  const Message challenged = TRY(ask(transport, first, clock));
  const auto* challenge = std::get_if<EnrolChallenge>(&challenged.body);
  if (challenge == nullptr) return fail(Code::invalid, "the coordinator answered the enrolment with something else");

  Message second;
  second.id = 2;
  second.body = make_proof(token, hello, *challenge, keys, facts);
  Message answer = TRY(ask(transport, second, clock));
  if (auto* pending = std::get_if<EnrolPending>(&answer.body)) return std::move(*pending);
  auto* enrolled = std::get_if<Enrolled>(&answer.body);
  if (enrolled == nullptr) return fail(Code::invalid, "the coordinator answered the enrolment with something else");

  // The pin does not end at the socket: what we are told must come from the root the token names.
  const CertificateChain chain = TRY(CertificateChain::decode(enrolled->chain));
  const NodeCertificate certificate = TRY(verify_chain(chain, token.root));
  if (certificate.curve != keys.curve.public_key || certificate.signer != keys.signer.public_key ||
      certificate.recipient != keys.recipient.public_key || enrolled->root != token.root) {
    return fail(Code::denied, "the coordinator's certificate is not for this node's keys or not of this fleet");
  }
  return std::move(*enrolled);
}

Result<Enrolled> enrol(ZmqContext& context, const TokenText& token, const NodeKeys& keys, const NodeFacts& facts,
                       Entropy& entropy, Clock& clock, const StopToken& stop, const Logger& log) {
  for (std::uint32_t failures = 0; !stop.stop_requested();) {
    Micros wait{0};
    for (const auto& endpoint : token.endpoints) {
      auto answer = try_endpoint(context, endpoint, token, keys, facts, entropy, clock);
      if (answer) {
        if (auto* enrolled = std::get_if<Enrolled>(&*answer)) return std::move(*enrolled);
        const auto& pending = std::get<EnrolPending>(*answer);
        log.info("enrolment waits for approval", {{"coordinator", endpoint}, {"message", pending.message}});
        failures = 0;
        wait = std::chrono::seconds(std::clamp(pending.retry_seconds, 1U, 600U));
        break;
      }
      if (is_refusal(answer.error())) return std::unexpected(std::move(answer).error().during("enrolment"));
      log.warning("the coordinator cannot be reached for enrolment, trying again",
                  {{"coordinator", endpoint}, {"cause", answer.error().message}});
    }
    if (wait.count() == 0) wait = backoff(std::chrono::seconds(1), std::chrono::minutes(5), failures++, entropy);
    stop.wait_for(wait);
  }
  return fail(Code::cancelled, "stopped before the enrolment was done");
}

}  // namespace holdfast
