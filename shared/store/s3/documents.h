#pragma once
// The XML that S3 speaks (AWS S3 API reference). pugixml stops here. What a server sends is not trusted: anything that
// does not have the shape it should have is Code::corrupt.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/bytes.h"
#include "shared/base/time.h"

namespace holdfast {

// An <Error> document; each field is empty when it is not there.
struct S3ErrorDocument {
  std::string code;      // "NoSuchKey"
  std::string message;   // the server's words, printable characters only, cut at 300
  std::string region;    // of AuthorizationHeaderMalformed
  std::string endpoint;  // of PermanentRedirect and TemporaryRedirect
};
// nullopt: the body is no <Error> document. Servers send one with status 200 too.
std::optional<S3ErrorDocument> parse_s3_error(ByteView body);

struct S3Listed {
  std::string key;
  std::uint64_t size = 0;
  Timestamp modified;  // never: the server did not say, or not as RFC 3339
};
struct S3ListPage {
  std::vector<S3Listed> objects;
  std::vector<std::string> common_prefixes;
  std::optional<std::string> next;  // continuation token; nullopt: this was the last page
};
// Of ListObjectsV2. Names are decoded when the server says that it encoded them.
Result<S3ListPage> parse_s3_list(ByteView body);

// Of CreateMultipartUpload.
Result<std::string> parse_s3_upload_id(ByteView body);
// Of CompleteMultipartUpload: that the root is its result.
Result<> check_s3_completed(ByteView body);

struct S3Part {
  std::uint32_t number = 0;  // from 1
  std::string etag;          // as the server gave it, with its quotes
};
std::string s3_complete_document(const std::vector<S3Part>& parts);

struct S3Upload {
  std::string key;
  std::string id;
  Timestamp initiated;
};
struct S3UploadPage {
  std::vector<S3Upload> uploads;
  // Both of them begin the next page.
  struct Next {
    std::string key_marker;
    std::string upload_id_marker;
  };
  std::optional<Next> next;
};
// Of ListMultipartUploads.
Result<S3UploadPage> parse_s3_uploads(ByteView body);

// Of GetObjectLockConfiguration: whether it says Enabled.
Result<bool> parse_s3_object_lock(ByteView body);
// Of GetObjectRetention: until when.
Result<Timestamp> parse_s3_retention(ByteView body);

}  // namespace holdfast
