// Objects in parts and in ranges.
#include "shared/store/s3/multipart.h"

#include "tests/shared/store/s3/s3_fixture.h"

namespace holdfast {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t part = 5U << 20U;
constexpr std::size_t three_parts = 2 * part + 1000;

class S3Parts : public S3Test {
 protected:
  S3Parts() {
    settings.limits.multipart_above = part;
    settings.limits.upload_part = part;
    settings.limits.read_part = part;
    settings.limits.parallel = 3;
  }
  void expect_stored() {
    const auto objects = server.objects();
    ASSERT_EQ(objects.count("fleet/big"), 1U);
    EXPECT_TRUE(objects.at("fleet/big").content == content);
    EXPECT_EQ(objects.at("fleet/big").metadata.at("x-amz-meta-holdfast-sha256"), to_hex(sha256(content)));
    EXPECT_EQ(server.uploads(), 0U);
  }
  Result<> put_big() { return store().put("big", content); }

  const Bytes content = random_bytes(three_parts);
};

TEST_F(S3Parts, ArePutTogetherInOrder) {
  ASSERT_THAT(put_big(), Succeeded());
  expect_stored();
  EXPECT_EQ(count("PUT /bucket/fleet/big?partNumber="), 3);
  EXPECT_TRUE(store().get("big").value() == content);
}

TEST_F(S3Parts, BeginAboveTheLimitOnly) {
  ASSERT_THAT(store().put("just", ByteView(content).first(part)), Succeeded());
  EXPECT_EQ(count("POST"), 0);
}

TEST_F(S3Parts, NeverReplaceAnObject) {
  ASSERT_THAT(put_big(), Succeeded());
  EXPECT_THAT(put_big(), Succeeded());
  Bytes other = content;
  other.back() ^= 1;
  EXPECT_THAT(store().put("big", other), FailedWith(Code::already_exists, "\"big\""));
  EXPECT_EQ(count("POST /bucket/fleet/big?uploads="), 1);
  expect_stored();
}

// It was not there when it was looked for, and somebody was faster.
TEST_F(S3Parts, LoseToAnotherWriterWithoutAWord) {
  Bytes other = content;
  other.back() ^= 1;
  server.fail_once([&](const HttpRequest& request, const MemoryS3::Proceed& proceed) {
    auto answer = std::optional(proceed());
    if (request.method != HttpMethod::head) return decltype(answer)();
    return answer;
  });
  server.place("fleet/big", {other, {}, clock.now()});
  server.fail_once(answer_with("HEAD /bucket/fleet/big", s3_answer(404)));
  EXPECT_THAT(put_big(), FailedWith(Code::already_exists));
  EXPECT_TRUE(server.objects().at("fleet/big").content == other);
  EXPECT_EQ(server.uploads(), 0U);
}

TEST_F(S3Parts, AreSentAgainOneByOne) {
  server.fail_once(answer_with("PUT /bucket/fleet/big?partNumber=2", s3_refusal(503, "SlowDown")));
  server.fail_once(lose_answer("PUT /bucket/fleet/big?partNumber=3"));
  server.fail_once(answer_with("PUT /bucket/fleet/big?partNumber=1", s3_answer(200)));  // without its tag
  ASSERT_THAT(put_big(), Succeeded());
  expect_stored();
  EXPECT_EQ(count("PUT"), 6);
}

TEST_F(S3Parts, AreCompleteAlthoughTheServerSaidErrorFirst) {
  server.fail_once(answer_with("POST /bucket/fleet/big?uploadId", s3_refusal(200, "InternalError")));
  ASSERT_THAT(put_big(), Succeeded());
  expect_stored();
}

TEST_F(S3Parts, AreNotCompleteWhenTheServerSaysErrorWithStatus200) {
  server.fail_times(20, answer_with("POST /bucket/fleet/big?uploadId", s3_refusal(200, "InternalError")));
  EXPECT_THAT(put_big(), FailedWith(Code::unavailable,
                                    "complete parts: after 10 attempts: the server answered 200 "
                                    "InternalError"));
  EXPECT_THAT(server.objects(), IsEmpty());
  EXPECT_EQ(server.uploads(), 0U);
}

TEST_F(S3Parts, AreCompleteWhenTheAnswerWasLostOrCut) {
  server.fail_once(lose_answer("POST /bucket/fleet/big?uploadId"));
  ASSERT_THAT(put_big(), Succeeded());
  expect_stored();
  ASSERT_THAT(store().remove("big"), Succeeded());
  server.fail_once(
      change_answer("POST /bucket/fleet/big?uploadId", [](HttpResponse& answer) { answer.body.resize(20); }));
  ASSERT_THAT(put_big(), Succeeded());
  expect_stored();
  EXPECT_EQ(count("POST /bucket/fleet/big?uploads="), 2);
}

TEST_F(S3Parts, AreUploadedAnewWhenTheServerLostOne) {
  server.fail_once(answer_with("POST /bucket/fleet/big?uploadId", s3_refusal(400, "InvalidPart")));
  ASSERT_THAT(put_big(), Succeeded());
  expect_stored();
  ASSERT_THAT(store().remove("big"), Succeeded());
  server.fail_once(answer_with("PUT /bucket/fleet/big?partNumber=2", s3_refusal(404, "NoSuchUpload")));
  ASSERT_THAT(put_big(), Succeeded());
  EXPECT_EQ(count("POST /bucket/fleet/big?uploads="), 4);
}

// Tags that the server gives and then does not know itself.
TEST_F(S3Parts, EndWhenTheirTagsAreAlwaysWrong) {
  server.fail_times(100, change_answer("PUT", [](HttpResponse& answer) { answer.headers = {{"ETag", "\"wrong\""}}; }));
  EXPECT_THAT(put_big(), FailedWith(Code::corrupt, "does not put its parts together"));
  EXPECT_THAT(server.objects(), IsEmpty());
  EXPECT_EQ(server.uploads(), 0U);
}

TEST_F(S3Parts, AreAbortedWhenOneCannotBeSent) {
  server.fail_once(answer_with("PUT /bucket/fleet/big?partNumber=2", s3_refusal(403, "QuotaExceeded")));
  EXPECT_THAT(put_big(), FailedWith(Code::exhausted, "put \"big\" in s3 store at"));
  EXPECT_EQ(server.uploads(), 0U);
  EXPECT_THAT(server.objects(), IsEmpty());
}

TEST_F(S3Parts, WorkWithoutConditions) {
  abilities = {};
  server.change([](MemoryS3::Rules& rules) { rules.conditional = MemoryS3::Conditional::refused; });
  ASSERT_THAT(put_big(), Succeeded());
  expect_stored();
}

TEST(S3PartSize, GrowsWhenTenThousandPartsWouldNotDo) {
  S3Limits limits;
  limits.upload_part = part;
  EXPECT_EQ(s3_part_size(limits, 1), part);
  EXPECT_EQ(s3_part_size(limits, 10'000 * std::uint64_t{part}), part);
  EXPECT_EQ(s3_part_size(limits, 10'000 * std::uint64_t{part} + 1), part + 1);
}

// Lost uploads.

TEST_F(S3Parts, ThatWereLostAreSweptByAge) {
  server.change([](MemoryS3::Rules& rules) { rules.page = 2; });
  const auto lose_one = [&](const std::string& name) {
    server.fail_once(answer_with("PUT /bucket/" + name + "?partNumber=1", s3_refusal(403, "AccessDenied")));
    server.fail_once(answer_with("DELETE /bucket/" + name, s3_refusal(403, "AccessDenied")));
    (void)store().put(name.substr(name.find('/') + 1), content);
  };
  for (int i = 0; i < 5; ++i) lose_one("fleet/old-" + std::to_string(i));
  clock.advance(std::chrono::hours(30));
  lose_one("fleet/new");
  ASSERT_EQ(server.uploads(), 6U);
  // By the server's clock, whatever ours says.
  server.change([](MemoryS3::Rules& rules) { rules.ahead = -std::chrono::hours(10); });
  EXPECT_EQ(store().sweep_uploads(std::chrono::hours(24)).value(), 0U);
  server.change([](MemoryS3::Rules& rules) { rules.ahead = Micros(0); });
  EXPECT_EQ(store().sweep_uploads(std::chrono::hours(24)).value(), 5U);
  EXPECT_EQ(server.uploads(), 1U);
}

// Ranges.

class S3Ranges : public S3Parts {
 protected:
  S3Ranges() { server.place("fleet/big", {content, {{"x-amz-meta-holdfast-sha256", to_hex(sha256(content))}}, {}}); }
  Bytes expected(std::size_t offset, std::size_t length) const {
    return to_bytes(ByteView(content).subspan(offset, length));
  }
};

TEST_F(S3Ranges, OfALongObjectAreFetchedApart) {
  EXPECT_TRUE(store().get("big").value() == content);
  EXPECT_EQ(count("GET"), 3);
  EXPECT_TRUE(store().get_range("big", 0, three_parts).value() == content);
  EXPECT_TRUE(store().get_range("big", 17, part + 5).value() == expected(17, part + 5));
  EXPECT_TRUE(store().get_range("big", three_parts - 3, 3).value() == expected(three_parts - 3, 3));
  EXPECT_THAT(store().get_range("big", 1, three_parts), FailedWith(Code::corrupt, "\"big\""));
  EXPECT_THAT(store().get_range("big", part, 1ULL << 60U), FailedWith(Code::corrupt));
}

TEST_F(S3Ranges, AreFetchedAgainWhenTheyBreak) {
  server.fail_once(answer_with("GET", fail(Code::unavailable, "connection reset")));
  server.fail_once(change_answer("GET", [](HttpResponse& answer) { answer.body.resize(answer.body.size() / 2); }));
  server.fail_once(answer_with("GET", s3_refusal(503, "SlowDown")));
  EXPECT_TRUE(store().get("big").value() == content);
}

TEST_F(S3Ranges, OfTheWrongPlaceAreSeen) {
  server.fail_once(change_answer("GET", [](HttpResponse& answer) {
    for (HttpHeader& header : answer.headers) {
      if (header.name == "Content-Range") header.value = "bytes 1-5242880/10486760";
    }
  }));
  EXPECT_TRUE(store().get("big").value() == content);
}

TEST_F(S3Ranges, ThatDoNotBelongTogetherAreSeen) {
  // The object is replaced between the first range and the others: once, then it stays.
  const Bytes other = random_bytes(three_parts);
  server.fail_once([&](const HttpRequest& request, const MemoryS3::Proceed& proceed) {
    if (HttpResponse{0, request.headers, {}}.header("range") != "bytes=5242880-10485759") {
      return std::optional<Result<HttpResponse>>();
    }
    auto answer = proceed();
    answer->body = to_bytes(ByteView(other).subspan(part, part));
    return std::optional(answer);
  });
  EXPECT_TRUE(store().get("big").value() == content);
  server.fail_times(20, [&](const HttpRequest& request, const MemoryS3::Proceed&) {
    if (!HttpResponse{0, request.headers, {}}.header("if-match")) return std::optional<Result<HttpResponse>>();
    return std::optional<Result<HttpResponse>>(s3_refusal(412, "PreconditionFailed"));
  });
  EXPECT_THAT(store().get("big"), FailedWith(Code::corrupt, "changed while it was read"));
}

TEST_F(S3Ranges, AreNotReadFromAnObjectThatClaimsToBeEndless) {
  server.fail_once(change_answer("GET", [](HttpResponse& answer) {
    for (HttpHeader& header : answer.headers) {
      if (header.name == "Content-Range") header.value = "bytes 0-5242879/1152921504606846976";
    }
  }));
  EXPECT_THAT(store().get("big"), FailedWith(Code::exhausted, "1152921504606846976 bytes"));
}

// Content-Range comes from outside: no change of it makes a read do worse than fail or come back right.
TEST_F(S3Ranges, SurviveEveryChangedByteOfTheirHeader) {
  settings.limits.attempts = 1;
  place("small", "0123456789");
  const std::string sound = "bytes 3-6/10";
  for (std::size_t i = 0; i < sound.size(); ++i) {
    for (const char byte : std::string("0159-/* x\x7f\xff")) {
      server.fail_once(change_answer("GET", [&](HttpResponse& answer) {
        for (HttpHeader& header : answer.headers) {
          if (header.name != "Content-Range") continue;
          header.value = sound;
          header.value[i] = byte;
        }
      }));
      const auto range = store().get_range("small", 3, 4);
      if (range) {
        EXPECT_EQ(as_text(*range), "3456");
      } else {
        EXPECT_EQ(range.error().code, Code::corrupt);
      }
    }
  }
}

}  // namespace
}  // namespace holdfast
