#pragma once
// The command line's tree of nouns, verbs and their arguments. The library that parses it stays in grammar.cc;
// completion scripts are made from the same tree, so they cannot know other words than the parser.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/exit_code.h"
#include "shared/base/result.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace holdfast {

class Session;

// What a parsed command line asks for. Runs after parsing, so that wrong arguments are told before anything happens.
using Action = std::function<Result<ExitCode>(Session&)>;

// Where a shell finds the values of an argument.
enum class Completes : unsigned char {
  nothing,
  files,
  directories,
  nodes,
  databases,
  stores,
  policies,
  backups,
  jobs,
  restores,
  tokens,
  operators
};

struct ArgumentShape {
  std::vector<std::string> names;  // "-o", "--output"; empty for what stands alone
  std::string description;
  bool takes_value = false;
  Completes completes = Completes::nothing;
  std::vector<std::string> choices;
};
struct CommandShape {
  std::string path;  // "", "node", "node list"
  std::string description;
  std::vector<std::string> children;
  std::vector<ArgumentShape> options;
  std::optional<ArgumentShape> positional;
};

class Grammar;

// An option or positional argument while the tree is built.
class Argument {
 public:
  Argument(Grammar& grammar, CLI::Option* option) : grammar_(grammar), option_(option) {}
  Argument& required();
  Argument& completes(Completes what);
  Argument& one_of(std::vector<std::string> words);
  Argument& excludes(const Argument& other);

 private:
  Grammar& grammar_;
  CLI::Option* option_;
};

// One noun or verb while the tree is built. What is bound must outlive the parsing; a verb's action usually owns it.
class CommandWord {
 public:
  CommandWord(Grammar& grammar, CLI::App* app) : grammar_(grammar), app_(app) {}
  CommandWord add(const std::string& name, const std::string& description);
  // Text below the help.
  CommandWord& footer(const std::string& text);

  Argument flag(const std::string& names, bool& into, const std::string& description);
  // `names` like "-l,--selector"; a name without dashes is a positional argument.
  Argument option(const std::string& names, std::string& into, const std::string& description);
  Argument option(const std::string& names, std::uint32_t& into, const std::string& description);
  // May be repeated; each takes one value.
  Argument option(const std::string& names, std::vector<std::string>& into, const std::string& description);
  // Any type with a parser: the parser's error is told with the argument's name.
  Argument parsed(const std::string& names, std::function<Result<>(const std::string&)> parse,
                  const std::string& description);
  void runs(Action action);

 private:
  Grammar& grammar_;
  CLI::App* app_;
};

class Grammar {
 public:
  Grammar(const std::string& program, const std::string& description, const std::string& version);
  ~Grammar();
  Grammar(const Grammar&) = delete;
  Grammar& operator=(const Grammar&) = delete;

  CommandWord root();
  // Without the program's name. A text: print it and exit well (--help, --version). Code::invalid names the argument
  // and hints at the right help.
  Result<std::optional<std::string>> parse(std::vector<std::string> arguments);
  // After a parse that returned no text.
  const Action& chosen() const { return chosen_; }
  std::vector<CommandShape> shapes() const;

 private:
  friend class Argument;
  friend class CommandWord;
  struct Parts;
  std::unique_ptr<Parts> parts_;
  Action chosen_;
};

}  // namespace holdfast
