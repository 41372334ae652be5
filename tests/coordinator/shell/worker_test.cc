#include "coordinator/shell/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <map>

#include "shared/os/system_entropy.h"
#include "shared/repository/layout.h"

namespace holdfast {
namespace {

using testing::ElementsAre;

// A store in memory that notes the order of what is done to it.
class NotingStore final : public Store {
 public:
  Result<> put(const std::string& name, ByteView content) override {
    notes_.push_back("put " + name);
    const auto [place, is_new] = objects_.emplace(name, to_bytes(content));
    if (!is_new && place->second != to_bytes(content)) return fail(Code::already_exists, name);
    return {};
  }
  Result<Bytes> get(const std::string& name) override { return objects_.at(name); }
  Result<Bytes> get_range(const std::string&, std::uint64_t, std::uint64_t) override {
    return fail(Code::internal, "the deleter does not read");
  }
  Result<std::optional<ObjectInfo>> stat(const std::string& name) override {
    if (!objects_.contains(name)) return std::nullopt;
    return ObjectInfo{name, objects_.at(name).size()};
  }
  Result<std::vector<ObjectInfo>> list(const std::string& prefix) override {
    std::vector<ObjectInfo> out;
    for (const auto& [name, content] : objects_) {
      if (name.starts_with(prefix)) out.push_back({name, content.size()});
    }
    return out;
  }
  Result<std::vector<std::string>> list_parts(const std::string&) override { return std::vector<std::string>(); }
  Result<> remove(const std::string& name) override {
    if (name == broken_) return fail(Code::unavailable, "input/output error");
    notes_.push_back("remove " + name);
    objects_.erase(name);
    return {};
  }
  Result<> check() override { return {}; }
  Result<Space> space() override { return Space{}; }
  std::string description() const override { return "noting store"; }

  std::vector<std::string> notes_;
  std::string broken_;
  std::map<std::string, Bytes> objects_;
};

bool never() {
  return false;
}

class Removal : public testing::Test {
 protected:
  Removal() {
    work_.database = entropy_.id<DatabaseId>();
    work_.backup = entropy_.id<BackupId>();
    work_.released_mark = to_bytes(as_bytes("mark"));
    work_.names = {record_name(work_.database, work_.backup), manifest_name(work_.database, work_.backup),
                   pack_name(work_.database, work_.backup, 0)};
    for (auto& store : stores_) {
      StoreInfo info;
      info.name = "store-" + std::to_string(work_.stores.size());
      work_.stores.push_back(info);
      for (const auto& name : work_.names) EXPECT_TRUE(store->put(name, as_bytes("x")));
      store->notes_.clear();
    }
  }
  OpenStore opener() {
    return [this](const StoreInfo& info) -> Result<std::shared_ptr<Store>> {
      return info.name == "store-0" ? stores_[0] : stores_[1];
    };
  }
  std::string mark() const { return released_name(work_.database, work_.backup); }

  SystemEntropy entropy_;
  std::array<std::shared_ptr<NotingStore>, 2> stores_{std::make_shared<NotingStore>(), std::make_shared<NotingStore>()};
  RemoveObjects work_;
};

TEST_F(Removal, MarksFirstThenRemovesInTheOrderGiven) {
  EXPECT_FALSE(remove_objects(work_, opener(), never));
  for (const auto& store : stores_) {
    EXPECT_THAT(store->notes_, ElementsAre("put " + mark(), "remove " + work_.names[0], "remove " + work_.names[1],
                                           "remove " + work_.names[2]));
  }
}

TEST_F(Removal, CanBeRepeatedWithAnotherMark) {
  EXPECT_FALSE(remove_objects(work_, opener(), never));
  work_.released_mark = to_bytes(as_bytes("another"));
  EXPECT_FALSE(remove_objects(work_, opener(), never));
}

TEST_F(Removal, GoesOnInOtherStoresWhenOneFails) {
  stores_[0]->broken_ = work_.names[1];
  const auto error = remove_objects(work_, opener(), never);
  ASSERT_TRUE(error);
  EXPECT_THAT(error->message, testing::HasSubstr("store-0"));
  EXPECT_TRUE(stores_[0]->stat(work_.names[2]).value()) << "nothing after the object that stays";
  EXPECT_FALSE(stores_[1]->stat(work_.names[2]).value());
}

TEST_F(Removal, LeavesTheRestWhenAskedToStop) {
  const auto error = remove_objects(work_, opener(), [] { return true; });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Code::cancelled);
  EXPECT_TRUE(stores_[0]->stat(work_.names[0]).value());
}

TEST_F(Removal, OfWalTakesOnlyWhatEndsBefore) {
  const auto put = [&](Timeline timeline, std::uint64_t first, std::uint64_t last) {
    const std::string name = wal_name(work_.database, timeline, Lsn(first), Lsn(last));
    EXPECT_TRUE(stores_[0]->put(name, as_bytes("wal")));
    return name;
  };
  const std::string before = put(Timeline(1), 100, 200);
  const std::string up_to = put(Timeline(1), 200, 300);
  const std::string across = put(Timeline(1), 300, 400);
  const std::string other_timeline = put(Timeline(2), 100, 200);
  RemoveWal wal;
  wal.database = work_.database;
  wal.stores = {work_.stores[0]};
  wal.timeline = Timeline(1);
  wal.keep_from = Lsn(300);
  EXPECT_EQ(remove_wal(wal, opener(), never).value(), 2U);
  EXPECT_FALSE(stores_[0]->stat(before).value());
  EXPECT_FALSE(stores_[0]->stat(up_to).value());
  EXPECT_TRUE(stores_[0]->stat(across).value());
  EXPECT_TRUE(stores_[0]->stat(other_timeline).value());
}

TEST_F(Removal, OfLogIsAnsweredByTheWorkersThread) {
  Worker worker(opener(), Logger::none());
  RemoveWal wal;
  wal.database = work_.database;
  wal.stores = work_.stores;
  wal.timeline = Timeline(1);
  wal.keep_from = Lsn(300);
  worker.give(wal);
  pollfd waiting{worker.fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 20'000), 1);
  const auto answers = worker.take_answers();
  ASSERT_EQ(answers.size(), 1U);
  const auto& answer = std::get<WalRemoved>(answers[0]);
  EXPECT_EQ(answer.database, wal.database);
  EXPECT_EQ(answer.timeline, wal.timeline);
  EXPECT_EQ(answer.keep_from, wal.keep_from);
  EXPECT_FALSE(answer.error);
}

TEST_F(Removal, IsAnsweredByTheWorkersThread) {
  Worker worker(opener(), Logger::none());
  worker.give(work_);
  pollfd waiting{worker.fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 20'000), 1);
  const auto answers = worker.take_answers();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(std::get<ObjectsRemoved>(answers[0]).backup, work_.backup);
  EXPECT_FALSE(std::get<ObjectsRemoved>(answers[0]).error);
}

}  // namespace
}  // namespace holdfast
