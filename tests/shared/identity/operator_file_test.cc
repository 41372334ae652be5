#include "shared/identity/operator_file.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "shared/identity/stored_keys.h"
#include "shared/os/posix_file_system.h"
#include "shared/os/system_entropy.h"

namespace holdfast {
namespace {

class OperatorFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/holdfast-operator-file-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  OperatorFile sample() {
    OperatorFile out;
    out.fleet = entropy_.id<FleetId>();
    out.fleet_name = "demo";
    out.name = "admin";
    out.role = "admin";
    out.endpoint = "tcp://backup.example:7400";
    out.fleet_server = make_curve_key(entropy_).public_key;
    out.root = make_sign_key(entropy_).public_key;
    out.key = make_curve_key(entropy_);
    return out;
  }

  SystemEntropy entropy_;
  PosixFileSystem files_;
  std::filesystem::path directory_;
};

TEST_F(OperatorFiles, KeepEverything) {
  const OperatorFile written = sample();
  const std::string path = directory_ / "admin.operator";
  ASSERT_TRUE(write_operator_file(files_, entropy_, path, written, std::nullopt));
  const auto read = read_operator_file(files_, path, std::nullopt);
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->fleet, written.fleet);
  EXPECT_EQ(read->fleet_name, written.fleet_name);
  EXPECT_EQ(read->name, written.name);
  EXPECT_EQ(read->role, written.role);
  EXPECT_EQ(read->endpoint, written.endpoint);
  EXPECT_EQ(read->fleet_server, written.fleet_server);
  EXPECT_EQ(read->root, written.root);
  EXPECT_EQ(read->key.public_key, written.key.public_key);
  EXPECT_TRUE(equal_constant_time(read->key.secret_key.bytes(), written.key.secret_key.bytes()));
}

TEST_F(OperatorFiles, AreNotOverwritten) {
  const std::string path = directory_ / "admin.operator";
  ASSERT_TRUE(write_operator_file(files_, entropy_, path, sample(), std::nullopt));
  EXPECT_EQ(write_operator_file(files_, entropy_, path, sample(), std::nullopt).error().code, Code::already_exists);
}

TEST_F(OperatorFiles, AreNoOtherKind) {
  const std::string path = directory_ / "recovery.key";
  ASSERT_TRUE(
      write_key_file(files_, entropy_, path, to_key_file(KeyKind::recovery, {}, make_box_key(entropy_)), std::nullopt));
  EXPECT_EQ(read_operator_file(files_, path, std::nullopt).error().code, Code::invalid);
}

TEST_F(OperatorFiles, MissAFactOnlyWithAnError) {
  const std::string path = directory_ / "admin.operator";
  ASSERT_TRUE(write_key_file(files_, entropy_, path,
                             to_key_file(KeyKind::operator_key, {{"operator", "admin"}}, make_curve_key(entropy_)),
                             std::nullopt));
  EXPECT_EQ(read_operator_file(files_, path, std::nullopt).error().code, Code::corrupt);
}

TEST(StoredKeys, ComeBackWithTheirPublicHalves) {
  SystemEntropy entropy;
  const auto curve = make_curve_key(entropy);
  const auto sign = make_sign_key(entropy);
  const auto box = make_box_key(entropy);
  EXPECT_EQ(curve_pair(to_key_file(KeyKind::node, {}, curve)).value().public_key, curve.public_key);
  EXPECT_EQ(sign_pair(to_key_file(KeyKind::root, {}, sign)).value().public_key, sign.public_key);
  EXPECT_EQ(box_pair(to_key_file(KeyKind::recovery, {}, box)).value().public_key, box.public_key);
}

TEST(StoredKeys, AreRefusedWhenTheyAreNoKeys) {
  SystemEntropy entropy;
  EXPECT_EQ(sign_pair(to_key_file(KeyKind::root, {}, make_curve_key(entropy))).error().code, Code::corrupt);
  KeyFile halves = to_key_file(KeyKind::root, {}, make_sign_key(entropy));
  halves.secret.back() ^= 1;
  EXPECT_EQ(sign_pair(halves).error().code, Code::corrupt);
  EXPECT_EQ(key_fact(halves, "fleet").error().code, Code::corrupt);
}

}  // namespace
}  // namespace holdfast
