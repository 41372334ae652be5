#include "shared/store/s3/base64.h"

#include <algorithm>

namespace holdfast {

std::string to_base64(ByteView bytes) {
  std::string text = to_base64url(bytes);
  std::ranges::replace(text, '-', '+');
  std::ranges::replace(text, '_', '/');
  text.resize((text.size() + 3) / 4 * 4, '=');
  return text;
}

}  // namespace holdfast
