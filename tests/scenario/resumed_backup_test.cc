// A full backup that is cut off: the next one goes on from the packs that are in the store, as long as what they hold
// is what the database still has.
#include <fstream>
#include <thread>

#include "shared/os/process.h"
#include "tests/scenario/incremental_fleet.h"

namespace holdfast {
namespace {

class ResumedBackup : public IncrementalFleet {
 protected:
  ResumedBackup() : IncrementalFleet({.page_checksums = PageChecksums::on, .settings = {"autovacuum = off"}}) {}

  // Hexadecimal digits shrink to half of their size, not less.
  void fill() {
    sql("CREATE TABLE big (id int PRIMARY KEY, word text);"
        "INSERT INTO big SELECT g, (SELECT string_agg(md5((g * 31 + i)::text), '') FROM generate_series(1, 30) i) "
        "FROM generate_series(1, 80000) g;"
        "CREATE TABLE other AS SELECT g AS n FROM generate_series(1, 20000) g");
    // Or the first scan would set hint bits on every page, which is a change where there are checksums.
    sql("VACUUM FREEZE");
    sql("CHECKPOINT");
  }
  void slow_down() {
    const std::string file = fleet_->path("policy.yaml");
    std::ofstream(file) << "apiVersion: holdfast/v1\nkind: Policy\nname: slow\nmatch: {fleet: demo}\n"
                           "schedule: {full: '@yearly'}\nwal: {rpo: 1s}\n"
                           "limits: {bandwidth: 8MiB/s, workers: 8}\n";
    const auto applied = fleet_->cli({"policy", "apply", "-f", file});
    ASSERT_EQ(applied.exit_code, 0) << applied.err;
    Command status;
    status.arguments = {Fleet::binary("holdfast-agent"), "status", "--state", fleet_->place("orders-host").state};
    ASSERT_TRUE(Fleet::eventually([&] {
      const auto said = run_command(status);
      return said && said->output.find("policy \"slow\"") != std::string::npos;
    }));
  }
  std::size_t remembered_packs() {
    std::size_t packs = 0;
    std::error_code gone;
    const std::string attempts = fleet_->place("orders-host").state + "/incremental/attempts";
    for (auto at = std::filesystem::recursive_directory_iterator(attempts, gone);
         !gone && at != std::filesystem::recursive_directory_iterator(); at.increment(gone)) {
      packs += at->is_regular_file(gone) ? 1U : 0U;
    }
    return packs;
  }
  // An ordered full backup, killed with its agent when this many packs are stored.
  void cut_off_after(std::size_t packs) {
    const auto ordered = fleet_->cli({"backup", "create", database_, "--type", "full", "--detach", "-o", "name"});
    ASSERT_EQ(ordered.exit_code, 0) << ordered.err;
    ASSERT_TRUE(Fleet::eventually([&] { return remembered_packs() >= packs; })) << fleet_->logs();
    fleet_->agent("orders-host").kill_hard();
  }
  void start_again() {
    fleet_->start_agent("orders-host");
    ASSERT_TRUE(Fleet::eventually([&] {
      const auto jobs = fleet_.list("job");
      return std::ranges::none_of(jobs, [](const auto& job) { return job["state"] == "running"; });
    }));
  }
};

TEST_F(ResumedBackup, GoesOnAfterTheAgentWasKilledAndIsWhatTheDatabaseIs) {
  fill();
  protect();
  slow_down();
  cut_off_after(3);
  // While nobody looks: old pages change, a table is made anew under its name, one grows.
  sql("UPDATE big SET word = 'changed ' || id WHERE id % 500 = 0; TRUNCATE other;"
      "INSERT INTO other SELECT g FROM generate_series(1, 30000) g;"
      "INSERT INTO big SELECT g, md5(g::text) FROM generate_series(80001, 81000) g");
  start_again();
  const auto full = back_up("full");
  ASSERT_EQ(full["type"], "full") << full;
  EXPECT_NE(reason(full).find("goes on from"), std::string::npos) << full << fleet_->logs();
  EXPECT_LT(full["readBytes"].get<std::uint64_t>(), full["databaseBytes"].get<std::uint64_t>() * 9 / 10);
  for (const auto& copy : full["copies"]) EXPECT_EQ(copy["state"], "ok");
  EXPECT_EQ(remembered_packs(), 0U) << "it is complete: nothing is to be gone on from";
  const auto verified = fleet_->cli({"backup", "verify", full["id"]});
  EXPECT_EQ(verified.exit_code, 0) << verified.err;

  const std::string question =
      "SELECT md5(string_agg(id || word, ',' ORDER BY id)) FROM big UNION ALL "
      "SELECT md5(string_agg(n::text, ',' ORDER BY n)) FROM other";
  expect_restored(full, question, answer(question));

  // And the next incremental begins from it like from any other.
  sql("UPDATE big SET word = 'again' WHERE id = 4711");
  const auto incremental = back_up("incremental");
  EXPECT_TRUE(is_incremental(incremental)) << incremental;
  expect_restored(incremental, question, answer(question));
}

TEST_F(ResumedBackup, IsCutOffTwiceAndStillWhole) {
  fill();
  protect();
  slow_down();
  cut_off_after(2);
  sql("UPDATE big SET word = 'first ' || id WHERE id % 700 = 0");
  start_again();
  cut_off_after(4);
  sql("UPDATE big SET word = 'second ' || id WHERE id % 900 = 0");
  start_again();
  const auto full = back_up("full");
  EXPECT_NE(reason(full).find("goes on from"), std::string::npos) << full << fleet_->logs();
  const std::string question = "SELECT md5(string_agg(id || word, ',' ORDER BY id)) FROM big";
  expect_restored(full, question, answer(question));
}

TEST_F(ResumedBackup, BeginsAnewWhenTheLogInBetweenIsLost) {
  fill();
  protect();
  slow_down();
  cut_off_after(2);
  sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
  for (int i = 0; i < 3; ++i) sql("UPDATE big SET word = 'unseen' WHERE id = 5; SELECT pg_switch_wal(); CHECKPOINT");
  start_again();
  const auto full = back_up("full");
  EXPECT_EQ(reason(full).find("goes on from"), std::string::npos) << full;
  const std::string question = "SELECT md5(string_agg(id || word, ',' ORDER BY id)) FROM big";
  expect_restored(full, question, answer(question));
}

}  // namespace
}  // namespace holdfast
