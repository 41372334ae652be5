#pragma once
// Debian's Cap'n Proto 0.9.2 compares a StringPtr with its arguments reversed, which GCC 12 accepts in C++23 and
// clang 19 does not. Seen by clang-tidy only.
#if __has_include(<kj/string.h>)
namespace kj {
class StringPtr;
bool operator==(const char* a, const StringPtr& b);
bool operator!=(const char* a, const StringPtr& b);
}  // namespace kj
#endif
