#pragma once
// Typed, strict reading of YAML: every key must be asked for, every value must have the type asked for, and each
// complaint names file, line and column. yaml-cpp and its exceptions stop here.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/time.h"

namespace holdfast {

// One place in a document. Reading a map marks its keys as known; finish() complains about the others.
// `source` in messages is a file name. Every error is Code::invalid: "agent.yaml:3:7: \"rpo\" is not a duration".
class Setting {
 public:
  // `text` must be one YAML document whose root is a map (or empty: an empty map). Aliases are limited, depth is 32.
  static Result<Setting> parse(std::string_view text, std::string source);

  bool is_present() const;
  bool is_map() const;
  bool is_list() const;

  // The value under a key of this map; an absent Setting when there is none. This must be a map or absent.
  Result<Setting> at(std::string_view key);
  // The keys of this map in order; marks all of them as known (labels, for example).
  Result<std::vector<std::pair<std::string, Setting>>> entries();
  Result<std::vector<Setting>> items() const;

  // The value itself. Absent: Code::invalid "\"key\" is missing".
  Result<std::string> text() const;
  Result<std::int64_t> integer(std::int64_t from, std::int64_t to) const;
  Result<bool> boolean() const;
  Result<Micros> duration() const;
  // "100GB", "512MiB", "4096": bytes. kB, MB, GB, TB are powers of 1000; KiB, MiB, GiB, TiB of 1024.
  Result<std::uint64_t> byte_size() const;
  Result<std::vector<std::string>> texts() const;  // a list of scalars

  // An unknown key anywhere below that was not asked for is an error, with its line.
  Result<> finish() const;

  // An error at this place.
  Error error(std::string_view message) const;

  struct Node;
  explicit Setting(std::shared_ptr<Node> node) : node_(std::move(node)) {}

 private:
  std::shared_ptr<Node> node_;
};

Result<std::uint64_t> parse_byte_size(std::string_view text);

}  // namespace holdfast
