#include "coordinator/cli/grammar.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <map>

namespace holdfast {

struct Grammar::Parts {
  explicit Parts(const std::string& description, const std::string& program) : app(description, program) {}
  CLI::App app;
  struct Extra {
    Completes completes = Completes::nothing;
    std::vector<std::string> choices;
  };
  std::map<const CLI::Option*, Extra> extras;
};

Argument& Argument::required() {
  option_->required();
  return *this;
}
Argument& Argument::completes(Completes what) {
  grammar_.parts_->extras[option_].completes = what;
  return *this;
}
Argument& Argument::one_of(std::vector<std::string> words) {
  std::string list;
  for (const std::string& word : words) list += (list.empty() ? "" : ", ") + word;
  grammar_.parts_->extras[option_].choices = words;
  option_->check([words = std::move(words), list](const std::string& value) {
    if (std::find(words.begin(), words.end(), value) != words.end()) return std::string();
    return "\"" + value + "\" is not one of " + list;
  });
  return *this;
}
Argument& Argument::excludes(const Argument& other) {
  option_->excludes(other.option_);
  return *this;
}

CommandWord CommandWord::add(const std::string& name, const std::string& description) {
  CLI::App* child = app_->add_subcommand(name, description);
  child->fallthrough();  // --operator and -o may stand behind the verb
  if (app_->get_require_subcommand_min() == 0) app_->require_subcommand(1);
  return CommandWord(grammar_, child);
}
CommandWord& CommandWord::footer(const std::string& text) {
  app_->footer(text);
  return *this;
}
Argument CommandWord::flag(const std::string& names, bool& into, const std::string& description) {
  return Argument(grammar_, app_->add_flag(names, into, description));
}
Argument CommandWord::option(const std::string& names, std::string& into, const std::string& description) {
  return Argument(grammar_, app_->add_option(names, into, description));
}
Argument CommandWord::option(const std::string& names, std::uint32_t& into, const std::string& description) {
  return Argument(grammar_, app_->add_option(names, into, description));
}
Argument CommandWord::option(const std::string& names, std::vector<std::string>& into, const std::string& description) {
  CLI::Option* option = app_->add_option(names, into, description);
  // By default an option with many values eats the positional arguments behind it.
  if (!option->get_positional()) option->allow_extra_args(false);
  return Argument(grammar_, option);
}
Argument CommandWord::parsed(const std::string& names, std::function<Result<>(const std::string&)> parse,
                             const std::string& description) {
  const auto first_value = [parse = std::move(parse), names](const std::string& value) {
    const Result<> outcome = parse(value);
    if (!outcome) throw CLI::ValidationError(names.substr(names.rfind(',') + 1), outcome.error().message);
  };
  return Argument(grammar_, app_->add_option_function<std::string>(names, first_value, description));
}
void CommandWord::runs(Action action) {
  app_->callback([this_grammar = &grammar_, action = std::move(action)] { this_grammar->chosen_ = action; });
}

Grammar::Grammar(const std::string& program, const std::string& description, const std::string& version)
    : parts_(std::make_unique<Parts>(description, program)) {
  parts_->app.set_version_flag("--version", program + " " + version);
  parts_->app.get_formatter()->column_width(34);
}
Grammar::~Grammar() = default;

CommandWord Grammar::root() {
  return CommandWord(*this, &parts_->app);
}

namespace {

const CLI::App* deepest(const CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

std::string full_name(const CLI::App* app) {
  std::string out = app->get_name();
  for (const CLI::App* up = app->get_parent(); up != nullptr; up = up->get_parent()) out = up->get_name() + " " + out;
  return out;
}

// The library begins its sentences with a capital letter; an option's name stays as it is.
std::string sentence(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  if (!text.empty() && text.front() >= 'A' && text.front() <= 'Z') text.front() = static_cast<char>(text.front() + 32);
  return text;
}

}  // namespace

Result<std::optional<std::string>> Grammar::parse(std::vector<std::string> arguments) {
  chosen_ = nullptr;
  CLI::App& app = parts_->app;
  std::reverse(arguments.begin(), arguments.end());  // the library takes them from the back
  try {
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    const CLI::App* asked = deepest(&app);
    return asked->help(asked->get_parent() == nullptr ? "" : full_name(asked->get_parent()));
  } catch (const CLI::CallForAllHelp&) {
    return app.help("", CLI::AppFormatMode::All);
  } catch (const CLI::CallForVersion&) {
    return app.version() + "\n";
  } catch (const CLI::RequiredError& error) {
    // The library first misses the noun or verb, even when there is a word in its place.
    const std::vector<std::string> unknown = app.remaining(true);
    const std::string message =
        unknown.empty() ? sentence(error.what()) : "unknown command \"" + unknown.front() + "\"";
    return fail(Code::invalid, message, full_name(deepest(&app)) + " --help");
  } catch (const CLI::Error& error) {
    const std::string hint = full_name(deepest(&app)) + " --help";
    return fail(Code::invalid, sentence(error.what()), hint);
  }
  return std::optional<std::string>();
}

std::vector<CommandShape> Grammar::shapes() const {
  std::vector<CommandShape> out;
  const std::function<void(const CLI::App*, const std::string&)> walk = [&](const CLI::App* app,
                                                                            const std::string& path) {
    CommandShape shape{path, app->get_description(), {}, {}, std::nullopt};
    for (const CLI::Option* option : app->get_options()) {
      ArgumentShape argument;
      argument.description = option->get_description();
      argument.takes_value = option->get_items_expected_max() > 0;
      if (const auto extra = parts_->extras.find(option); extra != parts_->extras.end()) {
        argument.completes = extra->second.completes;
        argument.choices = extra->second.choices;
      }
      for (const std::string& name : option->get_snames()) argument.names.push_back("-" + name);
      for (const std::string& name : option->get_lnames()) argument.names.push_back("--" + name);
      if (argument.names.empty()) {
        if (!shape.positional) shape.positional = argument;
      } else {
        shape.options.push_back(argument);
      }
    }
    const auto children = app->get_subcommands([](const CLI::App*) { return true; });
    for (const CLI::App* child : children) shape.children.push_back(child->get_name());
    out.push_back(std::move(shape));
    for (const CLI::App* child : children) {
      walk(child, path.empty() ? child->get_name() : path + " " + child->get_name());
    }
  };
  walk(&parts_->app, "");
  return out;
}

}  // namespace holdfast
