#pragma once
// What an operator's tool needs to speak to a coordinator: the operator's key and whom to expect at the other end. One
// key file of kind "operator"; the rest are its facts.
#include "shared/base/ids.h"
#include "shared/crypto/key_file.h"

namespace holdfast {

struct OperatorFile {
  FleetId fleet;
  std::string fleet_name;
  std::string name;             // of the operator
  std::string role;             // "viewer", "operator", "admin"; for the reader, the coordinator has its own
  std::string endpoint;         // "tcp://host:7400"
  CurvePublicKey fleet_server;  // no other server is spoken to
  SignPublicKey root;           // whom signed objects of the fleet must lead up to
  CurveKeyPair key;
};

// Refuses to overwrite (Code::already_exists).
Result<> write_operator_file(FileSystem& files, Entropy& entropy, const std::string& path, const OperatorFile& content,
                             const std::optional<Passphrase>& passphrase);
// As read_key_file; key_file_needs_passphrase says whether one is needed.
Result<OperatorFile> read_operator_file(FileSystem& files, const std::string& path,
                                        const std::optional<Passphrase>& passphrase);

}  // namespace holdfast
