#include "shared/store/opening/open_s3.h"

#include <cstdlib>

#include "shared/store/opening/s3_place.h"
#include "shared/store/s3/curl_transport.h"
#include "shared/store/s3/s3_store.h"

namespace holdfast {
namespace {

struct Bucket {
  std::unique_ptr<CurlTransport> transport;
  std::unique_ptr<S3Store> store;  // goes first
};

}  // namespace

LoadS3Credentials load_s3_credentials(const S3Place& place, FileSystem& files) {
  if (place.credentials == s3_credentials_from_env) {
    return [] {
      return s3_credentials_from_environment([](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
      });
    };
  }
  return [path = place.credentials, &files] { return s3_credentials_from_file(files, path); };
}

Result<std::shared_ptr<Store>> open_s3(const S3Place& place, const StoreSurroundings& surroundings,
                                       StoreAbilities abilities, Micros lock) {
  TRY(check_s3_place(place));
  S3Settings settings = s3_settings(place);
  settings.lock = lock;
  auto bucket = std::make_shared<Bucket>();
  bucket->transport = TRY(CurlTransport::open(settings.timeouts, settings.ca_file));
  bucket->store = TRY(S3Store::open(settings,
                                    {.transport = *bucket->transport,
                                     .credentials = load_s3_credentials(place, surroundings.files),
                                     .clock = surroundings.clock,
                                     .entropy = surroundings.entropy},
                                    abilities));
  return std::shared_ptr<Store>(bucket, bucket->store.get());
}

}  // namespace holdfast
