// A bucket as a host without an access key has it: over forms and signed URLs, with the signer in the same process.
#include "shared/store/s3/asked_authority.h"
#include "shared/store/s3/form_probe.h"
#include "shared/store/s3/presigning.h"
#include "tests/shared/store/s3/s3_fixture.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

class PresignedStore : public S3Test {
 protected:
  PresignedStore() { abilities = {Ability::no, Ability::no}; }

  S3Store& hosts() {
    if (!hosts_) {
      const AskForPass ask = [this](const BucketWish& wish, PassAge age) { return answer(wish, age); };
      hosts_ = std::move(S3Store::open(settings,
                                       {server, std::make_shared<AskedS3Authority>(settings, ask, clock), clock,
                                        entropy, [this](const std::string& name) { return unique.contains(name); }},
                                       abilities)
                             .value());
    }
    return *hosts_;
  }
  Result<> put_by_host(const std::string& name, std::string_view content) {
    return hosts().put(name, as_bytes(content));
  }
  static S3Credentials credentials() { return {"key", SecretText("very-secret"), SecretText()}; }

  // Like an agent's: passes to put are kept, everything else needs somebody to ask.
  Result<BucketPass> answer(const BucketWish& wish, PassAge age) {
    const bool put = wish.kind == BucketWish::Kind::put;
    if (put && age == PassAge::any && kept.contains(wish.name)) return kept.at(wish.name);
    if (away) return fail(Code::unavailable, "the coordinator is away");
    ++asked;
    BucketPass pass = TRY(sign_bucket_wish(settings, credentials(), wish, clock.now()));
    if (put) kept[wish.name] = pass;
    return pass;
  }

  bool away = false;
  int asked = 0;
  std::map<std::string, BucketPass> kept;
  std::set<std::string> unique;

 private:
  std::unique_ptr<S3Store> hosts_;
};

TEST_F(PresignedStore, PutsByAFormAndReadsBySignedUrls) {
  ASSERT_THAT(put_by_host("db/wal/1", "some log"), Succeeded());
  EXPECT_EQ(as_text(hosts().get("db/wal/1").value()), "some log");
  EXPECT_EQ(as_text(hosts().get_range("db/wal/1", 5, 3).value()), "log");
  EXPECT_EQ(hosts().stat("db/wal/1").value()->size, 8U);
  EXPECT_EQ(hosts().stat("db/wal/2").value(), std::nullopt);
  EXPECT_EQ(hosts().list("db/").value().at(0).name, "db/wal/1");
  EXPECT_EQ(get("db/wal/1"), "some log");  // by whoever has the key
  EXPECT_EQ(server.objects().at("fleet/db/wal/1").metadata.at("x-amz-meta-holdfast-sha256"),
            to_hex(sha256(as_bytes("some log"))));
}

TEST_F(PresignedStore, NeverHasTheSecretInARequest) {
  server.fail_times(10, [](const HttpRequest& request, const MemoryS3::Proceed&) {
    EXPECT_EQ(as_text(request.body).find("very-secret"), std::string_view::npos);
    EXPECT_EQ(request.url.find("very-secret"), std::string::npos);
    return std::nullopt;
  });
  ASSERT_THAT(put_by_host("db/a", "x"), Succeeded());
  EXPECT_THAT(hosts().get("db/a"), Succeeded());
}

TEST_F(PresignedStore, AsksOnceForWhatItReadsInRanges) {
  settings.limits.read_part = 64U << 10U;
  const Bytes content = random_bytes(1U << 20U);
  ASSERT_THAT(hosts().put("db/a", content), Succeeded());
  asked = 0;
  EXPECT_EQ(hosts().get("db/a").value(), content);
  EXPECT_EQ(asked, 1);
}

TEST_F(PresignedStore, AsksAgainWhenAPassIsAboutToRunOut) {
  ASSERT_THAT(put_by_host("db/a", "x"), Succeeded());
  ASSERT_THAT(hosts().get("db/a"), Succeeded());
  asked = 0;
  clock.advance(std::chrono::minutes(30));
  EXPECT_THAT(hosts().get("db/a"), Succeeded());
  EXPECT_EQ(asked, 0);
  clock.advance(std::chrono::minutes(20));
  EXPECT_THAT(hosts().get("db/a"), Succeeded());
  EXPECT_EQ(asked, 1);
}

TEST_F(PresignedStore, AsksForANewerPassWhenTheServerRefusesOne) {
  ASSERT_THAT(put_by_host("db/a", "x"), Succeeded());
  ASSERT_THAT(hosts().get("db/a"), Succeeded());
  // The clocks of the server and of the host disagree by more than the pass lives.
  server.change([](MemoryS3::Rules& rules) { rules.ahead = std::chrono::hours(24 * 8); });
  asked = 0;
  EXPECT_THAT(put_by_host("db/b", "y"), FailedWith(Code::denied));
  EXPECT_EQ(asked, 2);  // to look, and to look with a newer pass
  server.change([](MemoryS3::Rules& rules) { rules.ahead = Micros(0); });
  clock.advance(std::chrono::hours(24 * 8));
  EXPECT_THAT(put_by_host("db/b", "y"), Succeeded());
}

