#include "coordinator/shell/pass_signer.h"

#include "shared/store/opening/open_s3.h"
#include "shared/store/opening/s3_place.h"
#include "shared/store/s3/presigning.h"

namespace holdfast {
namespace {

Result<BucketPass> signed_pass(const GrantPass& pass, FileSystem& files, Timestamp now) {
  TRY(check_bucket_wish(pass.wish));
  const S3Credentials credentials =
      TRY_DURING("credentials of the coordinator", load_s3_credentials(pass.place, files)());
  return sign_bucket_wish(s3_settings(pass.place), credentials, pass.wish, now);
}

}  // namespace

PassReply sign_pass(const GrantPass& pass, FileSystem& files, Timestamp now) {
  auto done = signed_pass(pass, files, now);
  if (done) return {std::move(*done), std::nullopt};
  const Error& error = done.error();
  return {{}, Refused{error.code, error.message, error.hint}};
}

}  // namespace holdfast
