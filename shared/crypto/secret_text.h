#pragma once
// Secrets that are text of any length: zeroed when they go, never formatted, never copied by accident.
#include <sodium.h>

#include <string>

#include "shared/base/bytes.h"

namespace holdfast {

class SecretText {
 public:
  SecretText() = default;
  // Copies and not moves: moving a short string leaves its characters behind, where wipe() no longer sees them.
  explicit SecretText(std::string text) : text_(text) {
    if (!text.empty()) sodium_memzero(text.data(), text.size());
  }
  SecretText(SecretText&& other) noexcept : text_(other.text_) { other.wipe(); }
  SecretText& operator=(SecretText&&) = delete;
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText() { wipe(); }

  ByteView bytes() const { return as_bytes(text_); }
  bool empty() const { return text_.empty(); }

 private:
  void wipe() {
    if (!text_.empty()) sodium_memzero(text_.data(), text_.size());
    text_.clear();
  }
  std::string text_;
};

}  // namespace holdfast
