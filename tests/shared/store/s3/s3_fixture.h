#pragma once
// An S3Store over a server in memory, with a clock that stands still.
#include <gmock/gmock.h>

#include "shared/store/s3/s3_store.h"
#include "tests/harness/manual_clock.h"
#include "tests/harness/memory_s3.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/seeded_entropy.h"

namespace holdfast {

class S3Test : public testing::Test {
 protected:
  S3Test() {
    settings.endpoint = "https://s3.example";
    settings.bucket = "bucket";
    settings.prefix = "fleet";
  }

  S3Store& store() {
    if (store_ == nullptr) {
      store_ =
          std::move(S3Store::open(settings,
                                  {server,
                                   [this]() -> Result<S3Credentials> {
                                     ++loads;
                                     return S3Credentials{access_key, SecretText("very-secret"), SecretText(token)};
                                   },
                                   clock, entropy},
                                  abilities)
                        .value());
    }
    return *store_;
  }
  Result<> put(const std::string& name, std::string_view content) { return store().put(name, as_bytes(content)); }
  std::string get(const std::string& name) {
    const auto content = store().get(name);
    return content ? std::string(as_text(*content)) : "error: " + content.error().text();
  }
  void place(const std::string& name, const std::string& content, std::map<std::string, std::string> metadata = {}) {
    server.place("fleet/" + name, {to_bytes(as_bytes(content)), std::move(metadata), clock.now()});
  }
  // How many requests began with this.
  int count(const std::string& begin) const {
    const auto log = server.log();
    return static_cast<int>(
        std::ranges::count_if(log, [&](const std::string& line) { return line.starts_with(begin); }));
  }
  // Random, so that parts that change places show.
  Bytes random_bytes(std::size_t size) {
    Bytes out(size);
    entropy.fill(out);
    return out;
  }

  // Faults. `begin` is how the request line begins: "PUT /bucket/fleet/a".
  static MemoryS3::Fault answer_with(const std::string& begin, const Result<HttpResponse>& answer) {
    return
        [begin, answer](const HttpRequest& request, const MemoryS3::Proceed&) -> std::optional<Result<HttpResponse>> {
          if (!line_of(request).starts_with(begin)) return std::nullopt;
          return answer;
        };
  }
  // The server does it and the answer is lost.
  static MemoryS3::Fault lose_answer(const std::string& begin) {
    return
        [begin](const HttpRequest& request, const MemoryS3::Proceed& proceed) -> std::optional<Result<HttpResponse>> {
          if (!line_of(request).starts_with(begin)) return std::nullopt;
          (void)proceed().has_value();
          return fail(Code::unavailable, "connection reset");
        };
  }
  static MemoryS3::Fault change_answer(const std::string& begin, const std::function<void(HttpResponse&)>& how) {
    return [begin, how](const HttpRequest& request,
                        const MemoryS3::Proceed& proceed) -> std::optional<Result<HttpResponse>> {
      if (!line_of(request).starts_with(begin)) return std::nullopt;
      auto answer = proceed();
      how(*answer);
      return answer;
    };
  }
  static std::string line_of(const HttpRequest& request) {
    const auto path = request.url.find('/', request.url.find("://") + 3);
    return std::string(to_string(request.method)) + " " + request.url.substr(path);
  }

  ManualClock clock;
  SeededEntropy entropy{5};
  MemoryS3 server{clock, {}};
  S3Settings settings;
  StoreAbilities abilities{Ability::yes, Ability::unknown};
  std::string access_key = "key";
  std::string token;
  int loads = 0;  // of credentials

 private:
  std::unique_ptr<S3Store> store_;
};

}  // namespace holdfast
