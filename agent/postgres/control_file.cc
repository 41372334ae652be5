#include "agent/postgres/control_file.h"

namespace holdfast {
namespace {

constexpr int tries = 40;
constexpr Micros pause = std::chrono::milliseconds(25);

}  // namespace

Result<ControlFile> read_control_file(FileSystem& files, Clock& clock, const std::string& data_directory) {
  const std::string path = data_directory + "/global/pg_control";
  for (int attempt = 1;; ++attempt) {
    Bytes content = TRY(files.read(path));
    auto control = parse_pg_control(content);
    if (control) return ControlFile{*control, std::move(content)};
    if (control.error().code != Code::corrupt || attempt == tries) {
      return std::unexpected(std::move(control).error().during(path));
    }
    clock.sleep_for(pause);
  }
}

}  // namespace holdfast
