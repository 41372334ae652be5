#include "agent/postgres/file_copier.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace holdfast {
namespace {

constexpr std::size_t bad_list_limit = 100;

bool is_zero_page(std::span<const std::uint8_t> content) {
  if (content.size() < page_size || content[0] != 0) return false;
  return std::memcmp(content.data(), content.data() + 1, page_size - 1) == 0;
}

std::uint32_t pages_in(std::size_t bytes) {
  return static_cast<std::uint32_t>((bytes + page_size - 1) / page_size);
}

}  // namespace

// Plain bytes of one frame in the making and which file each stretch of it came from.
class FileCopier::Frame {
 public:
  struct Piece {
    std::size_t entry;
    Extent extent;
  };
  explicit Frame(std::size_t capacity) : memory_(capacity) {}
  std::span<std::uint8_t> room() { return std::span(memory_).subspan(used_); }
  // The first `bytes` of the room are this stretch of the file. Pages of zeros are left out: a reader puts zeros where
  // there is no extent.
  void take(std::size_t entry, std::uint64_t offset, std::size_t bytes) {
    const auto content = room().first(bytes);
    std::size_t at = 0;
    std::size_t kept = 0;
    stretches_.push_back({entry, offset, bytes, pieces_.size()});
    while (at < bytes) {
      const std::size_t begin = at;
      while (at < bytes && !is_zero_page(content.subspan(at))) at += std::min(page_size, bytes - at);
      if (at > begin) {
        if (kept != begin) std::memmove(content.data() + kept, content.data() + begin, at - begin);
        pieces_.push_back(
            {entry, {(offset + begin) / page_size, pages_in(at - begin), 0, static_cast<std::uint32_t>(used_ + kept)}});
        kept += at - begin;
      }
      while (at < bytes && is_zero_page(content.subspan(at))) at += page_size;
    }
    used_ += kept;
  }
  ByteView plain() const { return ByteView(memory_).first(used_); }
  const std::vector<Piece>& pieces() const { return pieces_; }
  std::vector<CopiedStretch> stretches(std::uint32_t number) const {
    std::vector<CopiedStretch> out;
    for (std::size_t i = 0; i < stretches_.size(); ++i) {
      const Stretch& from = stretches_[i];
      CopiedStretch stretch{from.entry, from.offset, from.length, {}};
      const std::size_t end = i + 1 < stretches_.size() ? stretches_[i + 1].first_piece : pieces_.size();
      for (std::size_t piece = from.first_piece; piece < end; ++piece) {
        stretch.extents.push_back(pieces_[piece].extent);
        stretch.extents.back().frame = number;
      }
      out.push_back(std::move(stretch));
    }
    return out;
  }
  void clear() {
    used_ = 0;
    pieces_.clear();
    stretches_.clear();
  }

 private:
  struct Stretch {
    std::size_t entry;
    std::uint64_t offset;
    std::uint64_t length;
    std::size_t first_piece;
  };
  Bytes memory_;
  std::size_t used_ = 0;
  std::vector<Piece> pieces_;
  std::vector<Stretch> stretches_;
};

// Scattered pages of one file come one after the other: it is opened once.
struct FileCopier::Reading {
  std::size_t entry = 0;
  std::optional<SourceFile> file;
};

Result<> FileCopier::copy(const CopyUnit& unit, BackupWriter::Worker& worker) {
  Frame frame(frame_plain_target);
  Reading reading;
  for (const FileSpan& span : unit) TRY(copy_span(span, reading, frame, worker));
  return store(frame, worker);
}

const TakenOver* FileCopier::taken_over(std::size_t entry) const {
  if (source_.taken_over == nullptr) return nullptr;
  const auto found = source_.taken_over->find(entry);
  return found == source_.taken_over->end() ? nullptr : &found->second;
}

