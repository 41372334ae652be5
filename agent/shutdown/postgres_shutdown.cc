#include "agent/shutdown/postgres_shutdown.h"

#include <fmt/format.h>

#include "agent/postgres/control_file.h"

namespace holdfast {

using Outcome = StepOutcome;

ShutdownReceipt PostgresShutdown::run() {
  receipt_ = {};
  stopped_.reset();
  receipt_.server = cluster_.server;
  receipt_.log = cluster_.log;
  receipt_.min_copies = cluster_.min_copies;
  carry_out(ShutdownStep::checkpoint, [this] { return checkpoint(); });
  carry_out(ShutdownStep::stop, [this] { return stop(); });
  carry_out(ShutdownStep::verify, [this] { return verify(); });
  carry_out(ShutdownStep::ship, [this] { return ship(); });
  return receipt_;
}

void PostgresShutdown::carry_out(ShutdownStep step, const std::function<Found()>& what) {
  const Micros begun = parts_.clock.monotonic();
  Found found = what();
  receipt_.steps.push_back(
      {std::string(to_string(step)), found.outcome, parts_.clock.monotonic() - begun, std::move(found.sentence)});
  if (parts_.tell) parts_.tell(receipt_.steps.back());
}

PostgresShutdown::Found PostgresShutdown::checkpoint() const {
  if (!cluster_.endpoint || !parts_.control.is_running()) return {Outcome::skipped, "it does not run"};
  if (cluster_.server == ShutdownReceipt::Server::runs_on) return {Outcome::skipped, "it runs on"};
  if (parts_.stop.stop_requested()) return {Outcome::skipped, "in a hurry"};
  PostgresConnection::Settings settings;
  settings.connect_timeout = limits_.checkpoint;
  settings.stop = parts_.stop;
  auto connection = PostgresConnection::open(*cluster_.endpoint, settings);
  if (!connection) return {Outcome::failed, connection.error().text() + "; the stop takes longer"};
  const auto done = connection->query_within(limits_.checkpoint, "CHECKPOINT");
  if (!done) return {Outcome::failed, done.error().text() + "; the stop takes longer"};
  return {};
}

PostgresShutdown::Found PostgresShutdown::stop() {
  if (!parts_.control.is_running()) return {Outcome::skipped, "it does not run"};
  if (cluster_.server == ShutdownReceipt::Server::runs_on) return {Outcome::skipped, "it runs on"};
  if (let_clients_leave()) return {Outcome::done, "its clients had left"};
  auto stopped = parts_.control.stop(limits_.stop);
  if (stopped) return {};
  if (!parts_.control.is_running()) return {};
  // Whoever else it waits for, its log is worth having when it stops after all.
  if (!waits_for_its_log()) return {Outcome::failed, stopped.error().text()};
  // It has done all it had to do and waits for its log to be taken. On its disk it is safe.
  parts_.let_go_of_log();
  auto again = parts_.control.stop(limits_.stop);
  if (again) {
    return {Outcome::done, fmt::format("after {} its log was let go of, because it waited for that to be taken",
                                       to_text(limits_.stop))};
  }
  return {Outcome::failed, again.error().text()};
}

bool PostgresShutdown::let_clients_leave() const {
  if (limits_.smart.count() == 0 || parts_.stop.stop_requested()) return false;
  if (!parts_.control.ask_to_stop_when_idle()) return false;
  const Micros deadline = parts_.clock.monotonic() + limits_.smart;
  while (parts_.clock.monotonic() < deadline && !parts_.stop.wait_for(std::chrono::milliseconds(100))) {
    if (!parts_.control.is_running()) return true;
  }
  return !parts_.control.is_running();
}

bool PostgresShutdown::waits_for_its_log() const {
  const auto acting = ActingAs::user(cluster_.owner);
  if (!acting) return false;
  const auto file = read_control_file(parts_.files, parts_.clock, cluster_.data_directory);
  return file && has_written_its_last(file->control.state);
}

PostgresShutdown::Found PostgresShutdown::verify() {
  if (parts_.control.is_running() && cluster_.server == ShutdownReceipt::Server::stops) {
    return {Outcome::failed, "it still runs"};
  }
  const auto acting = ActingAs::user(cluster_.owner);
  if (!acting) return {Outcome::failed, acting.error().text()};
  const auto file = read_control_file(parts_.files, parts_.clock, cluster_.data_directory);
  if (!file) return {Outcome::failed, file.error().text()};
  const PgControl& control = file->control;
  receipt_.state = control.state;
  receipt_.checkpoint = control.checkpoint;
  receipt_.timeline = control.checkpoint_timeline;
  if (control.state == ClusterState::shut_down) {
    receipt_.log_end = end_of_record(control.checkpoint, shutdown_checkpoint_length, control.wal_segment_size);
    stopped_ = StoppedServer{cluster_.data_directory,     cluster_.owner,   control.system_id, control.wal_segment_size,
                             control.checkpoint_timeline, receipt_.log_end, control.written_at};
    return {Outcome::done, fmt::format("shut down, checkpoint {}", control.checkpoint)};
  }
  if (parts_.control.is_running()) {
    // What has arrived by now. Where the server is a moment later is nobody's to promise.
    if (const auto receiver = parts_.receiver()) {
      const auto status = receiver->status();
      receipt_.timeline = status.timeline;
      receipt_.log_end = status.received;
    }
    return {Outcome::done, fmt::format("{}", to_string(control.state))};
  }
  if (control.state == ClusterState::shut_down_in_recovery) return {Outcome::done, "shut down in recovery"};
  return {Outcome::failed, fmt::format("pg_control says: {}", to_string(control.state))};
}

PostgresShutdown::Found PostgresShutdown::ship() {
  if (cluster_.log == ShutdownReceipt::Log::shipped_elsewhere) return {Outcome::skipped, "another node ships its log"};
  if (cluster_.log == ShutdownReceipt::Log::not_shipped) return {Outcome::skipped, "its log is not shipped"};
  const auto receiver = parts_.receiver();
  if (!is_on_its_disk_only(receiver)) return ship_what_arrived(receiver);
  const auto durable = parts_.ship_from_disk(StoppedLog(parts_.files, *stopped_), limits_.ship);
  if (durable) {
    receipt_.durable = *durable;
    return {Outcome::done, fmt::format("durable up to {}; the last of it came from the server's directory", *durable)};
  }
  const Found arrived = ship_what_arrived(parts_.receiver());
  return {Outcome::failed,
          fmt::format("{}; its directory was asked for the rest: {}", arrived.sentence, durable.error().text())};
}

// Its stream is at an end, and that was not all.
bool PostgresShutdown::is_on_its_disk_only(const std::shared_ptr<WalReceiver>& receiver) const {
  if (!parts_.ship_from_disk || !stopped_ || parts_.control.is_running() || parts_.stop.stop_requested()) return false;
  if (!receiver) return parts_.durable_before(receipt_.timeline) < receipt_.log_end;
  const auto status = receiver->status();
  return status.timeline != receipt_.timeline || status.received < receipt_.log_end;
}

PostgresShutdown::Found PostgresShutdown::ship_what_arrived(const std::shared_ptr<WalReceiver>& receiver) {
  if (!receiver) {
    receipt_.durable = parts_.durable_before(receipt_.timeline);
    if (receipt_.went_well()) return {Outcome::done, fmt::format("durable up to {} since before", receipt_.durable)};
    return {Outcome::failed, "nobody receives its log any more"};
  }
  Result<> done;
  if (receipt_.log_end != Lsn() && !parts_.stop.stop_requested()) {
    done = receiver->wait_until_durable(receipt_.timeline, receipt_.log_end, limits_.ship, parts_.stop);
  }
  receipt_.durable = receiver->status().durable;
  if (receipt_.went_well()) return {Outcome::done, fmt::format("durable up to {}", receipt_.durable)};
  return {Outcome::failed, done ? receipt_.verdict() : done.error().text()};
}

}  // namespace holdfast
