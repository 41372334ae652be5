#pragma once
// Keeps checkpoints of the coordinator in its stores, on a thread of its own. Only the holder of the recovery key can
// open them; see shared/repository/FORMAT.md for the object and CATALOG.md for what it holds.
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "coordinator/catalog/checkpoint_content.h"
#include "coordinator/catalog/checkpoint_urgency.h"
#include "coordinator/shell/worker.h"
#include "shared/identity/certificate.h"
#include "shared/os/clock.h"
#include "shared/repository/layout.h"

namespace holdfast {

// Older ones go when so many newer ones lie in the same store.
constexpr std::size_t checkpoints_kept = 5;

// Whose checkpoints they are.
struct CheckpointIdentity {
  FleetId fleet;
  SignPublicKey root;
  BoxPublicKey recovery;
  SignedBytes intermediate_certificate;
  SignKeyPair intermediate;
  std::uint64_t epoch = 0;
  std::vector<CheckpointFile> files;  // of the state directory
};

// What became of a checkpoint in one store.
struct CheckpointOutcome {
  std::string store;
  std::optional<Error> not_taken;   // nullopt: it is there
  std::optional<Error> not_tidied;  // older ones could not be removed
};

// One checkpoint of `catalog` into every store that the catalog names, as number `sequence`. What became of each;
// an error: it could not be made at all.
Result<std::vector<CheckpointOutcome>> write_checkpoint(const CheckpointIdentity& identity, KeyValueStore& catalog,
                                                        std::uint64_t sequence, Timestamp now, const OpenStore& open,
                                                        Entropy& entropy);

// Those of this fleet beyond the newest checkpoints_kept. What does not verify is neither counted nor removed: who may
// write into a store could else push the good ones out.
Result<> remove_old_checkpoints(const CheckpointIdentity& identity, Store& store);

struct CheckpointWriterParts {
  CheckpointIdentity identity;
  Micros every;                                              // at the longest, when something has changed
  Micros soon;                                               // after a change that cannot wait
  std::function<std::unique_ptr<KeyValueStore>()> snapshot;  // any thread
  OpenStore open;
  Clock& clock;  // for the time in the checkpoint; waiting is by the machine's own
  Entropy& entropy;
  Logger log;
};

class CheckpointWriter {
 public:
  // The first one is written soon.
  explicit CheckpointWriter(CheckpointWriterParts parts);
  // Finishes the one that is being written.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  // Something was committed. Any thread.
  void changed(CheckpointUrgency urgency);

 private:
  using Moment = std::chrono::steady_clock::time_point;
  void run();
  void write();
  void tell(const CheckpointOutcome& outcome);
  void look_again(Micros wait);

  CheckpointWriterParts parts_;
  std::uint64_t sequence_ = 0;               // the thread's own
  std::map<std::string, std::string> told_;  // the same: of each store, what the log has of it

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;      // guarded by mutex_
  std::optional<Moment> due_;  // guarded by mutex_; nullopt: nothing has changed
  std::thread thread_;         // last: runs when the rest is there
};

}  // namespace holdfast
