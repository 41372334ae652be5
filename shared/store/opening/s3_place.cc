#include "shared/store/opening/s3_place.h"

#include <fmt/format.h>

namespace holdfast {

S3Settings s3_settings(const S3Place& place) {
  S3Settings settings;
  settings.endpoint = place.endpoint;
  settings.region = place.region;
  settings.bucket = place.bucket;
  settings.prefix = place.prefix;
  settings.addressing = place.addressing == S3Place::Addressing::host ? S3Addressing::host : S3Addressing::path;
  settings.ca_file = place.ca_file;
  return settings;
}

Result<> check_s3_place(const S3Place& place) {
  TRY(check_s3_settings(s3_settings(place)));
  if (place.credentials == s3_credentials_from_env || place.credentials.starts_with('/')) return {};
  return fail(Code::invalid,
              fmt::format("credentials: \"{}\" is neither \"env\" nor an absolute path", place.credentials),
              "a file in the AWS tools' form, mode 0600, at this path on the coordinator and, unless hosts are to have "
              "none, on each host");
}

}  // namespace holdfast
