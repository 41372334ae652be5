#include "coordinator/cli/json_document.h"

#include <algorithm>

#include "coordinator/cli/human.h"

namespace holdfast {
namespace {

constexpr auto api_version = "holdfast/v1";

std::string serialize(const Json& document, OutputFormat format) {
  if (format == OutputFormat::yaml) return to_yaml(document);
  // Names come from hosts and may be no UTF-8; a listing must not fail on one of them.
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool is_plain(const std::string& text) {
  static constexpr std::string_view not_first = "0123456789.-_";
  static constexpr std::string_view words[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  if (text.empty() || not_first.find(text.front()) != std::string_view::npos) return false;
  const bool safe = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.' || c == '/';
  });
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return safe && std::find(std::begin(words), std::end(words), lower) == std::end(words);
}

std::string scalar(const Json& value) {
  if (value.is_string() && is_plain(value.get_ref<const std::string&>())) return value.get<std::string>();
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);  // a JSON text is a YAML text
}

bool is_block(const Json& value) {
  return value.is_structured() && !value.empty();
}

void emit(std::string& out, const Json& value, std::size_t indent);

// After "key:" or "-": on the same line when it is short enough to have one.
void emit_behind(std::string& out, const Json& value, std::size_t indent) {
  if (is_block(value)) {
    out += "\n";
    emit(out, value, indent);
  } else {
    out += " " + scalar(value) + "\n";
  }
}

void emit(std::string& out, const Json& value, std::size_t indent) {
  const std::string pad(indent, ' ');
  if (value.is_object()) {
    for (const auto& [key, member] : value.items()) {
      out += pad + scalar(key) + ":";
      emit_behind(out, member, indent + 2);
    }
  } else if (value.is_array()) {
    for (const Json& element : value) {
      if (is_block(element) && element.is_object()) {
        std::string block;
        emit(block, element, indent + 2);
        block[indent] = '-';  // the first member stands on the dash's line
        out += block;
      } else {
        out += pad + "-";
        emit_behind(out, element, indent + 2);
      }
    }
  } else {
    out += pad + scalar(value) + "\n";
  }
}

}  // namespace

std::string to_yaml(const Json& value) {
  std::string out;
  if (is_block(value)) {
    emit(out, value, 0);
  } else {
    out = scalar(value) + "\n";
  }
  return out;
}

std::string show_object(const std::string& kind, const Json& fields, OutputFormat format) {
  Json document = Json::object();
  document["apiVersion"] = api_version;
  document["kind"] = kind;
  for (const auto& [key, value] : fields.items()) document[key] = value;
  return serialize(document, format);
}

std::string show_list(const Columns& columns, const std::vector<Item>& items, const Style& style) {
  switch (style.format) {
    case OutputFormat::json:
    case OutputFormat::yaml: {
      Json list = Json::array();
      for (const Item& item : items) list.push_back(item.json);
      return show_object(columns.kind + "List", Json{{"items", list}}, style.format);
    }
    case OutputFormat::name: {
      std::string out;
      for (const Item& item : items) out += printable(item.name) + "\n";
      return out;
    }
    case OutputFormat::table:
    case OutputFormat::wide:
      break;
  }
  if (items.empty()) return "";
  std::vector<std::string> headers = columns.narrow;
  if (style.format == OutputFormat::wide) headers.insert(headers.end(), columns.wide.begin(), columns.wide.end());
  Table table(headers);
  for (const Item& item : items) table.row({item.cells.begin(), item.cells.begin() + std::ssize(headers)});
  return table.text(style.headers);
}

std::string show_one(const Columns& columns, const Item& item, const Style& style) {
  switch (style.format) {
    case OutputFormat::json:
    case OutputFormat::yaml:
      return show_object(columns.kind, item.json, style.format);
    case OutputFormat::name:
      return printable(item.name) + "\n";
    case OutputFormat::table:
    case OutputFormat::wide:
      break;
  }
  std::size_t width = 0;
  for (const auto& [key, value] : item.details) width = std::max(width, value.empty() ? 0 : key.size());
  std::string out;
  for (const auto& [key, value] : item.details) {
    if (!value.empty()) out += key + ":" + std::string(width - key.size() + 2, ' ') + printable(value) + "\n";
  }
  return out + item.tail;
}

Json json_findings(const std::vector<Finding>& findings) {
  Json out = Json::array();
  for (const Finding& finding : findings) {
    out.push_back(Json{{"store", finding.store}, {"object", finding.object}, {"problem", finding.problem}});
  }
  return out;
}

Json json_time(Timestamp time) {
  return time.is_never() ? Json() : Json(to_rfc3339(time));
}
Json json_text(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}
Json json_lsn(Lsn lsn) {
  return lsn.value() == 0 ? Json() : Json(to_text(lsn));
}

}  // namespace holdfast
