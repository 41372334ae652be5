// The bytes of one message and one value of each kind, as files. They change only together with the protocol: run with
// HOLDFAST_UPDATE_VECTORS=1 to write them, and look at what changed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "shared/wire/codec.h"
#include "tests/shared/wire/distinct.h"

namespace holdfast {
namespace {

std::filesystem::path vector_file(const std::string& name) {
  return std::filesystem::path(HOLDFAST_VECTORS) / "wire" / (name + ".bin");
}

// What the file has; when told so, it is written first.
Bytes golden(const std::string& name, const Bytes& now) {
  if (std::getenv("HOLDFAST_UPDATE_VECTORS") != nullptr) {
    std::ofstream(vector_file(name), std::ios::binary)
        .write(reinterpret_cast<const char*>(now.data()), static_cast<std::streamsize>(now.size()));
  }
  std::ifstream file(vector_file(name), std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(GoldenMessages, AreWrittenAndReadAsTheyWere) {
  for (const auto& [name, message] : all_messages()) {
    const Bytes now = encode_message(message);
    const Bytes file = golden(name, now);
    EXPECT_EQ(file, now) << name;
    const auto decoded = decode_message(file);
    ASSERT_TRUE(decoded) << name << ": " << decoded.error().text();
    EXPECT_EQ(text_of(*decoded), text_of(message)) << name;
  }
}

template <class Value>
void check_value(const std::string& name) {
  const auto value = distinct<Value>();
  const Bytes now = encode_value(value);
  const Bytes file = golden("value-" + name, now);
  EXPECT_EQ(file, now) << name;
  const auto decoded = decode_value<Value>(file);
  ASSERT_TRUE(decoded) << name << ": " << decoded.error().text();
  EXPECT_EQ(text_of(*decoded), text_of(value)) << name;
}

TEST(GoldenValues, AreWrittenAndReadAsTheyWere) {
  check_value<Node>("node");
  check_value<Database>("database");
  check_value<StoreInfo>("store");
  check_value<Token>("token");
  check_value<Operator>("operator");
  check_value<Policy>("policy");
  check_value<Backup>("backup");
  check_value<WalRange>("wal-range");
  check_value<TimelineChange>("timeline-switch");
  check_value<EpochInfo>("epoch");
  check_value<Job>("job");
  check_value<Restore>("restore");
  check_value<Order>("order");
  check_value<Assignment>("assignment");
  check_value<JobReport>("job-report");
  check_value<OperatorReply>("operator-reply");
}

}  // namespace
}  // namespace holdfast
