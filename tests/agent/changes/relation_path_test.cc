#include "agent/changes/relation_path.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

constexpr std::string_view version = "PG_15_202209061";

ForkSegment file(std::uint32_t tablespace, std::uint32_t database, std::uint32_t relation, Fork fork,
                 std::uint32_t segment) {
  return {{tablespace, database, relation, fork}, segment};
}

TEST(RelationPaths, AreReadAndWritten) {
  const std::vector<std::pair<std::string, ForkSegment>> cases = {
      {"base/5/16384", file(1663, 5, 16384, Fork::main, 0)},
      {"base/5/16384.2", file(1663, 5, 16384, Fork::main, 2)},
      {"base/5/16384_fsm", file(1663, 5, 16384, Fork::fsm, 0)},
      {"base/5/16384_vm.1", file(1663, 5, 16384, Fork::visibility, 1)},
      {"base/5/16384_init", file(1663, 5, 16384, Fork::init, 0)},
      {"global/1262", file(1664, 0, 1262, Fork::main, 0)},
      {"global/1262_vm", file(1664, 0, 1262, Fork::visibility, 0)},
      {"pg_tblspc/16999/PG_15_202209061/5/16400.17", file(16999, 5, 16400, Fork::main, 17)},
      {"base/4294967295/4294967295.32767", file(1663, 4294967295, 4294967295, Fork::main, 32767)},
  };
  for (const auto& [path, expected] : cases) {
    EXPECT_EQ(fork_segment_of(path), expected) << path;
    EXPECT_EQ(path_of(expected, version), path);
  }
}

TEST(RelationPaths, RefuseEverythingElse) {
  for (const char* path : {"",
                           "global",
                           "global/pg_control",
                           "global/pg_filenode.map",
                           "base/5/PG_VERSION",
                           "base/5/pg_internal.init",
                           "base/5",
                           "base/5/",
                           "base/5/016384",
                           "base/05/16384",
                           "base/5/0",
                           "base/0/16384",
                           "base/5/16384.0",
                           "base/5/16384.01",
                           "base/5/16384.",
                           "base/5/16384_",
                           "base/5/16384_main",
                           "base/5/16384_vm_fsm",
                           "base/5/16384.1_vm",
                           "base/5/16384.1.1",
                           "base/5/4294967296",
                           "base/5/16384/1",
                           "base//16384",
                           "/base/5/16384",
                           "base/5/-1",
                           "base/5/+1",
                           "base/5/t3_16384",
                           "pg_xact/0000",
                           "pg_tblspc/16999/5/16400",
                           "pg_tblspc/16999/PG_15/5/16400",
                           "pg_tblspc/16999/XX_15_1/5/16400",
                           "pg_tblspc/x/PG_15_202209061/5/16400",
                           "base/pgsql_tmp/pgsql_tmp1.0",
                           "global/5/16384"}) {
    EXPECT_EQ(fork_segment_of(path), std::nullopt) << path;
  }
}

TEST(RelationPaths, TellTemporaryRelations) {
  for (const char* path : {"base/5/t3_16384", "base/5/t0_16384_vm", "base/5/t12_16384_fsm.1",
                           "pg_tblspc/16999/PG_15_202209061/5/t3_16384.4"}) {
    EXPECT_TRUE(is_temporary_relation_file(path)) << path;
  }
  for (const char* path : {"base/5/16384", "base/5/t_16384", "base/5/t3_", "base/5/t3", "base/5/tx_16384", "t3_16384",
                           "base/5/t3_16384_x", "pg_xact/t3_16384"}) {
    EXPECT_FALSE(is_temporary_relation_file(path)) << path;
  }
}

}  // namespace
}  // namespace holdfast
