#pragma once
// Content of files into frames, with its pages checked on the way: the part of a base backup that runs on many threads.
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "agent/postgres/copy_plan.h"
#include "agent/postgres/page_check.h"
#include "agent/postgres/source_file.h"
#include "shared/postgres/pg_control.h"
#include "shared/repository/backup_writer.h"

namespace holdfast {

// What became of one file.
struct CopiedFile {
  std::vector<Extent> extents;  // in no order until finish()
  std::uint64_t size = 0;       // as far as there was content
  bool vanished = false;
  std::optional<XxHash128> hash = {};         // of the whole content, of a small file
  std::optional<std::uint64_t> cut_off = {};  // it was found to end here
};

struct PageFindings {
  std::uint64_t pages = 0;  // of relations, read
  std::uint64_t bad = 0;
  std::vector<std::string> bad_list;  // "base/5/16384 block 7", the first 100
};

// Shared by the readers of one backup. Files are opened as their owner; nothing else is done as somebody else.
class FileCopier {
 public:
  struct Source {
    std::string data_directory;
    OsUser owner;
    const std::vector<DataFile>* entries = nullptr;                // outlives the copier
    const std::map<std::size_t, TakenOver>* taken_over = nullptr;  // by entry; outlives the copier; nullptr: nothing
    PageChecksums page_checksums = PageChecksums::off;
    Lsn backup_start;
    StopToken stop;
    std::function<void()> between_frames = {};  // on a reader's thread; may wait
    decltype(CopyPlan::witness) witness = {};
    decltype(CopyPlan::stored) stored = {};
  };
  explicit FileCopier(Source source) : source_(std::move(source)), copied_(source_.entries->size()) {}

  // Reads the unit and stores it. A file that is gone or shorter than it was is no error.
  Result<> copy(const CopyUnit& unit, BackupWriter::Worker& worker);
  // Content that was read elsewhere, as the whole of an entry.
  Result<> add_content(std::size_t entry, ByteView content, BackupWriter::Worker& worker);

  std::uint64_t bytes_done() const { return bytes_done_.load(std::memory_order_relaxed); }

  struct Outcome {
    std::vector<CopiedFile> files;  // for each entry
    PageFindings findings;
    std::uint64_t bytes_read = 0;
  };
  // After every reader has ended.
  Outcome finish();

 private:
  class Frame;
  struct Reading;  // the file that one reader has open
  Result<> copy_span(const FileSpan& span, Reading& reading, Frame& frame, BackupWriter::Worker& worker);
  Result<> copy_range(const FileSpan& span, SourceFile& file, Frame& frame, BackupWriter::Worker& worker);
  Result<> copy_at_once(const FileSpan& span, const KnownContent* known, SourceFile& source, Frame& frame,
                        BackupWriter::Worker& worker);
  const KnownContent* known_content(const FileSpan& span) const;
  Result<> store(Frame& frame, BackupWriter::Worker& worker);
  void check_pages(SourceFile& source, const DataFile& file, std::uint64_t offset, std::span<std::uint8_t> pages);
  void note_size(std::size_t entry, std::uint64_t size);
  void note_cut_off(std::size_t entry, std::uint64_t size);
  const TakenOver* taken_over(std::size_t entry) const;
  void add_taken_over();

  const Source source_;
  std::atomic<std::uint64_t> bytes_done_{0};
  std::atomic<std::uint64_t> bytes_read_{0};
  std::mutex mutex_;  // guards everything below
  std::vector<CopiedFile> copied_;
  PageFindings findings_;
};

}  // namespace holdfast
