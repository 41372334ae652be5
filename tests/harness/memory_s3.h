#pragma once
// An S3 server in memory, in place of the network: enough of its behaviour for the store above, and whatever can go
// wrong on request.
#include <deque>
#include <functional>
#include <map>

#include "shared/base/mutex.h"
#include "shared/os/clock.h"
#include "shared/store/s3/http_transport.h"

namespace holdfast {

class MemoryS3 final : public HttpTransport {
 public:
  enum class Conditional : std::uint8_t { honoured, ignored, refused };
  struct Rules {
    std::string bucket = "bucket";
    std::string region = "us-east-1";
    std::string access_key_id = "key";
    std::string secret = "very-secret";  // for what is signed beforehand; of signed headers only the key is looked at
    bool forms = true;                   // objects come by signed forms too
    bool policies = true;                // and these forms keep to their policies
    Conditional conditional = Conditional::honoured;
    bool object_lock = false;
    std::size_t page = 1000;  // entries of a list
    Micros ahead{0};          // its clock
  };
  struct Object {
    Bytes content;
    std::map<std::string, std::string> metadata;  // "x-amz-meta-..." in lower case
    Timestamp modified;
    Timestamp kept_until = {};
  };

  // What the server would do, done; a fault may call it and lose the answer.
  using Proceed = std::function<Result<HttpResponse>()>;
  // nullopt: not this request.
  using Fault = std::function<std::optional<Result<HttpResponse>>(const HttpRequest& request, const Proceed& proceed)>;

  MemoryS3(Clock& clock, Rules rules) : clock_(clock), state_(State{std::move(rules), {}, {}, {}, {}, 0}) {}

  Result<HttpResponse> exchange(const HttpRequest& request) override;

  // Each fault answers one request, the first that it wants.
  void fail_once(Fault fault);
  void fail_times(int times, const Fault& fault);

  void change(const std::function<void(Rules&)>& how);
  void place(const std::string& key, Object object);
  std::map<std::string, Object> objects() const;
  std::size_t uploads() const;  // begun and neither completed nor aborted
  // "PUT /bucket/key?query", in the order in which they came.
  std::vector<std::string> log() const;

 private:
  struct Upload {
    std::string key;
    std::map<std::string, std::string> metadata;
    std::map<int, Bytes> parts;
    Timestamp begun;
  };
  struct State {
    Rules rules;
    std::map<std::string, Object> objects;
    std::map<std::string, Upload> uploads;
    std::deque<Fault> faults;
    std::vector<std::string> log;
    int counter = 0;
  };
  struct Call;

  HttpResponse serve(State& state, const HttpRequest& request);
  static std::optional<HttpResponse> refuse_stranger(const State& state, const Call& call);
  static std::optional<HttpResponse> refuse_header_signature(const State& state, const Call& call);
  static std::optional<HttpResponse> refuse_query_signature(const State& state, const Call& call);
  static HttpResponse post_form(State& state, const Call& call);
  static HttpResponse put(State& state, const Call& call);
  static HttpResponse keep(State& state, const Call& call);
  static HttpResponse get(const State& state, const Call& call);
  static HttpResponse on_bucket(const State& state, const Call& call);
  static HttpResponse list(const State& state, const Call& call);
  static HttpResponse post(State& state, const Call& call);
  static HttpResponse complete(State& state, const Call& call);

  Clock& clock_;
  Guarded<State> state_;
};

// Answers for faults.
HttpResponse s3_answer(int status, const std::string& body = {});
HttpResponse s3_refusal(int status, const std::string& code, const std::string& more = {});

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string http_date(Timestamp time);

}  // namespace holdfast