TEST_F(PresignedStore, SaysThatAQuotaIsUsedUpAlsoWhenNobodyCanBeAsked) {
  ASSERT_THAT(put_by_host("db/a", "x"), Succeeded());
  away = true;
  unique = {"db/b"};
  server.fail_once(answer_with("POST /bucket", s3_refusal(403, "QuotaExceeded")));
  EXPECT_THAT(put_by_host("db/b", "y"), FailedWith(Code::exhausted));
}

TEST_F(PresignedStore, SaysWhenNobodyCanBeAsked) {
  ASSERT_THAT(put_by_host("db/a", "x"), Succeeded());
  away = true;
  const auto read = hosts().get("db/a");
  ASSERT_THAT(read, FailedWith(Code::unavailable));
  EXPECT_THAT(read.error().text(), HasSubstr("the coordinator is away"));
  EXPECT_THAT(hosts().list("db/"), FailedWith(Code::unavailable));
}

TEST_F(PresignedStore, GoesOnPuttingWhatOnlyItCanHaveNamed) {
  ASSERT_THAT(put_by_host("db/wal/1", "one"), Succeeded());
  away = true;
  unique = {"db/wal/2"};
  EXPECT_THAT(put_by_host("db/wal/2", "two"), Succeeded());
  EXPECT_EQ(get("db/wal/2"), "two");
}

TEST_F(PresignedStore, WaitsWithNamesThatMayBeTakenUntilItCanLook) {
  ASSERT_THAT(put_by_host("db/record", "ours"), Succeeded());
  clock.advance(std::chrono::hours(2));
  away = true;
  EXPECT_THAT(put_by_host("db/record", "other"), FailedWith(Code::unavailable));
  EXPECT_EQ(get("db/record"), "ours");
  away = false;
  EXPECT_THAT(put_by_host("db/record", "other"), FailedWith(Code::already_exists));
  EXPECT_THAT(put_by_host("db/record", "ours"), Succeeded());
}

TEST_F(PresignedStore, LooksWheneverItCanAlsoForUniqueNames) {
  place("db/wal/1", "of another");
  unique = {"db/wal/1"};
  EXPECT_THAT(put_by_host("db/wal/1", "ours"), FailedWith(Code::already_exists));
  EXPECT_EQ(get("db/wal/1"), "of another");
}

TEST_F(PresignedStore, PutsForAWeekWithoutAnybodyToAsk) {
  ASSERT_THAT(put_by_host("db/wal/1", "one"), Succeeded());
  away = true;
  unique = {"db/wal/2", "db/wal/3"};
  clock.advance(std::chrono::hours(24 * 7 - 1));
  EXPECT_THAT(put_by_host("db/wal/2", "two"), Succeeded());
  clock.advance(std::chrono::hours(2));
  EXPECT_THAT(put_by_host("db/wal/3", "three"), FailedWith(Code::unavailable));
}

TEST_F(PresignedStore, CannotPutOutsideOfWhatWasSigned) {
  ASSERT_THAT(put_by_host("db/a", "x"), Succeeded());
  kept["dbx/"] = kept.at("db/");
  kept["fleet.record"] = kept.at("db/");
  away = true;
  unique = {"dbx/a", "fleet.record"};
  EXPECT_THAT(put_by_host("dbx/a", "x"), FailedWith(Code::unavailable));  // a newer pass would be needed
  EXPECT_THAT(put_by_host("fleet.record", "x"), FailedWith(Code::unavailable));
  EXPECT_EQ(server.objects().size(), 1U);
}

TEST_F(PresignedStore, RemovesNothing) {
  ASSERT_THAT(put_by_host("db/a", "x"), Succeeded());
  EXPECT_THAT(hosts().remove("db/a"), FailedWith(Code::denied));
  EXPECT_EQ(get("db/a"), "x");
}

TEST_F(PresignedStore, TriesAFormAgainWhoseAnswerWasLost) {
  server.fail_once(lose_answer("POST /bucket"));
  EXPECT_THAT(put_by_host("db/a", "x"), Succeeded());
  EXPECT_EQ(get("db/a"), "x");
  EXPECT_EQ(count("POST /bucket"), 2);
}

class FormProbe : public PresignedStore {
 protected:
  Result<> probe() {
    return probe_s3_forms(
        settings, server, []() -> Result<S3Credentials> { return credentials(); }, clock, entropy);
  }
};

TEST_F(FormProbe, LeavesNothingBehindOnAServerThatKeepsToPolicies) {
  EXPECT_THAT(probe(), Succeeded());
  EXPECT_TRUE(server.objects().empty());
}

TEST_F(FormProbe, SaysThatAServerDoesNotKnowForms) {
  server.change([](MemoryS3::Rules& rules) { rules.forms = false; });
  const auto probed = probe();
  ASSERT_THAT(probed, FailedWith(Code::unsupported));
  EXPECT_THAT(probed.error().text(), HasSubstr("does not take objects by signed forms"));
}

TEST_F(FormProbe, SaysThatAServerDoesNotKeepToPolicies) {
  server.change([](MemoryS3::Rules& rules) { rules.policies = false; });
  const auto probed = probe();
  ASSERT_THAT(probed, FailedWith(Code::unsupported));
  EXPECT_THAT(probed.error().text(), HasSubstr("that its policy does not allow"));
  EXPECT_TRUE(server.objects().empty());
}

}  // namespace
}  // namespace holdfast
