#pragma once
// Directories and files that belong to a database's user, made by an agent that may be root. As root we become that
// user for each step, so that a link which the user put in the way leads nowhere the user could not write himself.
#include <string>

#include "shared/base/bytes.h"
#include "shared/os/process.h"

namespace holdfast {

// Code::exhausted unless the file system of `directory` (or of its nearest parent that is there) has this much room.
Result<> check_room(const std::string& directory, std::uint64_t needed_bytes);
// Fine when the directory is not there or empty; Code::conflict otherwise.
Result<> check_empty(const std::string& directory);
// Fine when it is not there; follows no link.
Result<> remove_tree(const std::string& path);
// With parents (0755, ours). Fine when it is there. A new one belongs to the owner.
Result<> make_owned_directory(const std::string& path, const OsUser& owner, std::uint32_t mode);
// A new empty file in a directory that need not belong to the owner; one that was there is replaced.
Result<> make_owned_file(const std::string& path, const OsUser& owner, std::uint32_t mode);
// In a directory of the owner's. Durable when it returns; replaces what was there.
Result<> write_owned_file(const std::string& path, ByteView content, const OsUser& owner, std::uint32_t mode);

}  // namespace holdfast
