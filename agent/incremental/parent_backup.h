#pragma once
// What the agent must remember of a backup to take an incremental one after it: in the store the manifest is sealed to
// keys that the agent does not hold.
#include <map>
#include <string>

#include "shared/postgres/pg_control.h"
#include "shared/repository/manifest.h"
#include "shared/repository/record.h"

namespace holdfast {

struct ParentBackup {
  BackupRecord record;
  Manifest manifest;
  std::uint32_t catalog_version = 0;
  PageChecksums page_checksums = PageChecksums::off;
  std::map<std::string, XxHash128> small_files;  // whole content, by path; of those that were read whole
};

// The record travels as it was stored: signed by this node.
Bytes encode_parent(const ParentBackup& parent, ByteView stored_record);
// Code::corrupt, Code::unsupported (of another version), Code::denied (signed by somebody else).
Result<ParentBackup> decode_parent(ByteView bytes, const SignPublicKey& signer);

}  // namespace holdfast
