// The data key of a database changes while a backup of it runs: the pages lie under one key and the log they need under
// another, and whoever verifies or restores gets both.
#include <fmt/ranges.h>

#include <filesystem>
#include <fstream>

#include "tests/scenario/outage.h"

namespace holdfast {
namespace {

class KeyChange : public Outage {
 protected:
  std::size_t keys() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(fleet_.store())) {
      count += entry.path().extension() == ".keys" ? 1 : 0;
    }
    return count;
  }
  // Slow enough for things to happen while a backup runs. Other stores mean another key.
  void write_to(const std::vector<std::string>& stores) {
    const std::string file = fleet_.path("policy.yaml");
    std::ofstream(file) << "apiVersion: holdfast/v1\nkind: Policy\nname: slow\nmatch: {fleet: demo}\nwal: {rpo: 1s}\n"
                        << "limits: {bandwidth: 10MB/s}\ncopies: {want: " << stores.size()
                        << fmt::format(", stores: [{}]}}\n", fmt::join(stores, ", "));
    const auto applied = fleet_.cli({"policy", "apply", "-f", file});
    ASSERT_EQ(applied.exit_code, 0) << applied.err;
  }
};

TEST_F(KeyChange, WhileABackupRunsKeepsItVerifiableAndRestorable) {
  create_cluster(100);
  ASSERT_EQ(fleet_.cli({"store", "add", "second", "posix", "--path", fleet_.path("second")}).exit_code, 0);
  write_to({"local"});
  protect();
  start_writes();
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > 20; }));
  const std::size_t before = keys();
  const std::string ordered = order_backup();
  ASSERT_TRUE(Fleet::eventually([&] { return job_state(ordered) == "running"; }));
  write_to({"local", "second"});
  ASSERT_TRUE(Fleet::eventually([&] { return keys() > before; }));
  ASSERT_EQ(job_state(ordered), "running") << "it must be changed while it runs";
  ASSERT_TRUE(job_ends(ordered)) << job(ordered);
  ASSERT_EQ(job_state(ordered), "complete") << job(ordered);
  const std::string backup = job(ordered)["backup"];
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{}, {"--recovery-key", fleet_.recovery_key()}}) {
    std::vector<std::string> arguments{"backup", "verify", backup};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const auto verified = fleet_.cli(arguments);
    EXPECT_EQ(verified.exit_code, 0) << verified.err;
  }
  expect_every_acknowledged_row_after_restore();
}

}  // namespace
}  // namespace holdfast
