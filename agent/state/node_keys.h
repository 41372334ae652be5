#pragma once
// A node's private keys: made here, kept here, never sent.
#include <string>

#include "shared/crypto/keys.h"
#include "shared/os/file_system.h"

namespace holdfast {

struct NodeKeys {
  CurveKeyPair curve;
  SignKeyPair signer;
  BoxKeyPair recipient;
};

// Reads `path`, or makes new keys and writes them there durably, 0600. Code::denied when others can read the file.
Result<NodeKeys> load_or_make_node_keys(FileSystem& files, Entropy& entropy, const std::string& path);

}  // namespace holdfast
