#include "agent/restore/differences.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

#include "agent/restore/paged_file.h"

namespace holdfast {
namespace {

using Placements = std::vector<FramePlacement>;

class Run {
 public:
  Run(const BackupReader& reader, const RestorePlaces& places, const DifferencesOptions& options, const StopToken& stop,
      const RestoreProgress& progress)
      : reader_(reader),
        manifest_(reader.manifest()),
        places_(places),
        options_(options),
        stop_(stop),
        progress_(progress),
        total_(content_bytes(manifest_)),
        frames_(placements_by_frame(manifest_)) {
    for (Placements& placements : frames_) {
      std::ranges::sort(placements, {}, [this](const FramePlacement& at) { return extent_of(at).offset; });
    }
  }

  Result<Differences> run() {
    unsigned workers = options_.workers;
    if (workers == 0) workers = std::max(2U, std::thread::hardware_concurrency() / 2);
    std::optional<Error> problem;
    {
      std::vector<std::jthread> threads;
      for (unsigned i = 0; i < workers; ++i) {
        threads.emplace_back([&] {
          const Result<> done = work();
          if (done) return;
          const std::lock_guard lock(mutex_);
          if (!problem) problem = done.error();
          failed_ = true;
        });
      }
    }
    if (problem) return std::unexpected(std::move(*problem));
    return result_;
  }

 private:
  // What one thread needs; buffers are used again.
  struct Worker {
    FrameDecoder decoder;
    PagedFiles files;
    Bytes local;
    Bytes plain;
  };

  Result<> work() {
    Worker worker;
    while (const auto frame = next(next_frame_, frames_.size())) {
      if (stop_.stop_requested()) return fail(Code::cancelled, "the restore was stopped");
      if (!frames_[*frame].empty()) TRY(settle_frame(static_cast<std::uint32_t>(*frame), worker));
    }
    const ActingAs acting = TRY(ActingAs::user(options_.owner));
    while (const auto file = next(next_file_, manifest_.files.size())) {
      if (stop_.stop_requested()) return fail(Code::cancelled, "the restore was stopped");
      if (manifest_.files[*file].kind == EntryKind::file && options_.filled[*file]) {
        TRY(settle_zeros(static_cast<std::uint32_t>(*file), worker));
      }
    }
    return {};
  }

  std::optional<std::size_t> next(std::atomic<std::size_t>& counter, std::size_t end) const {
    if (failed_) return std::nullopt;
    const std::size_t taken = counter.fetch_add(1);
    return taken < end ? std::optional(taken) : std::nullopt;
  }

  const Extent& extent_of(const FramePlacement& at) const { return manifest_.files[at.file].extents[at.extent]; }
  std::uint64_t length_of(const FramePlacement& at) const {
    return extent_bytes(manifest_, manifest_.files[at.file], extent_of(at));
  }
  std::uint64_t position_of(const FramePlacement& at) const { return extent_of(at).first_page * manifest_.page_size; }

  // Whether its placements, which are in the order of their offsets, are the whole frame and each byte of it once.
  bool is_whole(std::uint32_t frame) const {
    std::uint64_t end = 0;
    for (const FramePlacement& at : frames_[frame]) {
      if (extent_of(at).offset != end) return false;
      end += length_of(at);
    }
    return end == manifest_.frames[frame].plain_size;
  }

  Result<> settle_frame(std::uint32_t frame, Worker& worker) {
    const Placements& placements = frames_[frame];
    std::uint64_t length = 0;
    bool filled = true;
    for (const FramePlacement& at : placements) {
      length += length_of(at);
      filled = filled && options_.filled[at.file];
    }
    const bool judged = filled && is_whole(frame);
    if (judged && TRY(is_here(frame, worker))) return count(length, length, 0, 0);
    // The stores are ours to read, not the database's user's.
    const Bytes& plain = worker.plain = TRY(reader_.read_frame(frame, worker.decoder, std::move(worker.plain)));
    const ActingAs acting = TRY(ActingAs::user(options_.owner));
    std::uint64_t compared = 0;
    std::uint64_t written = 0;
    for (const FramePlacement& at : placements) {
      written += TRY(judged ? write_over_judged(at, plain, worker) : write_placement(at, plain, worker));
      if (options_.filled[at.file]) compared += length_of(at);
    }
    return count(length, compared, plain.size(), written);
  }

