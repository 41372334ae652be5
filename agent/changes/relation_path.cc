#include "agent/changes/relation_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <vector>

namespace holdfast {
namespace {

// Decimal, no leading zeros, at least `least`.
std::optional<std::uint32_t> number(std::string_view text, std::uint32_t least) {
  std::uint32_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (text[0] == '0' && text.size() > 1) return std::nullopt;
  if (value < least) return std::nullopt;
  return value;
}

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    path.remove_prefix(slash + 1);
  }
}

bool is_version_directory(std::string_view name) {
  if (!name.starts_with("PG_")) return false;
  name.remove_prefix(3);
  const auto low = name.find('_');
  return low != std::string_view::npos && number(name.substr(0, low), 1) && number(name.substr(low + 1), 1);
}

struct PlacedFile {
  std::uint32_t tablespace = 0;
  std::uint32_t database = 0;
  std::string_view name;
};

std::optional<PlacedFile> placed_file(std::string_view path) {
  const auto parts = parts_of(path);
  if (parts.size() == 2 && parts[0] == "global") return PlacedFile{global_tablespace, 0, parts[1]};
  if (parts.size() == 3 && parts[0] == "base") {
    const auto database = number(parts[1], 1);
    if (database) return PlacedFile{default_tablespace, *database, parts[2]};
  }
  if (parts.size() == 5 && parts[0] == "pg_tblspc" && is_version_directory(parts[2])) {
    const auto tablespace = number(parts[1], 1);
    const auto database = number(parts[3], 1);
    if (tablespace && database) return PlacedFile{*tablespace, *database, parts[4]};
  }
  return std::nullopt;
}

std::optional<Fork> fork_named(std::string_view name) {
  if (name == "fsm") return Fork::fsm;
  if (name == "vm") return Fork::visibility;
  if (name == "init") return Fork::init;
  return std::nullopt;
}

std::string_view suffix_of(Fork fork) {
  switch (fork) {
    case Fork::main:
      return "";
    case Fork::fsm:
      return "_fsm";
    case Fork::visibility:
      return "_vm";
    case Fork::init:
      return "_init";
  }
  return "";
}

}  // namespace

std::optional<ForkSegment> fork_segment_of(std::string_view path) {
  const auto placed = placed_file(path);
  if (!placed) return std::nullopt;
  ForkSegment out;
  std::string_view name = placed->name;
  if (const auto dot = name.find('.'); dot != std::string_view::npos) {
    const auto segment = number(name.substr(dot + 1), 1);
    if (!segment) return std::nullopt;
    out.segment = *segment;
    name = name.substr(0, dot);
  }
  if (const auto low = name.find('_'); low != std::string_view::npos) {
    const auto fork = fork_named(name.substr(low + 1));
    if (!fork) return std::nullopt;
    out.fork.fork = *fork;
    name = name.substr(0, low);
  }
  const auto relation = number(name, 1);
  if (!relation) return std::nullopt;
  out.fork.tablespace = placed->tablespace;
  out.fork.database = placed->database;
  out.fork.relation = *relation;
  return out;
}

bool is_temporary_relation_file(std::string_view path) {
  const auto placed = placed_file(path);
  if (!placed || !placed->name.starts_with('t')) return false;
  const auto low = placed->name.find('_');
  if (low == std::string_view::npos || !number(placed->name.substr(1, low - 1), 0)) return false;
  const std::string_view rest = placed->name.substr(low + 1);
  return fork_segment_of(fmt::format("base/1/{}", rest)).has_value();
}

std::string path_of(const ForkSegment& file, std::string_view version_directory) {
  const RelationFork& fork = file.fork;
  const std::string segment = file.segment == 0 ? "" : fmt::format(".{}", file.segment);
  const std::string name = fmt::format("{}{}{}", fork.relation, suffix_of(fork.fork), segment);
  if (fork.tablespace == global_tablespace) return fmt::format("global/{}", name);
  if (fork.tablespace == default_tablespace) return fmt::format("base/{}/{}", fork.database, name);
  return fmt::format("pg_tblspc/{}/{}/{}/{}", fork.tablespace, version_directory, fork.database, name);
}

}  // namespace holdfast
