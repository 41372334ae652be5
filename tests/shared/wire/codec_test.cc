#include "shared/wire/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/shared/wire/distinct.h"

namespace holdfast {
namespace {

// A decoding that must fail, and with which code.
template <class T>
Code code_of(const Result<T>& result) {
  EXPECT_FALSE(result.has_value());
  return result ? Code::internal : result.error().code;
}

Message hello() {
  Message message;
  message.body = Hello{};
  return message;
}

TEST(Codec, KeepsEveryFieldOfEveryMessage) {
  for (const auto& [name, message] : all_messages()) {
    const Bytes bytes = encode_message(message);
    const auto decoded = decode_message(bytes);
    ASSERT_TRUE(decoded) << name << ": " << decoded.error().text();
    EXPECT_EQ(text_of(*decoded), text_of(message)) << name;
    EXPECT_EQ(peek_message_id(bytes).value(), message.id) << name;
  }
}

TEST(Codec, KeepsTheDefaultsOfEveryMessage) {
  for (auto& body : each_alternative<MessageBody>()) {
    Message message;
    message.body = body;
    const auto decoded = decode_message(encode_message(message));
    ASSERT_TRUE(decoded) << body.index() << ": " << decoded.error().text();
    EXPECT_EQ(text_of(*decoded), text_of(message)) << body.index();
  }
}

TEST(Codec, MarksADryRunByAKindThatOlderCoordinatorsRefuse) {
  for (auto& body : each_alternative<OperatorBody>()) {
    OperatorRequest request;
    request.body = body;
    Message message;
    message.body = request;
    const Bytes in_earnest = encode_message(message);
    std::get<OperatorRequest>(message.body).dry_run = true;
    const Bytes dry = encode_message(message);
    EXPECT_FALSE(std::get<OperatorRequest>(decode_message(in_earnest).value().body).dry_run) << body.index();
    const auto decoded = std::get<OperatorRequest>(decode_message(dry).value().body);
    EXPECT_TRUE(decoded.dry_run) << body.index();
    EXPECT_EQ(decoded.body.index(), body.index());
    EXPECT_EQ(decoded.version_max, protocol_max);
  }
}

template <class Value>
class CodecOfValues : public testing::Test {};
using Values = testing::Types<Node, Database, StoreInfo, Token, Operator, Policy, Backup, WalRange, TimelineChange,
                              EpochInfo, Job, Restore, Order, Assignment, JobReport, OperatorReply>;
TYPED_TEST_SUITE(CodecOfValues, Values);

TYPED_TEST(CodecOfValues, KeepsEveryField) {
  const auto value = distinct<TypeParam>();
  const auto decoded = decode_value<TypeParam>(encode_value(value));
  ASSERT_TRUE(decoded) << decoded.error().text();
  EXPECT_EQ(text_of(*decoded), text_of(value));
}

TYPED_TEST(CodecOfValues, KeepsDefaults) {
  const auto decoded = decode_value<TypeParam>(encode_value(TypeParam{}));
  ASSERT_TRUE(decoded) << decoded.error().text();
  EXPECT_EQ(text_of(*decoded), text_of(TypeParam{}));
}

TYPED_TEST(CodecOfValues, RefusesNewerVersionsOtherKindsAndCutOrLongerBytes) {
  const Bytes good = encode_value(distinct<TypeParam>());
  Bytes bad = good;
  bad[0] = 2;
  EXPECT_EQ(code_of(decode_value<TypeParam>(bad)), Code::unsupported);
  bad = good;
  bad[0] = 0;
  EXPECT_EQ(code_of(decode_value<TypeParam>(bad)), Code::corrupt);
  bad = good;
  bad[1] = 99;
  EXPECT_EQ(code_of(decode_value<TypeParam>(bad)), Code::corrupt);
  bad = good;
  bad.push_back(0);
  EXPECT_EQ(code_of(decode_value<TypeParam>(bad)), Code::corrupt);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(code_of(decode_value<TypeParam>(ByteView(good).first(size))), Code::corrupt) << size;
  }
}

TYPED_TEST(CodecOfValues, SurvivesAnyFlippedBit) {
  const Bytes good = encode_value(distinct<TypeParam>());
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    if (const auto decoded = decode_value<TypeParam>(bad)) (void)encode_value(*decoded);
  }
}

TEST(Codec, RefusesEveryCutMessage) {
  for (const auto& [name, message] : all_messages()) {
    const Bytes good = encode_message(message);
    for (std::size_t size = 0; size < good.size(); ++size) {
      ASSERT_FALSE(decode_message(ByteView(good).first(size))) << name << " cut to " << size;
    }
    Bytes longer = good;
    longer.resize(longer.size() + 8);
    EXPECT_EQ(code_of(decode_message(longer)), Code::invalid) << name;
  }
}

TEST(Codec, SurvivesFlippedBitsAndForeignBytes) {
  std::mt19937 random(7);
  for (const auto& [name, message] : all_messages()) {
    const Bytes good = encode_message(message);
    for (int round = 0; round < 400; ++round) {
      Bytes bad = good;
      const unsigned changes = 1 + random() % 4;
      for (unsigned i = 0; i < changes; ++i) bad[random() % bad.size()] = static_cast<std::uint8_t>(random());
      if (const auto decoded = decode_message(bad)) (void)encode_message(*decoded);
    }
  }
  for (int round = 0; round < 2000; ++round) {
    Bytes noise(8 * (random() % 40));
    for (auto& byte : noise) byte = static_cast<std::uint8_t>(random());
    if (round % 2 == 0 && noise.size() >= 8) {
      noise[0] = noise[1] = noise[2] = noise[3] = 0;  // one segment that fits, so that the content is looked at
      noise[4] = static_cast<std::uint8_t>(noise.size() / 8 - 1);
      noise[5] = noise[6] = noise[7] = 0;
    }
    (void)decode_message(noise);
  }
}

