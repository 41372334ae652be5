#pragma once
// What the agent must remember of a backup to take an incremental one after it: in the store the manifest is sealed to
// keys that the agent does not hold.
#include <map>
#include <string>

#include "agent/changes/incremental_check.h"
#include "shared/repository/manifest.h"
#include "shared/repository/record.h"

namespace holdfast {

struct ParentBackup {
  BackupRecord record;
  Manifest manifest;
  ClusterTraits traits;                          // what must not have changed since
  std::map<std::string, XxHash128> small_files;  // whole content, by path; of those that were read whole
};

// The record travels as it was stored: signed by this node.
Bytes encode_parent(const ParentBackup& parent, ByteView stored_record);
// Code::corrupt, Code::unsupported (of another version), Code::denied (signed by somebody else).
Result<ParentBackup> decode_parent(ByteView bytes, const SignPublicKey& signer);

}  // namespace holdfast
