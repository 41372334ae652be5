#include "agent/postgres/control_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/os/posix_file_system.h"
#include "tests/harness/postgres_cluster.h"

namespace holdfast {
namespace {

// Reads are torn until the given number of them has passed; nothing else is asked of it.
class TornReads final : public FileSystem {
 public:
  explicit TornReads(int torn) : left_(torn) {}
  Result<Bytes> read(const std::string& path) override {
    Bytes content = TRY(files_.read(path));
    if (left_-- > 0) content[32] ^= 1;
    return content;
  }
  Result<Bytes> read_range(const std::string&, std::uint64_t, std::uint64_t) override { return not_asked(); }
  Result<> create_durably(const std::string&, ByteView, std::uint32_t) override { return not_asked(); }
  Result<> replace_durably(const std::string&, ByteView, std::uint32_t) override { return not_asked(); }
  Result<std::optional<FileInfo>> stat(const std::string&) override { return not_asked(); }
  Result<std::vector<DirectoryEntry>> list(const std::string&) override { return not_asked(); }
  Result<> make_directories(const std::string&, std::uint32_t) override { return not_asked(); }
  Result<> remove(const std::string&) override { return not_asked(); }
  Result<> rename(const std::string&, const std::string&) override { return not_asked(); }
  Result<> sync_directory(const std::string&) override { return not_asked(); }
  Result<Space> space(const std::string&) override { return not_asked(); }

 private:
  static std::unexpected<Error> not_asked() { return fail(Code::internal, "not asked for"); }
  PosixFileSystem files_;
  int left_;
};

class CountingClock final : public Clock {
 public:
  Timestamp now() const override { return {}; }
  Micros monotonic() const override { return Micros(0); }
  void sleep_for(Micros) override { ++sleeps; }
  int sleeps = 0;
};

TEST(ControlFileReading, GoesOnUntilTheChecksumFits) {
  const auto cluster = PostgresCluster::create({}).value();
  TornReads files(3);
  CountingClock clock;
  const auto read = read_control_file(files, clock, cluster.data_directory());
  ASSERT_TRUE(read.has_value()) << read.error().text();
  EXPECT_EQ(read->content.size(), 8192U);
  EXPECT_EQ(read->control.major_version, 15);
  EXPECT_EQ(clock.sleeps, 3);
}

TEST(ControlFileReading, GivesUpOnAFileThatNeverFits) {
  const auto cluster = PostgresCluster::create({}).value();
  TornReads files(1'000'000);
  CountingClock clock;
  EXPECT_EQ(read_control_file(files, clock, cluster.data_directory()).error().code, Code::corrupt);
}

TEST(ControlFileReading, OfAMissingFileIsNotFound) {
  PosixFileSystem files;
  CountingClock clock;
  EXPECT_EQ(read_control_file(files, clock, "/nowhere").error().code, Code::not_found);
  EXPECT_EQ(clock.sleeps, 0);
}

}  // namespace
}  // namespace holdfast
