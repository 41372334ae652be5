// A fleet with two buckets of a real S3 server, one of which loses one object in twenty.
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <random>

#include "tests/harness/s3_server.h"
#include "tests/scenario/outage.h"

namespace holdfast {
namespace {

class TwoBuckets : public Outage {
 protected:
  void SetUp() override {
    sound_ = S3Server::from_environment();
    losing_ = S3Server::from_environment("-losing");
    if (!sound_) GTEST_SKIP() << S3Server::missing();
    write_credentials();
    fleet_.start_coordinator();
    fleet_.ship_log_every_second();
    add_store("sound", *sound_);
    add_store("losing", *losing_);
    policy("");
    create_cluster(24);
    protect();
    ASSERT_TRUE(everything_whole()) << text_of_copies();
  }
  void write_credentials() const {
    const auto access = sound_->credentials();
    std::ofstream(credentials()) << "[default]\naws_access_key_id = " << access.access_key_id
                                 << "\naws_secret_access_key = " << as_text(access.secret_access_key.bytes()) << "\n";
    ASSERT_EQ(::chmod(credentials().c_str(), 0600), 0);
  }
  void add_store(const std::string& name, const S3Server& server) const {
    const auto added = fleet_.cli({"store", "add", name, "s3", "--endpoint", server.settings().endpoint, "--bucket",
                                   server.settings().bucket, "--prefix", prefix_, "--credentials", credentials()});
    ASSERT_EQ(added.exit_code, 0) << added.err;
  }
  std::string credentials() const { return fleet_.path("s3.keys"); }
  void policy(const std::string& more) {
    apply_policy("full: \"0 3 1 1 *\"", "copies: {want: 2, min: 1, stores: [losing, sound]}\n" + more);
  }
  void back_up() const {
    const auto taken = fleet_.cli({"backup", "create", database_});
    EXPECT_EQ(taken.exit_code, 0) << taken.err;
  }
  std::string text_of_copies() const { return fleet_.cli({"copy", "list"}).out + fleet_.logs(); }
  bool everything_whole(int seconds = 90) const {
    return Fleet::eventually(
        [this] {
          const auto backups = complete_backups();
          if (backups.empty() || !items({"copy", "list"}).empty()) return false;
          return std::ranges::all_of(backups, [](const auto& backup) { return backup["copies"].size() == 2; });
        },
        seconds);
  }

  // The same objects as the fleet sees, by another way.
  std::unique_ptr<S3Store> directly(S3Server& server) const {
    S3Settings settings = server.settings();
    settings.prefix = prefix_;
    return S3Store::open(settings, server.parts()).value();
  }
  // What belongs to databases; a checkpoint is not copied, the next one goes everywhere.
  static std::map<std::string, std::uint64_t> names_in(Store& store) {
    std::map<std::string, std::uint64_t> out;
    const auto objects = store.list("").value();
    for (const ObjectInfo& object : objects) {
      if (!object.name.starts_with("coordinator/")) out[object.name] = object.size;
    }
    return out;
  }
  // One object in twenty, and at least one of each kind that a restore reads.
  std::vector<std::string> lose_some(Store& store) const {
    std::vector<std::string> names;
    for (const auto& [name, size] : names_in(store)) names.push_back(name);
    std::mt19937 random(5);
    std::ranges::shuffle(names, random);
    std::vector<std::string> lost(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(names.size() / 20));
    for (const std::string_view kind : {"/pack-", "/manifest", "/record", "/wal/"}) {
      const auto of_kind = [kind](const std::string& name) { return name.find(kind) != std::string::npos; };
      const auto one = std::ranges::find_if(names, of_kind);
      if (one != names.end() && std::ranges::none_of(lost, of_kind)) lost.push_back(*one);
    }
    for (const std::string& name : lost) EXPECT_THAT(store.remove(name), Succeeded());
    return lost;
  }
  void expect_back(const std::vector<std::string>& lost) {
    const auto sound = directly(*sound_);
    const auto losing = directly(*losing_);
    const auto lacking = [&] {
      const auto there = names_in(*losing);
      std::string text;
      for (const std::string& name : lost) text += there.contains(name) ? "" : name + "\n";
      return text;
    };
    ASSERT_TRUE(Fleet::eventually([&] { return lacking().empty(); }, 240)) << lacking() << text_of_copies();
    for (const std::string& name : lost) EXPECT_EQ(losing->get(name).value(), sound->get(name).value()) << name;
  }

