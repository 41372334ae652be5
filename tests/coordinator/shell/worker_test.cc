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

  Result<> keep_until(const std::string& name, Timestamp) override {
    if (name == broken_) return fail(Code::unavailable, "input/output error");
    if (!objects_.contains(name)) return fail(Code::not_found, name);
    notes_.push_back("keep " + name);
    return {};
  }

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
  wal.log = {Timeline(1), Lsn(300), {}};
  EXPECT_EQ(remove_wal(wal, opener(), never).value(), 2U);
  EXPECT_FALSE(stores_[0]->stat(before).value());
  EXPECT_FALSE(stores_[0]->stat(up_to).value());
  EXPECT_TRUE(stores_[0]->stat(across).value());
  EXPECT_TRUE(stores_[0]->stat(other_timeline).value());
}

class Keeping : public Removal {
 protected:
  KeepObjects keep() const {
    KeepObjects work;
    work.database = work_.database;
    work.stores = work_.stores;
    work.names = {"elsewhere"};
    work.prefixes = {backup_prefix(work_.database, work_.backup)};
    return work;
  }
};

TEST_F(Keeping, HoldsEverythingThatIsThereAndDoesNotMindWhatIsNot) {
  EXPECT_EQ(keep_objects(keep(), opener(), never), std::nullopt);
  for (const auto& store : stores_) {
    EXPECT_THAT(store->notes_, testing::UnorderedElementsAre("keep " + work_.names[0], "keep " + work_.names[1],
                                                             "keep " + work_.names[2]));
  }
}

TEST_F(Keeping, LeavesLogAloneThatIsToGo) {
  KeepObjects work = keep();
  work.prefixes = {wal_prefix(work_.database, Timeline(1))};
  work.stores = {work_.stores[0]};
  work.released = {{Timeline(1), Lsn(300), {{Lsn(100), Lsn(200)}}}};
  const auto name = [this](std::uint64_t first) {
    return wal_name(work_.database, Timeline(1), Lsn(first), Lsn(first + 100));
  };
  for (const std::uint64_t first : {100U, 200U, 300U}) EXPECT_TRUE(stores_[0]->put(name(first), as_bytes("wal")));
  stores_[0]->notes_.clear();
  EXPECT_EQ(keep_objects(work, opener(), never), std::nullopt);
  EXPECT_THAT(stores_[0]->notes_, testing::UnorderedElementsAre("keep " + name(100), "keep " + name(300)));
}

TEST_F(Keeping, GoesOnBehindWhatItCannotHoldAndSaysSo) {
  stores_[0]->broken_ = work_.names[0];
  const auto error = keep_objects(keep(), opener(), never);
  ASSERT_TRUE(error);
  EXPECT_THAT(error->text(), testing::HasSubstr("store \"store-0\""));
  EXPECT_EQ(stores_[0]->notes_.size(), 2U);
  EXPECT_EQ(stores_[1]->notes_.size(), 3U);
}

TEST_F(Removal, OfLogIsAnsweredByTheWorkersThread) {
  Worker worker(opener(), Logger::none());
  RemoveWal wal;
  wal.database = work_.database;
  wal.stores = work_.stores;
  wal.log = {Timeline(1), Lsn(300), {}};
  worker.give(wal);
  pollfd waiting{worker.fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 20'000), 1);
  const auto answers = worker.take_answers();
  ASSERT_EQ(answers.size(), 1U);
  const auto& answer = std::get<WalRemoved>(answers[0]);
  EXPECT_EQ(answer.database, wal.database);
  EXPECT_EQ(answer.log, wal.log);
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
