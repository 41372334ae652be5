#include "shared/config/document.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <charconv>

namespace holdfast {

struct Setting::Node {
  YAML::Node yaml;
  std::string source;
  std::string path;  // "wal.rpo"
  YAML::Mark mark;
  bool absent = false;
  std::map<std::string, std::shared_ptr<Node>, std::less<>> asked;
};

namespace {

constexpr int depth_limit = 32;

std::string place(const std::string& source, const YAML::Mark& mark) {
  if (mark.is_null()) return source;
  return fmt::format("{}:{}:{}", source, mark.line + 1, mark.column + 1);
}

std::string_view kind_name(const YAML::Node& node) {
  if (node.IsMap()) return "a map";
  if (node.IsSequence()) return "a list";
  if (node.IsScalar()) return "a value";
  return "nothing";
}

Result<> check_shape(const YAML::Node& node, const std::string& source, int depth) {
  if (depth > depth_limit) return fail(Code::invalid, fmt::format("{}: nested too deeply", place(source, node.Mark())));
  if (node.IsSequence()) {
    for (const auto& item : node) TRY(check_shape(item, source, depth + 1));
  }
  if (!node.IsMap()) return {};
  std::map<std::string, int> seen;
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) {
      return fail(Code::invalid, fmt::format("{}: a key must be plain text", place(source, entry.first.Mark())));
    }
    if (++seen[entry.first.Scalar()] > 1) {
      return fail(Code::invalid,
                  fmt::format("{}: \"{}\" is there twice", place(source, entry.first.Mark()), entry.first.Scalar()));
    }
    TRY(check_shape(entry.second, source, depth + 1));
  }
  return {};
}

std::shared_ptr<Setting::Node> child_of(const Setting::Node& parent, const std::string& key, const YAML::Node& yaml) {
  auto child = std::make_shared<Setting::Node>();
  if (yaml.IsDefined()) child->yaml.reset(yaml);  // assigning an undefined node throws
  child->source = parent.source;
  child->path = parent.path.empty() ? key : parent.path + "." + key;
  child->mark = yaml.IsDefined() ? yaml.Mark() : parent.mark;
  child->absent = !yaml.IsDefined() || yaml.IsNull();
  return child;
}

Result<> finish_node(const Setting::Node& node) {
  if (node.absent || !node.yaml.IsMap()) return {};
  for (const auto& entry : node.yaml) {
    const auto& key = entry.first.Scalar();
    const auto known = node.asked.find(key);
    if (known == node.asked.end()) {
      const std::string where = node.path.empty() ? std::string() : fmt::format(" in \"{}\"", node.path);
      return fail(Code::invalid,
                  fmt::format("{}: unknown key \"{}\"{}", place(node.source, entry.first.Mark()), key, where));
    }
    TRY(finish_node(*known->second));
  }
  return {};
}

}  // namespace

Result<Setting> Setting::parse(std::string_view text, std::string source) {
  auto root = std::make_shared<Node>();
  root->source = std::move(source);
  // Anchors make small texts large; no configuration of ours needs them.
  try {
    const auto documents = YAML::LoadAll(std::string(text));
    if (documents.size() > 1) return fail(Code::invalid, root->source + ": more than one document");
    root->yaml = documents.empty() ? YAML::Node(YAML::NodeType::Map) : documents[0];
    if (root->yaml.IsNull()) root->yaml = YAML::Node(YAML::NodeType::Map);
    root->mark = root->yaml.Mark();
    if (!root->yaml.IsMap()) {
      return fail(Code::invalid, fmt::format("{}: expected keys and values, found {}", place(root->source, root->mark),
                                             kind_name(root->yaml)));
    }
    TRY(check_shape(root->yaml, root->source, 0));
  } catch (const YAML::Exception& problem) {
    return fail(Code::invalid, fmt::format("{}: {}", place(root->source, problem.mark), problem.msg));
  }
  return Setting(std::move(root));
}

bool Setting::is_present() const {
  return !node_->absent;
}
bool Setting::is_map() const {
  return !node_->absent && node_->yaml.IsMap();
}
bool Setting::is_list() const {
  return !node_->absent && node_->yaml.IsSequence();
}

Error Setting::error(std::string_view message) const {
  const std::string name = node_->path.empty() ? std::string() : fmt::format("\"{}\" ", node_->path);
  return {Code::invalid, fmt::format("{}: {}{}", place(node_->source, node_->mark), name, message), {}};
}

