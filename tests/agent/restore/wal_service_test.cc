#include "agent/restore/wal_service.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "agent/restore/local_socket.h"
#include "agent/restore/recovery_settings.h"
#include "agent/restore/wal_get.h"
#include "tests/agent/sqlite/sqlite_file.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

const WalSegmentSize segment_size = *WalSegmentSize::of(1U << 20U);

// Segments 1 to `last` of timeline 1; each is full of its number.
struct Archive {
  std::uint64_t last = 5;
  std::uint64_t length_of_last = segment_size.bytes();
  std::atomic<int> failures_first{0};
  Code failure = Code::unavailable;
  std::mutex mutex;
  std::multiset<std::uint64_t> asked;

  WalSource source() {
    return {[this](Timeline timeline, Lsn at, std::uint64_t size, const WalSink& sink) -> Result<std::uint64_t> {
              const std::uint64_t number = at.value() / size;
              {
                const std::lock_guard lock(mutex);
                asked.insert(number);
              }
              if (failures_first.fetch_sub(1) > 0) return fail(failure, "store \"s\" is away");
              if (timeline != Timeline(1) || number > last) return fail(Code::not_found, "no such segment");
              const Bytes content(number == last ? length_of_last : size, static_cast<std::uint8_t>(number));
              TRY(sink(ByteView(content).first(content.size() / 3)));
              TRY(sink(ByteView(content).subspan(content.size() / 3)));
              return content.size();
            },
            [](Timeline timeline) -> Result<Bytes> {
              if (timeline != Timeline(2)) return fail(Code::not_found, "no such history");
              return to_bytes(as_bytes("1\t0/3000000\tno reason\n"));
            }};
  }
};

class WalServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    options_.socket = place_.path() + "/s";
    options_.owner = *user_by_uid(::geteuid());
    options_.segment_size = segment_size;
    options_.directory = place_.path() + "/fetched";
    get_.socket = options_.socket;
    get_.destination = place_.path() + "/RECOVERYXLOG";
    get_.give_up_after = Micros(0);
  }
  void start() {
    auto started = WalService::start(options_, archive_.source());
    ASSERT_TRUE(started) << started.error().text();
    service_ = std::move(*started);
  }
  Result<WalGetOutcome> get(const std::string& file) {
    std::filesystem::remove(get_.destination);
    get_.file = file;
    return wal_get(get_);
  }
  static std::string name(std::uint64_t number) { return segment_name({Timeline(1), number}, segment_size); }
  std::string received() const {
    std::ifstream file(get_.destination);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  SqlitePlace place_;
  Archive archive_;
  WalServiceOptions options_;
  std::unique_ptr<WalService> service_;
  WalGetOptions get_;
};

TEST_F(WalServiceTest, HandsOutWholeSegments) {
  start();
  for (std::uint64_t number = 1; number <= 5; ++number) {
    const auto outcome = get(name(number));
    ASSERT_TRUE(outcome) << outcome.error().text();
    EXPECT_EQ(*outcome, WalGetOutcome::got_it);
    EXPECT_EQ(received(), std::string(segment_size.bytes(), static_cast<char>(number)));
  }
  EXPECT_EQ(service_->served().segments, 5U);
  EXPECT_EQ(service_->served().asked_through, Lsn(6U << 20U));
}

TEST_F(WalServiceTest, FetchesEachSegmentOnceAlthoughItLooksAhead) {
  archive_.last = 50;
  start();
  for (std::uint64_t number = 1; number <= 20; ++number) ASSERT_TRUE(get(name(number)));
  service_.reset();
  for (std::uint64_t number = 1; number <= 20; ++number) EXPECT_EQ(archive_.asked.count(number), 1U) << number;
}

