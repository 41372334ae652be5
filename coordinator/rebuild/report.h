#pragma once
// What was found, for people and for programs.
#include "coordinator/rebuild/check.h"
#include "coordinator/rebuild/rebuild.h"

namespace holdfast {

enum class ReportFormat : std::uint8_t { table, json };

std::string show(const RebuildReport& report, ReportFormat format);
std::string show(const CheckReport& report, ReportFormat format);

}  // namespace holdfast
