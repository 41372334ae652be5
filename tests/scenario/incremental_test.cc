// Backups that take over what an earlier one has: restored, each is what the database was, page by page.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "shared/os/clock.h"
#include "tests/scenario/incremental_fleet.h"

namespace holdfast {
namespace {

namespace files = std::filesystem;

using Incremental = IncrementalFleet;

const char* const all_rows = "SELECT count(*) || ' ' || md5(string_agg(id || word, ',' ORDER BY id)) FROM journal";

TEST_F(Incremental, ReadsWhatChangedAndIsWhole) {
  sql("CREATE TABLE journal AS SELECT g AS id, md5(g::text) AS word FROM generate_series(1, 200000) g");
  sql("CREATE INDEX ON journal (id)");
  sql("VACUUM journal");
  protect();
  const auto full = back_up("full");
  EXPECT_EQ(full["type"], "full");
  sql("UPDATE journal SET word = 'one' WHERE id = 77");
  const std::string after_one = answer(all_rows);
  const auto one_row = back_up("incremental");
  EXPECT_TRUE(is_incremental(one_row)) << one_row;
  EXPECT_EQ(one_row["parent"], full["id"]);
  EXPECT_LT(stored(one_row), 1U << 20U) << fleet_->logs();
  EXPECT_LT(one_row["readBytes"].get<std::uint64_t>(), full["readBytes"].get<std::uint64_t>() / 2);
  EXPECT_EQ(one_row["databaseBytes"].get<std::uint64_t>() / 100000,
            full["databaseBytes"].get<std::uint64_t>() / 100000);

  sql("UPDATE journal SET word = 'many' WHERE id % 10 = 0; DELETE FROM journal WHERE id > 190000");
  sql("VACUUM journal");
  sql("CREATE TABLE other AS SELECT * FROM journal");
  const std::string after_many = answer(all_rows);
  const auto many = back_up("incremental");
  EXPECT_TRUE(is_incremental(many)) << many;
  EXPECT_EQ(many["parent"], one_row["id"]);
  sql("DROP TABLE other; INSERT INTO journal VALUES (500000, 'late')");
  const std::string after_drop = answer(all_rows);
  const auto differential = back_up("differential");
  EXPECT_EQ(differential["type"], "differential") << differential;
  EXPECT_EQ(reason(differential), "");
  EXPECT_EQ(differential["parent"], full["id"]);

  expect_restored(one_row, all_rows, after_one);
  expect_restored(many, all_rows, after_many);
  expect_restored(differential, all_rows, after_drop);
  for (const auto& backup : {full, one_row, many, differential}) {
    const auto verified = fleet_->cli({"backup", "verify", backup["id"], "--recovery-key", fleet_->recovery_key()});
    EXPECT_EQ(verified.exit_code, 0) << verified.err;
  }
}

// A page that changed behind the WAL's back, as one that the reader of the WAL overlooked looks.
class ChangesInDoubt : public IncrementalFleet {
 protected:
  ChangesInDoubt() : IncrementalFleet({.page_checksums = PageChecksums::off}) {}

