#pragma once
// Columns of text, aligned by what they hold.
#include <string>
#include <vector>

namespace holdfast {

enum class Headers : unsigned char { show, hide };

class Table {
 public:
  explicit Table(std::vector<std::string> headers) : headers_(std::move(headers)) {}
  // One cell for each header; an empty one is shown as "-", control characters are replaced.
  void row(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  // Every line ends with a line feed; no trailing blanks.
  std::string text(Headers headers) const;

 private:
  std::vector<std::string> headers_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace holdfast
