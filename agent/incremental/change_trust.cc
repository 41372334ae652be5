#include "agent/incremental/change_trust.h"

namespace holdfast {
namespace {

constexpr std::uint32_t private_file = 0600;
constexpr std::uint32_t private_directory = 0700;

}  // namespace

Result<> ChangeTrust::distrust(DatabaseId database, const std::string& why) {
  TRY(files_.make_directories(directory_, private_directory));
  return files_.replace_durably(path_of(database), as_bytes(why), private_file);
}

Result<std::optional<std::string>> ChangeTrust::distrusted(DatabaseId database) {
  if (!TRY(files_.stat(path_of(database)))) return std::optional<std::string>{};
  const Bytes why = TRY(files_.read(path_of(database)));
  return std::optional(std::string(as_text(why)));
}

}  // namespace holdfast
