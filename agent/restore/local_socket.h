#pragma once
// A stream socket with a name in the file system: what WalService and wal_get have in common.
#include <sys/un.h>

#include <string>

#include "shared/base/bytes.h"
#include "shared/base/result.h"
#include "shared/base/time.h"
#include "shared/base/unique_handle.h"

namespace holdfast {

// Code::invalid: the name is too long for a socket address (107 bytes).
Result<sockaddr_un> local_address(const std::string& path);
Result<UniqueFd> connect_local(const std::string& path);
// A peer that takes or gives nothing for this long ends the conversation.
void limit_waiting(int fd, Micros limit);
Result<> send_all(int fd, ByteView bytes);
// Without its end; Code::corrupt when none comes within `limit` bytes.
Result<std::string> receive_line(int fd, std::size_t limit);
Result<Bytes> receive_exactly(int fd, std::size_t size);

}  // namespace holdfast
