#pragma once
#include <string>

#include "shared/base/bytes.h"

namespace holdfast {

// RFC 4648 section 4, as HTTP headers have it.
std::string to_base64(ByteView bytes);

}  // namespace holdfast
