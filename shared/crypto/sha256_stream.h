#pragma once
// SHA-256 of content that is never whole in memory.
#include <memory>

#include "shared/crypto/keys.h"

namespace holdfast {

class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(const Sha256Stream&) = delete;
  Sha256Stream& operator=(const Sha256Stream&) = delete;

  void add(ByteView bytes);
  // Of all that was added; nothing may be added any more.
  Sha256 finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace holdfast
