// What is said before anything is asked of a coordinator.
#include <gmock/gmock.h>

#include "tests/coordinator/cli/fake_fleet.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(CommandLine, EndsWithTwoAndNamesWhatIsWrong) {
  struct Case {
    std::vector<std::string> arguments;
    const char* says;
  };
  for (const Case& one : {
           Case{{}, "subcommand"},
           Case{{"frobnicate"}, "frobnicate"},
           Case{{"node"}, "subcommand"},
           Case{{"node", "frobnicate"}, "frobnicate"},
           Case{{"node", "describe"}, "node"},
           Case{{"node", "list", "--wrong"}, "--wrong"},
           Case{{"node", "list", "-o", "xml"}, "xml"},
           Case{{"node", "label", "db3", "prod"}, "\"prod\""},
           Case{{"token", "create", "--ttl", "24"}, "--ttl"},
           Case{{"token", "create", "--uses", "many"}, "--uses"},
           Case{{"token", "create", "--uses", "0"}, "--uses"},
           Case{{"token", "create", "--approval", "maybe"}, "maybe"},
           Case{{"token", "create", "--label", "prod"}, "\"prod\""},
           Case{{"store", "add", "local", "tape", "--path", "/x"}, "tape"},
           Case{{"store", "add", "local", "posix"}, "--path"},
           Case{{"store", "add", "local", "posix", "--path", "relative"}, "\"relative\""},
           Case{{"store", "add", "far", "s3", "--bucket", "b", "--credentials", "env"}, "--endpoint"},
           Case{{"store", "add", "far", "s3", "--endpoint", "https://s", "--credentials", "env"}, "--bucket"},
           Case{{"store", "add", "far", "s3", "--endpoint", "https://s", "--bucket", "b"}, "--credentials"},
           Case{{"store", "add", "far", "s3", "--endpoint", "https://s", "--bucket", "b", "--credentials", "presigned"},
                "--coordinator-credentials"},
           Case{{"store", "add", "far", "s3", "--endpoint", "https://s", "--bucket", "b", "--credentials", "env",
                 "--coordinator-credentials", "/k"},
                "is for --credentials presigned"},
           Case{{"store", "add", "far", "s3", "--endpoint", "https://s", "--bucket", "b", "--credentials", "presigned",
                 "--coordinator-credentials", "presigned"},
                "needs an access key"},
           Case{{"store", "add", "local", "posix", "--path", "/x", "--coordinator-credentials", "/k"}, "is not for"},
           Case{{"store", "add", "far", "s3", "--path", "/x"}, "--path is not for"},
           Case{{"store", "add", "local", "posix", "--path", "/x", "--bucket", "b"}, "--bucket is not for"},
           Case{{"store", "add", "spare", "peer", "--path", "/srv/vault"}, "--node"},
           Case{{"store", "add", "spare", "peer", "--path", "/v", "--node", "db3", "--quota", "much"}, "--quota"},
           Case{{"store", "add", "spare", "peer", "--path", "/v", "--node", "db3", "--quota", "0"}, "--quota"},
           Case{{"store", "add", "local", "posix", "--path", "/srv", "--node", "db3"}, "--node"},
           Case{{"policy", "apply"}, "--file"},
           Case{{"backup", "create"}, "nothing is selected"},
           Case{{"backup", "create", "orders", "--type", "whole"}, "whole"},
           Case{{"restore", "run"}, "nothing is selected"},
           Case{{"restore", "run", "orders", "--to-time", "yesterday"}, "--to-time"},
           Case{{"restore", "plan", "orders", "--to-time", "2026-11-21T12:00:00Z", "--to-xid", "1"}, "--to-xid"},
           Case{{"restore", "run", "orders", "--tablespace", "/a"}, "--tablespace"},
           Case{{"restore", "run", "--map", "/x.csv", "--target-node", "db4"}, "--map"},
           Case{{"retention", "run", "--yes"}, "nothing is selected"},
           Case{{"restore", "run", "orders", "--timeout", "10"}, "--timeout"},
       }) {
    FakeFleet fleet;
    fleet.wire.answer = [](const OperatorBody&) -> std::optional<OperatorReplyBody> {
      ADD_FAILURE() << "nothing may be asked";
      return std::nullopt;
    };
    EXPECT_EQ(fleet.run(one.arguments), 2) << testing::PrintToString(one.arguments) << fleet.console.errors;
    EXPECT_THAT(fleet.console.errors, StartsWith("error: "));
    EXPECT_THAT(fleet.console.errors, HasSubstr(one.says)) << testing::PrintToString(one.arguments);
    EXPECT_EQ(fleet.console.output, "");
  }
}

TEST(CommandLine, HintsAtTheHelpOfTheVerb) {
  FakeFleet fleet;
  EXPECT_EQ(fleet.run({"restore", "run", "--wrong"}), 2);
  EXPECT_THAT(fleet.console.errors, HasSubstr("hint: holdfast restore run --help\n"));
}

TEST(CommandLine, PrintsHelpAndVersionAsData) {
  FakeFleet fleet;
  EXPECT_EQ(fleet.run({"--help"}), 0);
  EXPECT_THAT(fleet.console.output, HasSubstr("restore"));
  EXPECT_THAT(fleet.console.output, HasSubstr("Exit codes"));
  EXPECT_EQ(fleet.run({"restore", "run", "--help"}), 0);
  EXPECT_THAT(fleet.console.output, HasSubstr("--to-time"));
  EXPECT_EQ(fleet.run({"--version"}), 0);
  EXPECT_EQ(fleet.console.output, "holdfast 0.1.0\n");
  EXPECT_EQ(fleet.console.errors, "");
}

TEST(CommandLine, NeedsAnOperatorFileForWhatAsksTheCoordinator) {
  FakeFleet fleet;
  fleet.console.variables["HOLDFAST_OPERATOR"] = "";
  fleet.console.variables["HOME"] = "/nowhere";
  fleet.console.variables.erase("HOLDFAST_OPERATOR");
  fleet.operator_file.clear();
  Surroundings surroundings{fleet.console, fleet.clock, fleet.files, fleet.entropy, fleet.stop, {}, "0.1.0"};
  EXPECT_EQ(run_cli({"node", "list"}, surroundings), 2);
  EXPECT_THAT(fleet.console.errors, HasSubstr("/nowhere/.config/holdfast/operator"));
  EXPECT_THAT(fleet.console.errors, HasSubstr("--operator"));
}

TEST(CommandLine, ColoursErrorsOnATerminalOnly) {
  FakeFleet fleet;
  fleet.console.terminal = true;
  fleet.console.variables["TERM"] = "xterm";
  fleet.run({"frobnicate"});
  EXPECT_THAT(fleet.console.errors, StartsWith("\x1b[31merror:\x1b[0m "));
  fleet.console.variables["NO_COLOR"] = "1";
  fleet.run({"frobnicate"});
  EXPECT_THAT(fleet.console.errors, StartsWith("error: "));
}

}  // namespace
}  // namespace holdfast
