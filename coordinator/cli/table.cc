#include "coordinator/cli/table.h"

#include <algorithm>

#include "coordinator/cli/human.h"

namespace holdfast {
namespace {

// Characters and not bytes; good enough for names (wide and combining characters count as one).
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

void add_line(std::string& out, const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    line += cells[i];
    if (i + 1 < cells.size()) line.append(widths[i] - width_of(cells[i]) + 2, ' ');
  }
  out += line + "\n";
}

}  // namespace

void Table::row(std::vector<std::string> cells) {
  cells.resize(headers_.size());
  for (std::string& cell : cells) cell = cell.empty() ? "-" : printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::text(Headers headers) const {
  std::vector<std::size_t> widths(headers_.size(), 0);
  const auto widen = [&](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], width_of(cells[i]));
  };
  if (headers == Headers::show) widen(headers_);
  for (const auto& cells : rows_) widen(cells);

  std::string out;
  if (headers == Headers::show) add_line(out, headers_, widths);
  for (const auto& cells : rows_) add_line(out, cells, widths);
  return out;
}

}  // namespace holdfast
