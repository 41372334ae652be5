#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "coordinator/catalog/migrations.h"
#include "coordinator/catalog/rocks_store.h"
#include "coordinator/catalog/rows.h"
#include "coordinator/shell/state_directory.h"
#include "coordinator/shell/state_files.h"
#include "shared/identity/operator_file.h"
#include "shared/identity/stored_keys.h"
#include "shared/repository/record.h"

namespace holdfast {
namespace {

constexpr std::uint32_t private_directory = 0700;
constexpr std::uint32_t private_file = 0600;
constexpr const char* admin_name = "admin";
constexpr const char* unfinished = ".coordinator-unfinished";
// The intermediate key is replaced long before; the root key signs its successor.
constexpr Micros intermediate_lifetime = std::chrono::hours(24 * 365 * 10);

struct FleetKeys {
  SignKeyPair root;
  BoxKeyPair recovery;
  SignKeyPair intermediate;
  CurveKeyPair enrol_server;
  CurveKeyPair fleet_server;
  CurveKeyPair admin;
};

Result<> check_name(const std::string& name) {
  const bool good = !name.empty() && name.size() <= 63 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
  if (good) return {};
  return fail(Code::invalid, fmt::format("\"{}\" cannot be a fleet's name", name),
              "use up to 63 letters, digits, \".\", \"-\" and \"_\"");
}

Result<> check_host(const std::string& host) {
  const bool good = host.size() <= 253 && std::ranges::all_of(host, [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                             c == '.' || c == ':' || c == '_';
                    });
  if (good) return {};
  return fail(Code::invalid, fmt::format("\"{}\" is not a host name or address", host),
              "give the name alone; ports have their own options");
}

Result<> refuse_what_exists(FileSystem& files, const CreatedFleet& paths) {
  for (const auto* path : {&paths.state_directory, &paths.recovery_key, &paths.root_key, &paths.operator_file}) {
    if (TRY(files.stat(*path))) {
      return fail(Code::already_exists, fmt::format("\"{}\" exists already", *path),
                  "a fleet is made once; use another --directory for a new one");
    }
  }
  return {};
}

std::string fleet_text(FleetId fleet, const CreateFleetOptions& options, const FleetKeys& keys) {
  std::string out =
      fmt::format("# Made by holdfast init. Public; the keys lie beside it.\nversion: {}\nfleet: \"{}\"\n",
                  state_version, fleet.text());
  out += fmt::format("name: \"{}\"\nroot: \"{}\"\nrecovery: \"{}\"\n", options.fleet_name, keys.root.public_key.text(),
                     keys.recovery.public_key.text());
  if (!options.endpoint_host.empty()) {
    out += fmt::format("fleet_endpoints: [\"{}\"]\nenrol_endpoints: [\"{}\"]\n",
                       endpoint_of(options.endpoint_host, options.fleet_port),
                       endpoint_of(options.endpoint_host, options.enrol_port));
  }
  return out;
}

Result<> write_catalog(const std::string& directory, Entropy& entropy, Timestamp now, const FleetKeys& keys) {
  const auto catalog = TRY(RocksStore::open(directory, OpenCatalog::create_if_missing));
  const std::uint64_t epoch = TRY(catalog->begin_epoch());
  TRY(migrate(*catalog, epoch, all_migrations()));
  Operator admin;
  admin.id = entropy.id<OperatorId>();
  admin.name = admin_name;
  admin.role = Role::admin;
  admin.curve = keys.admin.public_key;
  admin.created_at = now;
  Policy policy = default_policy();
  policy.revision = 1;
  return catalog->commit({put_row(admin), put_row(policy)}, epoch);
}

Result<> write_coordinator(FileSystem& files, Entropy& entropy, Timestamp now, const std::string& directory,
                           FleetId fleet, const CreateFleetOptions& options, const FleetKeys& keys) {
  TRY(files.make_directories(directory, private_directory));
  const KeyFacts facts{{"fleet", fleet.text()}, {"fleet-name", options.fleet_name}};
  const auto write_key = [&](const char* name, const KeyFile& key) {
    return write_key_file(files, entropy, fmt::format("{}/{}", directory, name), key, std::nullopt);
  };
  TRY(write_key(intermediate_key_file, to_key_file(KeyKind::intermediate, facts, keys.intermediate)));
  TRY(write_key(enrol_key_file, to_key_file(KeyKind::enrol_server, facts, keys.enrol_server)));
  TRY(write_key(fleet_key_file, to_key_file(KeyKind::fleet_server, facts, keys.fleet_server)));

  const SignedBytes certificate = issue_intermediate(
      keys.root, {fleet, keys.intermediate.public_key, now - std::chrono::hours(1), now + intermediate_lifetime});
  TRY(files.create_durably(fmt::format("{}/{}", directory, certificate_file), certificate.encode(), private_file));
  FleetRecord record;
  record.fleet = fleet;
  record.name = options.fleet_name;
  record.root = keys.root.public_key;
  record.recovery = keys.recovery.public_key;
  record.created_at = now;
  TRY(files.create_durably(fmt::format("{}/{}", directory, fleet_record_file), encode_fleet_record(record, keys.root),
                           private_file));
  TRY(write_catalog(fmt::format("{}/{}", directory, catalog_directory), entropy, now, keys));
  return files.create_durably(fmt::format("{}/{}", directory, fleet_file), as_bytes(fleet_text(fleet, options, keys)),
                              private_file);
}

// What has been written is noted in `written`, so that a failure takes back that and nothing else.
Result<> write_operators_files(FileSystem& files, Entropy& entropy, const CreatedFleet& paths,
                               const CreateFleetOptions& options, const FleetKeys& keys,
                               std::vector<std::string>& written) {
  const KeyFacts facts{{"fleet", paths.fleet.text()},
                       {"fleet-name", options.fleet_name},
                       {"root", keys.root.public_key.text()}};  // what a restore without a coordinator trusts
  TRY(write_key_file(files, entropy, paths.recovery_key, to_key_file(KeyKind::recovery, facts, keys.recovery),
                     options.passphrase, options.passphrase_cost));
  written.push_back(paths.recovery_key);
  TRY(write_key_file(files, entropy, paths.root_key, to_key_file(KeyKind::root, facts, keys.root), options.passphrase,
                     options.passphrase_cost));
  written.push_back(paths.root_key);
  OperatorFile admin;
  admin.fleet = paths.fleet;
  admin.fleet_name = options.fleet_name;
  admin.name = admin_name;
  admin.role = "admin";
  admin.endpoint = endpoint_of(options.endpoint_host.empty() ? "127.0.0.1" : options.endpoint_host, options.fleet_port);
  admin.fleet_server = keys.fleet_server.public_key;
  admin.root = keys.root.public_key;
  admin.key = {keys.admin.public_key, keys.admin.secret_key.clone()};
  TRY(write_operator_file(files, entropy, paths.operator_file, admin, std::nullopt));
  written.push_back(paths.operator_file);
  return {};
}

Result<> write_fleet(FileSystem& files, Entropy& entropy, Timestamp now, const CreatedFleet& paths,
                     const std::string& unfinished_directory, const CreateFleetOptions& options,
                     std::vector<std::string>& written) {
  FleetKeys keys;
  keys.root = make_sign_key(entropy);
  keys.recovery = make_box_key(entropy);
  keys.intermediate = make_sign_key(entropy);
  keys.enrol_server = make_curve_key(entropy);
  keys.fleet_server = make_curve_key(entropy);
  keys.admin = make_curve_key(entropy);
  TRY(write_coordinator(files, entropy, now, unfinished_directory, paths.fleet, options, keys));
  TRY(write_operators_files(files, entropy, paths, options, keys, written));
  return files.rename(unfinished_directory, paths.state_directory);
}

}  // namespace

Result<CreatedFleet> create_fleet(FileSystem& files, Entropy& entropy, Timestamp now, CreateFleetOptions options) {
  TRY(check_name(options.fleet_name));
  TRY(check_host(options.endpoint_host));
  CreatedFleet paths;
  paths.fleet = entropy.id<FleetId>();
  paths.state_directory = options.directory + "/coordinator";
  paths.recovery_key = options.directory + "/recovery.key";
  paths.root_key = options.directory + "/root.key";
  paths.operator_file = options.directory + "/admin.operator";
  TRY(refuse_what_exists(files, paths));
  TRY(files.make_directories(options.directory, private_directory));

  // The coordinator's part gets its name last: what a crash leaves behind is never taken for a fleet.
  const std::string unfinished_directory = options.directory + "/" + unfinished;
  std::error_code ignored;
  std::filesystem::remove_all(unfinished_directory, ignored);
  std::vector<std::string> written;
  auto made = write_fleet(files, entropy, now, paths, unfinished_directory, options, written);
  if (!made) {
    std::filesystem::remove_all(unfinished_directory, ignored);
    for (const auto& path : written) (void)files.remove(path);
    return std::unexpected(std::move(made).error().during(fmt::format("make fleet \"{}\"", options.fleet_name)));
  }
  return paths;
}

}  // namespace holdfast
