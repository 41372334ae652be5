#include "shared/wire/codec.h"

#include <capnp/serialize.h>

#include <cstring>

#include "shared/wire/codec_structs.h"

namespace holdfast {

namespace {

struct Limits {
  std::size_t bytes;   // of the message, and of what its pointers may reach
  std::size_t memory;  // of the result
};
constexpr Limits message_limits{1U << 20U, 64U << 20U};
constexpr Limits reply_limits{64U << 20U, 1U << 30U};
constexpr int nesting_limit = 16;

// `use` gets the envelope; what it returns must not point into it. kj's exceptions end here.
template <class Use>
Result<> with_envelope(ByteView bytes, std::size_t limit, Use use) {
  if (bytes.empty() || bytes.size() % sizeof(capnp::word) != 0) return fail(Code::invalid, "not a message");
  if (bytes.size() > limit) return fail(Code::invalid, "a message of this size is not allowed");
  try {
    // The frame of a socket is aligned by accident only.
    auto words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
    std::memcpy(words.begin(), bytes.data(), bytes.size());
    capnp::FlatArrayMessageReader message(words, {limit / sizeof(capnp::word), nesting_limit});
    if (message.getEnd() != words.end()) return fail(Code::invalid, "not a message: there is more behind it");
    use(message.getRoot<schema::Envelope>());
  } catch (const kj::Exception& exception) {
    return fail(Code::invalid, fmt::format("not a message: {}", exception.getDescription().cStr()));
  }
  return {};
}

Result<Message> decode(ByteView bytes, const Limits& limits) {
  Reading reading(limits.memory);
  Message out;
  TRY(with_envelope(bytes, limits.bytes,
                    [&](schema::Envelope::Reader envelope) { out = read_from(envelope, reading); }));
  if (reading.fault()) return std::unexpected(Error(*reading.fault()).during("message"));
  return out;
}

}  // namespace

Bytes encode_message(const Message& message) {
  capnp::MallocMessageBuilder builder;
  write_to(builder.initRoot<schema::Envelope>(), message);
  const auto words = capnp::messageToFlatArray(builder);
  const auto bytes = words.asBytes();
  return {bytes.begin(), bytes.end()};
}

Result<Message> decode_message(ByteView bytes) {
  return decode(bytes, message_limits);
}

Result<Message> decode_reply(ByteView bytes) {
  return decode(bytes, reply_limits);
}

Result<std::uint64_t> peek_message_id(ByteView bytes) {
  std::uint64_t id = 0;
  TRY(with_envelope(bytes, message_limits.bytes, [&](schema::Envelope::Reader envelope) { id = envelope.getId(); }));
  return id;
}

}  // namespace holdfast
