#pragma once
// What a record does to files beyond the blocks it refers to: which records these are, and what they mean for the map
// of changed blocks. The rules are those of src/backend/postmaster/walsummarizer.c of 17, with the meanings that the
// records have in each version (facts: src/include/catalog/storage_xlog.h, commands/dbcommands_xlog.h, access/xact.h,
// catalog/pg_control.h). Pure.
#include "agent/changes/change_sink.h"
#include "agent/changes/wal_records.h"

namespace holdfast {

struct RecordKind {
  ResourceManager resource_manager = ResourceManager::xlog;
  std::uint8_t info = 0;

  constexpr std::uint8_t operation() const { return static_cast<std::uint8_t>(info & ~info_low_bits); }
};

// The rest of the segment behind such a record is void (XLOG_SWITCH).
constexpr bool is_segment_switch(RecordKind kind) {
  return kind.resource_manager == ResourceManager::xlog && kind.operation() == 0x40;
}
// The first record behind one that a crash cut off (XLOG_OVERWRITE_CONTRECORD); its main data begin with the position
// where that one began.
constexpr bool is_overwrite_of_continuation(RecordKind kind) {
  return kind.resource_manager == ResourceManager::xlog && kind.operation() == 0xD0;
}

// Whether report_effects would say anything, so that the main data of other records need not be kept.
bool may_have_effects(RecordKind kind, int major_version);

// Tells the sink. `at` is where the record begins. What cannot be understood is doubted; then nothing else is told of
// this record.
void report_effects(Lsn at, RecordKind kind, ByteView main_data, int major_version, ChangeSink& sink);

}  // namespace holdfast
