#pragma once
// backup_label: where recovery of a backup must begin. The server makes its text; we keep that byte for byte and only
// read from it.
#include <string>
#include <string_view>

#include "shared/postgres/wal_position.h"

namespace holdfast {

struct BackupLabel {
  Lsn start;               // the redo position: WAL is needed from here on
  std::string start_file;  // segment name of `start`
  Lsn checkpoint;
  Timeline timeline;
  enum class From : std::uint8_t { primary, standby } from = From::primary;
  std::string start_time;  // as the server wrote it, in its own zone
  std::string label;
  bool incremental = false;  // the server's own kind of incremental (17+): cannot be started from as it is
};

// Unknown lines are skipped: newer servers add some. Code::corrupt when a needed one is missing or malformed.
Result<BackupLabel> parse_backup_label(std::string_view content);

}  // namespace holdfast