Result<> FileCopier::copy_span(const FileSpan& span, Reading& reading, Frame& frame, BackupWriter::Worker& worker) {
  const DataFile& file = (*source_.entries)[span.entry];
  if (!reading.file || reading.entry != span.entry) {
    reading.file = TRY(SourceFile::open(source_.data_directory + "/" + file.path, source_.owner));
    reading.entry = span.entry;
  }
  if (!reading.file->is_there()) {
    const std::lock_guard lock(mutex_);
    copied_[span.entry].vanished = true;
    bytes_done_ += span.length;
    return {};
  }
  const bool whole = span.offset == 0 && span.length == file.size;
  const KnownContent* const known = known_content(span);
  if ((whole && span.length <= frame_plain_target) || known != nullptr) {
    return copy_at_once(span, known, *reading.file, frame, worker);
  }
  return copy_range(span, *reading.file, frame, worker);
}

const KnownContent* FileCopier::known_content(const FileSpan& span) const {
  const TakenOver* const parent = taken_over(span.entry);
  if (parent == nullptr) return nullptr;
  const auto found = parent->known.find(span.offset);
  return found == parent->known.end() || found->second.size != span.length ? nullptr : &found->second;
}

// All of it in one frame, so that it can be compared with what the parent has of it.
Result<> FileCopier::copy_at_once(const FileSpan& span, const KnownContent* known, SourceFile& source, Frame& frame,
                                  BackupWriter::Worker& worker) {
  const DataFile& file = (*source_.entries)[span.entry];
  if (frame.room().size() < span.length) TRY(store(frame, worker));
  const auto room = frame.room().first(span.length);
  std::size_t got = TRY(source.read(span.offset, room));
  bytes_read_ += got;
  bytes_done_ += span.length;
  const bool whole = span.offset == 0 && span.length == file.size;
  if (got < span.length) note_cut_off(span.entry, std::min(span.offset + got, TRY(source.size())));
  if (got < span.length && span.offset + span.length < file.size) got -= got % page_size;
  if (got == 0) return {};
  if (file.relation) check_pages(source, file, span.offset, room.first(got));
  note_size(span.entry, span.offset + got);
  const XxHash128 hash = content_hash(room.first(got));
  const bool same = known != nullptr && known->size == got && known->hash == hash;
  if (!same) frame.take(span.entry, span.offset, got);
  const std::lock_guard lock(mutex_);
  CopiedFile& copied = copied_[span.entry];
  if (whole) copied.hash = hash;
  if (same) copied.extents.insert(copied.extents.end(), known->extents.begin(), known->extents.end());
  return {};
}

Result<> FileCopier::copy_range(const FileSpan& span, SourceFile& source, Frame& frame, BackupWriter::Worker& worker) {
  const DataFile& file = (*source_.entries)[span.entry];
  const bool reaches_end = span.offset + span.length >= file.size;
  if (span.length >= frame_plain_target) source.expect_in_order(span.offset, span.length);
  std::uint64_t at = span.offset;
  const std::uint64_t end = span.offset + span.length;
  while (at < end) {
    if (source_.stop.stop_requested()) return fail(Code::cancelled, "a stop was requested");
    const std::uint64_t left = end - at;
    // A file's pages stay together in whole pages: only its last piece may end within one.
    std::size_t wanted = std::min<std::uint64_t>(left, frame.room().size());
    if (wanted < left) wanted -= wanted % page_size;
    if (wanted == 0) {
      TRY(store(frame, worker));
      continue;
    }
    const auto room = frame.room().first(wanted);
    std::size_t got = TRY(source.read(at, room));
    const bool shrunk = got < wanted;
    bytes_read_ += got;
    // The server extends by pages; half a page in the middle of what was a longer file is about to be replaced by
    // recovery, and the format has room for a short page only at a file's end.
    if (shrunk && !reaches_end) got -= got % page_size;
    if (file.relation) check_pages(source, file, at, room.first(got));
    frame.take(span.entry, at, got);
    at += got;
    bytes_done_ += got;
    if (!shrunk) continue;
    // Scattered pages: the one that is missing need not be the first that is.
    note_cut_off(span.entry, std::min(at, TRY(source.size())));
    break;
  }
  bytes_done_ += end - at;
  // Nothing there: the file ends before this span, and the span that found its end says where.
  if (at > span.offset) note_size(span.entry, at);
  return {};
}

