#include "coordinator/cli/completion.h"
#include "coordinator/cli/nouns.h"
#include "coordinator/cli/session.h"

namespace holdfast {

void add_completion(CommandWord root, const Grammar& grammar) {
  CommandWord noun = root.add("completion", "a script that completes commands in your shell");
  struct Shell {
    const char* name;
    const char* description;
    std::string (*script)(const std::vector<CommandShape>&);
  };
  for (const Shell& shell : {Shell{"bash", "source <(holdfast completion bash)", bash_completion},
                             Shell{"zsh", "source <(holdfast completion zsh)", zsh_completion},
                             Shell{"fish", "holdfast completion fish | source", fish_completion}}) {
    noun.add(shell.name, shell.description).runs([&grammar, shell](Session& session) -> Result<ExitCode> {
      session.print(shell.script(grammar.shapes()));
      return ExitCode::done;
    });
  }
}

}  // namespace holdfast
