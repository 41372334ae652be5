#pragma once
// Copies of files that share their blocks until one of them changes (reflinks: XFS, Btrfs, bcachefs ...).
#include <functional>
#include <string>

#include "shared/base/result.h"

namespace holdfast {

// What a file system can do, as a value, so that both answers can be tried on any of them.
struct FileClones {
  // Whether a file in `directory` can be cloned into another one there. Leaves nothing behind.
  std::function<bool(const std::string& directory)> work_in;
  // The whole content of `from` as the content of `to`, an empty file open for writing.
  std::function<Result<>(int from, int to)> clone;
};
FileClones kernel_file_clones();

}  // namespace holdfast
