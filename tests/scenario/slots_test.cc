// Replication slots that nobody streams from any more: dropped when their database was released in so many words, told
// otherwise. A slot that is forgotten fills its server's disk.
#include <fstream>

#include "tests/scenario/outage.h"

namespace holdfast {
namespace {

class Slots : public Outage {
 protected:
  std::string slots() const {
    return cluster_->sql("SELECT string_agg(slot_name, ',' ORDER BY slot_name) FROM pg_replication_slots")
        .value_or("?");
  }
  bool slots_become(const std::string& wanted) const {
    return Fleet::eventually([&] { return slots() == wanted; });
  }
};

TEST_F(Slots, AreDroppedWhenNoPolicyProtectsTheirDatabaseAnyMoreAndMadeAgainWhenOneDoes) {
  create_cluster(0);
  protect();
  ASSERT_TRUE(slots().starts_with("holdfast_"));
  ASSERT_THAT(cluster_->sql("SELECT pg_create_physical_replication_slot('standby_1', true)"), Succeeded());
  ASSERT_EQ(fleet_.cli({"policy", "delete", "default", "--yes"}).exit_code, 0);
  ASSERT_TRUE(slots_become("standby_1")) << slots();
  EXPECT_TRUE(status_says("unprotected"));
  fleet_.ship_log_every_second();
  ASSERT_TRUE(Fleet::eventually([&] { return slots().starts_with("holdfast_"); }));
  EXPECT_TRUE(covered(clock_.now()));
}

TEST_F(Slots, AreDroppedWhenTheirClusterIsExcluded) {
  create_cluster(0);
  protect();
  fleet_.agent(host).stop();
  ASSERT_TRUE(slots().starts_with("holdfast_"));
  std::ofstream(fleet_.place(host).config, std::ios::app) << "  exclude: [" << cluster_->data_directory() << "]\n";
  restart_agent();
  EXPECT_TRUE(slots_become("")) << slots();
}

TEST_F(Slots, AreKeptAndToldWhenThereIsDoubt) {
  create_cluster(0);
  protect();
  const std::string slot = slots();
  const std::string stranger = "holdfast_00112233445566778899aabbccddeeff";
  ASSERT_THAT(cluster_->sql("SELECT pg_create_physical_replication_slot('" + stranger + "', true)"), Succeeded());
  EXPECT_TRUE(Fleet::eventually([&] { return status_says("pg_drop_replication_slot('" + stranger + "')"); }));
  EXPECT_FALSE(status_says("pg_drop_replication_slot('" + slot + "')")) << "it is in use";
  apply_policy("full: '@yearly'", "copies: {want: 2, min: 2}\n");
  EXPECT_TRUE(Fleet::eventually([&] { return status_says("pg_drop_replication_slot('" + slot + "')"); }))
      << fleet_.query({"status"}).dump(1);
  EXPECT_EQ(slots(), stranger + "," + slot);
  ASSERT_THAT(cluster_->sql("SELECT pg_drop_replication_slot('" + stranger + "')"), Succeeded());
  ASSERT_EQ(fleet_.cli({"policy", "delete", "often", "--yes"}).exit_code, 0);
  EXPECT_TRUE(Fleet::eventually([&] { return !status_says("pg_drop_replication_slot"); }));
  EXPECT_EQ(slots(), slot);
}

}  // namespace
}  // namespace holdfast
