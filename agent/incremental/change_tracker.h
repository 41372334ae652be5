#pragma once
// Reads the WAL of one database while it is shipped and keeps, on disk, which blocks it changed. What it cannot say
// makes the next incremental backup read everything; nothing it does hinders shipping.
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "agent/changes/change_log.h"
#include "agent/changes/change_reader.h"
#include "agent/postgres/wal_observer.h"
#include "shared/log/log.h"
#include "shared/os/clock.h"
#include "shared/os/file_system.h"
#include "shared/os/stop.h"

namespace holdfast {

class ChangeTracker final : public WalObserver {
 public:
  struct Settings {
    std::string directory;                               // of the change log; made when it is needed
    std::uint64_t interval = 64U << 20U;                 // so much WAL becomes one file of the log
    Micros longest_in_memory{std::chrono::seconds(10)};  // of what was read; read again after a restart
    std::uint64_t most_read_again = std::uint64_t{1} << 30U;
  };
  ChangeTracker(Settings settings, FileSystem& files, Clock& clock, Logger log);
  ~ChangeTracker() override;  // what was read is on disk afterwards
  ChangeTracker(const ChangeTracker&) = delete;
  ChangeTracker& operator=(const ChangeTracker&) = delete;

  // --- the receiver's thread
  Lsn wants_from(const Stream& shipping) override;
  void begin(const Stream& stream) override;
  void received(Lsn start, ByteView bytes) override;

  // --- any thread
  // What was read so far becomes an interval of its own. Before a backup begins: what the next one asks for begins
  // there.
  void cut();
  // Until everything that begins before `place` was read. Code::timed_out.
  Result<> wait_until_read(const WalPlace& place, Micros timeout, const StopToken& stop);
  // What changed between the two places. Errors as ChangeLog::union_of(): each is a reason to read everything.
  Result<ChangeMap> between(const TimelineHistory& history, const WalPlace& from, const WalPlace& to);
  // Nobody will ask for changes from before it.
  void prune_before(const WalPlace& place);
  // What is known was found to be wrong.
  void forget();

 private:
  Result<> open(SystemId system_id);
  void flush();
  void give_up(const Error& error);

  const Settings settings_;
  FileSystem& files_;
  Clock& clock_;
  const Logger log_;
  std::mutex mutex_;  // guards everything below
  std::condition_variable read_on_;
  SystemId system_id_;
  std::unique_ptr<ChangeLog> log_on_disk_;
  Stream stream_;
  std::optional<ChangeReader> reader_;
  std::optional<Lsn> broken_until_;  // not read before this position, after an error
  ChangeMap map_;                    // of what begins in [flushed_, reader_->read_through())
  Lsn flushed_;
  std::optional<Micros> flushed_at_;  // nullopt: not since the stream began
};

}  // namespace holdfast
