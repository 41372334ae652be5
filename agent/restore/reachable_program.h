#pragma once
// The server runs our program as its restore_command, as its own user, who may not be able to reach where it is
// installed (a home directory, a checkout of root's).
#include <string>

#include "shared/os/process.h"

namespace holdfast {

// The path of the program that runs.
Result<std::string> own_program();

// What a restore_command runs: holdfast-wal-get beside the agent, which starts in a third of the time, or the agent
// where that was not installed. Both take the same words.
std::string wal_get_program(const std::string& agent_program);

// `program` itself when `owner` can run it, else a copy in `directory`, which the owner must be able to pass through;
// it stays there for the next restore. Code::denied: the owner can run neither, as on a file system that is mounted
// noexec.
Result<std::string> reachable_program(const std::string& program, const OsUser& owner, const std::string& directory);

}  // namespace holdfast
