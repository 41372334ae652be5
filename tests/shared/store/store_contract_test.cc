// What every store promises (shared/store/store.h). A new kind of store adds one line at the end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "shared/os/posix_file_system.h"
#include "shared/store/opening/forwarding_store.h"
#include "shared/store/opening/presigned_s3.h"
#include "shared/store/opening/s3_place.h"
#include "shared/store/posix_store.h"
#include "shared/store/s3/presigning.h"
#include "tests/harness/manual_clock.h"
#include "tests/harness/memory_s3.h"
#include "tests/harness/memory_store.h"
#include "tests/harness/s3_server.h"
#include "tests/harness/seeded_entropy.h"
#include "tests/harness/unsynced_loss_file_system.h"
#include "tests/harness/vault_host.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Made {
  std::shared_ptr<Store> store;
  std::function<void()> clean_up = [] {};
  std::string missing = {};  // what is not there for this kind; then the store is any
};
struct Kind {
  std::string name;
  std::function<Made()> make;
};

class StoreContract : public testing::TestWithParam<Kind> {
 protected:
  StoreContract() : made(GetParam().make()), store(*made.store) { EXPECT_TRUE(store.check()); }
  ~StoreContract() override { made.clean_up(); }
  StoreContract(const StoreContract&) = delete;
  StoreContract& operator=(const StoreContract&) = delete;
  void SetUp() override {
    if (!made.missing.empty()) GTEST_SKIP() << made.missing;
  }

  Result<> put(const std::string& name, std::string_view content) { return store.put(name, as_bytes(content)); }
  std::string get(const std::string& name) {
    const auto content = store.get(name);
    return content ? std::string(as_text(*content)) : "error: " + content.error().text();
  }
  std::vector<std::string> list(const std::string& prefix) {
    const auto objects = store.list(prefix);
    std::vector<std::string> names;
    for (const ObjectInfo& object : objects.value()) names.push_back(object.name);
    return names;
  }

  Made made;
  Store& store;
};

TEST_P(StoreContract, GivesBackWhatWasPut) {
  ASSERT_TRUE(put("a/b/c", "content"));
  EXPECT_EQ(get("a/b/c"), "content");
  ASSERT_TRUE(put("empty", ""));
  EXPECT_EQ(get("empty"), "");
}

TEST_P(StoreContract, TakesTheSameContentAgain) {
  ASSERT_TRUE(put("a/b", "content"));
  EXPECT_TRUE(put("a/b", "content"));
}

TEST_P(StoreContract, NeverReplacesContent) {
  ASSERT_TRUE(put("a/b", "content"));
  for (const std::string_view other : {"contenT", "conten", "content and more", ""}) {
    const auto again = put("a/b", other);
    ASSERT_FALSE(again) << other;
    EXPECT_EQ(again.error().code, Code::already_exists);
    EXPECT_THAT(again.error().message, testing::HasSubstr("a/b"));
  }
  EXPECT_EQ(get("a/b"), "content");
}

TEST_P(StoreContract, SaysNotFoundForWhatIsNotThere) {
  ASSERT_TRUE(put("a/b/c", "content"));
  for (const std::string name : {"x", "a/x", "a/b/x", "a", "a/b", "x/y/z"}) {
    EXPECT_EQ(store.get(name).error().code, Code::not_found) << name;
    EXPECT_EQ(store.get_range(name, 0, 1).error().code, Code::not_found) << name;
    EXPECT_EQ(store.stat(name).value(), std::nullopt) << name;
  }
}

TEST_P(StoreContract, ReadsExactlyTheRange) {
  ASSERT_TRUE(put("a", "0123456789"));
  const auto text = [&](std::uint64_t offset, std::uint64_t length) {
    return std::string(as_text(store.get_range("a", offset, length).value()));
  };
  EXPECT_EQ(text(0, 10), "0123456789");
  EXPECT_EQ(text(3, 4), "3456");
  EXPECT_EQ(text(9, 1), "9");
  EXPECT_EQ(text(10, 0), "");
}

TEST_P(StoreContract, CallsAnObjectThatEndsBeforeTheRangeCorrupt) {
  ASSERT_TRUE(put("a", "0123456789"));
  for (const auto& [offset, length] : {std::pair<std::uint64_t, std::uint64_t>{0, 11},
                                       {5, 6},
                                       {11, 0},
                                       {~std::uint64_t{0}, 1},
                                       {1, ~std::uint64_t{0}}}) {
    const auto range = store.get_range("a", offset, length);
    ASSERT_FALSE(range) << offset << " " << length;
    EXPECT_EQ(range.error().code, Code::corrupt);
    EXPECT_THAT(range.error().message, testing::HasSubstr("\"a\""));
  }
}

