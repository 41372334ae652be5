#pragma once
// Common to the render_*.cc files, and included by nothing else: it brings all of nlohmann/json with it.
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/cli/render.h"

namespace holdfast {

using Json = nlohmann::ordered_json;  // fields stay in the order of the contract

// One thing in all its forms.
struct Item {
  Json json = Json::object();
  std::string name;                                            // what other commands take
  std::vector<std::string> cells;                              // of Columns::narrow, then of Columns::wide
  std::vector<std::pair<std::string, std::string>> details{};  // "describe" for people; an empty value is left out
  std::string tail{};                                          // below the details: tables of parts
};

struct Columns {
  std::string kind;  // "Node"
  std::vector<std::string> narrow;
  std::vector<std::string> wide;  // after them with -o wide
};

// Nothing at all for an empty table.
std::string show_list(const Columns& columns, const std::vector<Item>& items, const Style& style);
std::string show_one(const Columns& columns, const Item& item, const Style& style);
// As JSON or YAML, apiVersion and kind first.
std::string show_object(const std::string& kind, const Json& fields, OutputFormat format);

// Own emitter: block style, strings quoted unless they can be nothing else.
std::string to_yaml(const Json& value);

// null for never and for nothing.
Json json_time(Timestamp time);
Json json_text(const std::string& text);
template <class AnyId>
Json json_id(const AnyId& id) {
  return id.is_null() ? Json() : Json(id.text());
}
Json json_lsn(Lsn lsn);
Json json_findings(const std::vector<Finding>& findings);

}  // namespace holdfast