void FileCopier::note_cut_off(std::size_t entry, std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  CopiedFile& copied = copied_[entry];
  copied.cut_off = std::min(copied.cut_off.value_or(size), size);
}

void FileCopier::note_size(std::size_t entry, std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  copied_[entry].size = std::max(copied_[entry].size, size);
}

Result<> FileCopier::store(Frame& frame, BackupWriter::Worker& worker) {
  if (frame.plain().empty()) return {};
  const std::uint32_t number = TRY(worker.add_frame(frame.plain()));
  if (source_.stored) source_.stored(number, frame.stretches(number));
  {
    const std::lock_guard lock(mutex_);
    for (const auto& piece : frame.pieces()) {
      Extent extent = piece.extent;
      extent.frame = number;
      copied_[piece.entry].extents.push_back(extent);
    }
  }
  frame.clear();
  if (source_.between_frames) source_.between_frames();
  return {};
}

Result<> FileCopier::add_content(std::size_t entry, ByteView content, BackupWriter::Worker& worker) {
  Frame frame(content.size());
  std::ranges::copy(content, frame.room().begin());
  frame.take(entry, 0, content.size());
  note_size(entry, content.size());
  bytes_read_ += content.size();
  bytes_done_ += content.size();
  return store(frame, worker);
}

// The server's rule: what recovery replaces anyway is not judged, and a page that was being written while we read it
// gets a second look. The second reading is the one that is kept.
void FileCopier::check_pages(SourceFile& source, const DataFile& file, std::uint64_t offset,
                             std::span<std::uint8_t> pages) {
  PageFindings found;
  for (std::size_t at = 0; at + page_size <= pages.size(); at += page_size) {
    ++found.pages;
    if (source_.page_checksums == PageChecksums::off) continue;
    const auto page = pages.subspan(at, page_size);
    const auto block =
        static_cast<std::uint32_t>((offset + at) / page_size) + file.relation->segment * relation_segment_pages;
    if (check_page(page, block, source_.backup_start) != PageVerdict::mismatch) continue;
    const auto again = source.read(offset + at, page);
    if (again && *again == page_size && check_page(page, block, source_.backup_start) != PageVerdict::mismatch)
      continue;
    ++found.bad;
    found.bad_list.push_back(fmt::format("{} block {}", file.path, block));
  }
  if (source_.witness)
    source_.witness(static_cast<std::size_t>(&file - source_.entries->data()), offset,
                    pages.first(pages.size() / page_size * page_size));
  const std::lock_guard lock(mutex_);
  findings_.pages += found.pages;
  findings_.bad += found.bad;
  for (auto& text : found.bad_list) {
    if (findings_.bad_list.size() < bad_list_limit) findings_.bad_list.push_back(std::move(text));
  }
}

// What was not read because the parent has it. A file that turned out shorter ends there: recovery will cut it off too.
void FileCopier::add_taken_over() {
  if (source_.taken_over == nullptr) return;
  for (const auto& [entry, parent] : *source_.taken_over) {
    CopiedFile& copied = copied_[entry];
    if (!parent.kept || copied.vanished) continue;
    copied.size = std::min((*source_.entries)[entry].size, copied.cut_off.value_or(UINT64_MAX));
    copied.extents.insert(copied.extents.end(), parent.kept->begin(), parent.kept->end());
    const std::uint64_t pages = copied.size / page_size;
    std::erase_if(copied.extents, [pages](const Extent& extent) { return extent.first_page >= pages; });
    for (Extent& extent : copied.extents) {
      extent.pages = static_cast<std::uint32_t>(std::min<std::uint64_t>(extent.pages, pages - extent.first_page));
    }
  }
}

FileCopier::Outcome FileCopier::finish() {
  const std::lock_guard lock(mutex_);
  add_taken_over();
  for (auto& file : copied_) std::ranges::sort(file.extents, {}, &Extent::first_page);
  std::ranges::sort(findings_.bad_list);
  return {std::move(copied_), std::move(findings_), bytes_read_.load()};
}

}  // namespace holdfast