TEST_P(StoreContract, KnowsSizes) {
  ASSERT_TRUE(put("a/b", "12345"));
  const auto info = store.stat("a/b");
  ASSERT_TRUE(info && *info);
  EXPECT_EQ((*info)->name, "a/b");
  EXPECT_EQ((*info)->size, 5U);
}

TEST_P(StoreContract, ListsByAnyPrefixInOrder) {
  for (const std::string name : {"b/2", "a/10", "a/1", "a/b/c", "ab", "a-b/x"}) ASSERT_TRUE(put(name, name));
  EXPECT_THAT(list(""), ElementsAre("a-b/x", "a/1", "a/10", "a/b/c", "ab", "b/2"));
  EXPECT_THAT(list("a/"), ElementsAre("a/1", "a/10", "a/b/c"));
  EXPECT_THAT(list("a/1"), ElementsAre("a/1", "a/10"));
  EXPECT_THAT(list("a"), ElementsAre("a-b/x", "a/1", "a/10", "a/b/c", "ab"));
  EXPECT_THAT(list("a/b/c"), ElementsAre("a/b/c"));
  EXPECT_THAT(list("a/b/c/"), IsEmpty());
  EXPECT_THAT(list("x/y"), IsEmpty());
  EXPECT_EQ(store.list("a/10").value().at(0).size, 4U);
}

TEST_P(StoreContract, ListsTheNextPartOfNames) {
  for (const std::string name : {"a/b/1", "a/b/2", "a/c", "a/d/e/f", "z"}) ASSERT_TRUE(put(name, name));
  EXPECT_THAT(store.list_parts("").value(), ElementsAre("a/", "z"));
  EXPECT_THAT(store.list_parts("a/").value(), ElementsAre("b/", "c", "d/"));
  EXPECT_THAT(store.list_parts("a/b/").value(), ElementsAre("1", "2"));
  EXPECT_THAT(store.list_parts("x/").value(), IsEmpty());
  EXPECT_EQ(store.list_parts("a").error().code, Code::invalid);
}

TEST_P(StoreContract, RemovesForGoodAndDoesNotMindTwice) {
  ASSERT_TRUE(put("a/b/c", "content"));
  ASSERT_TRUE(put("a/d", "content"));
  EXPECT_TRUE(store.remove("a/b/c"));
  EXPECT_TRUE(store.remove("a/b/c"));
  EXPECT_EQ(store.get("a/b/c").error().code, Code::not_found);
  EXPECT_THAT(list(""), ElementsAre("a/d"));
  EXPECT_THAT(store.list_parts("a/").value(), ElementsAre("d"));
  ASSERT_TRUE(put("a/b/c", "other"));
  EXPECT_EQ(get("a/b/c"), "other");
}

TEST_P(StoreContract, RefusesNamesThatAreNotNames) {
  for (const std::string name : {"", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a b", "a\nb",
                                 "\xc3\xa9", ".holdfast-store", "a/.holdfast-tmp-1"}) {
    EXPECT_EQ(put(name, "x").error().code, Code::invalid) << name;
    EXPECT_EQ(store.get(name).error().code, Code::invalid) << name;
    EXPECT_EQ(store.stat(name).error().code, Code::invalid) << name;
    EXPECT_EQ(store.remove(name).error().code, Code::invalid) << name;
  }
  EXPECT_EQ(put(std::string(513, 'a'), "x").error().code, Code::invalid);
  EXPECT_TRUE(put("AZaz09._-/...", "x"));
}

TEST_P(StoreContract, LetsManyWriteTheSameNameAndKeepsOne) {
  std::vector<std::jthread> writers;
  std::atomic<int> winners{0};
  for (int i = 0; i < 8; ++i) {
    writers.emplace_back([&, i] {
      const auto done = put("a/contended", std::to_string(i));
      if (done) {
        winners.fetch_add(1);
      } else {
        EXPECT_EQ(done.error().code, Code::already_exists) << done.error().text();
      }
    });
  }
  writers.clear();
  EXPECT_EQ(winners.load(), 1);
  EXPECT_EQ(get("a/contended").size(), 1U);
}

TEST_P(StoreContract, CheckLeavesNothingBehind) {
  EXPECT_TRUE(store.check());
  EXPECT_THAT(list(""), IsEmpty());
  EXPECT_GT(store.space().value().total_bytes, 0U);
  EXPECT_FALSE(store.description().empty());
}

Made posix_on_disk() {
  std::string directory = "/tmp/holdfast-store-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) throw std::runtime_error("no temporary directory");
  auto files = std::make_shared<PosixFileSystem>();
  auto store = std::make_shared<PosixStore>(*files, directory);
  return {store, [files, directory] { std::filesystem::remove_all(directory); }};
}
Made posix_in_memory() {
  auto files = std::make_shared<UnsyncedLossFileSystem>();
  return {std::make_shared<PosixStore>(*files, "/backup"), [files] {}};
}

