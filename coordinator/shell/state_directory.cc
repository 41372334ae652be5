#include "coordinator/shell/state_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "coordinator/shell/state_files.h"
#include "shared/config/document.h"
#include "shared/identity/stored_keys.h"
#include "shared/repository/record.h"

namespace holdfast {
namespace {

template <class Key>
Result<Key> read_public_key(const Setting& setting) {
  const auto bytes = from_base64url(TRY(setting.text()));
  const auto key = bytes ? Key::from_bytes(*bytes) : Result<Key>(fail(Code::invalid, ""));
  if (!key) return std::unexpected(setting.error("is not a public key"));
  return *key;
}

Result<> read_fleet_file(std::string_view text, const std::string& path, StateDirectory& into) {
  Setting root = TRY(Setting::parse(text, path));
  const Setting version = TRY(root.at("version"));
  (void)TRY(version.integer(state_version, state_version));
  const Setting fleet = TRY(root.at("fleet"));
  const auto id = FleetId::parse(TRY(fleet.text()));
  if (!id) return std::unexpected(fleet.error("is not an id"));
  into.fleet = *id;
  into.fleet_name = TRY(TRY(root.at("name")).text());
  into.root = TRY(read_public_key<SignPublicKey>(TRY(root.at("root"))));
  into.recovery = TRY(read_public_key<BoxPublicKey>(TRY(root.at("recovery"))));
  if (const Setting list = TRY(root.at("fleet_endpoints")); list.is_present()) {
    into.fleet_endpoints = TRY(list.texts());
  }
  if (const Setting list = TRY(root.at("enrol_endpoints")); list.is_present()) {
    into.enrol_endpoints = TRY(list.texts());
  }
  return root.finish();
}

Result<> check_that_all_fits(const StateDirectory& state) {
  const auto certificate = TRY(verify_intermediate(state.intermediate_certificate, state.root));
  if (certificate.fleet != state.fleet || certificate.intermediate != state.intermediate.public_key) {
    return fail(Code::corrupt, "the intermediate key and its certificate do not belong together");
  }
  const FleetRecord record = TRY(decode_fleet_record(state.fleet_record));
  if (record.fleet != state.fleet || record.root != state.root || record.recovery != state.recovery) {
    return fail(Code::corrupt, "the fleet record is of another fleet");
  }
  return {};
}

}  // namespace

Result<StateDirectory> read_state_directory(FileSystem& files, const std::string& directory) {
  const std::string fleet_path = directory + "/" + fleet_file;
  if (!TRY(files.stat(fleet_path))) {
    return fail(Code::not_found,
                fmt::format("\"{}\" is not a coordinator's state directory: it has no {}", directory, fleet_file),
                "make one with: holdfast init --directory DIR, then use DIR/coordinator");
  }
  const auto key = [&](std::string_view name, KeyKind kind) {
    return read_key_file(files, fmt::format("{}/{}", directory, name), kind, std::nullopt);
  };
  StateDirectory out;
  const Bytes fleet = TRY(files.read(fleet_path));
  TRY(read_fleet_file(as_text(fleet), fleet_path, out));
  out.fleet_record = TRY(files.read(directory + "/" + fleet_record_file));
  out.intermediate_certificate = TRY(SignedBytes::decode(TRY(files.read(directory + "/" + certificate_file))));
  out.intermediate = TRY(sign_pair(TRY(key(intermediate_key_file, KeyKind::intermediate))));
  out.enrol_server = TRY(curve_pair(TRY(key(enrol_key_file, KeyKind::enrol_server))));
  out.fleet_server = TRY(curve_pair(TRY(key(fleet_key_file, KeyKind::fleet_server))));
  out.catalog = directory + "/" + catalog_directory;
  TRY_DURING(fmt::format("state directory \"{}\"", directory), check_that_all_fits(out));
  return out;
}

Result<std::vector<CheckpointFile>> read_state_files(FileSystem& files, const std::string& directory) {
  std::vector<CheckpointFile> out;
  for (const char* name : state_file_names) {
    out.push_back({name, TRY(files.read(fmt::format("{}/{}", directory, name)))});
  }
  return out;
}

Result<> write_state_files(FileSystem& files, const std::string& directory,
                           const std::vector<CheckpointFile>& content) {
  constexpr std::uint32_t private_directory = 0700;
  constexpr std::uint32_t private_file = 0600;
  for (const CheckpointFile& file : content) {
    if (std::ranges::find(state_file_names, std::string_view(file.name)) == state_file_names.end()) {
      return fail(Code::corrupt, fmt::format("\"{}\" is no file of a coordinator's state directory", file.name));
    }
  }
  TRY(files.make_directories(directory, private_directory));
  for (const CheckpointFile& file : content) {
    TRY(files.create_durably(fmt::format("{}/{}", directory, file.name), file.content, private_file));
  }
  return {};
}

std::string endpoint_of(const std::string& host, std::uint16_t port) {
  const bool version_6 = host.find(':') != std::string::npos && !host.starts_with('[');
  return version_6 ? fmt::format("tcp://[{}]:{}", host, port) : fmt::format("tcp://{}:{}", host, port);
}

Result<StateLock> StateLock::take(const std::string& directory) {
  const std::string path = directory + "/" + lock_file;
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return std::unexpected(error_from_errno(errno, fmt::format("open \"{}\"", path)));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return std::unexpected(error_from_errno(errno, fmt::format("lock \"{}\"", path)));
    std::array<char, 32> text{};
    const auto size = ::pread(file.get(), text.data(), text.size() - 1, 0);
    std::string holder(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    while (!holder.empty() && holder.back() == '\n') holder.pop_back();
    return fail(
        Code::conflict,
        fmt::format("state directory \"{}\" is in use by process {}", directory, holder.empty() ? "(unknown)" : holder),
        "only one coordinator may run on a state directory");
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(file.get(), 0) != 0 || ::pwrite(file.get(), pid.data(), pid.size(), 0) < 0) {
    return std::unexpected(error_from_errno(errno, fmt::format("write \"{}\"", path)));
  }
  return StateLock(std::move(file));
}

}  // namespace holdfast
