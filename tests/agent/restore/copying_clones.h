#pragma once
// What a file system can do that can clone files, on one that perhaps cannot.
#include <unistd.h>

#include <array>

#include "agent/restore/file_clones.h"

namespace holdfast {

inline FileClones copying_clones() {
  return {[](const std::string&) { return true; },
          [](int from, int to) -> Result<> {
            std::array<char, 65536> buffer{};
            for (ssize_t got = 0; (got = ::read(from, buffer.data(), buffer.size())) > 0;) {
              if (::write(to, buffer.data(), static_cast<std::size_t>(got)) != got) return fail(Code::internal, "copy");
            }
            return {};
          }};
}

inline FileClones no_clones() {
  return {[](const std::string&) { return false; },
          [](int, int) -> Result<> { return fail(Code::unsupported, "no reflinks"); }};
}

}  // namespace holdfast
