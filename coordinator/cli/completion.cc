#include "coordinator/cli/completion.h"

#include <fmt/format.h>

namespace holdfast {
namespace {

// The listing that prints the names of such things; empty when there is none.
std::string_view listing_of(Completes what) {
  switch (what) {
    case Completes::nodes:
      return "node";
    case Completes::databases:
      return "database";
    case Completes::stores:
      return "store";
    case Completes::policies:
      return "policy";
    case Completes::backups:
      return "backup";
    case Completes::jobs:
      return "job";
    case Completes::restores:
      return "restore";
    case Completes::tokens:
      return "token";
    case Completes::operators:
      return "operator";
    case Completes::nothing:
    case Completes::files:
    case Completes::directories:
      return "";
  }
  return "";
}

std::string join(const std::vector<std::string>& words, std::string_view between) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : std::string(between)) + word;
  return out;
}

std::string last_word(const std::string& path) {
  return path.substr(path.rfind(' ') + 1);
}

// Inside single quotes of a shell.
std::string quoted(std::string text) {
  for (std::size_t at = text.find('\''); at != std::string::npos; at = text.find('\'', at + 4)) {
    text.replace(at, 1, "'\\''");
  }
  return "'" + text + "'";
}

// The shell code that offers the values of one argument, in the words of one shell.
struct Offers {
  std::string_view words;  // with {} for a list
  std::string_view names;  // with {} for a noun
  std::string_view files;
  std::string_view directories;
  std::string of(const ArgumentShape& argument) const {
    if (!argument.choices.empty()) return fmt::format(fmt::runtime(words), join(argument.choices, " "));
    if (argument.completes == Completes::files) return std::string(files);
    if (argument.completes == Completes::directories) return std::string(directories);
    const std::string_view noun = listing_of(argument.completes);
    return noun.empty() ? ":" : fmt::format(fmt::runtime(names), noun);
  }
};

// bash and zsh differ in how they know the words and offer candidates; the tree of cases is the same.
std::string cases(const std::vector<CommandShape>& commands, const Offers& offers) {
  std::string values;
  std::string options;
  std::string places;
  for (const CommandShape& command : commands) {
    std::vector<std::string> names;
    for (const ArgumentShape& option : command.options) {
      names.insert(names.end(), option.names.begin(), option.names.end());
      if (!option.takes_value) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option.names) {
        // The program's own options may stand behind every verb.
        patterns.push_back((command.path.empty() ? "*" : quoted(command.path)) + ":" + name);
      }
      values += fmt::format("    {}) {}; return ;;\n", join(patterns, "|"), offers.of(option));
    }
    if (!command.path.empty()) {
      options += fmt::format("      {}) own={} ;;\n", quoted(command.path), quoted(join(names, " ")));
    } else {
      options = fmt::format("      '') own= ;;\n") + options;
    }
    std::string place = ":";
    if (!command.children.empty()) {
      place = fmt::format(fmt::runtime(offers.words), join(command.children, " "));
    } else if (command.positional) {
      place = offers.of(*command.positional);
    }
    places += fmt::format("    {}) {} ;;\n", quoted(command.path), place);
  }
  std::vector<std::string> everywhere;
  for (const ArgumentShape& option : commands.front().options) {
    everywhere.insert(everywhere.end(), option.names.begin(), option.names.end());
  }
  return "  case \"$verb:$before\" in\n" + values + "  esac\n" +  //
         "  if [[ $current == -* ]]; then\n    local own=\n    case \"$verb\" in\n" + options + "    esac\n    " +
         fmt::format(fmt::runtime(offers.words), "$own " + join(everywhere, " ")) + "\n    return\n  fi\n" +
         "  case \"$verb\" in\n" + places + "  esac\n";
}

// "parent/child" for every noun and verb.
std::string known_paths(const std::vector<CommandShape>& commands, std::string_view between) {
  std::vector<std::string> patterns;
  for (const CommandShape& command : commands) {
    if (command.path.empty()) continue;
    const std::size_t blank = command.path.rfind(' ');
    const std::string parent = blank == std::string::npos ? "" : command.path.substr(0, blank);
    patterns.push_back(quoted(parent + "/" + last_word(command.path)));
  }
  return join(patterns, between);
}

}  // namespace

