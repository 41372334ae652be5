#include "shared/identity/operator_file.h"

#include <fmt/format.h>

#include "shared/identity/stored_keys.h"

namespace holdfast {
namespace {

template <class Key>
Result<Key> public_key_fact(const KeyFile& file, std::string_view name) {
  const Bytes bytes = TRY(from_base64url(TRY(key_fact(file, name))));
  return Key::from_bytes(bytes);
}

Result<OperatorFile> read_facts(const KeyFile& file) {
  OperatorFile out;
  out.fleet = TRY(FleetId::parse(TRY(key_fact(file, "fleet"))));
  out.fleet_name = TRY(key_fact(file, "fleet-name"));
  out.name = TRY(key_fact(file, "operator"));
  out.role = TRY(key_fact(file, "role"));
  out.endpoint = TRY(key_fact(file, "endpoint"));
  out.fleet_server = TRY(public_key_fact<CurvePublicKey>(file, "fleet-server"));
  out.root = TRY(public_key_fact<SignPublicKey>(file, "root"));
  out.key = TRY(curve_pair(file));
  return out;
}

}  // namespace

Result<> write_operator_file(FileSystem& files, Entropy& entropy, const std::string& path, const OperatorFile& content,
                             const std::optional<Passphrase>& passphrase) {
  const KeyFile file = to_key_file(KeyKind::operator_key,
                                   {{"fleet", content.fleet.text()},
                                    {"fleet-name", content.fleet_name},
                                    {"operator", content.name},
                                    {"role", content.role},
                                    {"endpoint", content.endpoint},
                                    {"fleet-server", content.fleet_server.text()},
                                    {"root", content.root.text()}},
                                   content.key);
  return write_key_file(files, entropy, path, file, passphrase);
}

Result<OperatorFile> read_operator_file(FileSystem& files, const std::string& path,
                                        const std::optional<Passphrase>& passphrase) {
  const KeyFile file = TRY(read_key_file(files, path, KeyKind::operator_key, passphrase));
  return TRY_DURING(fmt::format("operator file \"{}\"", path), read_facts(file));
}

}  // namespace holdfast
