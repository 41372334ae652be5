#include "shared/store/s3/s3_store.h"

#include "tests/shared/store/s3/s3_fixture.h"

namespace holdfast {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

const Error reset{Code::unavailable, "connection reset", ""};

Result<HttpResponse> no_answer() {
  return std::unexpected(reset);
}

class S3StoreTest : public S3Test {};

TEST_F(S3StoreTest, PutsWithOneRequestWhereConditionsAreHonoured) {
  ASSERT_THAT(put("a/b", "content"), Succeeded());
  EXPECT_THAT(server.log(), ElementsAre("PUT /bucket/fleet/a/b"));
  const auto objects = server.objects();
  EXPECT_EQ(objects.at("fleet/a/b").metadata.at("x-amz-meta-holdfast-sha256"), to_hex(sha256(as_bytes("content"))));
}

TEST_F(S3StoreTest, LooksFirstWhereTheyAreNot) {
  for (const auto conditional : {MemoryS3::Conditional::ignored, MemoryS3::Conditional::refused}) {
    server.change([&](MemoryS3::Rules& rules) { rules.conditional = conditional; });
    ASSERT_THAT(store().check(), Succeeded());
    EXPECT_EQ(store().abilities().conditional_put, Ability::no);
    const std::string name = "a/" + std::to_string(static_cast<int>(conditional));
    ASSERT_THAT(put(name, "content"), Succeeded());
    ASSERT_THAT(put(name, "content"), Succeeded());
    EXPECT_THAT(put(name, "contenT"), FailedWith(Code::already_exists, name));
    EXPECT_EQ(get(name), "content");
    EXPECT_EQ(count("PUT /bucket/fleet/" + name), 1);
  }
}

TEST_F(S3StoreTest, LooksFirstWithOneRequest) {
  abilities = {};
  ASSERT_THAT(put("a", "x"), Succeeded());
  EXPECT_THAT(server.log(), ElementsAre("HEAD /bucket/fleet/a", "PUT /bucket/fleet/a"));
}

TEST_F(S3StoreTest, AcknowledgesAPutWhoseAnswerWasLost) {
  server.fail_once(lose_answer("PUT"));
  EXPECT_THAT(put("a", "content"), Succeeded());
  EXPECT_EQ(count("PUT"), 2);
  EXPECT_EQ(count("HEAD"), 1);
}

TEST_F(S3StoreTest, ComparesContentWhereTheDigestIsMissing) {
  place("a", "content");
  EXPECT_THAT(put("a", "content"), Succeeded());
  EXPECT_THAT(put("a", "contenT"), FailedWith(Code::already_exists));
}

TEST_F(S3StoreTest, WaitsWhileTheServerIsBusy) {
  for (const auto& [status, code] : {std::pair<int, std::string>{503, "SlowDown"},
                                     {500, "InternalError"},
                                     {400, "RequestTimeout"},
                                     {409, "ConditionalRequestConflict"},
                                     {429, ""},
                                     {502, ""},
                                     {504, ""}}) {
    server.fail_times(3, answer_with("PUT", s3_refusal(status, code)));
    const Micros before = clock.monotonic();
    EXPECT_THAT(put("busy/" + std::to_string(status), "x"), Succeeded()) << status << code;
    EXPECT_GT(clock.monotonic(), before);
    EXPECT_LE(clock.monotonic() - before, std::chrono::milliseconds(700));
  }
}

TEST_F(S3StoreTest, GivesUpWithinBoundsAndSaysHowOftenItTried) {
  server.fail_times(100, answer_with("PUT", s3_refusal(503, "SlowDown", "<Message>Please reduce your rate</Message>")));
  const Micros before = clock.monotonic();
  EXPECT_THAT(put("a", "x"),
              FailedWith(Code::unavailable,
                         "put \"a\" in s3 store at https://s3.example/bucket/fleet: after 10 attempts: the "
                         "server answered 503 SlowDown: Please reduce your rate"));
  EXPECT_EQ(count("PUT"), 10);
  EXPECT_LE(clock.monotonic() - before, std::chrono::seconds(60));
}

TEST_F(S3StoreTest, WaitsAsLongAsItIsAskedToButNotForever) {
  for (const auto& [asked, least, most] : {std::tuple{"7", 7, 8}, {"100000", 20, 21}, {"-1", 0, 1}, {"soon", 0, 1}}) {
    auto busy = s3_refusal(503, "SlowDown");
    busy.headers.push_back({"Retry-After", asked});
    server.fail_once(answer_with("PUT", busy));
    const Micros before = clock.monotonic();
    ASSERT_THAT(put(std::string("a/") + (asked[0] == '-' ? "minus" : asked), "x"), Succeeded());
    EXPECT_GE(clock.monotonic() - before, std::chrono::seconds(least)) << asked;
    EXPECT_LE(clock.monotonic() - before, std::chrono::seconds(most)) << asked;
  }
}

TEST_F(S3StoreTest, IsUnavailableWhenNobodyAnswers) {
  server.fail_times(10, answer_with("GET", no_answer()));
  EXPECT_THAT(store().get("a"),
              FailedWith(Code::unavailable, "get \"a\" in s3 store at https://s3.example/bucket/fleet"));
  server.fail_times(10, answer_with("HEAD", no_answer()));
  EXPECT_THAT(store().stat("a"), FailedWith(Code::unavailable, "connection reset"));
}

TEST_F(S3StoreTest, DoesNotTryAgainWhatCannotGetBetter) {
  for (const auto& [status, code, expected] : {std::tuple<int, std::string, Code>{403, "AccessDenied", Code::denied},
                                               {403, "", Code::denied},
                                               {403, "QuotaExceeded", Code::exhausted},
                                               {507, "XMinioStorageFull", Code::exhausted},
                                               {507, "", Code::exhausted},
                                               {400, "EntityTooLarge", Code::invalid},
                                               {404, "NoSuchBucket", Code::unavailable},
                                               {501, "NotImplemented", Code::unsupported}}) {
    const int before = count("PUT");
    server.fail_once(answer_with("PUT", s3_refusal(status, code)));
    EXPECT_THAT(put("a", "x"), FailedWith(expected, "put \"a\" in s3 store at")) << status << code;
    EXPECT_EQ(count("PUT"), before + 1);
  }
  server.fail_once(answer_with("PUT", fail(Code::denied, "certificate of somebody else")));
  EXPECT_THAT(put("a", "x"), FailedWith(Code::denied, "certificate"));
  EXPECT_THAT(server.objects(), IsEmpty());
}

TEST_F(S3StoreTest, SaysNotFoundOnlyWhenThatIsCertain) {
  EXPECT_THAT(store().get("a"), FailedWith(Code::not_found, "get \"a\" in s3 store at"));
  server.fail_once(answer_with("GET", s3_answer(404, "<html>no such page</html>")));
  EXPECT_THAT(store().get("a"), FailedWith(Code::unavailable));
  server.fail_once(answer_with("GET", s3_answer(404)));
  EXPECT_THAT(store().get("a"), FailedWith(Code::unavailable));
  server.fail_once(answer_with("GET", s3_refusal(404, "NoSuchBucket")));
  EXPECT_THAT(store().get("a"), FailedWith(Code::unavailable));
  // The answer to HEAD has nothing that would tell a missing bucket from a missing object.
  EXPECT_EQ(store().stat("a").value(), std::nullopt);
  server.change([](MemoryS3::Rules& rules) { rules.bucket = "other"; });
  EXPECT_THAT(store().stat("a"), FailedWith(Code::unavailable, "bucket"));
  EXPECT_THAT(store().get_range("a", 0, 0), FailedWith(Code::unavailable));
  EXPECT_THAT(store().list(""), FailedWith(Code::unavailable));
  EXPECT_THAT(store().remove("a"), FailedWith(Code::unavailable));
}

TEST_F(S3StoreTest, ReadsAgainWhatWasDamagedOnTheWay) {
  ASSERT_THAT(put("a", "content"), Succeeded());
  const auto flip = change_answer("GET", [](HttpResponse& answer) { answer.body.at(3) ^= 1; });
  const auto cut = change_answer("GET", [](HttpResponse& answer) { answer.body.pop_back(); });
  const auto no_range = change_answer("GET", [](HttpResponse& answer) {
    std::erase_if(answer.headers, [](const HttpHeader& header) { return header.name == "Content-Range"; });
  });
  for (const auto& fault : {flip, cut, no_range}) {
    server.fail_once(fault);
    EXPECT_EQ(get("a"), "content");
  }
  server.fail_times(100, flip);
  EXPECT_THAT(store().get("a"), FailedWith(Code::corrupt, "\"a\""));
}

TEST_F(S3StoreTest, CallsWhatIsAlwaysCutCorrupt) {
  ASSERT_THAT(put("a", "content"), Succeeded());
  server.fail_times(1000, change_answer("GET", [](HttpResponse& answer) { answer.body.pop_back(); }));
  EXPECT_THAT(store().get("a"), FailedWith(Code::corrupt, "6 bytes of 7"));
  EXPECT_THAT(store().get_range("a", 0, 3), FailedWith(Code::corrupt, "2 bytes of 3"));
}

TEST_F(S3StoreTest, TakesAServerThatIgnoresRanges) {
  ASSERT_THAT(put("a", "0123456789"), Succeeded());
  const auto everything = change_answer("GET", [](HttpResponse& answer) { answer = s3_answer(200, "0123456789"); });
  server.fail_times(4, everything);
  EXPECT_EQ(get("a"), "0123456789");
  EXPECT_EQ(as_text(store().get_range("a", 3, 4).value()), "3456");
  EXPECT_THAT(store().get_range("a", 8, 3), FailedWith(Code::corrupt));
  EXPECT_THAT(store().get_range("a", 11, 1), FailedWith(Code::corrupt));
}

TEST_F(S3StoreTest, SendsAgainWhatArrivedDamaged) {
  server.fail_times(2, answer_with("PUT", s3_refusal(400, "XAmzContentSHA256Mismatch")));
  EXPECT_THAT(put("a", "x"), Succeeded());
  server.fail_times(20, answer_with("PUT", s3_refusal(400, "BadDigest")));
  EXPECT_THAT(put("b", "x"), FailedWith(Code::corrupt, "BadDigest"));
}

TEST_F(S3StoreTest, FindsTheRegionItself) {
  server.change([](MemoryS3::Rules& rules) { rules.region = "eu-west-1"; });
  ASSERT_THAT(put("a", "x"), Succeeded());
  EXPECT_EQ(count("PUT"), 2);
  ASSERT_THAT(put("b", "x"), Succeeded());
  EXPECT_EQ(count("PUT"), 3);
  // To HEAD it is a header that says so.
  server.change([](MemoryS3::Rules& rules) { rules.region = "eu-west-2"; });
  EXPECT_TRUE(store().stat("a").value());
}

TEST_F(S3StoreTest, MovesToTheRegionsHostOfAws) {
  settings.endpoint = "https://s3.us-east-1.amazonaws.com";
  std::vector<std::string> hosts;
  const auto moved = [&](const HttpRequest& request, const MemoryS3::Proceed&) -> std::optional<Result<HttpResponse>> {
    hosts.push_back(request.url);
    if (hosts.size() > 1) return std::nullopt;
    auto answer = s3_refusal(301, "PermanentRedirect", "<Endpoint>bucket.s3.eu-west-3.amazonaws.com</Endpoint>");
    answer.headers.push_back({"x-amz-bucket-region", "eu-west-3"});
    return answer;
  };
  server.fail_once(moved);
  server.fail_once(moved);
  server.change([](MemoryS3::Rules& rules) { rules.region = "eu-west-3"; });
  ASSERT_THAT(put("a", "x"), Succeeded());
  EXPECT_THAT(hosts, ElementsAre("https://s3.us-east-1.amazonaws.com/bucket/fleet/a",
                                 "https://s3.eu-west-3.amazonaws.com/bucket/fleet/a"));
}

TEST_F(S3StoreTest, GoesToNoHostThatAnAnswerNames) {
  auto elsewhere = s3_refusal(307, "TemporaryRedirect", "<Endpoint>evil.example</Endpoint>");
  elsewhere.headers.push_back({"Location", "https://evil.example/bucket/fleet/a"});
  server.fail_once(answer_with("PUT", elsewhere));
  const auto done = put("a", "x");
  ASSERT_THAT(done, FailedWith(Code::invalid, "it names \"evil.example\""));
  EXPECT_THAT(done.error().hint, HasSubstr("\"endpoint\""));
  // A region that would be more than a part of a host name.
  auto strange = s3_refusal(301, "PermanentRedirect");
  strange.headers.push_back({"x-amz-bucket-region", "x.evil.example/"});
  server.fail_once(answer_with("PUT", strange));
  EXPECT_THAT(put("a", "x"), FailedWith(Code::invalid));
  EXPECT_EQ(count("PUT"), 2);
}

TEST_F(S3StoreTest, StopsWhenRegionsGoRoundInCircles) {
  for (int i = 0; i < 50; ++i) {
    auto answer =
        s3_refusal(400, "AuthorizationHeaderMalformed", i % 2 == 0 ? "<Region>a</Region>" : "<Region>b</Region>");
    server.fail_once(answer_with("PUT", answer));
  }
  EXPECT_THAT(put("a", "x"), FailedWith(Code::invalid, "AuthorizationHeaderMalformed"));
  EXPECT_LE(count("PUT"), 6);
}

TEST_F(S3StoreTest, SetsItsClockByTheServers) {
  for (const Micros ahead : {Micros(std::chrono::hours(3)), Micros(-std::chrono::hours(24 * 400)), Micros(0)}) {
    server.change([&](MemoryS3::Rules& rules) { rules.ahead = ahead; });
    const std::string name = "a/" + std::to_string(std::abs(ahead.count()));
    const int before = count("PUT");
    ASSERT_THAT(put(name, "x"), Succeeded());
    EXPECT_EQ(count("PUT"), before + 2) << "one to learn, one to do";
    ASSERT_THAT(store().stat(name), Succeeded());
    EXPECT_EQ(count("PUT"), before + 2);
  }
  server.change([](MemoryS3::Rules& rules) { rules.ahead = std::chrono::hours(5); });
  EXPECT_TRUE(store().stat("a/0").value()) << "a HEAD is refused without words";
}

TEST_F(S3StoreTest, SaysSoWhenTheClockIsNotToBeMended) {
  auto skewed = s3_refusal(403, "RequestTimeTooSkewed");
  server.fail_times(10, answer_with("PUT", skewed));
  EXPECT_THAT(put("a", "x"), FailedWith(Code::denied, "clock"));
  EXPECT_EQ(count("PUT"), 1);
}

TEST_F(S3StoreTest, TakesRenewedCredentials) {
  ASSERT_THAT(put("a", "x"), Succeeded());
  EXPECT_EQ(loads, 1);
  server.change([](MemoryS3::Rules& rules) { rules.access_key_id = "renewed"; });
  EXPECT_THAT(put("b", "x"), FailedWith(Code::denied, "InvalidAccessKeyId"));
  access_key = "renewed";
  EXPECT_THAT(put("b", "x"), Succeeded());
  token = "token";
  server.fail_once(answer_with("PUT", s3_refusal(403, "ExpiredToken")));
  EXPECT_THAT(put("c", "x"), Succeeded());
}

TEST_F(S3StoreTest, TellsNobodyTheSecret) {
  token = "very-secret-token";
  server.fail_times(10, answer_with("PUT", s3_refusal(403, "SignatureDoesNotMatch")));
  const auto done = put("a", "x");
  ASSERT_THAT(done, FailedWith(Code::denied));
  EXPECT_THAT(done.error().text(), Not(HasSubstr("very-secret")));
  EXPECT_THAT(store().description(), Not(HasSubstr("very-secret")));
  for (const std::string& line : server.log()) EXPECT_THAT(line, Not(HasSubstr("very-secret")));
}

TEST_F(S3StoreTest, ListsPageByPage) {
  server.change([](MemoryS3::Rules& rules) { rules.page = 3; });
  std::vector<std::string> names;
  for (int i = 0; i < 20; ++i) names.push_back("list/" + std::to_string(100 + i));
  for (const std::string& name : names) ASSERT_THAT(put(name, "x"), Succeeded());
  std::vector<std::string> found;
  const auto objects = store().list("list/");
  for (const ObjectInfo& object : objects.value()) found.push_back(object.name);
  EXPECT_EQ(found, names);
  EXPECT_EQ(count("GET"), 7);
  EXPECT_THAT(server.log(), Contains(HasSubstr("continuation-token=%2B%2F%3Dfleet%2Flist%2F102")));
}

TEST_F(S3StoreTest, LeavesOutWhatIsNotItsOwn) {
  place("a/1", "x");
  server.place("other/a/2", {});
  server.place("fleet2/a/3", {});
  for (const std::string name :
       {"a b", "a+b", "a%20b", "\xc3\xa9", "a//b", "x/", ".holdfast-probe-1", "a/../b", "a&<b"}) {
    place(name, "x");
  }
  const auto objects = store().list("");
  ASSERT_EQ(objects.value().size(), 1U);
  EXPECT_EQ(objects.value()[0].name, "a/1");
  EXPECT_THAT(store().list_parts("").value(), ElementsAre("a/", "x/"));
  EXPECT_THAT(store().list_parts("a/").value(), ElementsAre("1"));
}

TEST_F(S3StoreTest, DoesNotTakeHalfAListForAList) {
  place("a", "x");
  const auto cut = change_answer("GET", [](HttpResponse& answer) { answer.body.resize(answer.body.size() / 2); });
  server.fail_once(cut);
  EXPECT_EQ(store().list("").value().size(), 1U);
  server.fail_times(20, cut);
  EXPECT_THAT(store().list(""), FailedWith(Code::corrupt, "list"));
}

TEST_F(S3StoreTest, DoesNotFollowAListThatGoesInCircles) {
  const std::string page =
      "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>"
      "</ListBucketResult>";
  server.fail_times(20, answer_with("GET", s3_answer(200, page)));
  EXPECT_THAT(store().list(""), FailedWith(Code::corrupt, "does not end"));
  EXPECT_EQ(count("GET"), 2);
}

TEST_F(S3StoreTest, TakesAnErrorWithStatus200ForAnError) {
  server.fail_once(answer_with("GET", s3_refusal(200, "InternalError")));
  EXPECT_THAT(store().list(""), Succeeded());
  server.fail_once(answer_with("GET", s3_refusal(200, "AccessDenied")));
  EXPECT_THAT(store().list(""), FailedWith(Code::denied));
}

TEST_F(S3StoreTest, DoesNotAcknowledgeAPutThatWasAnsweredByAnErrorWithStatus200) {
  server.fail_once(answer_with("PUT", s3_refusal(200, "InternalError")));
  ASSERT_THAT(put("a", "content"), Succeeded());
  EXPECT_EQ(server.objects().count("fleet/a"), 1U) << "it was put again";
  server.fail_times(20, answer_with("PUT", s3_refusal(200, "SlowDown")));
  EXPECT_THAT(put("b", "content"), FailedWith(Code::unavailable, "SlowDown"));
}

TEST_F(S3StoreTest, SeesAnErrorWithStatus200InAnswerToAPutThatWasCarriedOut) {
  server.fail_once(change_answer("PUT", [](HttpResponse& answer) { answer = s3_refusal(200, "InternalError"); }));
  EXPECT_THAT(put("a", "content"), Succeeded());
  EXPECT_THAT(put("a", "contenT"), FailedWith(Code::already_exists));
}

TEST_F(S3StoreTest, SaysNothingOfARemovalThatWasAnsweredByAnErrorWithStatus200) {
  ASSERT_THAT(put("a", "content"), Succeeded());
  server.fail_once(answer_with("DELETE", s3_refusal(200, "AccessDenied")));
  EXPECT_THAT(store().remove("a"), FailedWith(Code::denied));
  EXPECT_EQ(get("a"), "content");
}

TEST_F(S3StoreTest, TakesAnErrorWithStatus200ForNoContent) {
  ASSERT_THAT(put("a", std::string(400, 'x')), Succeeded());
  const auto error = answer_with("GET", s3_refusal(200, "InternalError"));
  server.fail_once(error);
  EXPECT_EQ(get("a"), std::string(400, 'x'));
  server.fail_once(error);
  EXPECT_EQ(as_text(store().get_range("a", 5, 10).value()), "xxxxxxxxxx");
  server.fail_times(100, error);
  EXPECT_THAT(store().get("a"), FailedWith(Code::unavailable, "InternalError"));
  EXPECT_THAT(store().get_range("a", 5, 10), FailedWith(Code::unavailable, "InternalError"));
}

// Does something before the first request that begins so.
class Interrupts final : public HttpTransport {
 public:
  Interrupts(HttpTransport& below, std::string begin, std::function<void()> what)
      : below_(below), begin_(std::move(begin)), what_(std::move(what)) {}
  Result<HttpResponse> exchange(const HttpRequest& request) override {
    if (std::string(to_string(request.method)) == begin_ && what_) std::exchange(what_, nullptr)();
    return below_.exchange(request);
  }

