// A host's passes to put, with a coordinator that signs or is away, and a server that checks what was signed.
#include "agent/protection/kept_passes.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "shared/repository/layout.h"
#include "shared/store/opening/s3_place.h"
#include "shared/store/s3/presigning.h"
#include "shared/store/s3/s3_store.h"
#include "shared/wire/codec.h"
#include "tests/harness/manual_clock.h"
#include "tests/harness/memory_s3.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/seeded_entropy.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Kind = BucketWish::Kind;

const std::string secret = "very-secret";

class KeptPassesTest : public testing::Test {
 protected:
  KeptPassesTest() {
    far.id = entropy.id<StoreId>();
    far.name = "far";
    far.kind = StoreKind::s3;
    far.s3.endpoint = "https://s3.example";
    far.s3.bucket = "bucket";
    far.s3.prefix = "fleet";
    far.s3.credentials = "presigned";
    far.s3.hosts = S3Place::Hosts::presigned;
    assignment.stores = {far};
    assign(orders);
    begin();
  }
  void assign(DatabaseId database) {
    Assigned assigned;
    assigned.key = database.text();
    assigned.database = database;
    assigned.active = true;
    assigned.protect = true;
    assigned.stores = {"far"};
    assignment.databases.push_back(assigned);
  }
  // A new agent on the same state directory.
  void begin() {
    passes.reset();
    desk.reset();
    state.reset();
    state = std::move(AgentState::open(directory.path()).value());
    desk = std::make_unique<PassDesk>(
        clock, [] {}, PassDesk::Patience{std::chrono::milliseconds(20)});
    passes = std::make_unique<KeptPasses>(*state, *desk, clock, Logger::none());
    ASSERT_THAT(passes->remember(), Succeeded());
    passes->want(assignment);
  }
  // One round of the thread that speaks with the coordinator.
  void serve() {
    std::vector<PassRequest> sent;
    if (!away) passes->renew();
    desk->send_waiting([&](const PassRequest& request) -> std::optional<std::uint64_t> {
      if (away) return std::nullopt;
      sent.push_back(request);
      return sent.size();
    });
    for (std::size_t i = 0; i < sent.size(); ++i) {
      asked.push_back(sent[i].wish.name);
      desk->answered(i + 1,
                     {sign_bucket_wish(s3_settings(far.s3), credentials(), sent[i].wish, clock.now()).value(), {}});
    }
  }
  static S3Credentials credentials() { return {"key", SecretText(secret), SecretText()}; }
  std::unique_ptr<S3Store> store() {
    BucketAsking asking = passes->asking_for(far);
    const S3Settings settings = s3_settings(far.s3);
    return std::move(S3Store::open(settings,
                                   {server, std::make_shared<AskedS3Authority>(settings, asking.ask, clock), clock,
                                    entropy, asking.put_unseen},
                                   {Ability::no, Ability::no})
                         .value());
  }
  Result<> put_log(std::uint64_t from) {
    const std::string name = wal_name(orders, Timeline(1), Lsn(from), Lsn(from + 10));
    return store()->put(name, as_bytes("log"));
  }
  std::string scope(DatabaseId database) const { return database.text() + "/"; }

  TemporaryDirectory directory;
  ManualClock clock;
  SeededEntropy entropy{3};
  MemoryS3 server{clock, {}};
  const DatabaseId orders = entropy.id<DatabaseId>();
  StoreInfo far;
  Assignment assignment;
  bool away = false;
  std::vector<std::string> asked;
  std::unique_ptr<AgentState> state;
  std::unique_ptr<PassDesk> desk;
  std::unique_ptr<KeptPasses> passes;
};

TEST_F(KeptPassesTest, AreAskedForBeforeAnythingIsPut) {
  serve();
  EXPECT_THAT(asked, UnorderedElementsAre(scope(orders), "fleet.record"));
  away = true;
  EXPECT_THAT(put_log(0), Succeeded());
  EXPECT_EQ(server.objects().size(), 1U);
}

TEST_F(KeptPassesTest, AreRenewedTwiceADay) {
  serve();
  asked.clear();
  clock.advance(std::chrono::hours(11));
  serve();
  EXPECT_THAT(asked, IsEmpty());
  clock.advance(std::chrono::hours(2));
  serve();
  EXPECT_THAT(asked, UnorderedElementsAre(scope(orders), "fleet.record"));
}

TEST_F(KeptPassesTest, BridgeSixDaysWithoutTheCoordinatorHoweverOldTheyWere) {
  serve();
  clock.advance(std::chrono::hours(11));
  serve();
  away = true;
  for (std::uint64_t day = 0; day <= 6; ++day) {
    EXPECT_THAT(put_log(day * 10), Succeeded()) << day;
    clock.advance(std::chrono::hours(24));
    serve();
  }
}

