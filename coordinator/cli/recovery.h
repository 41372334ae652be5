#pragma once
// The recovery key in this process: opens the data keys that a restore needs and seals them for the nodes that restore.
// The coordinator and the stores only ever see sealed ones.
#include <string>
#include <vector>

#include "coordinator/cli/session.h"
#include "shared/crypto/key_file.h"

namespace holdfast {

struct RecoveryArguments {
  std::string key_file;
  std::string passphrase_file;
};
void add_recovery_arguments(CommandWord& verb, RecoveryArguments& arguments);

// The file's text without the end of its line; Code::invalid when nothing is left.
Result<Passphrase> passphrase_from_file(FileSystem& files, const std::string& path);
Result<Passphrase> typed_passphrase(Console& console, const std::string& prompt);

// --recovery-key, else HOLDFAST_RECOVERY_KEY, else "recovery.key" beside the operator file; its passphrase from
// --passphrase-file or typed at the terminal.
Result<BoxKeyPair> open_recovery_key(Session& session, const RecoveryArguments& arguments);

// Code::denied when one of them is not signed by this fleet or was not sealed for this key.
Result<std::vector<RestoreRunRequest::Grant>> seal_for_nodes(const std::vector<NeededEpoch>& epochs,
                                                             const BoxKeyPair& recovery, const FleetId& fleet,
                                                             const SignPublicKey& root);

}  // namespace holdfast