TEST_F(WalServiceTest, KeepsWhatItFetchedInFilesOfTheServersUserAndRemovesThem) {
  archive_.last = 50;
  start();
  ASSERT_TRUE(get(name(1)));
  std::size_t ahead = 0;
  for (int i = 0; i < 500 && ahead < options_.prefetch; ++i) {
    ahead = 0;
    for (const auto& entry : std::filesystem::directory_iterator(options_.directory)) {
      ahead += entry.file_size() == segment_size.bytes() ? 1U : 0U;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(ahead, options_.prefetch);
  EXPECT_FALSE(std::filesystem::exists(options_.directory + "/" + name(1))) << "it was moved, not copied";
  service_.reset();
  EXPECT_FALSE(std::filesystem::exists(options_.directory));
}

TEST_F(WalServiceTest, GivesASegmentAgainThatWasTakenAway) {
  start();
  ASSERT_TRUE(get(name(2)));
  ASSERT_TRUE(get(name(2)));
  EXPECT_EQ(received(), std::string(segment_size.bytes(), 2));
}

TEST_F(WalServiceTest, FillsTheLogsLastSegmentWithZeros) {
  archive_.length_of_last = 5000;
  start();
  ASSERT_TRUE(get(name(5)));
  EXPECT_EQ(received(), std::string(5000, 5) + std::string(segment_size.bytes() - 5000, 0));
}

TEST_F(WalServiceTest, CopiesToAnotherFileSystem) {
  get_.destination = "/dev/shm/holdfast-wal-get-" + std::to_string(::getpid());
  struct stat here {};
  struct stat there {};
  ASSERT_EQ(::stat(place_.path().c_str(), &here), 0);
  if (::stat("/dev/shm", &there) != 0 || here.st_dev == there.st_dev) GTEST_SKIP() << "there is one file system only";
  start();
  ASSERT_TRUE(get(name(3)));
  EXPECT_EQ(received(), std::string(segment_size.bytes(), 3));
  std::filesystem::remove(get_.destination);
}

TEST_F(WalServiceTest, SaysNotThereOnlyWhenItIsCertain) {
  start();
  EXPECT_EQ(*get(name(6)), WalGetOutcome::not_there);
  EXPECT_EQ(*get("00000003.history"), WalGetOutcome::not_there);
  EXPECT_EQ(*get(name(1) + ".partial"), WalGetOutcome::not_there);
  EXPECT_FALSE(std::filesystem::exists(get_.destination));
  EXPECT_EQ(*get("00000002.history"), WalGetOutcome::got_it);
  EXPECT_EQ(received(), "1\t0/3000000\tno reason\n");
}

TEST_F(WalServiceTest, EndsAtItsLimit) {
  options_.through = Lsn(3U << 20U);
  start();
  EXPECT_EQ(*get(name(2)), WalGetOutcome::got_it);
  EXPECT_EQ(*get(name(3)), WalGetOutcome::not_there);
}

TEST_F(WalServiceTest, FindsASegmentThatCameLater) {
  start();
  EXPECT_EQ(*get(name(5)), WalGetOutcome::got_it);  // looks for 6 and finds nothing
  EXPECT_EQ(*get(name(6)), WalGetOutcome::not_there);
  archive_.last = 6;
  EXPECT_EQ(*get(name(6)), WalGetOutcome::got_it);
}

TEST_F(WalServiceTest, NeverTurnsAnOutageIntoTheEndOfTheLog) {
  archive_.failures_first = 1000;
  start();
  const auto outcome = get(name(1));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::unavailable);
  EXPECT_EQ(wal_get_main(get_), 255);
  EXPECT_THAT(service_->served().error->message, HasSubstr("store \"s\" is away"));
}

TEST_F(WalServiceTest, IsAskedAgainWhileItsStoreIsAway) {
  options_.prefetch = 0;
  archive_.failures_first = 2;
  get_.give_up_after = std::chrono::seconds(30);
  start();
  EXPECT_EQ(*get(name(1)), WalGetOutcome::got_it);
}

TEST_F(WalServiceTest, IsNotAskedAgainForWhatIsDamaged) {
  archive_.failures_first = 1000;
  archive_.failure = Code::corrupt;
  get_.give_up_after = std::chrono::minutes(10);
  start();
  EXPECT_EQ(get(name(1)).error().code, Code::corrupt);
  EXPECT_EQ(wal_get_main(get_), 255);
}

TEST_F(WalServiceTest, IsMissedAsAnErrorWhenItIsGone) {
  EXPECT_EQ(get(name(1)).error().code, Code::unavailable);
  EXPECT_EQ(wal_get_main(get_), 255);
  start();
  service_.reset();
  EXPECT_EQ(wal_get_main(get_), 255);
  EXPECT_FALSE(std::filesystem::exists(options_.socket));
}

TEST_F(WalServiceTest, MapsOutcomesToExitCodes) {
  start();
  get_.file = name(1);
  EXPECT_EQ(wal_get_main(get_), 0);
  get_.file = name(9);
  EXPECT_EQ(wal_get_main(get_), 1);
  get_.file = "../../etc/passwd";
  EXPECT_EQ(wal_get_main(get_), 255);
  get_.file = name(1);
  get_.destination = place_.path() + "/no/such/directory";
  EXPECT_EQ(wal_get_main(get_), 255);
}

TEST_F(WalServiceTest, RefusesNonsense) {
  start();
  for (const std::string& request :
       {std::string("GET / HTTP/1.0\n"), std::string("holdfast-wal 2 \n"), std::string("holdfast-wal 1 x\n"),
        std::string("holdfast-wal 2 x\n"), std::string(200, 'x'), std::string("\n")}) {
    const auto client = connect_local(options_.socket);
    ASSERT_TRUE(client);
    ASSERT_TRUE(send_all(client->get(), as_bytes(request)));
    const auto line = receive_line(client->get(), 1000);
    EXPECT_TRUE(!line || line->starts_with("error ")) << request;
  }
  EXPECT_EQ(*get(name(1)), WalGetOutcome::got_it);
}

TEST_F(WalServiceTest, ReplacesASocketThatACrashLeft) {
  start();
  EXPECT_EQ(WalService::start(options_, archive_.source()).error().code, Code::conflict);
  service_.reset();
  std::ofstream(options_.socket) << "left behind";
  start();
  EXPECT_EQ(*get(name(1)), WalGetOutcome::got_it);
}

TEST_F(WalServiceTest, ListensToItsOwnerOnly) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to be somebody else";
  options_.owner = *user_by_name("postgres");
  std::filesystem::permissions(place_.path(), std::filesystem::perms::all);  // the owner's directory goes below it
  start();
  struct stat info {};
  ASSERT_EQ(::stat(options_.socket.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_EQ(info.st_uid, options_.owner.uid);
  // Even where the mode would let another user in, the service looks at who it is.
  std::filesystem::permissions(options_.socket, std::filesystem::perms::all);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setuid(65534) != 0) ::_exit(9);
    const auto client = connect_local(options_.socket);
    if (!client) ::_exit(8);
    (void)send_all(client->get(), as_bytes("holdfast-wal 2 " + name(1) + "\n")).has_value();
    ::_exit(receive_line(client->get(), 100) ? 7 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(StagedWal, IsCopiedUnderTheSameContract) {
  const SqlitePlace place;
  const std::string directory = place.path() + "/it's staged";
  std::filesystem::create_directory(directory);
  std::ofstream(directory + "/000000010000000000000001") << "segment";
  const auto run = [&](const std::string& file, const std::string& to) {
    std::string command = staged_wal_command(directory);
    for (const auto& [from, with] : {std::pair<std::string, std::string>{"%f", file}, {"%p", to}}) {
      for (auto at = command.find(from); at != std::string::npos; at = command.find(from, at + with.size())) {
        command.replace(at, 2, with);
      }
    }
    return WEXITSTATUS(std::system((command + " 2>/dev/null").c_str()));
  };
  EXPECT_EQ(run("000000010000000000000001", place.path() + "/out"), 0);
  EXPECT_EQ(run("000000010000000000000002", place.path() + "/out"), 1);
  EXPECT_EQ(run("000000010000000000000001", place.path() + "/none/out"), 255);
  std::filesystem::remove_all(directory);
  EXPECT_EQ(run("000000010000000000000001", place.path() + "/out"), 255);
}

}  // namespace
}  // namespace holdfast
