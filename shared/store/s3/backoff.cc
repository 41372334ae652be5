#include "shared/store/s3/backoff.h"

#include <algorithm>

#include "shared/base/bytes.h"

namespace holdfast {

void Backoff::wait(std::uint32_t failed, std::optional<Micros> asked_for) {
  Micros ceiling = std::min(first_, longest_);
  for (std::uint32_t i = 1; i < failed && ceiling < longest_; ++i) ceiling = std::min(ceiling * 2, longest_);
  const auto random = read_be<std::uint32_t>(entropy_.with([](Entropy* entropy) { return entropy->bytes<4>(); }));
  const double share = static_cast<double>(random) / 4294967296.0;
  const auto jittered = Micros(static_cast<std::int64_t>(share * static_cast<double>(ceiling.count())));
  clock_.sleep_for(std::max(jittered, std::min(asked_for.value_or(Micros(0)), longest_)));
}

}  // namespace holdfast
