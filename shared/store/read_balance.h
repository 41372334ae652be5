#pragma once
// Which of several stores to read from next: the one that will probably be done first, by what its reads took lately
// and what is under way there. One that failed comes last for a while, each time longer.
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "shared/base/time.h"
#include "shared/os/clock.h"

namespace holdfast {

// How much was read from a store.
struct ReadShare {
  std::string store;
  std::uint64_t reads = 0;
  std::uint64_t bytes = 0;
  std::uint64_t failures = 0;  // it could not, or what it had was not sound
};

// Safe from many threads. The caller has the clock, one that never goes back.
class ReadBalance {
 public:
  explicit ReadBalance(std::vector<std::string> stores);

  // Indices of all stores, the best first.
  std::vector<std::size_t> order(Micros now) const;
  // A read from this store begins; it ends with exactly one of the other two.
  void began(std::size_t store);
  void ended(std::size_t store, std::uint64_t bytes, Micros took);
  void failed(std::size_t store, Micros now);
  std::vector<ReadShare> shares() const;

 private:
  struct Source {
    ReadShare share;
    unsigned under_way = 0;
    double seconds_a_read = 0;  // lately; 0: not known
    Micros pause{0};
    Micros avoid_until{0};
  };
  mutable std::mutex mutex_;  // guards what follows
  std::vector<Source> sources_;
};

// One read, measured from here to done(); without that it failed.
class MeasuredRead {
 public:
  // nullptr: nobody counts.
  MeasuredRead(ReadBalance* balance, std::size_t store);
  ~MeasuredRead();
  MeasuredRead(const MeasuredRead&) = delete;
  MeasuredRead& operator=(const MeasuredRead&) = delete;
  void done(std::uint64_t bytes);

 private:
  ReadBalance* balance_;
  std::size_t store_;
  SystemClock clock_;
  Micros began_;
};

}  // namespace holdfast