  // Says of an old page that it was written since the backup began.
  void forge_page(const nlohmann::json& since) {
    const std::string path = orders_.data_directory() + "/" + answer("SELECT pg_relation_filepath('journal')");
    ASSERT_THAT(orders_.stop(), Succeeded());
    const std::string lsn = since["startLsn"];
    const std::size_t slash = lsn.find('/');
    const auto high = static_cast<std::uint32_t>(std::stoul(lsn.substr(0, slash), nullptr, 16));
    const auto low = static_cast<std::uint32_t>(std::stoul(lsn.substr(slash + 1), nullptr, 16)) + 8;
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.write(reinterpret_cast<const char*>(&high), sizeof high);
    file.write(reinterpret_cast<const char*>(&low), sizeof low);
    ASSERT_TRUE(file.flush());
    ASSERT_THAT(orders_.start(), Succeeded());
  }
};

TEST_F(ChangesInDoubt, AFullBackupFindsThePageAndNoLaterOneTrustsTheMap) {
  sql("CREATE TABLE journal AS SELECT g AS id, md5(g::text) AS word FROM generate_series(1, 20000) g");
  sql("VACUUM FREEZE journal");
  protect();
  back_up("full");
  sql("CREATE TABLE other AS SELECT 1 AS n");
  const auto incremental = back_up("incremental");
  ASSERT_TRUE(is_incremental(incremental)) << incremental;
  forge_page(incremental);
  sql("INSERT INTO journal VALUES (0, 'later')");
  const auto proof = back_up("full");
  EXPECT_EQ(proof["missedPages"], 1) << proof << fleet_->logs();
  const std::string status = fleet_->cli({"status"}).out;
  EXPECT_NE(status.find("the map of changed blocks missed 1 pages"), std::string::npos) << status;
  EXPECT_NE(status.find("its 1 earlier incremental"), std::string::npos) << status;
  const auto later = back_up("incremental");
  EXPECT_EQ(later["type"], "incremental") << later;
  EXPECT_NE(reason(later).find("everything was read"), std::string::npos) << later;
  EXPECT_NE(reason(later).find("missed 1 pages"), std::string::npos) << later;
}

// pg_checksums rewrites every page of a stopped cluster, and the WAL has not a word about it.
TEST_F(ChangesInDoubt, PagesAreReadAgainWhenChecksumsWereTurnedOnMeanwhile) {
  sql("CREATE TABLE journal AS SELECT g AS id, md5(g::text) AS word FROM generate_series(1, 20000) g");
  protect();
  const auto full = back_up("full");
  ASSERT_THAT(orders_.stop(), Succeeded());
  ASSERT_THAT(orders_.run_program("pg_checksums", {"--enable", "-D", orders_.data_directory()}), Succeeded());
  ASSERT_THAT(orders_.start(), Succeeded());
  sql("UPDATE journal SET word = 'new' WHERE id = 5");
  const std::string rows = answer(all_rows);
  const auto backup = back_up("incremental");
  EXPECT_NE(reason(backup).find("page checksums are on, the parent's are off"), std::string::npos) << backup;
  EXPECT_GE(backup["readBytes"].get<std::uint64_t>(), full["readBytes"].get<std::uint64_t>() / 10 * 9) << backup;
  expect_restored(backup, all_rows, rows);
}

// After an UPDATE the server clears bits of the visibility map without a word about its block in the WAL.
TEST_F(Incremental, HasTheVisibilityMapAsItIs) {
  sql("CREATE TABLE journal AS SELECT g AS id, md5(g::text) AS word FROM generate_series(1, 50000) g");
  sql("VACUUM journal");
  protect();
  back_up("full");
  sql("CHECKPOINT");
  sql("UPDATE journal SET word = 'new' WHERE id % 1000 = 0");
  const std::string rows = answer(all_rows);
  const auto backup = back_up("incremental");
  EXPECT_TRUE(is_incremental(backup)) << backup;
  expect_restored(backup, all_rows, rows);
}

TEST_F(Incremental, AreMadeByTheSchedule) {
  write_file(fleet_->path("often.yaml"),
             "apiVersion: holdfast/v1\nkind: Policy\nname: often\nmatch: {engine: postgres}\n"
             "schedule: {full: \"@yearly\", incremental: \"* * * * *\"}\n");
  ASSERT_EQ(fleet_->cli({"policy", "apply", "-f", fleet_->path("often.yaml")}).exit_code, 0);
  protect();
  EXPECT_TRUE(Fleet::eventually(
      [&] {
        return std::ranges::any_of(fleet_.list("backup"), [](const auto& backup) {
          return backup["state"] == "complete" && backup["type"] == "incremental";
        });
      },
      100))
      << fleet_.list("backup") << fleet_->logs();
}

// Bytes of a backup's packs in the store.
std::uint64_t pack_bytes(const std::string& store, const std::string& backup) {
  std::uint64_t bytes = 0;
  for (const auto& entry : files::recursive_directory_iterator(store)) {
    const std::string path = entry.path().string();
    if (entry.is_regular_file() && path.find(backup + "/pack-") != std::string::npos) bytes += entry.file_size();
  }
  return bytes;
}

TEST_F(Incremental, GivesSpaceBackThatIsMostlyDead) {
  sql("CREATE TABLE journal AS SELECT g AS id, md5(g::text) AS word FROM generate_series(1, 600000) g");
  protect();
  const auto full = back_up("full");
  const std::uint64_t before = pack_bytes(fleet_->store(), full["id"]);
  ASSERT_GT(before, 10U << 20U);
  sql("UPDATE journal SET word = md5(word)");
  const std::string rows = answer(all_rows);
  const auto first = back_up("incremental");
  EXPECT_TRUE(is_incremental(first)) << first;
  EXPECT_NE(fleet_->logs().find("hardly needed any more"), std::string::npos) << fleet_->logs();
  sql("UPDATE journal SET word = 'late' WHERE id = 5");
  const std::string later_rows = answer(all_rows);
  const auto second = back_up("incremental");
  EXPECT_TRUE(is_incremental(second)) << second;
  EXPECT_LT(stored(second), stored(first) / 10);

  ASSERT_EQ(fleet_->cli({"backup", "delete", full["id"], "--yes"}).exit_code, 0);
  EXPECT_TRUE(Fleet::eventually([&] { return pack_bytes(fleet_->store(), full["id"]) < before / 3; }))
      << pack_bytes(fleet_->store(), full["id"]) << " of " << before << " bytes are left";
  expect_restored(first, all_rows, rows);
  expect_restored(second, all_rows, later_rows);
}

TEST_F(Incremental, FollowsTruncationRecreationAndWholeDatabases) {
  sql("CREATE TABLE journal AS SELECT g AS id, md5(g::text) AS word FROM generate_series(1, 60000) g");
  sql("CREATE INDEX by_id ON journal (id)");
  sql("CREATE DATABASE template STRATEGY file_copy");
  EXPECT_THAT(orders_.sql("CREATE TABLE inside AS SELECT generate_series(1, 5000) AS n", "template"), Succeeded());
  protect();
  back_up("full");
  // Cut off and grown again, so that pages at the same place have other content.
  sql("DELETE FROM journal WHERE id > 20000");
  sql("VACUUM journal");
  sql("INSERT INTO journal SELECT g, 'again' FROM generate_series(100000, 140000) g");
  sql("TRUNCATE journal");
  sql("INSERT INTO journal SELECT g, 'third' FROM generate_series(1, 30000) g");
  // Copied files have the pages' old LSNs.
  sql("CREATE DATABASE copied TEMPLATE template STRATEGY file_copy");
  sql("CREATE DATABASE logged TEMPLATE template STRATEGY wal_log");
  sql("CLUSTER journal USING by_id");
  const std::string rows = answer(all_rows);
  const auto backup = back_up("incremental");
  EXPECT_TRUE(is_incremental(backup)) << backup;
  expect_restored(backup, all_rows, rows);
}

TEST_F(Incremental, SaysWhyItReadEverything) {
  sql("CREATE TABLE journal AS SELECT g AS id, md5(g::text) AS word FROM generate_series(1, 100000) g");
  protect();
  const auto full = back_up("full");
  fleet_->agent("orders-host").kill_hard();
  files::remove_all(fleet_->place("orders-host").state + "/incremental/changes");
  sql("UPDATE journal SET word = 'x' WHERE id < 100");
  const std::string rows = answer(all_rows);
  fleet_->start_agent("orders-host");
  const auto compared = back_up("incremental");
  EXPECT_EQ(compared["type"], "incremental");
  EXPECT_NE(reason(compared).find("everything was read"), std::string::npos) << compared;
  EXPECT_LT(stored(compared), stored(full)) << "what is the same is not stored again";
  expect_restored(compared, all_rows, rows);

  fleet_->agent("orders-host").kill_hard();
  files::remove_all(fleet_->place("orders-host").state + "/incremental");
  fleet_->start_agent("orders-host");
  const auto forgotten = back_up("incremental");
  EXPECT_EQ(forgotten["type"], "full");
  EXPECT_NE(reason(forgotten), "");
}

TEST_F(Incremental, GoesOnAfterTheAgentAndTheServerWereKilled) {
  sql("CREATE TABLE journal AS SELECT g AS id, md5(g::text) AS word FROM generate_series(1, 50000) g");
  protect();
  back_up("full");
  sql("UPDATE journal SET word = 'before' WHERE id < 50");
  fleet_->agent("orders-host").kill_hard();
  sql("UPDATE journal SET word = 'while it is away' WHERE id BETWEEN 50 AND 100");
  ASSERT_THAT(orders_.kill_hard(), Succeeded());
  ASSERT_THAT(orders_.start(), Succeeded());
  fleet_->start_agent("orders-host");
  sql("UPDATE journal SET word = 'after' WHERE id BETWEEN 100 AND 150");
  const std::string rows = answer(all_rows);
  const auto backup = back_up("incremental");
  EXPECT_TRUE(is_incremental(backup)) << backup;
  expect_restored(backup, all_rows, rows);
}

}  // namespace
}  // namespace holdfast
