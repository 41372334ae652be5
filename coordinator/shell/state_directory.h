#pragma once
// What `holdfast init` makes and the coordinator starts from. README.md lists the files.
#include <optional>
#include <string>
#include <vector>

#include "coordinator/catalog/checkpoint_content.h"
#include "shared/base/ids.h"
#include "shared/base/unique_handle.h"
#include "shared/crypto/key_file.h"
#include "shared/identity/certificate.h"

namespace holdfast {

struct CreateFleetOptions {
  std::string directory;
  std::string fleet_name = "fleet";
  std::string endpoint_host;  // under which agents and operators reach the coordinator; empty: its bind address
  std::uint16_t fleet_port = 7400;
  std::uint16_t enrol_port = 7401;
  std::optional<Passphrase> passphrase;  // of recovery.key and root.key; nullopt: they lie open
  PassphraseCost passphrase_cost;
};

struct CreatedFleet {
  FleetId fleet;
  std::string state_directory;  // DIR/coordinator
  std::string recovery_key;     // DIR/recovery.key
  std::string root_key;         // DIR/root.key
  std::string operator_file;    // DIR/admin.operator
};

// Makes keys, certificates, the fleet record and a catalog with the first operator and the default policy. All of it or
// nothing. Code::already_exists when one of the four is there; Code::invalid for a name or host that cannot be used.
Result<CreatedFleet> create_fleet(FileSystem& files, Entropy& entropy, Timestamp now, CreateFleetOptions options);

// What a coordinator is.
struct StateDirectory {
  FleetId fleet;
  std::string fleet_name;
  SignPublicKey root;
  BoxPublicKey recovery;
  std::vector<std::string> fleet_endpoints;  // empty: not set at init
  std::vector<std::string> enrol_endpoints;
  Bytes fleet_record;
  SignedBytes intermediate_certificate;
  SignKeyPair intermediate;
  CurveKeyPair enrol_server;
  CurveKeyPair fleet_server;
  std::string catalog;  // directory
};
// Checks that keys and certificate fit each other and the root key. Code::not_found: it is no state directory.
Result<StateDirectory> read_state_directory(FileSystem& files, const std::string& directory);

// The files of a state directory, as they are: all that a coordinator is, but for its catalog.
Result<std::vector<CheckpointFile>> read_state_files(FileSystem& files, const std::string& directory);
// Makes `directory` with them; names that are not of a state directory are refused (Code::corrupt).
Result<> write_state_files(FileSystem& files, const std::string& directory, const std::vector<CheckpointFile>& content);

// "tcp://host:7400", with brackets around an IPv6 address.
std::string endpoint_of(const std::string& host, std::uint16_t port);

// Held while a coordinator runs on a state directory; given back by the kernel however it ends.
class StateLock {
 public:
  // Code::conflict: another process has it; the message says which.
  static Result<StateLock> take(const std::string& directory);

 private:
  explicit StateLock(UniqueFd file) : file_(std::move(file)) {}
  UniqueFd file_;
};

}  // namespace holdfast
