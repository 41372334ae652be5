#include "coordinator/core/selection.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "coordinator/core/inventory.h"

namespace holdfast {
namespace {

constexpr std::size_t candidates_named = 5;

// Reads a selector from left to right.
class SelectorReader {
 public:
  explicit SelectorReader(std::string_view text) : text_(text) {}

  Result<std::vector<Requirement>> read() {
    std::vector<Requirement> requirements;
    skip_space();
    while (!rest().empty()) {
      requirements.push_back(TRY(requirement()));
      skip_space();
      if (rest().empty()) break;
      if (!take(",")) return wrong("a comma");
      skip_space();
      if (rest().empty()) return wrong("another label");
    }
    return requirements;
  }

 private:
  std::string_view rest() const { return text_.substr(at_); }
  void skip_space() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take(std::string_view token) {
    if (!rest().starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  std::unexpected<Error> wrong(std::string_view expected) const {
    return fail(Code::invalid, fmt::format("selector \"{}\": expected {} at character {}", text_, expected, at_ + 1),
                "write it like env=prod,role!=drill,zone in (a,b)");
  }
  std::string word() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && std::string_view(" ,=!()").find(text_[at_]) == std::string_view::npos) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  Result<std::vector<std::string>> list() {
    std::vector<std::string> values;
    skip_space();
    if (!take("(")) return wrong("\"(\"");
    while (true) {
      skip_space();
      values.push_back(word());
      if (values.back().empty()) return wrong("a value");
      skip_space();
      if (take(")")) return values;
      if (!take(",")) return wrong("a comma or \")\"");
    }
  }
  Result<Requirement> requirement() {
    Requirement out;
    out.label = word();
    if (out.label.empty()) return wrong("a label");
    skip_space();
    if (take("!=")) {
      out.kind = Requirement::Kind::not_in;
    } else if (!take("==") && !take("=")) {
      if (take("notin")) {
        out.kind = Requirement::Kind::not_in;
      } else if (!take("in")) {
        return wrong("=, !=, in or notin");
      }
      out.values = TRY(list());
      return out;
    }
    skip_space();
    out.values = {word()};
    if (out.values.front().empty()) return wrong("a value");
    return out;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// `things`: ids with the names they go by ("" when they have none).
template <class AnyId>
Result<AnyId> find_one(std::string_view kind, std::string_view text,
                       const std::vector<std::pair<AnyId, std::string>>& things) {
  std::vector<std::pair<AnyId, std::string>> found;
  for (const auto& thing : things) {
    if (!text.empty() && thing.second == text) return thing.first;
    if (!text.empty() && thing.first.text().starts_with(text)) found.push_back(thing);
  }
  if (found.empty()) return fail(Code::not_found, fmt::format("there is no {} \"{}\"", kind, text));
  if (found.size() == 1) return found.front().first;
  std::vector<std::string> candidates;
  for (std::size_t i = 0; i < found.size() && i < candidates_named; ++i) {
    candidates.push_back(found[i].second.empty() ? found[i].first.text() : found[i].second);
  }
  return fail(Code::invalid,
              fmt::format("\"{}\" is the beginning of {} {}s: {}{}", text, found.size(), kind,
                          fmt::join(candidates, ", "), found.size() > candidates_named ? ", ..." : ""),
              "give more of the id");
}

template <class AnyId, class Map>
std::vector<std::pair<AnyId, std::string>> named(const Map& map) {
  std::vector<std::pair<AnyId, std::string>> things;
  for (const auto& [id, thing] : map) things.emplace_back(id, thing.name);
  return things;
}
template <class AnyId, class Map>
std::vector<std::pair<AnyId, std::string>> unnamed(const Map& map) {
  std::vector<std::pair<AnyId, std::string>> things;
  for (const auto& entry : map) things.emplace_back(entry.first, std::string{});
  return things;
}

template <class AnyId, class Find, class LabelsOf>
Result<std::vector<AnyId>> select(const Selection& selection, WhenEmpty empty, const std::vector<AnyId>& all,
                                  Find&& find, LabelsOf&& labels_of) {
  if (selection.empty() && empty == WhenEmpty::refuse) {
    return fail(Code::invalid, "nothing was selected", "name what you mean, or select it with -l");
  }
  std::vector<AnyId> chosen = all;
  if (!selection.names.empty()) {
    chosen.clear();
    for (const auto& name : selection.names) {
      const AnyId id = TRY(find(name));
      if (std::find(chosen.begin(), chosen.end(), id) == chosen.end()) chosen.push_back(id);
    }
  }
  const auto requirements = TRY(parse_selector(selection.selector));
  std::erase_if(chosen, [&](const AnyId& id) { return !fits(requirements, labels_of(id)); });
  if (chosen.empty() && !selection.empty() && empty == WhenEmpty::refuse) {
    return fail(Code::not_found, fmt::format("nothing fits \"{}\"", selection.selector), "holdfast database list");
  }
  return chosen;
}

}  // namespace

Result<std::vector<Requirement>> parse_selector(std::string_view text) {
  return SelectorReader(text).read();
}

bool fits(const std::vector<Requirement>& requirements, const Labels& labels) {
  return std::all_of(requirements.begin(), requirements.end(), [&labels](const Requirement& requirement) {
    const auto label = labels.find(requirement.label);
    const auto& values = requirement.values;
    const bool in = label != labels.end() && std::find(values.begin(), values.end(), label->second) != values.end();
    return in == (requirement.kind == Requirement::Kind::in);
  });
}

Result<std::vector<DatabaseId>> select_databases(const CoreState& state, const Selection& selection, WhenEmpty empty) {
  std::vector<DatabaseId> all;
  for (const auto& [name, id] : state.database_by_name) all.push_back(id);
  return select<DatabaseId>(
      selection, empty, all, [&](const std::string& name) { return find_database(state, name); },
      [&](DatabaseId id) { return labels_for_selection(state, state.databases.at(id)); });
}

Result<std::vector<NodeId>> select_nodes(const CoreState& state, const Selection& selection, WhenEmpty empty) {
  std::vector<NodeId> all;
  for (const auto& [id, node] : state.nodes) all.push_back(id);
  return select<NodeId>(
      selection, empty, all, [&](const std::string& name) { return find_node(state, name); },
      [&](NodeId id) {
        Labels labels = state.nodes.at(id).labels;
        labels["name"] = state.nodes.at(id).name;
        return labels;
      });
}

Result<NodeId> find_node(const CoreState& state, std::string_view text) {
  return find_one<NodeId>("node", text, named<NodeId>(state.nodes));
}
Result<DatabaseId> find_database(const CoreState& state, std::string_view text) {
  return find_one<DatabaseId>("database", text, named<DatabaseId>(state.databases));
}
Result<BackupId> find_backup(const CoreState& state, std::string_view text) {
  return find_one<BackupId>("backup", text, unnamed<BackupId>(state.database_by_backup));
}
Result<JobId> find_job(const CoreState& state, std::string_view text) {
  return find_one<JobId>("job", text, unnamed<JobId>(state.jobs));
}
Result<RestoreId> find_restore(const CoreState& state, std::string_view text) {
  return find_one<RestoreId>("restore", text, unnamed<RestoreId>(state.restores));
}
Result<TokenId> find_token(const CoreState& state, std::string_view text) {
  return find_one<TokenId>("token", text, unnamed<TokenId>(state.tokens));
}

}  // namespace holdfast