Made s3_in_memory() {
  struct Everything {
    ManualClock clock;
    SeededEntropy entropy{7};
    MemoryS3 server{clock, {}};
    std::unique_ptr<S3Store> store;
  };
  auto all = std::make_shared<Everything>();
  S3Settings settings;
  settings.endpoint = "https://s3.example";
  settings.bucket = "bucket";
  settings.prefix = "fleet/one";
  const LoadS3Credentials credentials = []() -> Result<S3Credentials> {
    return S3Credentials{"key", SecretText("secret"), SecretText()};
  };
  all->store = std::move(S3Store::open(settings, {all->server, credentials, all->clock, all->entropy}).value());
  return {std::shared_ptr<Store>(all, all->store.get())};
}
// A host's side of a bucket, and the coordinator's where hosts have no rights: removing.
class WithRemoval final : public ForwardingStore {
 public:
  WithRemoval(std::shared_ptr<Store> hosts, std::shared_ptr<Store> coordinators)
      : ForwardingStore(std::move(hosts)), coordinators_(std::move(coordinators)) {}
  Result<> remove(const std::string& name) override { return coordinators_->remove(name); }

 private:
  const std::shared_ptr<Store> coordinators_;
};

Made presigned_in_memory() {
  struct Everything {
    ManualClock clock;
    SeededEntropy entropy{7};
    MemoryS3 server{clock, {}};
    std::shared_ptr<Store> own;
    std::shared_ptr<Store> hosts;
    std::shared_ptr<Store> store;
  };
  auto all = std::make_shared<Everything>();
  S3Settings settings;
  settings.endpoint = "https://s3.example";
  settings.bucket = "bucket";
  settings.prefix = "fleet/one";
  const LoadS3Credentials credentials = []() -> Result<S3Credentials> {
    return S3Credentials{"key", SecretText("very-secret"), SecretText()};
  };
  const AskForPass ask = [=, &clock = all->clock](const BucketWish& wish, PassAge) {
    return sign_bucket_wish(settings, credentials().value(), wish, clock.now());
  };
  all->own = std::move(S3Store::open(settings, {all->server, credentials, all->clock, all->entropy}).value());
  const auto authority = std::make_shared<AskedS3Authority>(settings, ask, all->clock);
  all->hosts = std::move(S3Store::open(settings, {all->server, authority, all->clock, all->entropy}).value());
  all->store = std::make_shared<WithRemoval>(as_hosts_bucket(all->hosts), all->own);
  return {std::shared_ptr<Store>(all, all->store.get())};
}
Made presigned_on_a_server() {
  struct Surroundings {
    PosixFileSystem files;
    SystemClock clock;
    SystemEntropy entropy;
  };
  const std::shared_ptr<S3Server> server = S3Server::from_environment();
  if (server == nullptr) return {std::make_shared<MemoryStore>(), [] {}, S3Server::missing()};
  const std::shared_ptr<S3Store> own = server->fresh_store();
  const auto surroundings = std::make_shared<Surroundings>();
  S3Place place;
  place.endpoint = server->settings().endpoint;
  place.bucket = server->settings().bucket;
  place.prefix = own->description().substr(own->description().rfind('/') + 1);
  place.hosts = S3Place::Hosts::presigned;
  const AskForPass ask = [server, surroundings, place](const BucketWish& wish, PassAge) {
    return sign_bucket_wish(s3_settings(place), server->credentials(), wish, surroundings->clock.now());
  };
  auto hosts = open_presigned_s3(place, {surroundings->files, surroundings->clock, surroundings->entropy}, {ask});
  return {std::make_shared<WithRemoval>(std::move(hosts).value(), own),
          [server, own, surroundings] { server->remove_everything(*own); }};
}
Made s3_on_a_server() {
  const std::shared_ptr<S3Server> server = S3Server::from_environment();
  if (server == nullptr) return {std::make_shared<MemoryStore>(), [] {}, S3Server::missing()};
  const std::shared_ptr<S3Store> store = server->fresh_store();
  return {store, [server, store] { server->remove_everything(*store); }};
}

Made peer() {
  struct Everything {
    VaultHost host;
    std::shared_ptr<PeerStore> store = host.store_of_owner();
  };
  auto all = std::make_shared<Everything>();
  return {std::shared_ptr<Store>(all, all->store.get())};
}

INSTANTIATE_TEST_SUITE_P(All, StoreContract,
                         testing::Values(Kind{"Memory", [] { return Made{std::make_shared<MemoryStore>()}; }},
                                         Kind{"Posix", posix_on_disk}, Kind{"PosixInMemory", posix_in_memory},
                                         Kind{"S3InMemory", s3_in_memory}, Kind{"S3", s3_on_a_server},
                                         Kind{"PresignedInMemory", presigned_in_memory},
                                         Kind{"Presigned", presigned_on_a_server}, Kind{"Peer", peer}),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace holdfast
