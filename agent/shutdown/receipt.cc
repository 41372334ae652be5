#include "agent/shutdown/receipt.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {
namespace {

constexpr std::uint64_t page_size = 8192;
constexpr std::uint64_t page_header = 24;
constexpr std::uint64_t segment_header = 40;  // of a segment's first page
constexpr std::uint64_t alignment = 8;

}  // namespace

std::string_view to_string(ShutdownStep step) {
  switch (step) {
    case ShutdownStep::checkpoint:
      return "checkpoint";
    case ShutdownStep::stop:
      return "stop";
    case ShutdownStep::verify:
      return "verify";
    case ShutdownStep::ship:
      return "ship";
  }
  return "step";
}

bool ShutdownReceipt::is_whole() const {
  return log == Log::shipped_here && state == ClusterState::shut_down && log_end != Lsn() && durable >= log_end;
}

bool ShutdownReceipt::went_well() const {
  const bool ended = state && has_written_its_last(*state);
  if (!ended && server == Server::stops) return false;
  return log != Log::shipped_here || (log_end != Lsn() && durable >= log_end);
}

std::string ShutdownReceipt::verdict() const {
  if (is_whole()) {
    return fmt::format("{}: checkpoint {}, log durable up to {} in at least {} {}", nothing_missing, checkpoint,
                       durable, min_copies, min_copies == 1 ? "copy" : "copies");
  }
  std::string out;
  if (!state) {
    out = "how it was stopped is not known";
  } else if (*state == ClusterState::shut_down_in_recovery) {
    out = "a standby, stopped in order";
  } else if (server == Server::runs_on && *state != ClusterState::shut_down) {
    out = "it runs on";
    if (log == Log::shipped_here && went_well()) return out + fmt::format("; log durable up to {}", durable);
  } else if (*state != ClusterState::shut_down) {
    out = fmt::format("it was not stopped in order (pg_control says: {})", to_string(*state));
  } else {
    out = "stopped in order";
  }
  if (log == Log::shipped_elsewhere) return out + "; another node ships its log";
  if (log == Log::not_shipped) return out + "; its log is not shipped, so what no backup has is on this host only";
  if (durable == Lsn()) return out + "; how much of its log is safe in the stores is not known";
  if (log_end == Lsn()) return out + fmt::format("; what was written after {} may be missing in the stores", durable);
  if (durable < log_end) {
    return out + fmt::format("; {} bytes of log between {} and {} are on this host only",
                             log_end.value() - durable.value(), durable, log_end);
  }
  return out;
}

Lsn end_of_record(Lsn start, std::uint32_t length, WalSegmentSize segment_size) {
  std::uint64_t at = start.value();
  std::uint64_t left = length;
  for (;;) {
    const std::uint64_t here = std::min(left, page_size - at % page_size);
    at += here;
    left -= here;
    if (left == 0) break;
    at += at % segment_size.bytes() == 0 ? segment_header : page_header;
  }
  return Lsn((at + alignment - 1) / alignment * alignment);
}

}  // namespace holdfast
