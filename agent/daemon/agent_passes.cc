// The agent's part in passes to buckets: it speaks with the coordinator for everybody who wants one.
#include "agent/daemon/agent.h"
#include "agent/daemon/interrupted.h"
#include "agent/jobs/finished_backup.h"

namespace holdfast {

// As the stores were when this agent began.
Result<std::optional<Backup>> Agent::find_backup(const Job& job) {
  const StoreSet stores = TRY(stores_.open_all(left_stores_, 1));
  return finished_backup(stores, parts_.keys.signer.public_key, job);
}

// On a thread of its own: the answers to what it asks come through this one.
void Agent::end_left_backups_when_possible() {
  if (left_backups_.empty() || !link_.welcomed() || left_ending_.joinable()) return;
  left_ending_ = std::jthread([this, left = std::exchange(left_backups_, {})]() mutable {
    const FindBackup find = [this](const Job& job) { return find_backup(job); };
    auto ended = end_left_backups(std::move(left), parts_.state, parts_.clock, parts_.log, find);
    if (!ended) {
      parts_.log.error("what a crash left is not finished", ended.error());
    } else if (!ended->empty()) {
      parts_.log.warning("whether backups were done before the crash is not known yet", {{"backups", ended->size()}});
    }
    mail_.send(SomethingToReport{});
  });
}

void Agent::serve_passes() {
  if (link_.welcomed()) passes_.renew();
  desk_.send_waiting([this](const PassRequest& request) -> std::optional<std::uint64_t> {
    auto message = link_.ask(request);
    if (!message) return std::nullopt;
    connection_.send({*message});
    return message->id;
  });
}

}  // namespace holdfast
