#include "agent/changes/change_reader.h"

#include <algorithm>

#include "agent/changes/little_endian.h"
#include "agent/changes/record_chain.h"
#include "agent/changes/record_effects.h"
#include "shared/postgres/crc32c.h"

namespace holdfast {
namespace {

bool all_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

RecordKind kind_of(const RecordHeader& header) {
  return {header.resource_manager, header.info};
}

std::unexpected<Error> bad_wal(Lsn at, const std::string& why) {
  return fail(Code::corrupt, fmt::format("WAL at {}: {}", at, why));
}

}  // namespace

ChangeReader::ChangeReader(WalSegmentSize segment_size, std::optional<SystemId> expected)
    : segment_size_(segment_size), expected_(expected) {}

void ChangeReader::begin(Timeline timeline, Lsn at) {
  stage_ = Stage::unplaced;
  timeline_ = timeline;
  begin_ = at;
  position_ = at;
  skip_until_ = Lsn();
  read_from_ = at;
  read_through_ = at;
  error_.reset();
  major_version_ = 0;
  system_id_ = expected_;
  page_timeline_.reset();
  header_received_ = 0;
  entered_.clear();
  unseen_left_ = 0;
  previous_.reset();
  overwritten_.reset();
  assembly_.drop();
  head_problem_.reset();
}

void ChangeReader::place(Lsn start) {
  const Lsn page = start_of_page(begin_);
  if (start <= page) {
    position_ = page;
    searched_from_ = page;
    stage_ = Stage::searching;
    return;
  }
  searched_from_ = page + wal_page_size;
  // No record begins before this: not in a header, not between multiples of 8.
  skip_until_ = std::max(aligned_up(begin_), page + page_header_size_at(page, segment_size_));
  stage_ = skip_until_ < searched_from_ ? Stage::entering : Stage::searching;
}

Result<> ChangeReader::add(Lsn start, ByteView bytes, ChangeSink& sink) {
  if (error_) return std::unexpected(*error_);
  if (bytes.empty()) return {};
  if (stage_ == Stage::unplaced && start <= begin_) place(start);
  const auto add_all = [&]() -> Result<> {
    if (start > position_) {
      return fail(Code::corrupt, fmt::format("the WAL went on at {}, expected was {}", start, position_));
    }
    bytes = bytes.subspan(std::min<std::uint64_t>(position_ - start, bytes.size()));
    while (!bytes.empty()) bytes = bytes.subspan(TRY(add_some(bytes, sink)));
    return {};
  };
  const auto added = add_all();
  if (!added) {
    error_ = added.error();
    sink.doubted(trouble_at(), error_->message);
  }
  return added;
}

// At most to the end of the page.
Result<std::size_t> ChangeReader::add_some(ByteView bytes, ChangeSink& sink) {
  if (position_ < skip_until_) {
    bytes = bytes.first(std::min<std::uint64_t>(bytes.size(), skip_until_ - position_));
    position_ = position_ + bytes.size();
    return bytes.size();
  }
  if (stage_ == Stage::entering) return enter(bytes);
  if (stage_ == Stage::empty) {
    const Lsn segment_end = end_of(segment_at(timeline_, position_, segment_size_), segment_size_);
    bytes = bytes.first(std::min<std::uint64_t>(bytes.size(), segment_end - position_));
    TRY(add_zeros(bytes));
    if (position_ == segment_end) stage_ = Stage::searching;
    return bytes.size();
  }
  if (stage_ == Stage::ended) {
    TRY(add_zeros(bytes));
    return bytes.size();
  }
  const std::size_t offset = position_.value() % wal_page_size;
  const Lsn page = start_of_page(position_);
  const std::size_t header_size = page_header_size_at(page, segment_size_);
  if (offset < header_size) return add_header(bytes, header_size, sink);
  const ByteView part = bytes.first(std::min(bytes.size(), wal_page_size - offset));
  TRY(add_payload(part, sink));
  return part.size();
}

Result<> ChangeReader::add_zeros(ByteView bytes) {
  const auto zeros = std::ranges::find_if(bytes, [](std::uint8_t byte) { return byte != 0; }) - bytes.begin();
  position_ = position_ + static_cast<std::uint64_t>(zeros);
  if (static_cast<std::size_t>(zeros) != bytes.size())
    return bad_wal(position_, "something follows the end of the log");
  return {};
}

std::size_t ChangeReader::enter(ByteView bytes) {
  const Lsn next_page = start_of_page(position_) + wal_page_size;
  bytes = bytes.first(std::min<std::uint64_t>(bytes.size(), next_page - position_));
  append(entered_, bytes);
  position_ = position_ + bytes.size();
  if (position_ == next_page) stage_ = Stage::searching;
  return bytes.size();
}

Result<std::size_t> ChangeReader::add_header(ByteView bytes, std::size_t header_size, ChangeSink& sink) {
  bytes = bytes.first(std::min(bytes.size(), header_size - header_received_));
  std::ranges::copy(bytes, header_.begin() + static_cast<std::ptrdiff_t>(header_received_));
  header_received_ += bytes.size();
  position_ = position_ + bytes.size();
  if (header_received_ == header_size) {
    header_received_ = 0;
    TRY(open_page({header_.data(), header_size}, start_of_page(position_), sink));
  }
  return bytes.size();
}

Result<> ChangeReader::open_page(ByteView header_bytes, Lsn page, ChangeSink& sink) {
  if (!in_record() && all_zero(header_bytes)) {
    // Behind a switch of the segment the server writes nothing but zeros. Whether there was one is certain only for who
    // saw it.
    stage_ = stage_ == Stage::searching ? Stage::empty : Stage::ended;
    return {};
  }
  const WalPageHeader header = TRY(parse_page_header(header_bytes, page, segment_size_));
  TRY(check_origin(header, page));
  if (stage_ == Stage::searching) return open_first_page(header, page, sink);
  return check_continuation(header, page);
}

void ChangeReader::doubt_entry(Lsn page, ChangeSink& sink) {
  read_from_ = page;
  read_through_ = page;
  sink.doubted(begin_, fmt::format("the WAL was entered at {}, in the middle of a page and not where a record begins: "
                                   "what begins before {} was not read",
                                   begin_, page));
}

Result<> ChangeReader::check_origin(const WalPageHeader& header, Lsn page) {
  if (major_version_ == 0) major_version_ = header.major_version;
  if (header.major_version != major_version_) {
    return bad_wal(page, fmt::format("a page of version {} after one of {}", header.major_version, major_version_));
  }
  if (header.system_id) {
    if (!system_id_) system_id_ = header.system_id;
    if (*system_id_ != *header.system_id) {
      return bad_wal(page, fmt::format("from system {}, expected was {}", *header.system_id, *system_id_));
    }
  }
  // The segment in which a timeline begins is a copy of its parent's up to there, page headers included.
  const bool of_parent = header.timeline < timeline_ && header.timeline >= page_timeline_.value_or(Timeline()) &&
                         segment_at(timeline_, page, segment_size_) == segment_at(timeline_, begin_, segment_size_);
  if (header.timeline != timeline_ && !of_parent) {
    return bad_wal(page, fmt::format("from timeline {}, expected was {}", header.timeline, timeline_));
  }
  page_timeline_ = header.timeline;
  return {};
}

Result<> ChangeReader::open_first_page(const WalPageHeader& header, Lsn page, ChangeSink& sink) {
  stage_ = Stage::reading;
  const bool behind_zeros = page != searched_from_;
  if (behind_zeros && (header.continued_bytes > 0 || header.overwrites_continuation)) {
    return bad_wal(page, "a record goes on behind nothing but zeros");
  }
  if (!entered_.empty()) {
    const Bytes entered = std::exchange(entered_, {});
    const Lsn behind_header = position_;
    if (record_begins_at(skip_until_, entered, behind_zeros ? std::nullopt : std::optional(header))) {
      position_ = skip_until_;
      TRY(add_payload(entered, sink));
      position_ = behind_header;
      return check_continuation(header, page);
    }
    const bool behind_switch = all_zero(entered) && header.system_id && header.continued_bytes == 0;
    if (!behind_switch) doubt_entry(page, sink);
  }
  if (header.continued_bytes > longest_record) return bad_wal(page, "a record goes on that is too long");
  unseen_left_ = header.continued_bytes;
  if (header.overwrites_continuation) overwritten_ = Lsn();
  return {};
}

Result<> ChangeReader::check_continuation(const WalPageHeader& header, Lsn page) {
  if (in_record() && header.overwrites_continuation) {
    overwritten_ = assembly_.in_progress() ? assembly_.start() : Lsn();
    assembly_.drop();
    unseen_left_ = 0;
    return {};
  }
  const std::uint32_t expected = in_record() ? record_left() : 0;
  if (header.overwrites_continuation || header.continued_bytes != expected) {
    return bad_wal(page, fmt::format("the page begins with {} bytes of a record, expected were {}",
                                     header.continued_bytes, expected));
  }
  return {};
}

// `part` lies in one page, behind its header.
Result<> ChangeReader::add_payload(ByteView part, ChangeSink& sink) {
  while (!part.empty()) {
    std::size_t used = part.size();
    if (position_ < skip_until_) {
      used = std::min<std::uint64_t>(used, skip_until_ - position_);
    } else if (stage_ == Stage::ended) {
      TRY(add_zeros(part));
      return {};
    } else if (unseen_left_ > 0) {
      used = std::min<std::size_t>(used, unseen_left_);
      unseen_left_ -= static_cast<std::uint32_t>(used);
      if (unseen_left_ == 0) end_record(position_ + used);
    } else {
      used = TRY(add_to_record(part, sink));
    }
    position_ = position_ + used;
    part = part.subspan(used);
  }
  return {};
}

Result<std::size_t> ChangeReader::add_to_record(ByteView part, ChangeSink& sink) {
  if (!assembly_.in_progress()) {
    if (part.size() >= record_header_size) {
      const auto length = load_le<std::uint32_t>(part.data());
      if (length >= record_header_size && length <= part.size()) {
        TRY(add_whole_record(part.first(length), sink));
        return length;
      }
    }
    assembly_.begin(position_);
  }
  const std::size_t used = assembly_.take(part);
  TRY(look_at_assembly(sink));
  return used;
}

Result<> ChangeReader::look_at_assembly(ChangeSink& sink) {
  if (assembly_.length_is_next()) {
    if (assembly_.total_length() == 0) {
      assembly_.drop();
      stage_ = Stage::ended;
      return {};
    }
    TRY(check_length(assembly_.total_length()));
  }
  if (assembly_.header_is_next()) TRY(check_header(read_record_header(assembly_.header()), assembly_.start()));
  if (assembly_.head_is_next()) {
    parse_head(assembly_.head());
    assembly_.keep_main_data(wanted_main_data(read_record_header(assembly_.header())));
  }
  if (!assembly_.complete()) return {};
  const Lsn start = assembly_.start();
  TRY(finish_record(start, assembly_.header(), assembly_.crc_behind_header(), assembly_.main_data(), sink));
  assembly_.drop();
  return {};
}

Result<> ChangeReader::add_whole_record(ByteView record, ChangeSink& sink) {
  const RecordHeader header = read_record_header(record.data());
  TRY(check_header(header, position_));
  const std::uint32_t crc = crc32c(record.subspan(record_header_size));
  parse_head(record.first(std::min(record.size(), longest_record_head)));
  return finish_record(position_, record.data(), crc, record.last(wanted_main_data(header)), sink);
}

Result<> ChangeReader::check_length(std::uint32_t length) const {
  if (length >= record_header_size && length <= longest_record) return {};
  return bad_wal(assembly_.start(), fmt::format("a record of {} bytes", length));
}

Result<> ChangeReader::check_header(const RecordHeader& header, Lsn start) const {
  if (previous_ ? header.previous == *previous_ : header.previous < start) return {};
  return bad_wal(start,
                 fmt::format("the record says it follows one at {}, {}", header.previous,
                             previous_ ? fmt::format("before it was {}", *previous_) : "which is not before it"));
}

void ChangeReader::parse_head(ByteView head) {
  head_problem_.reset();
  const auto parsed = contents_.parse(head, major_version_);
  const std::uint32_t length = contents_.main_data_length();
  if (!parsed) [[unlikely]] {
    head_problem_ = parsed.error();
  } else if (length > RecordAssembly::longest_main_data &&
             may_have_effects(kind_of(read_record_header(head.data())), major_version_)) [[unlikely]] {
    head_problem_ = Error{Code::unsupported, fmt::format("it says more than is kept, {} bytes", length), {}};
  }
}

std::uint32_t ChangeReader::wanted_main_data(const RecordHeader& header) const {
  const RecordKind kind = kind_of(header);
  if (head_problem_ || !(may_have_effects(kind, major_version_) || is_overwrite_of_continuation(kind))) return 0;
  return contents_.main_data_length();
}

Result<> ChangeReader::finish_record(Lsn start, const std::uint8_t* header_bytes, std::uint32_t crc_behind_header,
                                     ByteView main_data, ChangeSink& sink) {
  const RecordHeader header = read_record_header(header_bytes);
  if (record_crc(header_bytes, crc_behind_header) != header.crc) {
    return bad_wal(start, "the record does not fit its CRC");
  }
  if (overwritten_) {
    const bool tells = is_overwrite_of_continuation(kind_of(header)) && main_data.size() >= sizeof(std::uint64_t);
    const Lsn told = tells ? Lsn(load_le<std::uint64_t>(main_data.data())) : Lsn();
    if (!tells || (*overwritten_ != Lsn() && *overwritten_ != told)) {
      return bad_wal(start, fmt::format("the record at {} was cut off, and the next does not say so", *overwritten_));
    }
    overwritten_.reset();
  }
  if (start >= begin_) report(start, header, main_data, sink);
  previous_ = start;
  // A record ends where the stream stands when its last byte came: pages' headers count too.
  const std::size_t in_this_piece = assembly_.in_progress() ? assembly_.last_taken() : header.total_length;
  end_record(position_ + in_this_piece);
  if (is_segment_switch(kind_of(header))) {
    const std::uint64_t past = skip_until_.value() % segment_size_.bytes();
    if (past != 0) skip_until_ = skip_until_ + (segment_size_.bytes() - past);
    read_through_ = std::max(read_through_, skip_until_);
  }
  return {};
}

void ChangeReader::report(Lsn start, const RecordHeader& header, ByteView main_data, ChangeSink& sink) const {
  if (head_problem_) [[unlikely]] {
    sink.doubted(start, fmt::format("WAL record at {}: {}", start, head_problem_->message));
    return;
  }
  for (const BlockReference& reference : contents_.blocks()) sink.block_changed(reference.fork, reference.block);
  const RecordKind kind = kind_of(header);
  if (may_have_effects(kind, major_version_)) report_effects(start, kind, main_data, major_version_, sink);
}

void ChangeReader::end_record(Lsn end) {
  skip_until_ = aligned_up(end);
  read_through_ = std::max(read_through_, skip_until_);
}

}  // namespace holdfast
