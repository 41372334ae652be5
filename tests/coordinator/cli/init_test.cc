#include <gmock/gmock.h>

#include <filesystem>

#include "shared/crypto/key_file.h"
#include "shared/identity/operator_file.h"
#include "tests/coordinator/cli/fake_fleet.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

TEST(Init, MakesAFleetAndSaysInThreeLinesWhatToDo) {
  TemporaryDirectory directory;
  FakeFleet fleet;
  EXPECT_EQ(fleet.run({"init", "--directory", directory / "f", "--fleet", "acme", "--endpoint", "hq.example",
                       "--fleet-port", "7500", "--no-passphrase"}),
            0)
      << fleet.console.errors;
  EXPECT_EQ(std::count(fleet.console.output.begin(), fleet.console.output.end(), '\n'), 3);
  EXPECT_THAT(fleet.console.output, HasSubstr(directory / "f/recovery.key"));
  const auto admin = read_operator_file(fleet.files, directory / "f/admin.operator", std::nullopt);
  ASSERT_THAT(admin, Succeeded());
  EXPECT_EQ(admin->endpoint, "tcp://hq.example:7500");
  EXPECT_EQ(admin->fleet_name, "acme");
}

TEST(Init, RefusesToOverwrite) {
  TemporaryDirectory directory;
  FakeFleet fleet;
  EXPECT_EQ(fleet.run({"init", "--directory", directory / "f", "--no-passphrase"}), 0);
  EXPECT_EQ(fleet.run({"init", "--directory", directory / "f", "--no-passphrase"}), 6);
  EXPECT_THAT(fleet.console.errors, HasSubstr(directory / "f"));
}

TEST(Init, NeedsAPassphraseOrTheWordThatNoneIsWanted) {
  TemporaryDirectory directory;
  FakeFleet fleet;
  EXPECT_EQ(fleet.run({"init", "--directory", directory / "f"}), 2);
  EXPECT_THAT(fleet.console.errors, HasSubstr("--passphrase-file"));
  fleet.console.answers = {"one", "other"};
  EXPECT_EQ(fleet.run({"init", "--directory", directory / "f"}), 2);
  EXPECT_FALSE(std::filesystem::exists(directory / "f/recovery.key"));
}

TEST(Init, NamesAPortThatIsNone) {
  FakeFleet fleet;
  EXPECT_EQ(fleet.run({"init", "--directory", "/x", "--no-passphrase", "--fleet-port", "70000"}), 2);
  EXPECT_THAT(fleet.console.errors, HasSubstr("--fleet-port"));
}

}  // namespace
}  // namespace holdfast
