#include "shared/wire/address_limit.h"

#include <algorithm>

namespace holdfast {

double AddressLimit::refilled(const Bucket& bucket, Micros now) const {
  const double minutes = std::chrono::duration<double, std::ratio<60>>(now - bucket.at).count();
  return std::min(per_minute_, bucket.left + minutes * per_minute_);
}

void AddressLimit::drop_idle(Micros now) {
  std::erase_if(buckets_, [&](const auto& entry) { return refilled(entry.second, now) >= per_minute_; });
}

bool AddressLimit::admit(const std::string& address, Micros now) {
  auto found = buckets_.find(address);
  if (found == buckets_.end()) {
    if (buckets_.size() >= addresses_) drop_idle(now);
    if (buckets_.size() >= addresses_) return false;
    found = buckets_.emplace(address, Bucket{per_minute_, now}).first;
  }
  Bucket& bucket = found->second;
  bucket.left = refilled(bucket, now);
  bucket.at = now;
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

}  // namespace holdfast
