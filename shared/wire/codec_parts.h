#pragma once
// Private to the codec: the words in which its files are written. Reading never throws for bad content: the first fault
// is kept, what follows reads as empty values, and the entry point returns the fault.
#include <capnp/blob.h>
#include <capnp/list.h>

#include <optional>
#include <string>

#include "shared/wire/messages.h"

namespace holdfast {

// One decoding. `budget` bounds the memory of the result: cheap bytes of a message may stand for much larger values.
class Reading {
 public:
  explicit Reading(std::size_t budget) : budget_(budget) {}

  void refuse(Code code, std::string message);
  const std::optional<Error>& fault() const { return fault_; }
  // False, and a fault, when there is not so much left.
  bool spend(std::size_t bytes);

  // UTF-8 without NUL, at most text_limit bytes.
  std::string text(capnp::Text::Reader from);
  Bytes bytes(capnp::Data::Reader from);
  // Of 32 bytes, or none at all: zeros.
  std::array<std::uint8_t, 32> array(capnp::Data::Reader from);
  Timestamp time(std::int64_t micros);
  Micros duration(std::int64_t micros);
  double number(double from);  // finite

  // An id or a key; none at all is the null value.
  template <class Value>
  Value fixed(capnp::Data::Reader from) {
    if (from.size() == 0) return {};
    auto value = Value::from_bytes(ByteView(from.begin(), from.size()));
    if (value) return *value;
    refuse(Code::invalid, "an id or a key has the wrong length");
    return {};
  }

  // `raw` is the schema's twin of Enum; both have the same numbers (see codec_structs.h).
  template <class Enum, class Raw>
  Enum enumerant(Raw raw) {
    if (static_cast<std::uint16_t>(raw) <= static_cast<std::uint16_t>(last_of(Enum{}))) return static_cast<Enum>(raw);
    refuse(Code::invalid, "a value is not in its list of values");
    return {};
  }

 private:
  std::size_t budget_;
  std::optional<Error> fault_;
};

constexpr std::size_t text_limit = 64U << 10U;

// A text as a reader will accept it: itself, or a mended copy.
class SaneText {
 public:
  explicit SaneText(const std::string& from);
  operator capnp::Text::Reader() const { return {text_->c_str(), text_->size()}; }

 private:
  std::optional<std::string> mended_;
  const std::string* text_;
};
inline SaneText text_of(const std::string& from) {
  return SaneText(from);
}
bool is_sane_text(std::string_view text);

inline capnp::Data::Reader data_of(ByteView from) {
  return {from.data(), from.size()};
}
inline capnp::Data::Reader data_unless_zero(const std::array<std::uint8_t, 32>& from) {
  return from == std::array<std::uint8_t, 32>{} ? capnp::Data::Reader() : data_of(from);
}
template <class Value>
capnp::Data::Reader data_unless_none(const Value& from) {
  return from == Value{} ? capnp::Data::Reader() : data_of(from.bytes());
}
template <class Container>
unsigned count(const Container& from) {
  return static_cast<unsigned>(from.size());
}
template <class Raw, class Enum>
Raw enumerant(Enum from) {
  return static_cast<Raw>(from);
}

template <class ListBuilder, class Value>
void write_list(ListBuilder to, const std::vector<Value>& from) {
  for (unsigned i = 0; i < from.size(); ++i) write_to(to[i], from[i]);
}
template <class Value, class ListReader>
std::vector<Value> read_list(ListReader from, Reading& reading) {
  std::vector<Value> out;
  if (!reading.spend(from.size() * sizeof(Value))) return out;
  out.reserve(from.size());
  for (const auto item : from) out.push_back(read_from(item, reading));
  return out;
}

using TextListBuilder = capnp::List<capnp::Text>::Builder;
using TextListReader = capnp::List<capnp::Text>::Reader;
void write_texts(TextListBuilder to, const std::vector<std::string>& from);
std::vector<std::string> read_texts(TextListReader from, Reading& reading);

using DataListBuilder = capnp::List<capnp::Data>::Builder;
using DataListReader = capnp::List<capnp::Data>::Reader;
template <class AnyId>
void write_ids(DataListBuilder to, const std::vector<AnyId>& from) {
  for (unsigned i = 0; i < from.size(); ++i) to.set(i, data_unless_none(from[i]));
}
template <class AnyId>
std::vector<AnyId> read_ids(DataListReader from, Reading& reading) {
  std::vector<AnyId> out;
  if (!reading.spend(from.size() * sizeof(AnyId))) return out;
  out.reserve(from.size());
  for (const auto item : from) out.push_back(reading.fixed<AnyId>(item));
  return out;
}

}  // namespace holdfast
