#pragma once
// Between Cap'n Proto's canonical bytes and our values. For the codecs of this folder only: nothing else may see capnp.
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <cstring>

#include "shared/base/bytes.h"

namespace holdfast::capnp_bytes {

template <class Root>
Bytes canonical(capnp::MallocMessageBuilder& message) {
  const auto words = capnp::canonicalize(message.getRoot<Root>().asReader());
  const auto bytes = words.asBytes();
  return {bytes.begin(), bytes.end()};
}

// Reads `body` with `read(Root::Reader) -> Result<Value>`. Code::corrupt naming `what` for whatever is not the
// canonical encoding of something.
template <class Root, class Read>
auto parse(ByteView body, std::string_view what, Read read) -> decltype(read(std::declval<typename Root::Reader>())) {
  const auto refuse = [&](std::string_view why) {
    return fail(Code::corrupt, std::string(what) + " cannot be read: " + std::string(why));
  };
  if (body.empty() || body.size() % sizeof(capnp::word) != 0) return refuse("it is not whole words");
  // Aligned, and ours: a reader must not outlive the bytes.
  auto words = kj::heapArray<capnp::word>(body.size() / sizeof(capnp::word));
  std::memcpy(words.asBytes().begin(), body.data(), body.size());
  try {
    capnp::ReaderOptions options;
    // Each list is looked at more than once (its size, its elements); copies of pointers are not canonical, so nothing
    // can make a small message expensive.
    options.traversalLimitInWords = words.size() * 8 + 1024;
    options.nestingLimit = 16;
    const kj::ArrayPtr<const capnp::word> segments[] = {words};
    capnp::SegmentArrayMessageReader message(segments, options);
    if (!message.isCanonical()) return refuse("it is not in the canonical encoding");
    return read(message.getRoot<Root>());
  } catch (const kj::Exception& problem) {
    return refuse(problem.getDescription().cStr());
  }
}

inline capnp::Data::Reader blob(ByteView bytes) {
  return {bytes.data(), bytes.size()};
}
inline ByteView view(capnp::Data::Reader bytes) {
  return {bytes.begin(), bytes.size()};
}
// With its length: given a std::string as it is, capnp would stop at a zero byte.
inline capnp::Text::Reader chars(const std::string& value) {
  return {value.c_str(), value.size()};
}
inline std::string text(capnp::Text::Reader value) {
  return {value.cStr(), value.size()};
}

// Ids and keys: exactly their size.
template <class Value>
Result<Value> value_of(capnp::Data::Reader bytes) {
  auto value = Value::from_bytes(view(bytes));
  if (!value) return fail(Code::corrupt, value.error().message);
  return value;
}
template <std::size_t N>
Result<std::array<std::uint8_t, N>> array_of(capnp::Data::Reader bytes) {
  if (bytes.size() != N) return fail(Code::corrupt, "a field of the wrong length");
  std::array<std::uint8_t, N> out{};
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}
template <class Enum>
Result<Enum> enum_of(std::uint8_t number, Enum highest) {
  if (number > static_cast<std::uint8_t>(highest)) {
    return fail(Code::unsupported, "a kind this program does not know",
                "use the version that wrote it, or a newer one");
  }
  return static_cast<Enum>(number);
}

}  // namespace holdfast::capnp_bytes
