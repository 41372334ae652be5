#pragma once
// postmaster.pid: what a running server writes into its data directory (src/include/miscadmin.h, LOCK_FILE_LINE_*).
// Pure.
#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace holdfast {

struct PostmasterFile {
  int pid = 0;
  std::string data_directory;
  int port = 0;
  std::string socket_directory;  // empty: it listens on no socket
};

// Code::corrupt when it is not one, or not written to its fifth line yet.
Result<PostmasterFile> parse_postmaster_file(std::string_view content);

// A name for a cluster that has none of its own: the directory's, or its parent's where it is only "data", "main" or a
// version.
std::string cluster_name_of(const std::string& data_directory);

}  // namespace holdfast
