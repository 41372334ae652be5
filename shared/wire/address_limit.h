#pragma once
// So many messages a minute from one address, with a burst of as many. Bounded memory: while too many addresses are
// busy, new ones are refused.
#include <cstdint>
#include <string>
#include <unordered_map>

#include "shared/base/time.h"

namespace holdfast {

class AddressLimit {
 public:
  AddressLimit(std::uint32_t per_minute, std::size_t addresses) : per_minute_(per_minute), addresses_(addresses) {}
  // `now` never goes back (Clock::monotonic).
  bool admit(const std::string& address, Micros now);

 private:
  struct Bucket {
    double left = 0;
    Micros at{0};
  };
  double refilled(const Bucket& bucket, Micros now) const;
  void drop_idle(Micros now);

  double per_minute_;
  std::size_t addresses_;
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace holdfast
