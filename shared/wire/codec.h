#pragma once
// Messages and catalog values to bytes and back. Decoding is strict and bounded (1 MiB traversal, nesting 16, for large
// replies from the coordinator 64 MiB); it never throws. Code::invalid: not a message; Code::unsupported: a kind of
// message this build does not know.
#include "shared/wire/messages.h"

namespace holdfast {

Bytes encode_message(const Message& message);
Result<Message> decode_message(ByteView bytes);
// For an operator's tool: replies may be long.
Result<Message> decode_reply(ByteView bytes);

// The id alone, also of a message whose body decode_message() calls unsupported, so that it can be answered.
Result<std::uint64_t> peek_message_id(ByteView bytes);

// Values of the catalog and of an agent's state: the same shapes, each with a format version inside.
Bytes encode_value(const Node&);
Bytes encode_value(const Database&);
Bytes encode_value(const StoreInfo&);
Bytes encode_value(const Token&);
Bytes encode_value(const Operator&);
Bytes encode_value(const Policy&);
Bytes encode_value(const Backup&);
Bytes encode_value(const WalRange&);
Bytes encode_value(const TimelineChange&);
Bytes encode_value(const EpochInfo&);
Bytes encode_value(const Job&);
Bytes encode_value(const Restore&);
Bytes encode_value(const Order&);
Bytes encode_value(const Assignment&);
Bytes encode_value(const JobReport&);
Bytes encode_value(const OperatorReply&);
// decode_value<Node>(bytes); Code::corrupt, or Code::unsupported for a newer format version.
template <class T>
Result<T> decode_value(ByteView bytes);

}  // namespace holdfast