 private:
  HttpTransport& below_;
  std::string begin_;
  std::function<void()> what_;
};

// A server that settles nothing: the last of two that write one name at once stays, whole, and the other is told when
// it looks again.
TEST_F(S3StoreTest, LeavesTheLastOfTwoThatWriteOneNameWhereConditionsAreIgnored) {
  server.change([](MemoryS3::Rules& rules) { rules.conditional = MemoryS3::Conditional::ignored; });
  ASSERT_THAT(store().check(), Succeeded());
  Interrupts line(server, "PUT", [this] { EXPECT_THAT(put("a", "theirs"), Succeeded()); });
  const auto ours = S3Store::open(settings,
                                  {line,
                                   []() -> Result<S3Credentials> {
                                     return S3Credentials{"key", SecretText("very-secret"), SecretText("")};
                                   },
                                   clock, entropy},
                                  store().abilities())
                        .value();
  EXPECT_THAT(ours->put("a", as_bytes("ours")), Succeeded()) << "it was not there when it looked";
  EXPECT_EQ(get("a"), "ours");
  EXPECT_THAT(put("a", "theirs"), FailedWith(Code::already_exists));
}

TEST_F(S3StoreTest, PutsTheBucketIntoTheHostWhenTold) {
  settings.addressing = S3Addressing::host;
  settings.prefix = "";
  std::string host;
  std::string url;
  server.fail_once([&](const HttpRequest& request, const MemoryS3::Proceed& proceed) {
    url = request.url;
    host = HttpResponse{0, request.headers, {}}.header("host").value_or("");
    return std::optional(proceed());
  });
  ASSERT_THAT(put("a/b", "x"), Succeeded());
  EXPECT_EQ(host, "bucket.s3.example");
  EXPECT_EQ(url, "https://bucket.s3.example/a/b");
  EXPECT_EQ(get("a/b"), "x");
  EXPECT_EQ(store().stat("none").value(), std::nullopt);
}

TEST_F(S3StoreTest, RefusesSettingsThatWillNotDo) {
  settings.bucket = "x";
  const auto opened = S3Store::open(settings, {server, LoadS3Credentials(), clock, entropy});
  EXPECT_THAT(opened, FailedWith(Code::invalid, "settings of an s3 store: \"bucket\""));
}

// Check and abilities.

TEST_F(S3StoreTest, CheckFindsOutWhatTheServerCanDo) {
  abilities = {};
  server.change([](MemoryS3::Rules& rules) { rules.object_lock = true; });
  ASSERT_THAT(store().check(), Succeeded());
  EXPECT_EQ(store().abilities().conditional_put, Ability::yes);
  EXPECT_EQ(store().abilities().object_lock, Ability::yes);
  server.change([](MemoryS3::Rules& rules) {
    rules.object_lock = false;
    rules.conditional = MemoryS3::Conditional::ignored;
  });
  ASSERT_THAT(store().check(), Succeeded());
  EXPECT_EQ(store().abilities().conditional_put, Ability::no);
  EXPECT_EQ(store().abilities().object_lock, Ability::no);
  server.fail_once(answer_with("GET /bucket?object-lock", s3_refusal(403, "AccessDenied")));
  ASSERT_THAT(store().check(), Succeeded());
  EXPECT_EQ(store().abilities().object_lock, Ability::unknown);
  EXPECT_THAT(server.objects(), IsEmpty());
}

class S3Lock : public S3StoreTest {
 protected:
  void SetUp() override {
    settings.lock = std::chrono::hours(24);
    abilities.object_lock = Ability::yes;
    server.change([](MemoryS3::Rules& rules) { rules.object_lock = true; });
  }
  Timestamp kept(const std::string& name) { return server.objects().at("fleet/" + name).kept_until; }
};

TEST_F(S3Lock, NobodyRemovesWhatIsPutBeforeItsTime) {
  ASSERT_THAT(store().put("a", as_bytes("content")), Succeeded());
  EXPECT_GE(kept("a"), clock.now() + std::chrono::hours(23));
  EXPECT_THAT(store().remove("a"), FailedWith(Code::denied, "AccessDenied"));
  EXPECT_THAT(store().get("a"), Succeeded());
  clock.advance(std::chrono::hours(25));
  EXPECT_THAT(store().remove("a"), Succeeded());
}

TEST_F(S3Lock, IsMadeLongerAndNeverShorter) {
  ASSERT_THAT(store().put("a", as_bytes("content")), Succeeded());
  const Timestamp late =
      Timestamp::from_micros((clock.now() + std::chrono::hours(100)).micros() / 1'000'000 * 1'000'000);
  ASSERT_THAT(store().keep_until("a", late), Succeeded());
  EXPECT_EQ(kept("a"), late);
  ASSERT_THAT(store().keep_until("a", clock.now() + std::chrono::hours(50)), Succeeded());
  EXPECT_EQ(kept("a"), late);
  EXPECT_THAT(store().keep_until("b", late), FailedWith(Code::not_found));
}

TEST_F(S3Lock, IsNotAskedForWhereTheBucketHasNone) {
  abilities.object_lock = Ability::no;
  server.change([](MemoryS3::Rules& rules) { rules.object_lock = false; });
  ASSERT_THAT(store().put("a", as_bytes("content")), Succeeded());
  EXPECT_TRUE(kept("a").is_never());
  EXPECT_THAT(store().keep_until("a", clock.now() + std::chrono::hours(1)),
              FailedWith(Code::unsupported, "object lock"));
}

TEST_F(S3StoreTest, CheckIsNotMisledByAnAnswerThatWasLost) {
  server.fail_once(lose_answer("PUT"));
  ASSERT_THAT(store().check(), Succeeded());
  EXPECT_EQ(store().abilities().conditional_put, Ability::yes);
  EXPECT_THAT(server.objects(), IsEmpty());
}

TEST_F(S3StoreTest, CheckSeesWhatDoesNotComeBack) {
  server.fail_times(5, change_answer("GET", [](HttpResponse& answer) { answer.body.at(0) ^= 1; }));
  EXPECT_THAT(store().check(), FailedWith(Code::corrupt, "what was written does not come back"));
  EXPECT_THAT(server.objects(), IsEmpty());
}

TEST_F(S3StoreTest, CheckSaysWhatIsNotAllowed) {
  server.fail_times(3, answer_with("PUT", s3_refusal(403, "AccessDenied")));
  const auto done = store().check();
  ASSERT_THAT(done, FailedWith(Code::denied, "write the probe"));
  EXPECT_THAT(done.error().hint, HasSubstr("policy"));
}

// A host's key should be such a one.
TEST_F(S3StoreTest, CheckIsContentWithAKeyThatMayNotRemove) {
  server.fail_once(answer_with("DELETE", s3_refusal(403, "AccessDenied")));
  EXPECT_THAT(store().check(), Succeeded());
  EXPECT_EQ(server.objects().size(), 1U) << "somebody else's check() removes it after a day";
}

TEST_F(S3StoreTest, CheckTidiesUpAfterADayAndMindsNotBeingAllowedTo) {
  place(".holdfast-probe-0000", "old");
  clock.advance(std::chrono::hours(20));
  place(".holdfast-probe-0001", "new");
  clock.advance(std::chrono::hours(5));
  server.fail_once(answer_with("GET /bucket?encoding", s3_refusal(403, "AccessDenied")));
  server.fail_once(answer_with("GET /bucket?prefix", s3_refusal(403, "AccessDenied")));
  ASSERT_THAT(store().check(), Succeeded());
  EXPECT_EQ(server.objects().size(), 2U);
  ASSERT_THAT(store().check(), Succeeded());
  EXPECT_EQ(server.objects().size(), 1U);
  EXPECT_EQ(server.objects().count("fleet/.holdfast-probe-0001"), 1U);
}

}  // namespace
}  // namespace holdfast
