#pragma once
// Independent pieces of one work, several at a time.
#include <algorithm>
#include <atomic>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "shared/base/mutex.h"
#include "shared/base/result.h"

namespace holdfast {

// Calls work(0) .. work(count - 1) from at most `workers` threads, the caller's among them. After a failure nothing
// more is begun; the first failure is returned when all that was begun has ended.
inline Result<> in_parallel(std::size_t count, std::size_t workers, const std::function<Result<>(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  Guarded<std::optional<Error>> first_error;
  const auto run = [&] {
    while (!failed) {
      const std::size_t i = next.fetch_add(1);
      if (i >= count) return;
      if (auto done = work(i); !done) {
        failed = true;
        first_error.with([&](std::optional<Error>& error) {
          if (!error) error = std::move(done).error();
        });
      }
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < std::min(count, workers); ++i) others.emplace_back(run);
    run();
  }
  return first_error.with([](std::optional<Error>& error) -> Result<> {
    if (error) return std::unexpected(std::move(*error));
    return {};
  });
}

}  // namespace holdfast
