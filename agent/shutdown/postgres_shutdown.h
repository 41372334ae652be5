#pragma once
// Stops one PostgreSQL cluster so that every byte of its log is elsewhere; or lets it run, and sees that what it has
// written by now is. The steps, each with its own limit:
// checkpoint (so that the stop is short; without it the stop is longer, nothing else), fast stop while the log goes on
// being received, so that the record of the shutdown checkpoint arrives too, a look into pg_control, and waiting until
// the log up to that record is durable. Log that the stream did not bring, because the server stopped before or nobody
// was there, is taken from the stopped server's own directory.
#include <functional>
#include <memory>

#include "agent/postgres/server_control.h"
#include "agent/postgres/stopped_log.h"
#include "agent/postgres/wal_receiver.h"
#include "agent/shutdown/receipt.h"
#include "shared/log/log.h"
#include "shared/os/file_system.h"

namespace holdfast {

struct ShutdownLimits {
  Micros checkpoint{std::chrono::seconds(5)};
  Micros stop{std::chrono::seconds(30)};
  Micros ship{std::chrono::seconds(30)};
  Micros smart{0};  // how long its clients have to leave by themselves first; 0: they have not
};

class PostgresShutdown {
 public:
  // All outlive it.
  struct Parts {
    ServerControl& control;
    FileSystem& files;
    Clock& clock;
    // Who receives the log now; nullptr: nobody here.
    std::function<std::shared_ptr<WalReceiver>()> receiver;
    // How far the log of this timeline was durable when somebody received it last; 0: not known.
    std::function<Lsn(Timeline)> durable_before;
    // The server has written its last record and waits in its stop until all of its log was confirmed. Ends the stream
    // for good when it waited too long, because the stores do not take it.
    std::function<void()> let_go_of_log;
    // Puts what a stopped server has on its own disk only; where its log is durable then. Empty: nobody can.
    std::function<Result<Lsn>(const StoppedLog&, Micros timeout)> ship_from_disk;
    // Told of each step as it ends.
    std::function<void(const JobStep&)> tell;
    StopToken stop;  // hurries: what waits ends, what is left is done without waiting
  };
  struct Cluster {
    std::string data_directory;
    std::optional<PostgresEndpoint> endpoint;  // nullopt: it does not run
    OsUser owner;
    ShutdownReceipt::Server server = ShutdownReceipt::Server::stops;
    ShutdownReceipt::Log log = ShutdownReceipt::Log::shipped_here;
    std::uint32_t min_copies = 1;
  };
  PostgresShutdown(Cluster cluster, ShutdownLimits limits, Parts parts)
      : cluster_(std::move(cluster)), limits_(limits), parts_(std::move(parts)) {}

  // Never an error: what did not go as it should is in the receipt.
  ShutdownReceipt run();

 private:
  struct Found {
    StepOutcome outcome = StepOutcome::done;
    std::string sentence;
  };
  void carry_out(ShutdownStep step, const std::function<Found()>& what);
  Found checkpoint() const;
  Found stop();
  Found verify();
  Found ship();
  Found ship_what_arrived(const std::shared_ptr<WalReceiver>& receiver);
  bool is_on_its_disk_only(const std::shared_ptr<WalReceiver>& receiver) const;
  bool let_clients_leave() const;
  bool waits_for_its_log() const;

  const Cluster cluster_;
  const ShutdownLimits limits_;
  const Parts parts_;
  ShutdownReceipt receipt_;
  std::optional<StoppedServer> stopped_;  // in order, by pg_control
};

}  // namespace holdfast