  // Leaves what is here in worker.local, as it would lie in the frame.
  Result<bool> is_here(std::uint32_t frame, Worker& worker) {
    const ActingAs acting = TRY(ActingAs::user(options_.owner));
    const FrameRef& ref = manifest_.frames[frame];
    worker.local.resize(ref.plain_size);
    for (const FramePlacement& at : frames_[frame]) {
      const auto into = std::span(worker.local).subspan(extent_of(at).offset, length_of(at));
      TRY(TRY(open(at.file, worker))->read(into, position_of(at)));
    }
    return content_hash(worker.local) == ref.hash;
  }

  // After is_here(): what was read to be judged need not be read again.
  Result<std::uint64_t> write_over_judged(const FramePlacement& at, const Bytes& plain, Worker& worker) {
    const std::uint64_t offset = extent_of(at).offset;
    const std::uint64_t length = length_of(at);
    return TRY(open(at.file, worker))
        ->write_changed(ByteView(plain).subspan(offset, length), ByteView(worker.local).subspan(offset, length),
                        position_of(at), manifest_.page_size);
  }

  Result<std::uint64_t> write_placement(const FramePlacement& at, const Bytes& plain, Worker& worker) {
    const std::uint64_t offset = extent_of(at).offset;
    const std::uint64_t length = length_of(at);
    if (offset > plain.size() || plain.size() - offset < length) {
      return fail(Code::corrupt,
                  fmt::format("frame {} is too short for \"{}\"", extent_of(at).frame, manifest_.files[at.file].path));
    }
    PagedFile* file = TRY(open(at.file, worker));
    const ByteView wanted = ByteView(plain).subspan(offset, length);
    if (!options_.filled[at.file]) {
      TRY(file->write(wanted, position_of(at)));
      return length;
    }
    worker.local.resize(length);
    TRY(file->read(worker.local, position_of(at)));
    return file->write_changed(wanted, worker.local, position_of(at), manifest_.page_size);
  }

  // Between the extents, and after the last.
  Result<> settle_zeros(std::uint32_t number, Worker& worker) {
    const ManifestFile& file = manifest_.files[number];
    std::uint64_t from = 0;
    std::uint64_t written = 0;
    for (std::size_t i = 0; i <= file.extents.size(); ++i) {
      const bool last = i == file.extents.size();
      const std::uint64_t to = last ? file.size : file.extents[i].first_page * manifest_.page_size;
      if (to > from) written += TRY(TRY(open(number, worker))->make_zero(from, to, worker.local));
      if (!last) from = to + extent_bytes(manifest_, file, file.extents[i]);
    }
    return count(0, 0, 0, written);
  }

  Result<PagedFile*> open(std::uint32_t file, Worker& worker) {
    return worker.files.get(file, places_.of(manifest_.files[file]));
  }

  Result<> count(std::uint64_t settled, std::uint64_t compared, std::uint64_t fetched, std::uint64_t written) {
    const std::lock_guard lock(mutex_);
    settled_ += settled;
    result_.compared += compared;
    result_.fetched += fetched;
    result_.written += written;
    result_.frames_fetched += fetched == 0 ? 0 : 1;
    if (progress_ && settled != 0) progress_(settled_, total_);
    return {};
  }

  const BackupReader& reader_;
  const Manifest& manifest_;
  const RestorePlaces& places_;
  const DifferencesOptions& options_;
  const StopToken& stop_;
  const RestoreProgress& progress_;
  const std::uint64_t total_;
  std::vector<Placements> frames_;
  std::atomic<std::size_t> next_frame_{0};
  std::atomic<std::size_t> next_file_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;  // guards what follows, calls of progress_ and the first error while workers run
  std::uint64_t settled_ = 0;
  Differences result_;
};

}  // namespace

Result<Differences> write_differences(const BackupReader& reader, const RestorePlaces& places,
                                      const DifferencesOptions& options, const StopToken& stop,
                                      const RestoreProgress& progress) {
  return Run(reader, places, options, stop, progress).run();
}

}  // namespace holdfast
