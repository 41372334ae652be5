#pragma once
// Values whose every field is set, each to something else, and their text for comparing.
#include <fmt/format.h>

#include <concepts>
#include <type_traits>

#include "tests/shared/wire/fields.h"

namespace holdfast {

constexpr unsigned last_value(Code) {
  return 12;
}
constexpr unsigned last_value(Engine) {
  return 1;
}
constexpr unsigned last_value(BackupType) {
  return 2;
}
constexpr unsigned last_value(NodeState) {
  return 5;
}
constexpr unsigned last_value(Protection) {
  return 2;
}
constexpr unsigned last_value(StoreKind) {
  return 2;
}
constexpr unsigned last_value(S3Place::Addressing) {
  return 1;
}
constexpr unsigned last_value(S3Place::Hosts) {
  return 1;
}
constexpr unsigned last_value(BucketWish::Kind) {
  return 4;
}
constexpr unsigned last_value(Ability) {
  return 2;
}
constexpr unsigned last_value(Approval) {
  return 2;
}
constexpr unsigned last_value(Role) {
  return 2;
}
constexpr unsigned last_value(BackupState) {
  return 3;
}
constexpr unsigned last_value(StepOutcome) {
  return 2;
}
constexpr unsigned last_value(ShutdownReach) {
  return 2;
}
constexpr unsigned last_value(JobKind) {
  return 10;
}
constexpr unsigned last_value(JobState) {
  return 5;
}
constexpr unsigned last_value(TargetKind) {
  return 5;
}
constexpr unsigned last_value(StartAfter) {
  return 1;
}
constexpr unsigned last_value(RestoreMethod) {
  return 1;
}
constexpr unsigned last_value(BackupDuty) {
  return 2;
}
constexpr unsigned last_value(WayBack) {
  return 1;
}
constexpr unsigned last_value(Listing) {
  return 11;
}
constexpr unsigned last_value(NodeRequest::Verb) {
  return 6;
}
constexpr unsigned last_value(StoreRequest::Verb) {
  return 1;
}
constexpr unsigned last_value(BackupRequest::Verb) {
  return 2;
}
constexpr unsigned last_value(RestoreRequest::Verb) {
  return 1;
}

// Sets everything below a value; which alternative a variant holds is left as it is.
class Filler {
 public:
  void fill(bool& value) { value = !value; }
  void fill(double& value) { value = next() + 0.5; }
  void fill(std::string& value) { value = fmt::format("text {} \xc3\xa9", next()); }
  void fill(Timestamp& value) { value = Timestamp::from_micros(1'700'000'000'000'000 + next()); }
  void fill(Micros& value) { value = Micros(next()); }
  void fill(Bytes& value) {
    const auto number = static_cast<std::uint8_t>(next());
    value = {number, 0, 255, number};
  }
  template <std::integral Number>
  requires(!std::same_as<Number, bool>) void fill(Number& value) { value = static_cast<Number>(next()); }
  template <class Enum>
  requires std::is_enum_v<Enum>
  void fill(Enum& value) { value = static_cast<Enum>(1 + next() % last_value(value)); }
  template <std::size_t N>
  void fill(std::array<std::uint8_t, N>& value) {
    for (auto& byte : value) byte = static_cast<std::uint8_t>(next());
    value[0] |= 1;  // not all zero
  }
  template <class Tag>
  void fill(Id<Tag>& value) {
    std::array<std::uint8_t, 16> bytes{};
    fill(bytes);
    value = Id<Tag>(bytes);
  }
  template <class Tag>
  void fill(PublicKey<Tag>& value) {
    std::array<std::uint8_t, 32> bytes{};
    fill(bytes);
    value = PublicKey<Tag>(bytes);
  }
  template <class T, class Tag>
  void fill(Strong<T, Tag>& value) {
    value = Strong<T, Tag>(static_cast<T>(0x1'0000'0000ULL * (sizeof(T) == 8) + static_cast<T>(next())));
  }
  void fill(Labels& value) {
    for (int i = 0; i < 2; ++i) value.emplace(fmt::format("label {}", next()), fmt::format("value {}", next()));
  }
  template <class A, class B>
  void fill(std::pair<A, B>& value) {
    fill(value.first);
    fill(value.second);
  }
  template <class T>
  void fill(std::optional<T>& value) {
    fill(value.emplace());
  }
  template <class T>
  void fill(std::vector<T>& value) {
    value.resize(2);
    for (auto& item : value) fill(item);
  }
  template <class... T>
  void fill(std::variant<T...>& value) {
    std::visit([this](auto& held) { fill(held); }, value);
  }
  template <class Struct>
  requires requires(Struct& value) { fields(value); }
  void fill(Struct& value) {
    std::apply([this](auto&... field) { (fill(field), ...); }, fields(value));
  }

 private:
  std::int64_t next() { return ++count_; }
  std::int64_t count_ = 0;
};

template <class T>
T distinct(T value = {}) {
  Filler().fill(value);
  return value;
}

// Everything in a value, one after the other.
class Writer {
 public:
  void add(bool value) { word(value ? "true" : "false"); }
  void add(double value) { word(fmt::format("{}", value)); }
  void add(const std::string& value) { word('"' + value + '"'); }
  void add(Timestamp value) { word(fmt::format("@{}", value.micros())); }
  void add(Micros value) { word(fmt::format("{}us", value.count())); }
  void add(const Bytes& value) { word("bytes " + to_hex(value)); }
  template <std::integral Number>
  requires(!std::same_as<Number, bool>) void add(Number value) { word(fmt::format("{}", value)); }
  template <class Enum>
  requires std::is_enum_v<Enum>
  void add(Enum value) { word(fmt::format("enum {}", static_cast<unsigned>(value))); }
  template <std::size_t N>
  void add(const std::array<std::uint8_t, N>& value) {
    word(to_hex(value));
  }
  template <class Tag>
  void add(const Id<Tag>& value) {
    word(value.text());
  }
  template <class Tag>
  void add(const PublicKey<Tag>& value) {
    word(value.text());
  }
  template <class T, class Tag>
  void add(Strong<T, Tag> value) {
    word(fmt::format("{}", value.value()));
  }
  void add(const Labels& value) {
    for (const auto& [name, content] : value) word(name + "=" + content);
    word("end");
  }
  template <class A, class B>
  void add(const std::pair<A, B>& value) {
    add(value.first);
    add(value.second);
  }
  template <class T>
  void add(const std::optional<T>& value) {
    word(value ? "present" : "absent");
    if (value) add(*value);
  }
  template <class T>
  void add(const std::vector<T>& value) {
    word(fmt::format("list of {}", value.size()));
    for (const auto& item : value) add(item);
  }
  template <class... T>
  void add(const std::variant<T...>& value) {
    word(fmt::format("alternative {}", value.index()));
    std::visit([this](const auto& held) { add(held); }, value);
  }
  template <class Struct>
  requires requires(Struct& value) { fields(value); }
  void add(const Struct& value) {
    Struct copy = value;
    std::apply([this](const auto&... field) { (add(field), ...); }, fields(copy));
  }
  const std::string& text() const { return text_; }

 private:
  void word(const std::string& word) { text_ += word + "\n"; }
  std::string text_;
};

template <class T>
std::string text_of(const T& value) {
  Writer writer;
  writer.add(value);
  return writer.text();
}

// One value of each alternative, default-made.
template <class Variant>
std::vector<Variant> each_alternative() {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    return std::vector<Variant>{Variant(std::in_place_index<I>)...};
  }
  (std::make_index_sequence<std::variant_size_v<Variant>>());
}

// Every kind of message, and of order, request and reply within them, with a number for its name.
struct NamedMessage {
  std::string name;
  Message message;
};
inline std::vector<NamedMessage> all_messages() {
  std::vector<NamedMessage> out;
  const auto add = [&](std::string name, MessageBody body) {
    Message message;
    message.body = std::move(body);
    out.push_back({std::move(name), distinct(std::move(message))});
  };
  for (auto& body : each_alternative<MessageBody>()) {
    const std::string name = fmt::format("message-{:02}", body.index());
    if (std::holds_alternative<Order>(body)) {
      for (auto& order : each_alternative<OrderBody>()) {
        Order message;
        message.body = order;
        add(fmt::format("{}-order-{:02}", name, order.index()), message);
      }
    } else if (std::holds_alternative<OperatorRequest>(body)) {
      for (auto& request : each_alternative<OperatorBody>()) {
        OperatorRequest message;
        message.body = request;
        add(fmt::format("{}-request-{:02}", name, request.index()), message);
      }
    } else if (std::holds_alternative<OperatorReply>(body)) {
      for (auto& reply : each_alternative<OperatorReplyBody>()) {
        OperatorReply message;
        message.body = reply;
        add(fmt::format("{}-reply-{:02}", name, reply.index()), message);
      }
    } else {
      add(name, body);
    }
  }
  return out;
}

}  // namespace holdfast
