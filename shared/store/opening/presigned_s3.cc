#include "shared/store/opening/presigned_s3.h"

#include <fmt/format.h>

#include <condition_variable>
#include <set>

#include "shared/store/opening/forwarding_store.h"
#include "shared/store/opening/s3_place.h"
#include "shared/store/s3/curl_transport.h"
#include "shared/store/s3/form_probe.h"
#include "shared/store/s3/post_policy.h"
#include "shared/store/s3/s3_store.h"

namespace holdfast {
namespace {

struct Bucket {
  std::unique_ptr<CurlTransport> transport;
  std::unique_ptr<S3Store> store;  // goes first
};

// One at a time for each name.
class NamesInHand {
 public:
  class Holder {
   public:
    Holder(NamesInHand& names, const std::string& name) : names_(names), name_(name) {
      std::unique_lock lock(names_.mutex_);
      names_.changed_.wait(lock, [this] { return names_.held_.insert(name_).second; });
    }
    ~Holder() {
      {
        const std::lock_guard lock(names_.mutex_);
        names_.held_.erase(name_);
      }
      names_.changed_.notify_all();
    }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;

   private:
    NamesInHand& names_;
    const std::string name_;
  };

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> held_;  // guarded by mutex_
};

class HostsBucket final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  Result<> put(const std::string& name, ByteView content) override {
    const NamesInHand::Holder holder(names_, name);
    return store().put(name, content);
  }
  Result<> remove(const std::string& name) override { return not_here("remove", name); }
  Result<> keep_until(const std::string& name, Timestamp) override { return not_here("keep", name); }
  // A probe would have to be put where this host may not put.
  Result<> check() override {
    TRY(store().stat("fleet.record"));
    return {};
  }

 private:
  Result<> not_here(std::string_view doing, const std::string& name) const {
    TRY(check_object_name(name));
    return fail(Code::denied,
                fmt::format("{} \"{}\" in {}: hosts have no access key there", doing, name, description()));
  }

  NamesInHand names_;
};

class LentBucket final : public ForwardingStore {
 public:
  LentBucket(std::shared_ptr<Store> bucket, S3Place place, const StoreSurroundings& surroundings)
      : ForwardingStore(std::move(bucket)), place_(std::move(place)), surroundings_(surroundings) {}

  Result<> check() override {
    TRY(store().check());
    const S3Settings settings = s3_settings(place_);
    const auto transport = TRY(CurlTransport::open(settings.timeouts, settings.ca_file));
    return probe_s3_forms(settings, *transport, load_s3_credentials(place_, surroundings_.files), surroundings_.clock,
                          surroundings_.entropy);
  }

 private:
  const S3Place place_;
  const StoreSurroundings surroundings_;
};

}  // namespace

Result<std::shared_ptr<Store>> open_presigned_s3(const S3Place& place, const StoreSurroundings& surroundings,
                                                 BucketAsking asking) {
  S3Settings settings = s3_settings(place);
  settings.limits.multipart_above = s3_longest_post;  // parts need an access key
  auto bucket = std::make_shared<Bucket>();
  bucket->transport = TRY(CurlTransport::open(settings.timeouts, settings.ca_file));
  S3Store::Parts parts{*bucket->transport,
                       std::make_shared<AskedS3Authority>(settings, std::move(asking.ask), surroundings.clock),
                       surroundings.clock, surroundings.entropy, std::move(asking.put_unseen)};
  // A form has no condition and no lock, whatever the bucket can do otherwise.
  bucket->store = TRY(S3Store::open(settings, std::move(parts), {Ability::no, Ability::no}));
  return as_hosts_bucket(std::shared_ptr<Store>(bucket, bucket->store.get()));
}

std::shared_ptr<Store> as_hosts_bucket(std::shared_ptr<Store> bucket) {
  return std::make_shared<HostsBucket>(std::move(bucket));
}

std::shared_ptr<Store> as_lent_bucket(std::shared_ptr<Store> bucket, const S3Place& place,
                                      const StoreSurroundings& surroundings) {
  return std::make_shared<LentBucket>(std::move(bucket), place, surroundings);
}

}  // namespace holdfast
