#pragma once
#include <string>

#include "shared/os/clock.h"
#include "shared/os/file_system.h"
#include "shared/postgres/pg_control.h"

namespace holdfast {

struct ControlFile {
  PgControl control;
  Bytes content;  // the bytes whose checksum fits, as they go into a backup
};

// Reads global/pg_control until its checksum fits: a running server overwrites it in place, so a read may meet half of
// a write. Gives up after a number of tries with Code::corrupt. The caller acts as somebody who may read it.
Result<ControlFile> read_control_file(FileSystem& files, Clock& clock, const std::string& data_directory);

}  // namespace holdfast
