#pragma once
// Frames into packs, packs into stores. A BackupWriter is shared by the workers of one backup; each worker fills packs
// of its own. Memory: at most workers x 2 packs. Nothing it writes is visible as a backup until finish() put the record.
#include <atomic>
#include <memory>
#include <mutex>

#include "shared/repository/manifest.h"
#include "shared/repository/record.h"
#include "shared/store/store.h"

namespace holdfast {

struct BackupWriterOptions {
  int zstd_level = 1;
  std::size_t pack_size = 32U << 20U;  // a pack is put when it has reached this
};

class BackupWriter {
 public:
  BackupWriter(FleetId fleet, DatabaseId database, BackupId backup, const EpochKey& epoch, const StoreSet& stores,
               Entropy& entropy, BackupWriterOptions options);

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
    BackupWriter* writer_;
    std::unique_ptr<Pack> pack_;
  };
  Worker worker();

  // After every worker finished: fills in packs and frames, puts the manifest. Call before `finish`.
  Result<> put_manifest(Manifest& manifest);
  // Fills in ids, epoch, objects and stored bytes of the record, signs it, puts it: now the backup exists. Returns the
  // stored bytes of the record.
  Result<Bytes> finish(BackupRecord& record, const SignKeyPair& signer);

  ByteCount stored_bytes() const { return ByteCount(stored_bytes_.load()); }
  // Names of every object put so far, for the caller to report when it gives up (nothing is removed here: the writer
  // may not).
  std::vector<std::string> object_names() const;

 private:
  FleetId fleet_;
  DatabaseId database_;
  BackupId backup_;
  const EpochKey& epoch_;
  const StoreSet& stores_;
  Entropy& entropy_;
  BackupWriterOptions options_;
  std::atomic<std::uint64_t> stored_bytes_{0};
  mutable std::mutex mutex_;  // guards everything below
  std::uint32_t next_pack_ = 0;
  std::vector<PackRef> packs_;
  std::vector<FrameRef> frames_;
  std::vector<StoredObject> objects_;
};

}  // namespace holdfast
