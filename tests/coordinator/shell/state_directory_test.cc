#include "coordinator/shell/state_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "coordinator/catalog/rocks_store.h"
#include "coordinator/catalog/rows.h"
#include "shared/identity/operator_file.h"
#include "shared/identity/stored_keys.h"
#include "shared/os/posix_file_system.h"
#include "shared/os/system_entropy.h"
#include "shared/repository/record.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr Timestamp now = Timestamp::from_micros(1'790'000'000'000'000);

class NewFleet : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/holdfast-new-fleet-XXXXXX";
    base_ = ::mkdtemp(pattern.data());
    directory_ = base_ / "fleet";
  }
  void TearDown() override { fs::remove_all(base_); }

  Result<CreatedFleet> create(CreateFleetOptions options = {}) {
    options.directory = directory_;
    options.passphrase_cost = {1, 8192};
    return create_fleet(files_, entropy_, now, std::move(options));
  }
  static unsigned mode(const fs::path& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 0777U;
  }

  PosixFileSystem files_;
  SystemEntropy entropy_;
  fs::path base_;
  fs::path directory_;
};

TEST_F(NewFleet, ItsFilesMakeTheSameCoordinatorElsewhere) {
  const auto created = create();
  ASSERT_TRUE(created) << created.error().text();
  const auto content = read_state_files(files_, created->state_directory);
  ASSERT_TRUE(content) << content.error().text();
  const std::string elsewhere = base_ / "elsewhere";
  ASSERT_TRUE(write_state_files(files_, elsewhere, *content));
  EXPECT_EQ(mode(elsewhere), 0700U);
  EXPECT_EQ(mode(elsewhere + "/intermediate.key"), 0600U);
  const auto state = read_state_directory(files_, elsewhere);
  ASSERT_TRUE(state) << state.error().text();
  EXPECT_EQ(state->fleet_server.public_key,
            read_state_directory(files_, created->state_directory)->fleet_server.public_key);
}

TEST_F(NewFleet, NoOtherFilesAreWrittenAsItsOwn) {
  for (const char* name : {"../outside", "catalog", "lock", ""}) {
    const auto written = write_state_files(files_, base_ / "elsewhere", {{name, Bytes{1}}});
    ASSERT_FALSE(written) << name;
    EXPECT_EQ(written.error().code, Code::corrupt);
  }
  EXPECT_FALSE(fs::exists(base_ / "elsewhere"));
}

TEST_F(NewFleet, HasAllThatACoordinatorNeeds) {
  CreateFleetOptions options;
  options.fleet_name = "demo";
  options.endpoint_host = "backup.example";
  options.fleet_port = 17400;
  options.enrol_port = 17401;
  const auto created = create(std::move(options));
  ASSERT_TRUE(created) << created.error().text();
  const auto state = read_state_directory(files_, created->state_directory);
  ASSERT_TRUE(state) << state.error().text();
  EXPECT_EQ(state->fleet, created->fleet);
  EXPECT_EQ(state->fleet_name, "demo");
  EXPECT_THAT(state->fleet_endpoints, testing::ElementsAre("tcp://backup.example:17400"));
  EXPECT_THAT(state->enrol_endpoints, testing::ElementsAre("tcp://backup.example:17401"));

  const auto admin = read_operator_file(files_, created->operator_file, std::nullopt);
  ASSERT_TRUE(admin) << admin.error().text();
  EXPECT_EQ(admin->endpoint, "tcp://backup.example:17400");
  EXPECT_EQ(admin->fleet_server, state->fleet_server.public_key);
  EXPECT_EQ(admin->root, state->root);

  const auto recovery = read_key_file(files_, created->recovery_key, KeyKind::recovery, std::nullopt);
  ASSERT_TRUE(recovery) << recovery.error().text();
  EXPECT_EQ(box_pair(*recovery)->public_key, state->recovery);
  EXPECT_EQ(decode_fleet_record(state->fleet_record)->name, "demo");

  const auto catalog = RocksStore::open(state->catalog, OpenCatalog::existing_only).value();
  const auto operators = read_rows<Operator>(*catalog).value();
  ASSERT_EQ(operators.size(), 1U);
  EXPECT_EQ(operators[0].role, Role::admin);
  EXPECT_EQ(operators[0].curve, admin->key.public_key);
  const auto policies = read_rows<Policy>(*catalog).value();
  ASSERT_EQ(policies.size(), 1U);
  EXPECT_EQ(policies[0].name, "default");
}

