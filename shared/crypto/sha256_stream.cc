#include "shared/crypto/sha256_stream.h"

#include <openssl/evp.h>

#include <stdexcept>

#include "shared/base/unique_handle.h"

namespace holdfast {

struct Sha256Stream::Context {
  UniqueHandle<EVP_MD_CTX, EVP_MD_CTX_free> handle{EVP_MD_CTX_new()};
};

Sha256Stream::Sha256Stream() : context_(std::make_unique<Context>()) {
  if (EVP_DigestInit_ex(context_->handle.get(), EVP_sha256(), nullptr) != 1) throw std::runtime_error("no SHA-256");
}
Sha256Stream::~Sha256Stream() = default;

void Sha256Stream::add(ByteView bytes) {
  if (EVP_DigestUpdate(context_->handle.get(), bytes.data(), bytes.size()) != 1) {
    throw std::runtime_error("SHA-256 fails");
  }
}

Sha256 Sha256Stream::finish() {
  Sha256 out{};
  if (EVP_DigestFinal_ex(context_->handle.get(), out.data(), nullptr) != 1) throw std::runtime_error("SHA-256 fails");
  return out;
}

}  // namespace holdfast
