#pragma once
// Where hosts keep the server programs (postgres, pg_ctl) of a major version: several may be installed side by side.
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

namespace holdfast {

// Directories in which packages put them, the likeliest first; not all of them are there.
std::vector<std::string> places_of_server_programs(int major_version);
// The first that has them, and of this version. Code::not_found says where it looked.
Result<std::string> find_server_programs(int major_version);
// "15.18" -> 15; 0: none
int major_of(std::string_view version);

}  // namespace holdfast