std::string bash_completion(const std::vector<CommandShape>& commands) {
  const Offers offers{"_holdfast_offer \"{}\"", "_holdfast_offer \"$(holdfast {} list -o name 2>/dev/null)\"",
                      "mapfile -t COMPREPLY < <(compgen -f -- \"$current\")",
                      "mapfile -t COMPREPLY < <(compgen -d -- \"$current\")"};
  return "# bash completion of holdfast: source <(holdfast completion bash)\n"
         "_holdfast_offer() {\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
         "}\n"
         "_holdfast() {\n"
         "  local verb= word i current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    word=${COMP_WORDS[i]}\n"
         "    case \"$verb/$word\" in\n"
         "      " +
         known_paths(commands, "|") +
         ") verb=\"${verb:+$verb }$word\" ;;\n"
         "    esac\n"
         "  done\n" +
         cases(commands, offers) + "}\ncomplete -F _holdfast holdfast\n";
}

std::string zsh_completion(const std::vector<CommandShape>& commands) {
  // "path" would be zsh's own array of directories, so nothing here has that name.
  const Offers offers{"compadd -- ${{=:-\"{}\"}}", "compadd -- ${{(f)\"$(holdfast {} list -o name 2>/dev/null)\"}}",
                      "_files", "_files -/"};
  return "#compdef holdfast\n"
         "# zsh completion of holdfast: source <(holdfast completion zsh)\n"
         "_holdfast() {\n"
         "  local verb= word i current=${words[CURRENT]} before=${words[CURRENT-1]}\n"
         "  for ((i = 2; i < CURRENT; i++)); do\n"
         "    word=${words[i]}\n"
         "    case \"$verb/$word\" in\n"
         "      " +
         known_paths(commands, "|") +
         ") verb=\"${verb:+$verb }$word\" ;;\n"
         "    esac\n"
         "  done\n" +
         cases(commands, offers) + "}\ncompdef _holdfast holdfast\n";
}

std::string fish_completion(const std::vector<CommandShape>& commands) {
  std::string out =
      "# fish completion of holdfast: holdfast completion fish | source\n"
      "function __holdfast_verb\n"
      "  set -l verb\n"
      "  for word in (commandline -opc)[2..-1]\n"
      "    switch \"$verb/$word\"\n"
      "      case " +
      known_paths(commands, " ") +
      "\n"
      "        set verb (string trim -- \"$verb $word\")\n"
      "    end\n"
      "  end\n"
      "  echo $verb\n"
      "end\n"
      "function __holdfast_at\n"
      "  set -l verb (__holdfast_verb)\n"
      "  test \"$verb\" = \"$argv\"\n"
      "end\n"
      "complete -c holdfast -f\n";
  const auto values = [](const ArgumentShape& argument) -> std::string {
    if (!argument.choices.empty()) return " -x -a " + quoted(join(argument.choices, " "));
    if (argument.completes == Completes::files) return " -r -F";
    if (argument.completes == Completes::directories) return " -x -a '(__fish_complete_directories)'";
    const std::string_view noun = listing_of(argument.completes);
    return noun.empty() ? " -x" : fmt::format(" -x -a '(holdfast {} list -o name 2>/dev/null)'", noun);
  };
  for (const CommandShape& command : commands) {
    const std::string at = fmt::format("complete -c holdfast -n \"__holdfast_at {}\"", command.path);
    for (const std::string& child : command.children) {
      const std::string full = command.path.empty() ? child : command.path + " " + child;
      std::string description;
      for (const CommandShape& other : commands) description = other.path == full ? other.description : description;
      out += fmt::format("{} -a {} -d {}\n", at, child, quoted(description));
    }
    if (command.positional) out += at + values(*command.positional) + "\n";
    for (const ArgumentShape& option : command.options) {
      std::string line = command.path.empty() ? "complete -c holdfast" : at;
      for (const std::string& name : option.names) {
        line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      out += line + " -d " + quoted(option.description) + (option.takes_value ? values(option) : "") + "\n";
    }
  }
  return out;
}

}  // namespace holdfast
