#pragma once
// A running job's progress as a person reads it.
#include <optional>
#include <string>

#include "shared/fleet/fleet.h"

namespace holdfast {

// Of the whole, 0 to 1; 0 when the whole is not known.
double part_done(const Progress& progress);
// At the rate of lately; nullopt when that or the whole is not known.
std::optional<double> seconds_left(const Progress& progress);
// "copying 43% of 2.6 GiB, 810 MiB/s, 2.0s left".
std::string progress_text(const Progress& progress);

}  // namespace holdfast
