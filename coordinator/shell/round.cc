#include "coordinator/shell/round.h"

#include <algorithm>

#include "shared/wire/codec.h"

namespace holdfast {
namespace {

constexpr Micros tick_every = std::chrono::seconds(1);
// More at once would make the first wait for the last.
constexpr std::size_t messages_a_round = 512;

}  // namespace

RoundCore RoundCore::of(Core& core) {
  return {.apply = [&core](const Event& event, Timestamp now) { return core.apply(event, now); },
          .keys_revision = [&core] { return core.known_keys_revision(); },
          .keys = [&core] { return core.known_keys(); }};
}

Round::Round(RoundParts parts)
    : parts_(std::move(parts)), next_tick_(parts_.clock.monotonic()), keys_revision_(parts_.core.keys_revision()) {
  parts_.keys.replace(parts_.core.keys());
}

Result<> Round::run() {
  const Micros wait = std::clamp<Micros>(next_tick_ - parts_.clock.monotonic(), Micros(0), tick_every);
  std::vector<Event> events;
  for (auto& incoming : TRY(parts_.transport.receive(wait, messages_a_round))) add_message(std::move(incoming), events);
  for (auto& answer : parts_.take_answers()) events.push_back(std::move(answer));
  if (parts_.clock.monotonic() >= next_tick_) {
    next_tick_ = parts_.clock.monotonic() + tick_every;
    events.emplace_back(Tick{});
  }

  Effects effects;
  for (const Event& event : events) {
    Effects more = parts_.core.apply(event, parts_.clock.now());
    effects.add(std::move(more));
  }
  if (!effects.changes.empty()) {
    TRY_DURING("commit to the catalog", parts_.catalog.commit(effects.changes, parts_.epoch));
    if (parts_.committed) parts_.committed(effects.changes);
  }

  // Before the messages: a node that hears that it is in may connect at once.
  update_keys();
  for (const auto& alert : effects.alerts) parts_.log.warning(alert);
  for (const Send& message : effects.sends) send(message);
  for (GrantPass& pass : effects.passes) {
    pass.answer.message.body = parts_.sign(pass);
    send(pass.answer);
  }
  for (auto& work : effects.work) parts_.give_work(std::move(work));
  return {};
}

void Round::add_message(Incoming&& incoming, std::vector<Event>& into) {
  auto message = decode_message(incoming.bytes);
  if (message) {
    into.emplace_back(MessageCame{incoming.door, incoming.peer, std::move(incoming.address), std::move(*message)});
    return;
  }
  if (message.error().code == Code::unsupported) answer_unknown(incoming);
  parts_.log.debug("a message cannot be read",
                   {{"address", incoming.address}, {"peer", incoming.peer.text()}, {"error", message.error().text()}});
}

// A newer peer asked for something this build does not have; it should hear so rather than wait. The core never saw the
// message, so there is nothing to commit first.
void Round::answer_unknown(const Incoming& incoming) {
  const auto id = peek_message_id(incoming.bytes);
  if (!id) return;
  Message answer;
  answer.in_reply_to = *id;
  answer.epoch = parts_.epoch;
  answer.body = Refused{Code::unsupported, "the coordinator does not know this kind of message",
                        "install the version of the coordinator"};
  send({incoming.door, incoming.peer, std::move(answer)});
}

void Round::update_keys() {
  const std::uint64_t revision = parts_.core.keys_revision();
  if (revision == keys_revision_) return;
  parts_.keys.replace(parts_.core.keys());
  keys_revision_ = revision;
}

void Round::send(const Send& message) {
  const auto sent = parts_.transport.send(message.door, message.peer, encode_message(message.message));
  // Whoever is away gets it again when the core resends.
  if (!sent) {
    parts_.log.debug("a message was not sent", {{"peer", message.peer.text()}, {"error", sent.error().text()}});
  }
}

}  // namespace holdfast