Result<Setting> Setting::at(std::string_view key) {
  if (const auto known = node_->asked.find(key); known != node_->asked.end()) return Setting(known->second);
  const std::string name(key);
  if (!node_->absent && !node_->yaml.IsMap()) {
    return std::unexpected(error(fmt::format("must be a map, found {}", kind_name(node_->yaml))));
  }
  const YAML::Node& yaml = node_->yaml;
  auto child = child_of(*node_, name, node_->absent ? YAML::Node(YAML::NodeType::Undefined) : yaml[name]);
  node_->asked.emplace(name, child);
  return Setting(child);
}

Result<std::vector<std::pair<std::string, Setting>>> Setting::entries() {
  std::vector<std::pair<std::string, Setting>> out;
  if (node_->absent) return out;
  if (!node_->yaml.IsMap())
    return std::unexpected(error(fmt::format("must be a map, found {}", kind_name(node_->yaml))));
  for (const auto& entry : node_->yaml) {
    const std::string& key = entry.first.Scalar();
    out.emplace_back(key, TRY(at(key)));
  }
  return out;
}

Result<std::vector<Setting>> Setting::items() const {
  std::vector<Setting> out;
  if (node_->absent) return out;
  if (!node_->yaml.IsSequence()) {
    return std::unexpected(error(fmt::format("must be a list, found {}", kind_name(node_->yaml))));
  }
  std::size_t index = 0;
  for (const auto& item : node_->yaml) out.emplace_back(child_of(*node_, fmt::format("[{}]", index++), item));
  return out;
}

Result<std::string> Setting::text() const {
  if (node_->absent) return std::unexpected(error("is missing"));
  if (!node_->yaml.IsScalar())
    return std::unexpected(error(fmt::format("must be a text, found {}", kind_name(node_->yaml))));
  return node_->yaml.Scalar();
}

Result<std::int64_t> Setting::integer(std::int64_t from, std::int64_t to) const {
  const std::string value = TRY(text());
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (problem != std::errc() || end != value.data() + value.size()) {
    return std::unexpected(error(fmt::format("must be a whole number, found \"{}\"", value)));
  }
  if (number < from || number > to) {
    return std::unexpected(error(fmt::format("must be from {} to {}, found {}", from, to, number)));
  }
  return number;
}

Result<bool> Setting::boolean() const {
  const std::string value = TRY(text());
  if (value == "true") return true;
  if (value == "false") return false;
  return std::unexpected(error(fmt::format("must be true or false, found \"{}\"", value)));
}

Result<Micros> Setting::duration() const {
  const std::string value = TRY(text());
  auto parsed = parse_duration(value);
  if (!parsed) return std::unexpected(error(fmt::format("must be a duration such as 10s or 24h, found \"{}\"", value)));
  return parsed;
}

Result<std::uint64_t> Setting::byte_size() const {
  const std::string value = TRY(text());
  auto parsed = parse_byte_size(value);
  if (!parsed)
    return std::unexpected(error(fmt::format("must be a size such as 512MiB or 100GB, found \"{}\"", value)));
  return parsed;
}

Result<std::vector<std::string>> Setting::texts() const {
  std::vector<std::string> out;
  for (const auto& item : TRY(items())) out.push_back(TRY(item.text()));
  return out;
}

Result<> Setting::finish() const {
  return finish_node(*node_);
}

Result<std::uint64_t> parse_byte_size(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::uint64_t bytes;
  };
  constexpr std::array<Unit, 10> units{{{"", 1},
                                        {"B", 1},
                                        {"kB", 1'000},
                                        {"MB", 1'000'000},
                                        {"GB", 1'000'000'000},
                                        {"TB", 1'000'000'000'000},
                                        {"KiB", 1ULL << 10},
                                        {"MiB", 1ULL << 20},
                                        {"GiB", 1ULL << 30},
                                        {"TiB", 1ULL << 40}}};
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (problem == std::errc()) {
    for (const auto& known : units) {
      if (unit == known.name && number <= UINT64_MAX / known.bytes) return number * known.bytes;
    }
  }
  return fail(Code::invalid, fmt::format("\"{}\" is not a size", text));
}

}  // namespace holdfast
