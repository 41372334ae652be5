// Half a million small files: no object for each, and no more memory than their names and places take.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "agent/restore/file_restore.h"
#include "tests/agent/restore/restored_cluster.h"

namespace holdfast {
namespace {

constexpr std::uint64_t files_in_all = 500'000;
constexpr std::uint64_t files_in_a_directory = 1000;

std::string name_of(const std::string& root, std::uint64_t number) {
  return fmt::format("{}/many/{}/{}", root, number / files_in_a_directory, number);
}
std::string content_of(std::uint64_t number) {
  return fmt::format("the content of file {}", number);
}

std::uint64_t memory_peak() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
  }
  return 0;
}
// The most that this process held while `action` ran, beyond what it held before.
template <class Action>
std::uint64_t growth(Action action) {
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew (proc(5))
  const std::uint64_t before = memory_peak();
  action();
  return memory_peak() - before;
}

class ManySmallFiles : public PostgresRestore {
 protected:
  void make_files() {
    const auto acting = ActingAs::user(cluster_->owner());
    ASSERT_THAT(acting, Succeeded());
    const std::string data = cluster_->data_directory();
    ASSERT_EQ(::mkdir((data + "/many").c_str(), 0700), 0);
    for (std::uint64_t number = 0; number < files_in_all; ++number) {
      if (number % files_in_a_directory == 0) {
        ASSERT_EQ(::mkdir(fmt::format("{}/many/{}", data, number / files_in_a_directory).c_str(), 0700), 0);
      }
      const UniqueFd fd(::open(name_of(data, number).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      const std::string content = content_of(number);
      ASSERT_EQ(::write(fd.get(), content.data(), content.size()), static_cast<ssize_t>(content.size()));
    }
  }
};

TEST_F(ManySmallFiles, AreFewObjectsAndComeBackInBoundedMemory) {
  make_files();
  receive();
  BackupRecord record;
  const std::uint64_t backing_up = growth([&] { record = back_up(); });
  EXPECT_LT(record.objects.size(), 10U);
  EXPECT_LT(record.stored_bytes.value(), files_in_all * 100);

  FileRestoreOptions options;
  options.directory = target();
  options.owner = cluster_->owner();
  FileRestoreResult restored;
  const std::uint64_t restoring = growth([&] {
    const auto reader = BackupReader::open(repository_.stores, record, repository_.fleet.ring);
    ASSERT_THAT(reader, Succeeded());
    const auto done = restore_files(*reader, options, StopToken(), {});
    ASSERT_THAT(done, Succeeded());
    restored = *done;
  });
  EXPECT_GE(restored.files, files_in_all);
  for (std::uint64_t number = 0; number < files_in_all; ++number) {
    std::ifstream file(name_of(target(), number));
    std::ostringstream content;
    content << file.rdbuf();
    ASSERT_EQ(content.str(), content_of(number)) << number;
  }
  RecordProperty("backup_bytes_per_file", std::to_string(backing_up / files_in_all));
  RecordProperty("restore_bytes_per_file", std::to_string(restoring / files_in_all));
  std::printf("memory: %.0f MiB to back up, %.0f MiB to restore; %.1f MB stored\n",
              static_cast<double>(backing_up) / (1 << 20), static_cast<double>(restoring) / (1 << 20),
              static_cast<double>(record.stored_bytes.value()) / 1e6);
  EXPECT_LT(backing_up, files_in_all * 1500);
  EXPECT_LT(restoring, files_in_all * 1500);
}

}  // namespace
}  // namespace holdfast
