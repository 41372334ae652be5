#pragma once
// Names inside a coordinator's state directory; part of the format on disk.
#include <array>
#include <cstdint>
#include <string>

namespace holdfast {

constexpr std::int64_t state_version = 1;  // of fleet_file
constexpr const char* fleet_file = "fleet.yaml";
constexpr const char* fleet_record_file = "fleet.record";
constexpr const char* certificate_file = "intermediate.certificate";
constexpr const char* intermediate_key_file = "intermediate.key";
constexpr const char* enrol_key_file = "enrol-server.key";
constexpr const char* fleet_key_file = "fleet-server.key";
// All of them: who has these and the catalog is the coordinator.
inline constexpr std::array state_file_names{fleet_file,     fleet_record_file, certificate_file, intermediate_key_file,
                                             enrol_key_file, fleet_key_file};
constexpr const char* catalog_directory = "catalog";
constexpr const char* lock_file = "lock";

}  // namespace holdfast
