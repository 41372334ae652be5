#pragma once
// The one owner of a C handle: move-only, frees on destruction.
#include <unistd.h>

#include <memory>
#include <utility>

namespace holdfast {

template <auto free_function>
struct FreeWith {
  template <class T>
  void operator()(T* handle) const {
    free_function(handle);
  }
};
// UniqueHandle<PGconn, PQfinish>
template <class T, auto free_function>
using UniqueHandle = std::unique_ptr<T, FreeWith<free_function>>;

// A file descriptor and nothing else; -1 is "none".
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace holdfast