  std::unique_ptr<S3Server> sound_;
  std::unique_ptr<S3Server> losing_;
  const std::string prefix_ = "fleet-" + std::to_string(SystemClock().now().micros());
};

TEST_F(TwoBuckets, WhatOneLosesIsReadFromTheOtherFoundAndBroughtBack) {
  start_writes();
  for (int i = 0; i < 2; ++i) back_up();
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > 50; }));
  ASSERT_TRUE(everything_whole()) << text_of_copies();
  const auto losing = directly(*losing_);
  const auto lost = lose_some(*losing);
  ASSERT_GE(lost.size(), 4U);

  // Nobody has noticed yet, and it is asked first.
  expect_every_acknowledged_row_after_restore();

  policy("verify: {full_every: 1m}\n");
  EXPECT_TRUE(Fleet::eventually(
      [&] {
        const auto copies = items({"copy", "list"});
        return std::ranges::any_of(
            copies, [](const auto& copy) { return copy["store"] == "losing" && copy["state"] == "damaged"; });
      },
      180))
      << text_of_copies();
  for (const auto& copy : items({"copy", "list"})) EXPECT_EQ(copy["store"], "losing") << copy;
  expect_back(lost);
  ASSERT_TRUE(everything_whole(240)) << text_of_copies();
  for (const auto& backup : complete_backups()) {
    const auto verified = fleet_.cli({"backup", "verify", backup["id"]});
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
  }
}

TEST_F(TwoBuckets, TheOneThatWasRepairedIsEnoughWhenTheOtherIsGone) {
  start_writes();
  back_up();
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > 50; }));
  ASSERT_TRUE(everything_whole()) << text_of_copies();
  writes_.reset();
  const auto acknowledged = rows();
  ASSERT_TRUE(covered(clock_.now()));
  const auto lost = lose_some(*directly(*losing_));
  // The operator knows, and does not wait for a scrub.
  const auto told = fleet_.cli({"copy", "repair", "--lost-store", "losing", "--yes", "--detach"});
  ASSERT_EQ(told.exit_code, 0) << told.err;
  expect_back(lost);
  ASSERT_TRUE(everything_whole(240)) << text_of_copies();

  sound_->remove_everything(*directly(*sound_));
  const std::string place = "s3://" + losing_->settings().bucket + "/" + prefix_ +
                            "?endpoint=" + losing_->settings().endpoint + "&credentials=" + credentials();
  const std::string copy = cluster_->root() + "/from-the-repaired";
  auto glass = ChildProcess::start({Fleet::binary("holdfast-agent"), "restore", "--repository", place, "--recovery-key",
                                    fleet_.recovery_key(), "--target-directory", copy, "--no-start", "--latest"},
                                   fleet_.path("glass"));
  ASSERT_EQ(glass.wait(), 0) << std::ifstream(fleet_.path("glass")).rdbuf();
  auto again = PostgresCluster::adopt(copy).value();
  ASSERT_THAT(again.start(), Succeeded());
  ASSERT_THAT(again.wait_for("SELECT pg_is_in_recovery()", "f"), Succeeded());
  EXPECT_EQ(again.sql("SELECT count(*) FROM journal").value_or("nothing"), std::to_string(acknowledged.size()));
  EXPECT_THAT(again.stop(), Succeeded());
}

}  // namespace
}  // namespace holdfast
