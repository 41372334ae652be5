#include "shared/store/read_balance.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace holdfast {
namespace {

constexpr Micros first_pause = std::chrono::seconds(1);
constexpr Micros longest_pause = std::chrono::minutes(1);
// Of what was known before; a store that gets slow is seen within a few reads.
constexpr double weight_of_before = 0.7;

}  // namespace

ReadBalance::ReadBalance(std::vector<std::string> stores) {
  for (auto& name : stores) {
    Source source;
    source.share.store = std::move(name);
    sources_.push_back(std::move(source));
  }
}

std::vector<std::size_t> ReadBalance::order(Micros now) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::size_t> out(sources_.size());
  std::iota(out.begin(), out.end(), std::size_t{0});
  const auto key = [&](std::size_t i) {
    const Source& source = sources_[i];
    // One of which nothing is known yet is tried, but not by all at once.
    const double expected = source.seconds_a_read * (source.under_way + 1);
    return std::tuple(now < source.avoid_until, expected, source.under_way, i);
  };
  std::ranges::sort(out, [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  return out;
}

void ReadBalance::began(std::size_t store) {
  const std::lock_guard lock(mutex_);
  ++sources_[store].under_way;
}

void ReadBalance::ended(std::size_t store, std::uint64_t bytes, Micros took) {
  const std::lock_guard lock(mutex_);
  Source& source = sources_[store];
  --source.under_way;
  ++source.share.reads;
  source.share.bytes += bytes;
  source.pause = Micros(0);
  const double seconds = std::max(std::chrono::duration<double>(took).count(), 1e-6);
  source.seconds_a_read = source.seconds_a_read == 0
                              ? seconds
                              : weight_of_before * source.seconds_a_read + (1 - weight_of_before) * seconds;
}

void ReadBalance::failed(std::size_t store, Micros now) {
  const std::lock_guard lock(mutex_);
  Source& source = sources_[store];
  --source.under_way;
  ++source.share.failures;
  source.pause = source.pause.count() == 0 ? first_pause : std::min(source.pause * 2, longest_pause);
  source.avoid_until = now + source.pause;
}

std::vector<ReadShare> ReadBalance::shares() const {
  const std::lock_guard lock(mutex_);
  std::vector<ReadShare> out;
  for (const Source& source : sources_) out.push_back(source.share);
  return out;
}

MeasuredRead::MeasuredRead(ReadBalance* balance, std::size_t store)
    : balance_(balance), store_(store), began_(clock_.monotonic()) {
  if (balance_ != nullptr) balance_->began(store_);
}

MeasuredRead::~MeasuredRead() {
  if (balance_ != nullptr) balance_->failed(store_, clock_.monotonic());
}

void MeasuredRead::done(std::uint64_t bytes) {
  if (balance_ != nullptr) balance_->ended(store_, bytes, clock_.monotonic() - began_);
  balance_ = nullptr;
}

}  // namespace holdfast
