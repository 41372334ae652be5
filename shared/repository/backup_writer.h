#pragma once
// Frames into packs, packs into stores. A BackupWriter is shared by the workers of one backup; each worker fills packs
// of its own. Memory: at most workers x 2 packs, and what is on its way to stores that lag (LaneLimits). Nothing it
// writes is visible as a backup until finish() put the record.
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "shared/repository/manifest.h"
#include "shared/repository/record.h"
#include "shared/store/store.h"

namespace holdfast {

// A pack that was put, with its frames by their index in the manifest's table.
struct StoredPack {
  PackRef pack;
  StoredObject object;
  std::vector<std::pair<std::uint32_t, FrameRef>> frames;
};

struct BackupWriterOptions {
  int zstd_level = 1;
  std::size_t pack_size = 32U << 20U;  // a pack is put when it has reached this
  // Asked before each object is put, on any thread; may wait. Empty: nobody limits it.
  std::function<void(std::size_t bytes)> before_put = {};
  // Told of each pack that is durable, on any thread. Empty: nobody asks.
  std::function<void(const StoredPack&)> pack_stored = {};
};

// So that the packs of all workers, being filled and on their way, take 128 MiB together, with up to 8 workers.
std::size_t pack_size_for(unsigned workers);

class BackupWriter {
 public:
  BackupWriter(FleetId fleet, DatabaseId database, BackupId backup, const EpochKey& epoch, const StoreSet& stores,
               Entropy& entropy, BackupWriterOptions options);

  // For an incremental, before the first worker: the frames of the parent keep their numbers, so that extents of the
  // parent's manifest (`packs` and `frames` are its tables) can be taken over as they are. `parent` names the packs'
  // objects. What no extent needs in the end is dropped by put_manifest().
  Result<> carry_over(const BackupRecord& parent, std::vector<PackRef> packs, std::vector<FrameRef> frames);
  // The same where no record names them: `objects` has one for each pack.
  Result<> carry_over(std::vector<StoredObject> objects, std::vector<PackRef> packs, std::vector<FrameRef> frames);

  // For one thread. Frames get their final place in the manifest's frame table at once.
  class Worker {
   public:
    // Compresses, encrypts and stores; returns the index of the frame (Extent::frame).
    Result<std::uint32_t> add_frame(ByteView plain);
    // The last frame of each pack is only known at the end: call it once when the worker is done.
    Result<> finish();
    ~Worker();
    Worker(Worker&&) noexcept;
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    Worker& operator=(Worker&&) = delete;

   private:
    friend class BackupWriter;
    struct Pack;
    explicit Worker(BackupWriter& writer);
    void begin();
    void write_pending(FrameEnd end);
    Result<> send();
    BackupWriter* writer_;
    std::unique_ptr<Pack> pack_;
  };
  Worker worker();

  // After every worker finished: fills in packs and frames (and numbers the extents anew when carried frames fell out),
  // puts the manifest. Call before `finish`. Code::invalid: the manifest would not be one a reader takes.
  Result<> put_manifest(Manifest& manifest);
  // Of log that the backup cannot do without and that was written under other keys: before `finish`.
  void need_epochs(const std::set<EpochId>& epochs);
  // Fills in ids, epoch, objects, needed packs and epochs, and stored bytes of the record, signs it, puts it: now the
  // backup exists. Waits for stores that lag as StoreSet::settle() does; one that lacks an object gets no record,
  // except when too few have everything: then the copies are whole together. Returns the stored bytes of the record.
  // After an error it may be called again, and puts the same bytes.
  Result<Bytes> finish(BackupRecord& record, const SignKeyPair& signer);

  // How complete each store's copy is, in the stores' order; `missing` counts what this backup put, the record with it.
  // Packs that were
  // carried over are not asked for again: what was said of the parent's copy holds for them.
  struct Copy {
    std::string store;
    std::uint64_t missing = 0;
    std::optional<Error> first_error;
  };
  std::vector<Copy> copies() const;

  ByteCount stored_bytes() const { return ByteCount(stored_bytes_.load()); }
  // Names of every object put so far, for the caller to report when it gives up (nothing is removed here: the writer
  // may not).
  std::vector<std::string> object_names() const;

 private:
  // What became of objects that may still be on their way when nobody waits for them any more.
  struct Ledger;

  Result<StoredObject> put_object(const std::string& name, SharedBytes content);
  Result<> put_pack(std::uint32_t index, SharedBytes content);
  // Into every store; the ledger learns which of them did not take it.
  Result<> put_copies(const std::string& name, SharedBytes content);
  Result<> put_record(SharedBytes content);
  void forget_record(const std::vector<Copy>& before);
  Result<> fill_tables(Manifest& manifest);

  FleetId fleet_;
  DatabaseId database_;
  BackupId backup_;
  const EpochKey& epoch_;
  const StoreSet& stores_;
  Entropy& entropy_;
  BackupWriterOptions options_;
  std::atomic<std::uint64_t> stored_bytes_{0};
  std::shared_ptr<Ledger> ledger_;
  mutable std::mutex mutex_;  // guards everything below
  std::uint32_t next_pack_ = 0;
  std::vector<PackRef> packs_;
  std::vector<FrameRef> frames_;
  std::vector<StoredObject> objects_;
  std::map<std::uint32_t, std::vector<std::uint32_t>> pack_frames_;  // by index of a pack that is not stored yet
  std::size_t carried_packs_ = 0;                                    // of packs_, from the front
  std::size_t carried_frames_ = 0;                                   // of frames_
  std::vector<StoredObject> carried_objects_;                        // for each carried pack
  std::vector<NeededPack> needed_packs_;                             // set by put_manifest()
  std::vector<EpochId> needed_epochs_;
};

}  // namespace holdfast
