// Vectors: awslabs/aws-c-auth, tests/aws-signing-test-suite/v4 (those without path normalisation, which S3 has not),
// and the examples of the Amazon S3 API reference, "Signature Calculations for the Authorization Header" and
// "Authenticating Requests: Using Query Parameters".
#include "shared/store/s3/sigv4.h"

#include <gmock/gmock.h>

#include "shared/crypto/keys.h"

namespace holdfast {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

const std::string empty_hash = to_hex(sha256({}));

S3Credentials credentials_of(const std::string& id, const std::string& secret, const std::string& token = {}) {
  return {id, SecretText(secret), SecretText(token)};
}

std::string authorization_of(const SigV4Request& request) {
  return request.headers.back().name == "Authorization" ? request.headers.back().value : "";
}

struct Vector {
  std::string name;
  std::string method;
  std::string path;
  std::vector<QueryParameter> query;
  std::vector<HttpHeader> headers;
  std::string header_signature;
  std::string query_signature;
  std::string token = {};
};

class SigningSuite : public testing::TestWithParam<Vector> {
 protected:
  SigV4Request request() const {
    SigV4Request out{GetParam().method, GetParam().path, GetParam().query, GetParam().headers};
    out.headers.insert(out.headers.begin(), {"Host", "example.amazonaws.com"});
    return out;
  }
  S3Credentials credentials() const {
    return credentials_of("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", GetParam().token);
  }
  const SigV4Scope scope{"us-east-1", "service"};
  const Timestamp time = parse_time("2015-08-30T12:36:00Z").value();
};

TEST_P(SigningSuite, SignsWithHeaders) {
  SigV4Request signed_request = request();
  sign_with_headers(signed_request, empty_hash, credentials(), scope, time);
  EXPECT_THAT(authorization_of(signed_request), EndsWith("Signature=" + GetParam().header_signature));
}

TEST_P(SigningSuite, SignsTheQuery) {
  const std::string query =
      presigned_query(request(), empty_hash, credentials(), scope, time, std::chrono::seconds(3600));
  EXPECT_THAT(query, EndsWith("&X-Amz-Signature=" + GetParam().query_signature));
}

const std::string unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const Vector suite[] = {
    {"GetVanilla",
     "GET",
     "/",
     {},
     {},
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
     "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"},
    {"GetVanillaWithSessionToken",
     "GET",
     "/",
     {},
     {},
     "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
     "7ff2b50b376cb4d151970630573d6291dc128cc5c2a12ffb237f73cc53f67b6c",
     "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"},
    {"GetHeaderKeyDuplicate",
     "GET",
     "/",
     {},
     {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
     "3349ee0b81b4b589da0ff28a395c3591e04de515651dd74f298fa992d1507a97"},
    {"GetHeaderValueMultiline",
     "GET",
     "/",
     {},
     {{"My-Header1", "value1\n  value2\n     value3"}},
     "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd",
     "e6f5def831211aca02987a44b96826706278c7bc078112ae0263659c5b2f2d56"},
    {"GetHeaderValueOrder",
     "GET",
     "/",
     {},
     {{"My-Header1", "value4"}, {"My-Header1", "value1"}, {"My-Header1", "value3"}, {"My-Header1", "value2"}},
     "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
     "313720e71ca6202fdcfa9b20f88de01a4eb0638a83c833b1c184359a4eda864e"},
    {"GetHeaderValueTrim",
     "GET",
     "/",
     {},
     {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
     "e7bb0fd515e125e1aec2ecc4c0c17484fb06f6846b927c35e46005dd3df3acd4"},
    {"GetRelativeUnnormalized",
     "GET",
     "/example/..",
     {},
     {},
     "eca7ead57bb5aa5c8e28007acd4ff04e1ff9a0ff3b237ec1554a184887ff9282",
     "cbcb213b928a077e43275df47b500f1dfaa864ab3f5a18f6b95f4ff0938167ee"},
    {"GetRelativeRelativeUnnormalized",
     "GET",
     "/example1/example2/../..",
     {},
     {},
     "dc33e0856fd4baca4d7aa2146c38958283844764f38c74252a333df5e613003b",
     "b45db0bfd1cf15003493b733e33aa208dd981bd0e63037a6ed953f71d2118a16"},
    {"GetSlashDotSlashUnnormalized",
     "GET",
     "/./",
     {},
     {},
     "68714168e6557f8f2de0ef956fc24dc2593a4bd2961f8df51898d8a134695145",
     "a9b13e8f3484d9505bf1a6f347219f8f35b0fe8f128ceea597efc146a3dfe90c"},
    {"GetSlashPointlessDotUnnormalized",
     "GET",
     "/./example",
     {},
     {},
     "beb03f223f7deae4146464f06e29eebbee9c8afbe15c290cf07aa8b119e14cff",
     "72b11f16d9530b18204bfb71f2d6ab085894c0ed8d352730a6e76234c58b5e10"},
    {"GetSlashUnnormalized",
     "GET",
     "//",
     {},
     {},
     "c88bcd3d312d75078c0cd961d6deae3f4c754924b01669efcfcb439fd5e5b76e",
     "b2a9542809db687769200f56a844a03f2bd0291d6eb90232d5101c6a579446cd"},
    {"GetSlashesUnnormalized",
     "GET",
     "//example//",
     {},
     {},
     "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5",
     "822a5a9ba28072c5ab2bb4a6307d0c88276d40e49fec6b724c03fb4d4ba60fc2"},
    {"GetSpaceUnnormalized",
     "GET",
     "/example space/",
     {},
     {},
     "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
     "7a1f416954786484c9824d93c1f26ef64acb9b1b6c9154d08c9f07d0e394abf6"},
    {"GetUnreserved",
     "GET",
     "/" + unreserved,
     {},
     {},
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
     "95968482db1b9e0fadef6efc1bd24689f77c77d9ef56919c96a28cc92e0d6005"},
    {"GetUtf8",
     "GET",
     "/\xe1\x88\xb4",
     {},
     {},
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
     "10eae3f14a260bd3911cc6d008d3c576d143b05b62f09782a7a4b37f52178e44"},
    {"GetVanillaEmptyQueryKey",
     "GET",
     "/",
     {{"Param1", "value1"}},
     {},
     "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
     "49096700cbbaa5753443850f40df10f904fc2fdb544dc9512203cc77c471a9de"},
    {"GetVanillaQueryOrderEncoded",
     "GET",
     "/",
     {{"Param-3", "Value3"}, {"Param", "Value2"}, {"\xe1\x88\xb4", "Value1"}},
     {},
     "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
     "c5f1848ceec943ac2ca68ee720460c23aaae30a2300586597ada94c4a65e4787"},
    {"GetVanillaQueryOrderKeyCase",
     "GET",
     "/",
     {{"Param2", "value2"}, {"Param1", "value1"}},
     {},
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
     "86012e2c9ad4d77369f5d81c11f75158aae4f895a085212cc6d3f923d300bed5"},
    {"GetVanillaQueryUnreserved",
     "GET",
     "/",
     {{unreserved, unreserved}},
     {},
     "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
     "8e76a88a7433637b12778d5592799b29ad21ecd6cf6325051c21d86f0acda2bf"},
    {"GetVanillaUtf8Query",
     "GET",
     "/",
     {{"\xe1\x88\xb4", "bar"}},
     {},
     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
     "0bdd809b1519ac4f0c1dc3540e2cc46bd0c7f778eda408b2ebf3b913d21ff600"},
    {"PostVanilla",
     "POST",
     "/",
     {},
     {},
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
     "2ce6e6d2e0cf2f9d1b55fafec88cd20574c31dc2e7631979f71ba2310083e95b"},
    {"PostHeaderKeySort",
     "POST",
     "/",
     {},
     {{"My-Header1", "value1"}},
     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
     "c09d07e0d55871f10f2a6d350d994acf6825a3cae70673d7def55616e6119dd7"},
    {"PostHeaderValueCase",
     "POST",
     "/",
     {},
     {{"My-Header1", "VALUE1"}},
     "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
     "0698bc9e4f7f9139065ba2909c0e99da257e8e2a42492a097bcd46d792391fed"},
    {"PostVanillaQuery",
     "POST",
     "/",
     {{"Param1", "value1"}},
     {},
     "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
     "a9ef26247f293bffe40eeff86a0480ba8c14d31503b2e0c3399e3a16bf1a3682"},
};

INSTANTIATE_TEST_SUITE_P(All, SigningSuite, testing::ValuesIn(suite), [](const auto& row) { return row.param.name; });

// With a signed body: the suite's post-x-www-form-urlencoded.
TEST(SigV4, SignsABody) {
  const std::string hash = to_hex(sha256(as_bytes("Param1=value1")));
  SigV4Request request{"POST",
                       "/",
                       {},
                       {{"Content-Type", "application/x-www-form-urlencoded"},
                        {"Host", "example.amazonaws.com"},
                        {"Content-Length", "13"},
                        {"X-Amz-Content-Sha256", hash}}};
  sign_with_headers(request, hash, credentials_of("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                    {"us-east-1", "service"}, parse_time("2015-08-30T12:36:00Z").value());
  EXPECT_THAT(authorization_of(request),
              EndsWith("Signature=d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"));
}

class S3Examples : public testing::Test {
 protected:
  std::string signature(SigV4Request request, const std::string& hash) const {
    request.headers.push_back({"Host", "examplebucket.s3.amazonaws.com"});
    request.headers.push_back({"x-amz-content-sha256", hash});
    sign_with_headers(request, hash, credentials, {"us-east-1", "s3"}, time);
    const std::string text = authorization_of(request);
    return text.substr(text.find("Signature=") + 10);
  }
  const S3Credentials credentials = credentials_of("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
  const Timestamp time = parse_time("2013-05-24T00:00:00Z").value();
};

TEST_F(S3Examples, GetObject) {
  EXPECT_EQ(signature({"GET", "/test.txt", {}, {{"Range", "bytes=0-9"}}}, empty_hash),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST_F(S3Examples, PutObject) {
  EXPECT_EQ(signature({"PUT",
                       "/test$file.text",
                       {},
                       {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}},
                      to_hex(sha256(as_bytes("Welcome to Amazon S3.")))),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST_F(S3Examples, GetBucketLifecycle) {
  EXPECT_EQ(signature({"GET", "/", {{"lifecycle", ""}}, {}}, empty_hash),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST_F(S3Examples, ListObjects) {
  EXPECT_EQ(signature({"GET", "/", {{"max-keys", "2"}, {"prefix", "J"}}, {}}, empty_hash),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST_F(S3Examples, PresignedUrl) {
  EXPECT_EQ(presigned_query({"GET", "/test.txt", {}, {{"Host", "examplebucket.s3.amazonaws.com"}}}, unsigned_payload,
                            credentials, {"us-east-1", "s3"}, time, std::chrono::hours(24)),
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F"
            "aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
            "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(SigV4, DoesNotCarryTheSecretInAnyHeader) {
  SigV4Request request{"GET", "/", {}, {{"Host", "h"}}};
  sign_with_headers(request, empty_hash, credentials_of("id", "very-secret"), {"r", "s3"}, Timestamp());
  for (const HttpHeader& header : request.headers) EXPECT_THAT(header.value, testing::Not(HasSubstr("very-secret")));
}

TEST(SigV4, TimeIsWholeSecondsWhateverTheClockSays) {
  SigV4Request request{"GET", "/", {}, {{"Host", "h"}}};
  sign_with_headers(request, empty_hash, credentials_of("id", "secret"), {"r", "s3"},
                    parse_time("2026-01-02T03:04:05.678901Z").value());
  EXPECT_EQ(request.headers.at(1).value, "20260102T030405Z");
}

}  // namespace
}  // namespace holdfast
