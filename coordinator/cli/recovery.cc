#include "coordinator/cli/recovery.h"

#include <map>

#include "shared/crypto/key_file.h"
#include "shared/identity/stored_keys.h"
#include "shared/repository/epoch.h"

namespace holdfast {
namespace {

Result<std::string> recovery_key_path(Session& session, const RecoveryArguments& arguments) {
  if (!arguments.key_file.empty()) return arguments.key_file;
  if (const auto path = session.console().environment("HOLDFAST_RECOVERY_KEY")) return *path;
  std::string beside = parent_of(TRY(session.operator_path())) + "/recovery.key";
  if (TRY(session.files().stat(beside))) return beside;
  return fail(Code::invalid, "no recovery key: \"" + beside + "\" does not exist",
              "name it with --recovery-key FILE or HOLDFAST_RECOVERY_KEY");
}

}  // namespace

Result<Passphrase> passphrase_from_file(FileSystem& files, const std::string& path) {
  Bytes content = TRY_DURING("passphrase", files.read(path));
  std::string text(as_text(content));
  if (!content.empty()) sodium_memzero(content.data(), content.size());
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (text.empty()) return fail(Code::invalid, "passphrase: \"" + path + "\" is empty");
  Passphrase passphrase(text);
  sodium_memzero(text.data(), text.size());
  return passphrase;
}

Result<Passphrase> typed_passphrase(Console& console, const std::string& prompt) {
  Result<std::string> typed = console.ask_secret(prompt);
  if (!typed) return std::unexpected(std::move(typed).error().with_hint("give it with --passphrase-file FILE"));
  Passphrase passphrase(*typed);
  if (!typed->empty()) sodium_memzero(typed->data(), typed->size());
  return passphrase;
}

void add_recovery_arguments(CommandWord& verb, RecoveryArguments& arguments) {
  verb.option("--recovery-key", arguments.key_file, "the recovery key (default: recovery.key beside the operator file)")
      .completes(Completes::files);
  verb.option("--passphrase-file", arguments.passphrase_file, "a file with its passphrase; asked for otherwise")
      .completes(Completes::files);
}

Result<BoxKeyPair> open_recovery_key(Session& session, const RecoveryArguments& arguments) {
  const std::string path = TRY(recovery_key_path(session, arguments));
  std::optional<Passphrase> passphrase;
  if (TRY(key_file_needs_passphrase(session.files(), path))) {
    passphrase.emplace(arguments.passphrase_file.empty()
                           ? TRY(typed_passphrase(session.console(), "passphrase of " + path + ": "))
                           : TRY(passphrase_from_file(session.files(), arguments.passphrase_file)));
  }
  const KeyFile file = TRY(read_key_file(session.files(), path, KeyKind::recovery, passphrase));
  return TRY_DURING("recovery key \"" + path + "\"", box_pair(file));
}

Result<std::vector<RestoreRunRequest::Grant>> seal_for_nodes(const std::vector<NeededEpoch>& epochs,
                                                             const BoxKeyPair& recovery, const FleetId& fleet,
                                                             const SignPublicKey& root) {
  std::vector<RestoreRunRequest::Grant> grants;
  std::map<EpochId, EpochKey> opened;
  for (const NeededEpoch& needed : epochs) {
    const EpochId id = needed.epoch.id;
    if (needed.recipient.is_none()) {
      return fail(Code::invalid, "node " + needed.node.text() + " has no key to seal data keys for");
    }
    if (!opened.contains(id)) {
      const std::string step = "data key " + id.text();
      const EpochDocument document = TRY_DURING(step, read_epoch(needed.epoch.object, fleet, root));
      if (document.epoch != id || document.database != needed.epoch.database) {
        return fail(Code::corrupt, step + ": the stored object is of another data key");
      }
      opened.emplace(id, TRY_DURING(step, open_epoch(document, recovery)));
    }
    grants.push_back({needed.node, {id, seal_epoch_key(opened.at(id), needed.recipient)}});
  }
  return grants;
}

}  // namespace holdfast