TEST_F(NewFleet, IsPrivate) {
  const auto created = create();
  ASSERT_TRUE(created) << created.error().text();
  EXPECT_EQ(mode(directory_), 0700U);
  EXPECT_EQ(mode(created->state_directory), 0700U);
  for (const auto* path : {&created->recovery_key, &created->root_key, &created->operator_file}) {
    EXPECT_EQ(mode(*path), 0600U) << *path;
  }
  for (const auto& entry : fs::directory_iterator(created->state_directory)) {
    if (entry.is_directory()) continue;  // the catalog's, closed off by the directory above
    EXPECT_EQ(mode(entry.path()), 0600U) << entry.path();
  }
}

TEST_F(NewFleet, KeepsTheOperatorsKeysBehindThePassphrase) {
  CreateFleetOptions options;
  options.passphrase.emplace("correct horse");
  const auto created = create(std::move(options));
  ASSERT_TRUE(created) << created.error().text();
  EXPECT_TRUE(key_file_needs_passphrase(files_, created->recovery_key).value());
  EXPECT_TRUE(key_file_needs_passphrase(files_, created->root_key).value());
  EXPECT_TRUE(read_state_directory(files_, created->state_directory)) << "the coordinator starts without it";
}

TEST_F(NewFleet, OverwritesNothing) {
  for (const char* name : {"coordinator", "recovery.key", "root.key", "admin.operator"}) {
    fs::create_directories(directory_ / name);
    const auto created = create();
    ASSERT_FALSE(created) << name;
    EXPECT_EQ(created.error().code, Code::already_exists) << name;
    EXPECT_THAT(created.error().message, HasSubstr(name));
    EXPECT_EQ(std::distance(fs::directory_iterator(directory_), {}), 1) << name;
    fs::remove(directory_ / name);
  }
  ASSERT_TRUE(create());
  EXPECT_EQ(create().error().code, Code::already_exists);
}

TEST_F(NewFleet, IsMadeOverWhatAnInterruptedOneLeft) {
  fs::create_directories(directory_ / ".coordinator-unfinished/catalog");
  EXPECT_TRUE(create());
  EXPECT_FALSE(fs::exists(directory_ / ".coordinator-unfinished"));
}

TEST_F(NewFleet, RefusesNamesAndHostsThatCannotBe) {
  for (const char* name : {"", "two words", "a\"b", "a/b"}) {
    CreateFleetOptions options;
    options.fleet_name = name;
    EXPECT_EQ(create(std::move(options)).error().code, Code::invalid) << name;
  }
  for (const char* host : {"tcp://x", "a b", "x\""}) {
    CreateFleetOptions options;
    options.endpoint_host = host;
    EXPECT_EQ(create(std::move(options)).error().code, Code::invalid) << host;
  }
  EXPECT_FALSE(fs::exists(directory_));
}

TEST_F(NewFleet, NoticesForeignParts) {
  const auto mine = create().value();
  directory_ = base_ / "other";
  const auto other = create().value();
  for (const char* name : {"intermediate.key", "intermediate.certificate", "fleet.record"}) {
    const fs::path here = fs::path(mine.state_directory) / name;
    fs::copy_file(here, base_ / "kept");
    fs::copy_file(fs::path(other.state_directory) / name, here, fs::copy_options::overwrite_existing);
    const auto state = read_state_directory(files_, mine.state_directory);
    EXPECT_FALSE(state) << name;
    fs::copy_file(base_ / "kept", here, fs::copy_options::overwrite_existing);
    fs::remove(base_ / "kept");
  }
  EXPECT_TRUE(read_state_directory(files_, mine.state_directory));
}

TEST_F(NewFleet, IsNotAnyDirectory) {
  fs::create_directories(directory_);
  const auto state = read_state_directory(files_, directory_);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, Code::not_found);
  EXPECT_THAT(state.error().hint, HasSubstr("holdfast init"));
}

TEST_F(NewFleet, IsRunByOneCoordinatorOnly) {
  const auto created = create().value();
  {
    const auto first = StateLock::take(created.state_directory);
    ASSERT_TRUE(first) << first.error().text();
    const auto second = StateLock::take(created.state_directory);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::conflict);
    EXPECT_THAT(second.error().message, HasSubstr(std::to_string(::getpid())));
  }
  EXPECT_TRUE(StateLock::take(created.state_directory)) << "free again";
}

TEST(Endpoints, HaveBracketsAroundVersionSixAddresses) {
  EXPECT_EQ(endpoint_of("backup.example", 7400), "tcp://backup.example:7400");
  EXPECT_EQ(endpoint_of("2001:db8::1", 7400), "tcp://[2001:db8::1]:7400");
}

}  // namespace
}  // namespace holdfast
