#include "coordinator/cli/completion.h"

#include <gmock/gmock.h>

#include <fstream>

#include "coordinator/cli/app.h"
#include "shared/os/process.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

std::vector<CommandShape> shapes() {
  Globals globals;
  Grammar grammar("holdfast", "", "0");
  build_grammar(grammar, globals);
  return grammar.shapes();
}

TEST(CommandShapes, ListEveryVerbWithItsOptions) {
  bool found = false;
  for (const CommandShape& command : shapes()) {
    if (command.path != "restore run") continue;
    found = true;
    ASSERT_TRUE(command.positional);
    EXPECT_EQ(command.positional->completes, Completes::databases);
    std::vector<std::string> names;
    for (const ArgumentShape& option : command.options) {
      names.insert(names.end(), option.names.begin(), option.names.end());
    }
    EXPECT_THAT(names, testing::IsSupersetOf({"-l", "--selector", "--to-time", "--delta", "--recovery-key", "--yes"}));
  }
  EXPECT_TRUE(found);
}

// What bash offers for the last of these words, with a `holdfast` in PATH that lists two databases.
std::string offered(const std::string& words) {
  TemporaryDirectory directory;
  std::ofstream(directory / "script") << bash_completion(shapes());
  std::ofstream(directory / "holdfast")
      << "#!/bin/sh\n[ \"$*\" = 'database list -o name' ] && printf 'orders\\nevents\\n'\n";
  std::ofstream(directory / "ask") << "set -eu\nPATH=" << directory.path() << ":$PATH\nsource " << directory / "script"
                                   << "\nCOMP_WORDS=(" << words
                                   << ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\nset +eu\n_holdfast\n"
                                   << "echo \"${COMPREPLY[*]}\"\n";
  const auto made = run_command({{"chmod", "+x", directory / "holdfast"}, {}, "", {}, Micros{0}});
  EXPECT_TRUE(made.has_value());
  const auto outcome = run_command({{"bash", directory / "ask"}, {}, "", {}, std::chrono::seconds(20)});
  EXPECT_TRUE(outcome.has_value());
  return outcome->output;
}

TEST(BashCompletion, OffersNounsVerbsOptionsAndValues) {
  EXPECT_THAT(offered("holdfast re"), testing::StrEq("restore retention\n"));
  EXPECT_THAT(offered("holdfast node ''"), HasSubstr("cordon"));
  EXPECT_THAT(offered("holdfast restore run --to-"), testing::StrEq("--to-time --to-lsn --to-xid --to-name\n"));
  EXPECT_THAT(offered("holdfast backup create orders --type ''"), testing::StrEq("full incremental differential\n"));
  EXPECT_THAT(offered("holdfast node list -o j"), testing::StrEq("json\n"));
}

TEST(BashCompletion, AsksTheCoordinatorForNames) {
  EXPECT_THAT(offered("holdfast backup create ''"), testing::StrEq("orders events\n"));
  EXPECT_THAT(offered("holdfast -o json backup create or"), testing::StrEq("orders\n"));
}

TEST(Completion, KnowsEveryVerbInEveryShell) {
  const auto commands = shapes();
  const std::string zsh = zsh_completion(commands);
  const std::string fish = fish_completion(commands);
  for (const CommandShape& command : commands) {
    if (command.path.empty()) continue;
    EXPECT_THAT(zsh, HasSubstr("'" + command.path + "'"));
    for (const std::string& child : command.children) {
      EXPECT_THAT(fish, HasSubstr("\"__holdfast_at " + command.path + "\" -a " + child));
    }
  }
}

}  // namespace
}  // namespace holdfast
