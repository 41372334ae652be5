#pragma once
// Slow work that the core asks for, on a thread of its own: removing objects from stores, and looking for those that
// nobody needs. The deleter cannot read content, and who reads it cannot delete: nobody but the coordinator runs this.
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "coordinator/core/core.h"
#include "shared/log/log.h"
#include "shared/os/mailbox.h"
#include "shared/store/store.h"

namespace holdfast {

using OpenStore = std::function<Result<std::shared_ptr<Store>>(const StoreInfo&)>;
// `stop` is looked at between objects; true: leave the rest, it is asked for again after a restart.
using StopAsked = std::function<bool()>;

// The mark first, then the names in their order, in every store; a store that fails does not keep the others from it.
// The first error, or nullopt: nothing of it is left anywhere.
std::optional<Error> remove_objects(const RemoveObjects& work, const OpenStore& open, const StopAsked& stop);
// Objects of the timeline that the released log takes. How many went.
Result<std::size_t> remove_wal(const RemoveWal& work, const OpenStore& open, const StopAsked& stop);

// What lies below the database's backups in every store, and what the records there need. nullopt: asked to stop.
std::optional<BackupsListed> list_backup_objects(const ListBackups& work, const OpenStore& open, const StopAsked& stop);
// Looks for the record in every store once more, and removes only when none has it. nullopt: asked to stop.
std::optional<StraysRemoved> remove_strays(const RemoveStrays& work, const OpenStore& open, const StopAsked& stop);

// The first error, or nullopt: all of it is kept in every store. What comes after an error is tried all the same.
std::optional<Error> keep_objects(const KeepObjects& work, const OpenStore& open, const StopAsked& stop);
// Looks at each object again: what is damaged goes when another store has a sound copy of it. nullopt: asked to stop.
std::optional<DamagedRemoved> remove_damaged(const RemoveDamaged& work, const OpenStore& open, const StopAsked& stop);

class Worker {
 public:
  Worker(OpenStore open, Logger log);
  // Finishes the object in hand and no more.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Any thread. A removal that is waiting or going on already is not done twice.
  void give(Work work);
  // Readable while answers wait.
  int fd() const { return answers_.fd(); }
  std::deque<Event> take_answers() { return answers_.take_all(); }

 private:
  // What tells one removal of log from another.
  using WalPart = std::pair<DatabaseId, ReleasedLog>;
  static WalPart part_of(const RemoveWal& work) { return {work.database, work.log}; }

  void run();
  void carry_out(const RemoveObjects& work);
  void carry_out(const RemoveWal& work);
  void carry_out(const ListBackups& work);
  void carry_out(const RemoveStrays& work);
  void carry_out(const CheckStore& work);
  void carry_out(const KeepObjects& work);
  void carry_out(const RemoveDamaged& work);
  bool stopping() const;

  const OpenStore open_;
  const Logger log_;
  Mailbox<Event> answers_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work> waiting_;          // guarded by mutex_
  std::set<BackupId> unfinished_;     // guarded by mutex_
  std::set<WalPart> unfinished_wal_;  // guarded by mutex_
  bool stopping_ = false;             // guarded by mutex_
  std::thread thread_;                // last: runs when the rest is there
};

}  // namespace holdfast
