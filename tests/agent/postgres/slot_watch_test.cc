#include "agent/postgres/slot_watch.h"

#include <gmock/gmock.h>

#include "agent/postgres/replication_stream.h"
#include "tests/agent/postgres/endpoint_of.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

using ::testing::ElementsAre;

class OwnSlots : public testing::Test {
 protected:
  void make(const std::string& name) {
    ASSERT_THAT(cluster_.sql("SELECT pg_create_physical_replication_slot('" + name + "', true)"), Succeeded());
  }
  std::string all() { return cluster_.sql("SELECT string_agg(slot_name, ',') FROM pg_replication_slots").value(); }

  PostgresCluster cluster_ = PostgresCluster::started().value();
  PostgresConnection connection_ = PostgresConnection::open(endpoint_of(cluster_)).value();
  const std::string own_ = slot_name(DatabaseId({1, 2, 3}));
};

TEST_F(OwnSlots, AreFoundAmongOthers) {
  make(own_);
  make("standby_1");
  make("holdfast_by_hand");
  EXPECT_THAT(own_slots(connection_).value(), ElementsAre(own_));
}

TEST_F(OwnSlots, AreDroppedAndNoOthers) {
  make(own_);
  make("holdfast_by_hand");
  EXPECT_THAT(drop_own_slot(connection_, "holdfast_by_hand"), FailedWith(Code::invalid));
  EXPECT_EQ(drop_own_slot(connection_, own_).value(), true);
  EXPECT_EQ(drop_own_slot(connection_, own_).value(), true) << "it is not there any more";
  EXPECT_EQ(all(), "holdfast_by_hand");
}

TEST_F(OwnSlots, AreNotDroppedWhileSomebodyStreamsFromThem) {
  make(own_);
  StopToken stop;
  auto stream = ReplicationStream::open(endpoint_of(cluster_), own_, stop).value();
  const auto identity = stream.identify().value();
  ASSERT_THAT(stream.start(own_, identity.flushed, identity.timeline), Succeeded());
  EXPECT_EQ(drop_own_slot(connection_, own_).value(), false);
  EXPECT_EQ(all(), own_);
}

}  // namespace
}  // namespace holdfast
