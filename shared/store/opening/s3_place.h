#pragma once
// How the fleet's description of a bucket becomes the settings of a store.
#include "shared/fleet/fleet.h"
#include "shared/store/s3/settings.h"

namespace holdfast {

// Where credentials come from: the environment, or a file.
constexpr std::string_view s3_credentials_from_env = "env";

S3Settings s3_settings(const S3Place& place);

// Every field an operator gives; Code::invalid names the first that will not do. `credentials` must be "env" or an
// absolute path.
Result<> check_s3_place(const S3Place& place);

}  // namespace holdfast
