#pragma once
#include <string>

namespace holdfast {

// Another one with each start of the machine (proc(5), /proc/sys/kernel/random/boot_id). Empty: not known.
std::string boot_id();

}  // namespace holdfast
