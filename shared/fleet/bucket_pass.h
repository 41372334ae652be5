#pragma once
// How a host without an access key reaches a bucket: it says what it wants to do, and whoever has the key signs exactly
// that.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/time.h"

namespace holdfast {

// One thing that is to be done in a bucket; names are those of objects, without the store's prefix.
struct BucketWish {
  enum class Kind : std::uint8_t {
    get,    // this object, or a range of it
    look,   // whether it is there, and how long it is
    list,   // what begins with `name`, one page
    reach,  // whether the bucket answers; `name` is empty
    // Objects of a put_scope(). They have names that nobody knows beforehand, and must get there when nobody can be
    // asked, so one pass is for all of them, and lives long.
    put
  };
  Kind kind = Kind::get;
  std::string name = {};
  bool parts = false;      // list: only up to the next '/'
  std::string after = {};  // list: the token of the page before; empty: the first one
  friend auto operator<=>(const BucketWish&, const BucketWish&) = default;
};

// The `name` of the wish to put this object: everything up to the first '/' and with it, which stands for every name
// below; without a '/' it is exactly that name.
inline std::string_view put_scope(std::string_view name) {
  const auto slash = name.find('/');
  return slash == std::string_view::npos ? name : name.substr(0, slash + 1);
}

// Whoever has it can do what was wished for until it has run out, and nothing else.
struct BucketPass {
  struct Field {
    std::string name;
    std::string value;
    friend bool operator==(const Field&, const Field&) = default;
  };
  std::string url;
  std::vector<Field> fields;  // put: of the form that is posted to `url`, besides the object itself
  Micros valid{0};            // from when it was signed
  friend bool operator==(const BucketPass&, const BucketPass&) = default;
};

}  // namespace holdfast
