// What each stage between a data file and a store costs on one core, in bytes of plain content a second: content hash,
// zstd, encryption, the three as a frame, SHA-256 of a pack, and whole packs into a store.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sodium.h>
#include <zstd.h>

#include <random>

#include "shared/base/unique_handle.h"
#include "shared/os/posix_file_system.h"
#include "shared/repository/backup_writer.h"
#include "shared/repository/frame.h"
#include "shared/store/posix_store.h"
#include "tests/harness/memory_store.h"
#include "tests/harness/seeded_entropy.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

enum class Kind : std::uint8_t { rows, json, noise };

std::int64_t signed_size(std::size_t size) {
  return static_cast<std::int64_t>(size);
}

// One frame's worth. Rows: numbers and padding, as pgbench's tables have. Noise: what is compressed already.
Bytes content_of(Kind kind, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes content;
  content.reserve(frame_plain_target + 256);
  for (std::uint32_t i = 0; content.size() < frame_plain_target; ++i) {
    switch (kind) {
      case Kind::rows:
        for (const std::uint32_t field : {i, 1U + i % 32U, static_cast<std::uint32_t>(random() % 10'000)}) {
          append_le<std::uint32_t>(content, field);
        }
        content.insert(content.end(), 84, ' ');
        break;
      case Kind::json:
        append(content,
               as_bytes(fmt::format(R"({{"user": {}, "kind": "view", "session": "{:016x}", "path": "/item/{}"}})",
                                    i % 100'000, random(), random() % 5'000)));
        break;
      case Kind::noise:
        append_le<std::uint64_t>(content, random());
        break;
    }
  }
  content.resize(frame_plain_target);
  return content;
}

FrameIdentity identity_in(const EpochKey& epoch) {
  FrameIdentity identity;
  identity.epoch = epoch.id;
  return identity;
}

EpochKey epoch_key() {
  SeededEntropy entropy(7);
  EpochKey epoch{.id = entropy.id<EpochId>(), .key = {}};
  entropy.fill(epoch.key.writable());
  return epoch;
}

void hash(benchmark::State& state) {
  const Bytes plain = content_of(Kind::rows, 1);
  for (auto step : state) {
    (void)step;
    benchmark::DoNotOptimize(content_hash(plain));
  }
  state.SetBytesProcessed(signed_size(plain.size()) * state.iterations());
}

void sha256_of_pack(benchmark::State& state) {
  const Bytes pack(BackupWriterOptions{}.pack_size, 0x5A);
  for (auto step : state) {
    (void)step;
    benchmark::DoNotOptimize(sha256(pack));
  }
  state.SetBytesProcessed(signed_size(pack.size()) * state.iterations());
}

void zstd(benchmark::State& state, Kind kind, int level) {
  const Bytes plain = content_of(kind, 1);
  const UniqueHandle<ZSTD_CCtx, ZSTD_freeCCtx> context{ZSTD_createCCtx()};
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  Bytes packed(ZSTD_compressBound(plain.size()));
  std::size_t size = 0;
  for (auto step : state) {
    (void)step;
    size = ZSTD_compress2(context.get(), packed.data(), packed.size(), plain.data(), plain.size());
    if (ZSTD_isError(size) != 0) state.SkipWithError("not compressed");
  }
  state.SetBytesProcessed(signed_size(plain.size()) * state.iterations());
  state.counters["stored/plain"] = static_cast<double>(size) / static_cast<double>(plain.size());
}

void encrypt(benchmark::State& state) {
  Bytes content = content_of(Kind::noise, 1);
  const EpochKey epoch = epoch_key();
  const std::array<std::uint8_t, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES> nonce{};
  std::array<std::uint8_t, crypto_aead_xchacha20poly1305_ietf_ABYTES> tag{};
  for (auto step : state) {
    (void)step;
    crypto_aead_xchacha20poly1305_ietf_encrypt_detached(content.data(), tag.data(), nullptr, content.data(),
                                                        content.size(), nullptr, 0, nullptr, nonce.data(),
                                                        epoch.key.bytes().data());
  }
  benchmark::DoNotOptimize(tag);
  state.SetBytesProcessed(signed_size(content.size()) * state.iterations());
}

void frame_written(benchmark::State& state, Kind kind) {
  const Bytes plain = content_of(kind, 1);
  const EpochKey epoch = epoch_key();
  FrameEncoder encoder(BackupWriterOptions{}.zstd_level);
  Bytes out;
  for (auto step : state) {
    (void)step;
    out.clear();
    if (!encoder.append(out, identity_in(epoch), epoch.key, plain)) state.SkipWithError("not encoded");
  }
  state.SetBytesProcessed(signed_size(plain.size()) * state.iterations());
}

void frame_read(benchmark::State& state, Kind kind) {
  const Bytes plain = content_of(kind, 1);
  KeyRing ring;
  ring.add(epoch_key());
  const EpochKey epoch = epoch_key();
  Bytes stored;
  if (!FrameEncoder(BackupWriterOptions{}.zstd_level).append(stored, identity_in(epoch), epoch.key, plain)) {
    state.SkipWithError("not encoded");
  }
  FrameDecoder decoder;
  for (auto step : state) {
    (void)step;
    if (!decoder.open(stored, identity_in(epoch), ring)) state.SkipWithError("not opened");
  }
  state.SetBytesProcessed(signed_size(plain.size()) * state.iterations());
}

// 64 frames through one worker, until they are in the store and the last put has returned.
void put_packs(benchmark::State& state, const std::shared_ptr<Store>& store) {
  const Bytes plain = content_of(Kind::json, 1);
  const EpochKey epoch = epoch_key();
  SeededEntropy entropy(1);
  const StoreSet stores{{{"bench", store}}, 1};
  constexpr std::size_t frames = 64;
  for (auto step : state) {
    (void)step;
    BackupWriter writer(entropy.id<FleetId>(), entropy.id<DatabaseId>(), entropy.id<BackupId>(), epoch, stores, entropy,
                        {.pack_size = 8U << 20U});
    auto worker = writer.worker();
    for (std::size_t i = 0; i < frames; ++i) {
      if (!worker.add_frame(plain)) state.SkipWithError("not added");
    }
    if (!worker.finish()) state.SkipWithError("not put");
    state.PauseTiming();
    for (const std::string& name : writer.object_names()) {
      if (!store->remove(name)) state.SkipWithError("not removed");
    }
    state.ResumeTiming();
  }
  state.SetBytesProcessed(signed_size(frames * plain.size()) * state.iterations());
}

void put_packs_into_memory(benchmark::State& state) {
  put_packs(state, std::make_shared<MemoryStore>());
}

void put_packs_on_disk(benchmark::State& state) {
  const TemporaryDirectory directory;
  PosixFileSystem files;
  put_packs(state, std::make_shared<PosixStore>(files, directory / "store"));
}

BENCHMARK(hash);
BENCHMARK_CAPTURE(zstd, rows_level_1, Kind::rows, 1);
BENCHMARK_CAPTURE(zstd, json_level_1, Kind::json, 1);
BENCHMARK_CAPTURE(zstd, json_level_3, Kind::json, 3);
BENCHMARK_CAPTURE(zstd, noise_level_1, Kind::noise, 1);
BENCHMARK(encrypt);
BENCHMARK_CAPTURE(frame_written, rows, Kind::rows);
BENCHMARK_CAPTURE(frame_written, json, Kind::json);
BENCHMARK_CAPTURE(frame_written, noise, Kind::noise);
BENCHMARK_CAPTURE(frame_read, rows, Kind::rows);
BENCHMARK_CAPTURE(frame_read, json, Kind::json);
BENCHMARK(sha256_of_pack)->Unit(benchmark::kMillisecond);
// A pack is hashed and put on another thread than the one that fills the next.
BENCHMARK(put_packs_into_memory)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(put_packs_on_disk)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace holdfast
