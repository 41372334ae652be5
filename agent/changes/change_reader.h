#pragma once
// The WAL of one timeline, read while it goes by: which blocks its records are about, and what they do to whole files.
#include <optional>

#include "agent/changes/change_sink.h"
#include "agent/changes/record_assembly.h"
#include "agent/changes/wal_page.h"
#include "agent/changes/wal_records.h"

namespace holdfast {

// WAL of PostgreSQL 13 to 18; which one, the pages themselves say. The calls to the sink do not depend on how the bytes
// are cut into pieces, and what a record says is told only when its CRC fits. Memory is bounded: some 10 KiB, and up to
// RecordAssembly::longest_main_data for a record that drops very many relations. One thread at a time.
class ChangeReader {
 public:
  // `expected`: the cluster whose WAL it must be; without, the first segment header decides.
  ChangeReader(WalSegmentSize segment_size, std::optional<SystemId> expected);

  // Nothing read so far matters: records that begin at or after `at` will be reported. The first bytes after this may
  // begin anywhere up to `at`, and should begin at or before start_of_page(at): the page's header tells where its first
  // record begins. When they begin behind that header, a record must begin at `at` itself, and what follows must prove
  // it; if not, the sink is told doubted(at), and records are reported from the next page on (read_from()).
  // The timeline's first segment may begin with pages of the timelines before it.
  void begin(Timeline timeline, Lsn at);

  // The next bytes; what was seen already is skipped. Calls the sink for each record that is complete. Code::corrupt: a
  // gap, or not what a server writes; Code::unsupported: of an unknown version. An error is permanent until begin();
  // before the first return of it the sink is told doubted(). Zeros where a record should begin are the end of the log:
  // nothing but zeros may follow.
  Result<> add(Lsn start, ByteView bytes, ChangeSink& sink);

  // Every record that begins in [read_from, read_through) has been reported. The end of the last complete record,
  // rounded up to 8; after a switch of the segment, the end of the segment.
  Lsn read_from() const { return read_from_; }
  Lsn read_through() const { return read_through_; }
  // Of the server that wrote it; 0 before the first page header.
  int major_version() const { return major_version_; }

 private:
  enum class Stage : std::uint8_t {
    unplaced,   // after begin(), before the first bytes
    entering,   // in the middle of a page whose header was not seen; its bytes are kept
    searching,  // for the header of a page that has one
    empty,      // found zeros while searching: up to the end of the segment
    reading,
    ended,  // zeros
  };

  void place(Lsn start);
  Result<std::size_t> add_some(ByteView bytes, ChangeSink& sink);
  Result<> add_zeros(ByteView bytes);
  std::size_t enter(ByteView bytes);
  Result<std::size_t> add_header(ByteView bytes, std::size_t header_size, ChangeSink& sink);
  Result<> open_page(ByteView header_bytes, Lsn page, ChangeSink& sink);
  void doubt_entry(Lsn page, ChangeSink& sink);
  Result<> check_origin(const WalPageHeader& header, Lsn page);
  Result<> open_first_page(const WalPageHeader& header, Lsn page, ChangeSink& sink);
  Result<> check_continuation(const WalPageHeader& header, Lsn page);
  Result<> add_payload(ByteView part, ChangeSink& sink);
  Result<std::size_t> add_to_record(ByteView part, ChangeSink& sink);
  Result<> look_at_assembly(ChangeSink& sink);
  Result<> add_whole_record(ByteView record, ChangeSink& sink);
  Result<> check_length(std::uint32_t length) const;
  Result<> check_header(const RecordHeader& header, Lsn start) const;
  void parse_head(ByteView head);
  std::uint32_t wanted_main_data(const RecordHeader& header) const;
  Result<> finish_record(Lsn start, const std::uint8_t* header, std::uint32_t crc_behind_header, ByteView main_data,
                         ChangeSink& sink);
  void report(Lsn start, const RecordHeader& header, ByteView main_data, ChangeSink& sink) const;
  void end_record(Lsn end);
  bool in_record() const { return assembly_.in_progress() || unseen_left_ > 0; }
  std::uint32_t record_left() const { return unseen_left_ > 0 ? unseen_left_ : assembly_.left(); }
  Lsn trouble_at() const { return assembly_.in_progress() ? assembly_.start() : position_; }

  WalSegmentSize segment_size_;
  std::optional<SystemId> expected_;

  Stage stage_ = Stage::unplaced;
  Timeline timeline_;
  Lsn begin_;
  Lsn position_;       // the next byte to come
  Lsn skip_until_;     // what lies before it has no meaning: padding, the rest of a segment
  Lsn searched_from_;  // the first page whose header will be seen, empty or not
  Lsn read_from_;
  Lsn read_through_;
  std::optional<Error> error_;

  int major_version_ = 0;
  std::optional<SystemId> system_id_;
  std::optional<Timeline> page_timeline_;  // of the newest page
  std::array<std::uint8_t, long_page_header_size> header_{};
  std::size_t header_received_ = 0;
  Bytes entered_;  // while entering: the bytes from skip_until_ to the end of the page

  std::uint32_t unseen_left_ = 0;   // of a record whose beginning was not seen
  std::optional<Lsn> previous_;     // where the newest complete record begins
  std::optional<Lsn> overwritten_;  // the next record must tell of this one's end; 0: of one that was not seen
  RecordAssembly assembly_;
  RecordContents contents_;
  std::optional<Error> head_problem_;  // of the record in progress
};

}  // namespace holdfast
