#include "shared/store/s3/documents.h"

#include <gmock/gmock.h>

#include "shared/store/s3/http_date.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/seeded_entropy.h"

namespace holdfast {
namespace {

using testing::ElementsAre;

const std::string error_text =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region "
    "'us-east-1' is wrong &amp; more</Message><Region>eu-west-1</Region><RequestId>1</RequestId></Error>";
const std::string list_text =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
    "<Name>b</Name><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
    "<NextContinuationToken>1/+=&lt;</NextContinuationToken>"
    "<Contents><Key>a/b%20c+d%C3%A9</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><Size>7</Size></Contents>"
    "<Contents><Key>a/c</Key><LastModified>?</LastModified><Size>18446744073709551615</Size></Contents>"
    "<CommonPrefixes><Prefix>a/d/</Prefix></CommonPrefixes></ListBucketResult>";
const std::string uploads_text =
    "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>u"
    "</NextUploadIdMarker><Upload><Key>a</Key><UploadId>1</UploadId><Initiated>2026-01-02T03:04:05.000Z</Initiated>"
    "</Upload></ListMultipartUploadsResult>";

TEST(S3Documents, SayWhatWentWrong) {
  const auto found = parse_s3_error(as_bytes(error_text));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->code, "AuthorizationHeaderMalformed");
  EXPECT_EQ(found->message, "the region 'us-east-1' is wrong & more");
  EXPECT_EQ(found->region, "eu-west-1");
  EXPECT_EQ(found->endpoint, "");
  EXPECT_FALSE(parse_s3_error(as_bytes("<html><body>503</body></html>")));
  EXPECT_FALSE(parse_s3_error(as_bytes("")));
  EXPECT_FALSE(parse_s3_error(as_bytes(list_text)));
}

TEST(S3Documents, KeepWhatAServerSaysOffTheTerminal) {
  const auto found = parse_s3_error(
      as_bytes("<Error><Code>X</Code><Message>a\x1b[2Jb\nc" + std::string(1000, 'x') + "</Message></Error>"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->message.substr(0, 9), "a?[2Jb?cx");
  EXPECT_EQ(found->message.size(), 300U);
}

TEST(S3Documents, ListObjects) {
  const auto page = parse_s3_list(as_bytes(list_text));
  ASSERT_THAT(page, Succeeded());
  ASSERT_EQ(page->objects.size(), 2U);
  EXPECT_EQ(page->objects[0].key, "a/b c d\xc3\xa9");
  EXPECT_EQ(page->objects[0].size, 7U);
  EXPECT_EQ(page->objects[0].modified, parse_time("2026-01-02T03:04:05Z").value());
  EXPECT_TRUE(page->objects[1].modified.is_never());
  EXPECT_EQ(page->objects[1].size, ~std::uint64_t{0});
  EXPECT_THAT(page->common_prefixes, ElementsAre("a/d/"));
  EXPECT_EQ(page->next, "1/+=<");
}

TEST(S3Documents, DoNotDecodeWhatWasNotEncoded) {
  const auto page = parse_s3_list(
      as_bytes("<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a+%20</Key><Size>0</Size></Contents>"
               "</ListBucketResult>"));
  ASSERT_THAT(page, Succeeded());
  EXPECT_EQ(page->objects.at(0).key, "a+%20");
  EXPECT_EQ(page->next, std::nullopt);
}

TEST(S3Documents, RefuseListsThatCannotBeRight) {
  const auto in_list = [](const std::string& inner) {
    return parse_s3_list(as_bytes("<ListBucketResult>" + inner + "</ListBucketResult>"));
  };
  for (const std::string inner :
       {"", "<IsTruncated>maybe</IsTruncated>", "<IsTruncated>true</IsTruncated>",
        "<IsTruncated>false</IsTruncated><Contents><Key>a</Key></Contents>",
        "<IsTruncated>false</IsTruncated><Contents><Size>1</Size></Contents>",
        "<IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>-1</Size></Contents>",
        "<IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>18446744073709551616</Size></Contents>",
        "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated><Contents><Key>a%2</Key><Size>1</Size>"
        "</Contents>",
        "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated><Contents><Key>a%zz</Key><Size>1</Size>"
        "</Contents>"}) {
    EXPECT_THAT(in_list(inner), FailedWith(Code::corrupt)) << inner;
  }
  EXPECT_THAT(parse_s3_list(as_bytes("<html/>")), FailedWith(Code::corrupt));
}

TEST(S3Documents, ListUploadsAndNameThem) {
  const auto page = parse_s3_uploads(as_bytes(uploads_text));
  ASSERT_THAT(page, Succeeded());
  ASSERT_EQ(page->uploads.size(), 1U);
  EXPECT_EQ(page->uploads[0].id, "1");
  ASSERT_TRUE(page->next);
  EXPECT_EQ(page->next->key_marker, "k");
  EXPECT_EQ(parse_s3_upload_id(
                as_bytes("<InitiateMultipartUploadResult><UploadId>2~x</UploadId></InitiateMultipartUploadResult>"))
                .value(),
            "2~x");
  EXPECT_THAT(parse_s3_upload_id(as_bytes("<InitiateMultipartUploadResult/>")), FailedWith(Code::corrupt));
}

TEST(S3Documents, CompleteInOrderWithTagsEscaped) {
  EXPECT_EQ(
      s3_complete_document({{1, "\"a&b\""}, {2, "c"}}),
      "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Part><PartNumber>1</PartNumber>"
      "<ETag>\"a&amp;b\"</ETag></Part><Part><PartNumber>2</PartNumber><ETag>c</ETag></Part>"
      "</CompleteMultipartUpload>");
}

TEST(S3Documents, ExpandNoEntities) {
  const auto found = parse_s3_error(
      as_bytes("<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><Error><Code>&a;</Code></Error>"));
  if (found) {
    EXPECT_EQ(found->code, "&a;");
  }
}

// A server may send anything: no byte changed, lost or doubled makes the parsers do worse than refuse.
TEST(S3Documents, SurviveEveryKindOfDamage) {
  SeededEntropy entropy(11);
  for (const std::string& sound : {error_text, list_text, uploads_text}) {
    for (int i = 0; i < 4000; ++i) {
      std::string text = sound;
      const auto random = entropy.bytes<8>();
      const int changes = 1 + random[0] % 4;
      for (int change = 0; change < changes && !text.empty(); ++change) {
        const auto place = entropy.bytes<4>();
        const std::size_t at = (place[0] * 256U + place[1]) % text.size();
        if (place[2] % 3 == 0) {
          text[at] = static_cast<char>(place[3]);
        } else if (place[2] % 3 == 1) {
          text.erase(at, 1 + place[3] % 20);
        } else {
          text.insert(at, text.substr(at, place[3] % 40));
        }
      }
      (void)parse_s3_error(as_bytes(text));
      (void)parse_s3_list(as_bytes(text)).has_value();
      (void)parse_s3_uploads(as_bytes(text)).has_value();
      (void)parse_s3_upload_id(as_bytes(text)).has_value();
      (void)parse_s3_object_lock(as_bytes(text)).has_value();
    }
  }
}

TEST(S3Documents, SurviveDepth) {
  std::string deep;
  for (int i = 0; i < 200'000; ++i) deep += "<Error>";
  EXPECT_FALSE(parse_s3_error(as_bytes(deep)));
  for (int i = 0; i < 200'000; ++i) deep += "</Error>";
  EXPECT_TRUE(parse_s3_error(as_bytes(deep)));
}

// RFC 9110, section 5.6.7.
TEST(HttpDate, IsReadInItsOneForm) {
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").value(), parse_time("1994-11-06T08:49:37Z").value());
  for (const std::string text :
       {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, 06 Nox 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT "}) {
    EXPECT_THAT(parse_http_date(text), FailedWith(Code::invalid)) << text;
  }
}

TEST(HttpDate, SurvivesEveryChangedByte) {
  const std::string sound = "Sun, 06 Nov 1994 08:49:37 GMT";
  for (std::size_t i = 0; i < sound.size(); ++i) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text = sound;
      text[i] = static_cast<char>(byte);
      (void)parse_http_date(text).has_value();
    }
  }
}

}  // namespace
}  // namespace holdfast
