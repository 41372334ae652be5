#pragma once
// How many transfers go on at once in all vaults of this node: each may have a window of content in memory.
#include <atomic>
#include <memory>
#include <optional>

namespace holdfast {

// Safe from many threads.
class TransferSlots {
 public:
  explicit TransferSlots(std::size_t count) : free_(std::make_shared<std::atomic<std::size_t>>(count)) {}

  // Given back when it is destroyed.
  class Slot {
   public:
    Slot(Slot&&) noexcept = default;
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (free_) free_->fetch_add(1);
    }

   private:
    friend class TransferSlots;
    explicit Slot(std::shared_ptr<std::atomic<std::size_t>> free) : free_(std::move(free)) {}
    std::shared_ptr<std::atomic<std::size_t>> free_;
  };

  // nullopt: all are taken.
  std::optional<Slot> take() {
    std::size_t seen = free_->load();
    while (seen > 0) {
      if (free_->compare_exchange_weak(seen, seen - 1)) return Slot(free_);
    }
    return std::nullopt;
  }

 private:
  std::shared_ptr<std::atomic<std::size_t>> free_;
};

}  // namespace holdfast
