// Catalog values: one byte of format version, one byte of kind, then the struct, packed.
#include <capnp/serialize-packed.h>
#include <kj/io.h>

#include "shared/wire/codec.h"
#include "shared/wire/codec_structs.h"

namespace holdfast {

namespace {

constexpr std::uint8_t format_version = 1;
constexpr std::size_t header_size = 2;
constexpr std::size_t value_limit = 64U << 20U;
// Memory of the result.
constexpr std::size_t value_budget = 512U << 20U;
constexpr int nesting_limit = 16;

// Part of the format on disk: append only.
enum class ValueKind : std::uint8_t {
  node = 1,
  database = 2,
  store_info = 3,
  token = 4,
  operator_ = 5,
  policy = 6,
  backup = 7,
  wal_range = 8,
  timeline_switch = 9,
  epoch_info = 10,
  job = 11,
  restore = 12,
  order = 13,
  assignment = 14,
  job_report = 15,
  operator_reply = 16,
};

// The schema's struct and the number of a plain type.
template <class Value>
struct Twin;
template <>
struct Twin<Node> {
  using Struct = schema::Node;
  static constexpr ValueKind kind = ValueKind::node;
};
template <>
struct Twin<Database> {
  using Struct = schema::Database;
  static constexpr ValueKind kind = ValueKind::database;
};
template <>
struct Twin<StoreInfo> {
  using Struct = schema::StoreInfo;
  static constexpr ValueKind kind = ValueKind::store_info;
};
template <>
struct Twin<Token> {
  using Struct = schema::Token;
  static constexpr ValueKind kind = ValueKind::token;
};
template <>
struct Twin<Operator> {
  using Struct = schema::Operator;
  static constexpr ValueKind kind = ValueKind::operator_;
};
template <>
struct Twin<Policy> {
  using Struct = schema::Policy;
  static constexpr ValueKind kind = ValueKind::policy;
};
template <>
struct Twin<Backup> {
  using Struct = schema::Backup;
  static constexpr ValueKind kind = ValueKind::backup;
};
template <>
struct Twin<WalRange> {
  using Struct = schema::WalRange;
  static constexpr ValueKind kind = ValueKind::wal_range;
};
template <>
struct Twin<TimelineChange> {
  using Struct = schema::TimelineChange;
  static constexpr ValueKind kind = ValueKind::timeline_switch;
};
template <>
struct Twin<EpochInfo> {
  using Struct = schema::EpochInfo;
  static constexpr ValueKind kind = ValueKind::epoch_info;
};
template <>
struct Twin<Job> {
  using Struct = schema::Job;
  static constexpr ValueKind kind = ValueKind::job;
};
template <>
struct Twin<Restore> {
  using Struct = schema::Restore;
  static constexpr ValueKind kind = ValueKind::restore;
};
template <>
struct Twin<Order> {
  using Struct = schema::Order;
  static constexpr ValueKind kind = ValueKind::order;
};
template <>
struct Twin<Assignment> {
  using Struct = schema::Assignment;
  static constexpr ValueKind kind = ValueKind::assignment;
};
template <>
struct Twin<JobReport> {
  using Struct = schema::JobReport;
  static constexpr ValueKind kind = ValueKind::job_report;
};
template <>
struct Twin<OperatorReply> {
  using Struct = schema::OperatorReply;
  static constexpr ValueKind kind = ValueKind::operator_reply;
};

template <class Value>
Bytes encode(const Value& value) {
  capnp::MallocMessageBuilder message;
  write_to(message.initRoot<typename Twin<Value>::Struct>(), value);
  kj::VectorOutputStream stream;
  capnp::writePackedMessage(stream, message);
  const auto packed = stream.getArray();
  Bytes out{format_version, static_cast<std::uint8_t>(Twin<Value>::kind)};
  append(out, {packed.begin(), packed.size()});
  return out;
}

template <class Value>
Value read_packed(ByteView packed, Reading& reading) {
  kj::ArrayInputStream stream(kj::arrayPtr(packed.data(), packed.size()));
  capnp::PackedMessageReader message(stream, {value_limit / sizeof(capnp::word), nesting_limit});
  Value out = read_from(message.getRoot<typename Twin<Value>::Struct>(), reading);
  if (stream.tryGetReadBuffer().size() != 0) reading.refuse(Code::corrupt, "there is more behind it");
  return out;
}

}  // namespace

template <class T>
Result<T> decode_value(ByteView bytes) {
  if (bytes.size() < header_size) return fail(Code::corrupt, "a stored value is cut off");
  if (bytes[0] > format_version) {
    return fail(Code::unsupported,
                fmt::format("a stored value has format version {}, this program knows {}", bytes[0], format_version));
  }
  if (bytes[0] != format_version || bytes[1] != static_cast<std::uint8_t>(Twin<T>::kind)) {
    return fail(Code::corrupt, "a stored value is of another kind than its place says");
  }
  Reading reading(value_budget);
  try {
    T out = read_packed<T>(bytes.subspan(header_size), reading);
    if (!reading.fault()) return out;
  } catch (const kj::Exception& exception) {
    reading.refuse(Code::corrupt, exception.getDescription().cStr());
  }
  const Error& fault = *reading.fault();
  return fail(fault.code == Code::unsupported ? Code::unsupported : Code::corrupt, "a stored value: " + fault.message);
}

Bytes encode_value(const Node& value) {
  return encode(value);
}
Bytes encode_value(const Database& value) {
  return encode(value);
}
Bytes encode_value(const StoreInfo& value) {
  return encode(value);
}
Bytes encode_value(const Token& value) {
  return encode(value);
}
Bytes encode_value(const Operator& value) {
  return encode(value);
}
Bytes encode_value(const Policy& value) {
  return encode(value);
}
Bytes encode_value(const Backup& value) {
  return encode(value);
}
Bytes encode_value(const WalRange& value) {
  return encode(value);
}
Bytes encode_value(const TimelineChange& value) {
  return encode(value);
}
Bytes encode_value(const EpochInfo& value) {
  return encode(value);
}
Bytes encode_value(const Job& value) {
  return encode(value);
}
Bytes encode_value(const Restore& value) {
  return encode(value);
}
Bytes encode_value(const Order& value) {
  return encode(value);
}
Bytes encode_value(const Assignment& value) {
  return encode(value);
}
Bytes encode_value(const JobReport& value) {
  return encode(value);
}
Bytes encode_value(const OperatorReply& value) {
  return encode(value);
}

template Result<Node> decode_value<Node>(ByteView);
template Result<Database> decode_value<Database>(ByteView);
template Result<StoreInfo> decode_value<StoreInfo>(ByteView);
template Result<Token> decode_value<Token>(ByteView);
template Result<Operator> decode_value<Operator>(ByteView);
template Result<Policy> decode_value<Policy>(ByteView);
template Result<Backup> decode_value<Backup>(ByteView);
template Result<WalRange> decode_value<WalRange>(ByteView);
template Result<TimelineChange> decode_value<TimelineChange>(ByteView);
template Result<EpochInfo> decode_value<EpochInfo>(ByteView);
template Result<Job> decode_value<Job>(ByteView);
template Result<Restore> decode_value<Restore>(ByteView);
template Result<Order> decode_value<Order>(ByteView);
template Result<Assignment> decode_value<Assignment>(ByteView);
template Result<JobReport> decode_value<JobReport>(ByteView);
template Result<OperatorReply> decode_value<OperatorReply>(ByteView);

}  // namespace holdfast
