#pragma once
// A bucket whose hosts hold no access key (S3Place::Hosts::presigned), from both sides.
#include "shared/store/opening/open_s3.h"
#include "shared/store/s3/asked_authority.h"

namespace holdfast {

// What only the host's side can say.
struct BucketAsking {
  AskForPass ask;
  // See S3Store::Parts::put_unseen.
  std::function<bool(const std::string& name)> put_unseen = {};
};

// The host's side. Nothing can be removed there or kept under lock; check() says whether the bucket is reached. A form
// has no condition: of two puts of one name in this process the second waits for the first, and writers elsewhere are
// told apart by the look before a put.
Result<std::shared_ptr<Store>> open_presigned_s3(const S3Place& place, const StoreSurroundings& surroundings,
                                                 BucketAsking asking);
// The same over a bucket that is open already.
std::shared_ptr<Store> as_hosts_bucket(std::shared_ptr<Store> bucket);

// The side that has the access key: `bucket` as it is, whose check() also tries what the hosts will do, and that they
// cannot do more (form_probe.h).
std::shared_ptr<Store> as_lent_bucket(std::shared_ptr<Store> bucket, const S3Place& place,
                                      const StoreSurroundings& surroundings);

}  // namespace holdfast
