#pragma once
// How much time stores that lag may take from those that do not: a little at first, and a fifth of what has passed.
#include <algorithm>

#include "shared/base/time.h"

namespace holdfast {

// Pure: the caller has the clock, one that never goes back.
class WaitBudget {
 public:
  Micros left(Micros now) {
    if (!began_) {
      began_ = true;
      grown_at_ = now;
    }
    left_ = std::min(most, left_ + (now - grown_at_) / share);
    grown_at_ = now;
    return left_;
  }
  void waited(Micros time, Micros now) { left_ = std::max(Micros(0), left(now) - time); }

 private:
  static constexpr Micros at_first = std::chrono::seconds(2);
  static constexpr Micros most = std::chrono::seconds(60);
  static constexpr int share = 5;

  bool began_ = false;
  Micros grown_at_{0};
  Micros left_ = at_first;
};

}  // namespace holdfast
