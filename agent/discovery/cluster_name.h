#pragma once
#include <string>

namespace holdfast {

// A name for a cluster that has none of its own: the directory's, or its parent's where it is only "data", "main" or a
// version. Pure.
std::string cluster_name_of(const std::string& data_directory);

}  // namespace holdfast
