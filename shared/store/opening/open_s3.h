#pragma once
// A bucket with everything its store needs.
#include <memory>

#include "shared/fleet/fleet.h"
#include "shared/os/clock.h"
#include "shared/os/file_system.h"
#include "shared/store/s3/credentials.h"
#include "shared/store/store.h"

namespace holdfast {

// Of the process; all outlive the store.
struct StoreSurroundings {
  FileSystem& files;
  Clock& clock;
  Entropy& entropy;
};

// From where the place says they are.
LoadS3Credentials load_s3_credentials(const S3Place& place, FileSystem& files);

// With credentials of our own, also for a place whose hosts have none. Asks the server for nothing; credentials are
// read at the first request, and again when they are refused. Code::invalid: the description will not do. `lock`:
// S3Settings::lock.
Result<std::shared_ptr<Store>> open_s3(const S3Place& place, const StoreSurroundings& surroundings,
                                       StoreAbilities abilities = {}, Micros lock = Micros(0));

}  // namespace holdfast
