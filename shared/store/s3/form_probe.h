#pragma once
// Whether hosts can do without an access key: whether the server takes objects by signed forms, and keeps to their
// policies.
#include "shared/base/entropy.h"
#include "shared/os/clock.h"
#include "shared/store/s3/credentials.h"
#include "shared/store/s3/http_transport.h"
#include "shared/store/s3/settings.h"

namespace holdfast {

// Puts a probe by a form, reads it by a signed URL, tries a name that the form is not for, and removes what it put with
// the access key. Code::unsupported: the server does not know forms, or takes more by one than was signed.
Result<> probe_s3_forms(const S3Settings& settings, HttpTransport& transport, const LoadS3Credentials& credentials,
                        Clock& clock, Entropy& entropy);

}  // namespace holdfast
