#pragma once
// The hand that signs what the core has granted. It alone has the credentials of buckets whose hosts have none.
#include "coordinator/core/core.h"
#include "shared/os/file_system.h"

namespace holdfast {

// Credentials are read anew each time: a file that something else renews is followed. What cannot be signed is
// PassReply::refused, which tells the node why.
PassReply sign_pass(const GrantPass& pass, FileSystem& files, Timestamp now);

}  // namespace holdfast