TEST(Codec, SaysWhichMessagesItDoesNotKnow) {
  // The tag of the envelope's body lies behind the version; root pointer and segment table take 16 bytes.
  Bytes bytes = encode_message(hello());
  constexpr std::size_t tag = 16 + 2;
  ASSERT_EQ(bytes[tag], 7) << "the tag of hello";
  bytes[tag] = 200;
  EXPECT_EQ(code_of(decode_message(bytes)), Code::unsupported);
  EXPECT_TRUE(peek_message_id(bytes));
  bytes[tag] = 0;
  EXPECT_EQ(code_of(decode_message(bytes)), Code::invalid) << "none is never sent";
}

TEST(Codec, RefusesEnumerantsOutOfRange) {
  Welcome welcome;
  welcome.state = static_cast<NodeState>(6);
  Message message;
  message.body = welcome;
  EXPECT_EQ(code_of(decode_message(encode_message(message))), Code::invalid);
}

TEST(Codec, RefusesTimesOutsideTheCalendar) {
  Heartbeat heartbeat;
  heartbeat.clock = Timestamp::from_micros(253'402'300'800'000'000);
  Message message;
  message.body = heartbeat;
  EXPECT_EQ(code_of(decode_message(encode_message(message))), Code::invalid);
}

TEST(Codec, MendsTextOnSendingSoThatItIsAccepted) {
  struct Case {
    std::string_view name;
    std::string sent;
    std::string received;
  };
  using std::string_literals::operator""s;
  const std::string mark = "\xef\xbf\xbd";
  const Case cases[] = {
      {"plain", "orders", "orders"},
      {"nul", "a\0b"s, "a" + mark + "b"},
      {"latin 1", "caf\xe9", "caf" + mark},
      {"surrogate", "\xed\xa0\x80", mark + mark + mark},
      {"overlong", "\xc0\xaf", mark + mark},
      {"four bytes", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
      {"too long", std::string(70'000, 'x'), std::string(65'536, 'x')},
      {"cut inside a character", std::string(65'535, 'x') + "\xc3\xa9" + "y", std::string(65'535, 'x')}};
  for (const Case& c : cases) {
    Message message;
    message.body = EnrolPending{.message = c.sent};
    const auto decoded = decode_message(encode_message(message));
    ASSERT_TRUE(decoded) << c.name << ": " << decoded.error().text();
    EXPECT_EQ(std::get<EnrolPending>(decoded->body).message, c.received) << c.name;
  }
}

TEST(Codec, RefusesTextThatIsNotUtf8) {
  Message message;
  message.body = EnrolPending{.message = "orders"};
  Bytes bytes = encode_message(message);
  const std::string_view view = as_text(bytes);
  bytes[view.find("orders")] = 0xff;
  EXPECT_EQ(code_of(decode_message(bytes)), Code::invalid);
}

TEST(Codec, SendsAPolicyThatManyDatabasesShareOnce) {
  Assignment assignment;
  Assigned one;
  one.policy = distinct<Policy>();
  one.recipients = {distinct<NamedRecipient>()};
  assignment.databases.assign(2, one);
  const std::size_t two = encode_value(assignment).size();
  assignment.databases.assign(1002, one);
  const Bytes many = encode_value(assignment);
  EXPECT_LT(many.size() - two, 1000 * 100);
  EXPECT_EQ(decode_value<Assignment>(many).value(), assignment);
}

// `count` elements that take no room, in place of the empty list at the end of the message.
Bytes with_hollow_list(Bytes bytes, std::uint32_t count) {
  Bytes pointer;
  append_le<std::uint32_t>(pointer, 1);  // a list that begins right behind the pointer
  append_le<std::uint32_t>(pointer, count << 3U);
  std::copy(pointer.begin(), pointer.end(), bytes.end() - 16);
  return bytes;
}

TEST(Codec, BoundsListsThatTakeNoRoomOnTheWire) {
  Message message;
  message.body = Inventory{};
  const Bytes empty = encode_message(message);
  const auto few = decode_message(with_hollow_list(empty, 3));
  ASSERT_TRUE(few) << few.error().text();
  EXPECT_EQ(std::get<Inventory>(few->body).databases.size(), 3U) << "the list is where the test thinks it is";
  EXPECT_EQ(code_of(decode_message(with_hollow_list(empty, 0x1fffffff))), Code::invalid);
}

TEST(Codec, BoundsTheMemoryOfSharedPolicies) {
  Assignment assignment;
  assignment.databases.resize(4000);
  for (auto& database : assignment.databases) database.policy.drill_text = std::string(60'000, 'x');
  Message message;
  message.body = assignment;
  const Bytes bytes = encode_message(message);
  ASSERT_LT(bytes.size(), std::size_t{1} << 20U);
  EXPECT_EQ(code_of(decode_message(bytes)), Code::invalid);
}

TEST(Codec, TakesLongRepliesOnlyWhereTheyAreExpected) {
  Message message;
  ListReply list;
  list.jobs.resize(20'000);
  message.body = OperatorReply{list};
  const Bytes bytes = encode_message(message);
  ASSERT_GT(bytes.size(), std::size_t{1} << 20U);
  EXPECT_EQ(code_of(decode_message(bytes)), Code::invalid);
  const auto reply = decode_reply(bytes);
  ASSERT_TRUE(reply) << reply.error().text();
  EXPECT_EQ(std::get<ListReply>(std::get<OperatorReply>(reply->body).body).jobs.size(), 20'000U);
}

}  // namespace
}  // namespace holdfast
