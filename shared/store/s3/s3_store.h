#pragma once
#include <memory>

#include "shared/store/s3/abilities.h"
#include "shared/store/s3/multipart.h"
#include "shared/store/s3/reading.h"
#include "shared/store/store.h"

namespace holdfast {

// Objects in a bucket of an S3 server, below a prefix, shared by any number of processes and hosts. See README.md here
// for what is asked of the server.
//
// Write-once: where the server honours conditional PUT (`abilities`), it decides. Elsewhere put() looks first, and two
// writers who put different bytes under one name within the same moment may both be told that they succeeded; the
// second one's stay. The repository's names do not collide, so that takes two writers of one epoch.
// An object in parts is looked for first everywhere, since few servers honour the condition there.
class S3Store final : public Store {
 public:
  struct Parts {  // what is referred to must outlive the store
    HttpTransport& transport;
    S3Access credentials;
    Clock& clock;
    Entropy& entropy;
    // Names that nobody else puts and that this process never gives to other bytes: where names are not guarded they
    // may be put without a look while nobody can be asked for one. Empty: none.
    std::function<bool(const std::string& name)> put_unseen = {};
  };
  // Checks the settings; asks the server for nothing. `abilities` are what a check() has once found out.
  static Result<std::unique_ptr<S3Store>> open(S3Settings settings, Parts parts, StoreAbilities abilities = {});

  Result<> put(const std::string& name, ByteView content) override;
  Result<Bytes> get(const std::string& name) override;
  Result<Bytes> get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) override;
  Result<std::optional<ObjectInfo>> stat(const std::string& name) override;
  // Objects in the bucket whose names are none of ours are left out.
  Result<std::vector<ObjectInfo>> list(const std::string& prefix) override;
  Result<std::vector<std::string>> list_parts(const std::string& prefix) override;
  // Where the bucket keeps versions this hides the object and frees nothing; that is for the bucket's own rules.
  Result<> remove(const std::string& name) override;
  // Also finds out the abilities, and tidies up: probes and uploads that are more than a day old, as far as this access
  // key may.
  Result<> check() override;
  // S3 has no answer to it: 1 EiB, all of it free. A full server shows in put().
  Result<Space> space() override;
  std::string description() const override;
  Result<> keep_until(const std::string& name, Timestamp until) override;

  StoreAbilities abilities() const override {
    return abilities_.with([](const StoreAbilities& abilities) { return abilities; });
  }
  // Aborts uploads below the prefix that were begun more than `older_than` ago by the server's clock, whoever began
  // them; how many.
  Result<std::size_t> sweep_uploads(Micros older_than);

 private:
  struct Existing {
    std::uint64_t size = 0;
    std::optional<std::string> digest;  // hex, as it was written with the object
  };
  struct Content {
    ByteView bytes;
    Sha256 digest{};
  };

  S3Store(S3Settings settings, const S3Endpoint& endpoint, Parts parts, StoreAbilities abilities);

  std::string key_of(const std::string& name) const { return key_prefix_ + name; }
  std::vector<HttpHeader> headers_for(const Sha256& digest) const;
  Result<> put_whole(const std::string& name, const Content& content);
  Result<> put_in_parts(const std::string& name, const Content& content);
  // What is there, as far as it can and must be known before a put.
  Result<std::optional<Existing>> look_before_put(const std::string& name);
  // nullopt says little: the answer to HEAD has no body that would tell a missing object from a missing bucket.
  Result<std::optional<Existing>> head(const std::string& name);
  // nullopt only when the bucket answers.
  Result<std::optional<Existing>> head_for_certain(const std::string& name);
  Result<> require_bucket();
  Result<> same_or_refuse(const std::string& name, const Content& content, const Existing& existing);
  Result<> remove_key(const std::string& key);
  // Keys and common prefixes below `prefix`, without key_prefix_, page by page.
  Result<> walk(const std::string& prefix, std::string_view delimiter, const std::function<void(S3ListPage&)>& use);
  void sweep_probes(Timestamp now);
  std::unexpected<Error> failed(Error error, std::string_view doing, const std::string& name) const;
  std::unexpected<Error> refused(const S3Reply& reply, std::string_view doing, const std::string& name) const;

  const S3Settings settings_;
  const std::string key_prefix_;  // "prefix/" or nothing
  const std::function<bool(const std::string& name)> put_unseen_;
  S3Client client_;
  Guarded<Entropy*> entropy_;
  Guarded<StoreAbilities> abilities_;
};

}  // namespace holdfast