TEST_F(KeptPassesTest, RunOutAndComeBackWithTheCoordinator) {
  serve();
  away = true;
  clock.advance(std::chrono::hours(24 * 7 + 1));
  EXPECT_THAT(put_log(0), FailedWith(Code::unavailable));
  away = false;
  serve();
  away = true;
  EXPECT_THAT(put_log(0), Succeeded());
}

TEST_F(KeptPassesTest, AreRememberedByTheNextAgent) {
  serve();
  away = true;
  begin();
  EXPECT_THAT(put_log(0), Succeeded());
}

TEST_F(KeptPassesTest, WaitAMinuteAfterARefusal) {
  serve();
  clock.advance(std::chrono::hours(13));
  passes->renew();
  desk->send_waiting([](const PassRequest&) { return std::nullopt; });  // connected no more
  serve();
  EXPECT_EQ(asked.size(), 2U);
  clock.advance(std::chrono::seconds(61));
  serve();
  EXPECT_EQ(asked.size(), 4U);
}

TEST_F(KeptPassesTest, AreForgottenWithTheirDatabase) {
  serve();
  assignment.databases.clear();
  const DatabaseId bills = entropy.id<DatabaseId>();
  assign(bills);
  passes->want(assignment);
  serve();
  std::vector<std::string> kept;
  const std::vector<KeptPass> all = state->passes().value();
  for (const KeptPass& pass : all) kept.push_back(pass.scope);
  EXPECT_THAT(kept, UnorderedElementsAre(scope(bills), "fleet.record"));
}

TEST_F(KeptPassesTest, AreWantedOnlyForWhatIsWrittenThere) {
  assignment.databases[0].stores = {"near"};
  passes->want(assignment);
  serve();
  EXPECT_THAT(asked, IsEmpty());
}

TEST_F(KeptPassesTest, DoNotLetNamesBePutUnseenThatOthersMayHaveGiven) {
  serve();
  away = true;
  EXPECT_THAT(store()->put("fleet.record", as_bytes("x")), FailedWith(Code::unavailable));
  EXPECT_THAT(store()->put(database_record_name(orders), as_bytes("x")), FailedWith(Code::unavailable));
  EXPECT_THAT(store()->put(history_name(orders, Timeline(2)), as_bytes("x")), FailedWith(Code::unavailable));
  EXPECT_THAT(store()->put(epoch_name(orders, entropy.id<EpochId>()), as_bytes("x")), Succeeded());
  EXPECT_THAT(store()->put(pack_name(orders, entropy.id<BackupId>(), 0), as_bytes("x")), Succeeded());
}

TEST_F(KeptPassesTest, GiveAThiefNothingOutsideOfTheHostsOwnDatabases) {
  serve();
  const BucketPass stolen = passes->asking_for(far).ask({Kind::put, scope(orders)}, PassAge::any).value();
  const S3Settings settings = s3_settings(far.s3);
  const AskForPass ask = [&](const BucketWish&, PassAge) -> Result<BucketPass> { return stolen; };
  const auto thief = std::move(S3Store::open(settings,
                                             {server, std::make_shared<AskedS3Authority>(settings, ask, clock), clock,
                                              entropy, [](const std::string&) { return true; }},
                                             {Ability::no, Ability::no})
                                   .value());
  const std::string others = entropy.id<DatabaseId>().text() + "/wal/a";
  EXPECT_FALSE(thief->put(others, as_bytes("x")));
  EXPECT_FALSE(thief->put(orders.text() + "x/a", as_bytes("x")));
  EXPECT_FALSE(thief->put("fleet.record", as_bytes("x")));
  EXPECT_FALSE(thief->remove(orders.text() + "/wal/a"));
  EXPECT_THAT(server.objects(), IsEmpty());
}

TEST_F(KeptPassesTest, LeaveNoSecretInTheStateNorInTheAssignment) {
  serve();
  ASSERT_THAT(state->save_assignment(assignment), Succeeded());
  ASSERT_FALSE(state->passes().value().empty());
  EXPECT_EQ(as_text(encode_value(assignment)).find(secret), std::string_view::npos);
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory.path())) {
    if (!entry.is_regular_file()) continue;
    ++files;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    EXPECT_EQ(content.find(secret), std::string::npos) << entry.path();
    EXPECT_EQ(entry.status().permissions() & (std::filesystem::perms::group_all | std::filesystem::perms::others_all),
              std::filesystem::perms::none)
        << entry.path();
  }
  EXPECT_GE(files, 2);
}

}  // namespace
}  // namespace holdfast
