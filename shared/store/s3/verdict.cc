#include "shared/store/s3/verdict.h"

#include <algorithm>
#include <array>

namespace holdfast {
namespace {

struct Row {
  std::string_view code;
  S3Verdict verdict;
};

constexpr std::string_view see_rights = "see what the bucket's policy lets this access key do";
constexpr std::string_view see_key = "see whether access key, secret and session token belong together and are valid";
constexpr std::string_view see_clock = "set this machine's clock";

constexpr std::array<Row, 36> rows{{
    {"NoSuchKey", {Code::not_found, S3Retry::never, ""}},
    {"NoSuchBucket", {Code::unavailable, S3Retry::never, "create the bucket, or correct its name"}},
    {"NoSuchUpload", {Code::conflict, S3Retry::never, ""}},
    {"InvalidPart", {Code::corrupt, S3Retry::never, ""}},
    {"InvalidPartOrder", {Code::corrupt, S3Retry::never, ""}},
    {"InvalidRange", {Code::corrupt, S3Retry::never, ""}},
    {"PreconditionFailed", {Code::conflict, S3Retry::never, ""}},
    // Two conditional writes of one name at the same time: neither has lost yet.
    {"ConditionalRequestConflict", {Code::unavailable, S3Retry::later, ""}},
    {"OperationAborted", {Code::unavailable, S3Retry::later, ""}},
    {"InternalError", {Code::unavailable, S3Retry::later, ""}},
    {"ServiceUnavailable", {Code::unavailable, S3Retry::later, ""}},
    {"SlowDown", {Code::unavailable, S3Retry::later, ""}},
    {"SlowDownRead", {Code::unavailable, S3Retry::later, ""}},
    {"SlowDownWrite", {Code::unavailable, S3Retry::later, ""}},
    {"TooManyRequests", {Code::unavailable, S3Retry::later, ""}},
    {"RequestTimeout", {Code::unavailable, S3Retry::later, ""}},
    // What arrived is not what was signed: damaged on the way.
    {"BadDigest", {Code::corrupt, S3Retry::later, ""}},
    {"XAmzContentSHA256Mismatch", {Code::corrupt, S3Retry::later, ""}},
    {"IncompleteBody", {Code::unavailable, S3Retry::later, ""}},
    {"QuotaExceeded", {Code::exhausted, S3Retry::never, "raise the quota, or let retention remove more"}},
    {"TooManyBuckets", {Code::exhausted, S3Retry::never, ""}},
    {"XMinioStorageFull", {Code::exhausted, S3Retry::never, "free space there, or let retention remove more"}},
    {"EntityTooLarge", {Code::invalid, S3Retry::never, "lower \"multipart_above\""}},
    {"EntityTooSmall", {Code::invalid, S3Retry::never, "raise \"upload_part\""}},
    {"InvalidObjectState",
     {Code::unavailable, S3Retry::never, "the object is in an archive tier: restore it there first"}},
    {"AccessDenied", {Code::denied, S3Retry::never, see_rights}},
    {"AllAccessDisabled", {Code::denied, S3Retry::never, see_rights}},
    {"AccountProblem", {Code::denied, S3Retry::never, "the account needs its owner's attention"}},
    {"InvalidAccessKeyId", {Code::denied, S3Retry::never, see_key}},
    {"SignatureDoesNotMatch", {Code::denied, S3Retry::never, see_key}},
    {"ExpiredToken", {Code::denied, S3Retry::never, "renew the temporary credentials"}},
    {"InvalidToken", {Code::denied, S3Retry::never, see_key}},
    {"RequestTimeTooSkewed", {Code::denied, S3Retry::never, see_clock}},
    {"NotImplemented", {Code::unsupported, S3Retry::never, ""}},
    {"MethodNotAllowed", {Code::unsupported, S3Retry::never, ""}},
    {"AuthorizationHeaderMalformed", {Code::invalid, S3Retry::never, "correct the setting \"region\""}},
}};

}  // namespace

S3Verdict judge_s3_refusal(int status, std::string_view code) {
  const auto row = std::ranges::find(rows, code, &Row::code);
  if (row != rows.end()) return row->verdict;
  switch (status) {
    case 301:
    case 307:
    case 308:
      return {Code::invalid, S3Retry::never, "set \"endpoint\" and \"region\" to where the bucket is"};
    case 401:
    case 403:
      return {Code::denied, S3Retry::never, see_rights};
    case 404:
      return {Code::unavailable, S3Retry::never, "see whether the endpoint is an S3 server and the bucket exists"};
    case 405:
    case 501:
      return {Code::unsupported, S3Retry::never, ""};
    case 412:
      return {Code::conflict, S3Retry::never, ""};
    case 416:
      return {Code::corrupt, S3Retry::never, ""};
    case 408:
    case 429:
      return {Code::unavailable, S3Retry::later, ""};
    case 507:
      return {Code::exhausted, S3Retry::never, "free space there, or let retention remove more"};
    default:
      if (status >= 500) return {Code::unavailable, S3Retry::later, ""};
      // An <Error> with status 200 that nobody has heard of.
      if (status < 300) return {Code::unavailable, S3Retry::later, ""};
      return {Code::invalid, S3Retry::never, ""};
  }
}

}  // namespace holdfast
