#pragma once
// What a restored PostgreSQL cluster is told about its recovery: postgresql.auto.conf as text. Pure.
#include <optional>
#include <string>
#include <string_view>

#include "shared/fleet/fleet.h"

namespace holdfast {

// original: the cluster goes on as itself, in its own place. copy: the original may be alive elsewhere.
enum class ClusterIdentity : std::uint8_t { original, copy };
// Who waits for the end of recovery: ourselves, and the settings are taken out again then; or nobody, and they stay.
enum class RecoveryWatch : std::uint8_t { watched, unattended };

struct RecoverySettings {
  int major_version = 15;
  RecoveryTarget target;
  Timeline timeline;            // to replay along; used unless target.timeline says otherwise. 0: the latest
  std::string restore_command;  // as the shell gets it, with %f and %p
  ClusterIdentity identity = ClusterIdentity::original;
  RecoveryWatch watch = RecoveryWatch::watched;
  std::optional<int> port;
};

// Code::invalid for a target that cannot be written (an xid that is no number, a name with a line break ...),
// Code::unsupported for a version that is not 13 to 18.
Result<std::string> recovery_auto_conf(std::string_view old_content, const RecoverySettings& settings);
// The same text without anything recovery_auto_conf added and without recovery settings, for after the promotion. What
// keeps a copy apart from its original stays.
std::string without_recovery(std::string_view content);

// Shell commands for restore_command.
// Asks the service at `socket`: `'/usr/bin/holdfast-agent' wal-get --socket '/run/...' "%f" "%p"`.
std::string wal_get_command(const std::string& agent_program, const std::string& socket);
// Copies from a directory that has every file there will ever be. Only a file that is not in there is "not there";
// a copy that fails is an error that stops the server, not the end of the log.
std::string staged_wal_command(const std::string& directory);

// A configuration value in single quotes.
std::string quote_setting(std::string_view value);
// One word of a shell command, safe inside restore_command: quotes, and % doubled.
std::string quote_restore_word(std::string_view word);

// tablespace_map with the places of `moved` instead of the recorded ones; lines that do not move stay byte for byte.
Result<std::string> moved_tablespace_map(std::string_view content,
                                         const std::vector<std::pair<std::uint32_t, std::string>>& moved);

}  // namespace holdfast
