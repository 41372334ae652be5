#include "shared/repository/manifest.h"

#include <algorithm>
#include <map>

#include "shared/base/byte_reader.h"

namespace holdfast {
namespace {

constexpr std::string_view magic = "HFMF0001";

void append_column(Bytes& to, const Bytes& column) {
  append_varint(to, column.size());
  append(to, column);
}
ByteReader take_column(ByteReader& from) {
  return ByteReader(from.take(from.varint()));
}

void append_text(Bytes& to, std::string_view text) {
  append_varint(to, text.size());
  append(to, as_bytes(text));
}
std::string take_text(ByteReader& from) {
  return std::string(as_text(from.take(from.varint())));
}

// Which backup each frame came from, and the frames of one backup laid end to end in the order of the table: there an
// extent is one number, and the next extent of the same backup mostly begins where the last one ended.
class FrameLine {
 public:
  FrameLine(const std::vector<PackRef>& packs, const std::vector<FrameRef>& frames) {
    std::map<BackupId, std::uint32_t> known;
    std::vector<std::uint32_t> origin_of_pack;
    for (const PackRef& pack : packs) {
      const auto [at, added] = known.try_emplace(pack.backup, static_cast<std::uint32_t>(known.size()));
      origin_of_pack.push_back(at->second);
    }
    lines_.resize(known.size());
    places_.reserve(frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) {
      Line& line = lines_[origin_of_pack[frames[i].pack]];
      places_.push_back({origin_of_pack[frames[i].pack], line.length});
      line.begins.push_back(line.length);
      line.frames.push_back(static_cast<std::uint32_t>(i));
      line.length += frames[i].plain_size;
    }
  }
  std::size_t origins() const { return lines_.size(); }
  std::uint32_t origin_of(std::uint32_t frame) const { return places_[frame].origin; }
  std::uint64_t position_of(const Extent& extent) const { return places_[extent.frame].begin + extent.offset; }
  // False: outside of the line.
  bool locate(std::uint32_t origin, std::uint64_t position, Extent& into) const {
    const Line& line = lines_[origin];
    if (position >= line.length) return false;
    const auto after = std::ranges::upper_bound(line.begins, position);
    const auto index = static_cast<std::size_t>(after - line.begins.begin()) - 1;
    into.frame = line.frames[index];
    into.offset = static_cast<std::uint32_t>(position - line.begins[index]);
    return true;
  }

 private:
  struct Line {
    std::vector<std::uint64_t> begins;
    std::vector<std::uint32_t> frames;
    std::uint64_t length = 0;
  };
  struct Place {
    std::uint32_t origin = 0;
    std::uint64_t begin = 0;
  };
  std::vector<Line> lines_;
  std::vector<Place> places_;
};

// Foretells where the next extent of an origin lies: right after the last one (pages packed as they came), or as far
// after it as the file position moved (an earlier backup's content with holes where later ones changed pages).
class Forecast {
 public:
  Forecast(std::size_t origins, std::uint64_t page_size) : last_(origins), page_size_(page_size) {}
  std::uint64_t packed(std::uint32_t origin) const { return last_[origin].end; }
  std::uint64_t spread(std::uint32_t origin, std::size_t file, std::uint64_t first_page) const {
    const Last& last = last_[origin];
    return last.file == file ? last.end + (first_page - last.end_page) * page_size_ : last.end;
  }
  void saw(std::uint32_t origin, std::size_t file, const Extent& extent, std::uint64_t position,
           std::uint64_t file_size) {
    const std::uint64_t bytes =
        std::min<std::uint64_t>(extent.pages * page_size_, file_size - extent.first_page * page_size_);
    last_[origin] = {position + bytes, extent.first_page + extent.pages, file};
  }

 private:
  struct Last {
    std::uint64_t end = 0;
    std::uint64_t end_page = 0;
    std::size_t file = ~std::size_t{0};
  };
  std::vector<Last> last_;
  std::uint64_t page_size_;
};

constexpr std::uint64_t source_spread = 2;    // the second forecast, not the first
constexpr std::uint64_t source_in_pages = 1;  // the difference counts pages, not bytes

struct ExtentColumns {
  Bytes gaps;
  Bytes pages;
  Bytes sources;
  Bytes differences;
};

std::uint64_t size_of(std::int64_t difference) {
  return difference < 0 ? 0 - static_cast<std::uint64_t>(difference) : static_cast<std::uint64_t>(difference);
}

void encode_extents(const Manifest& manifest, ExtentColumns& to) {
  const FrameLine line(manifest.packs, manifest.frames);
  Forecast forecast(line.origins(), manifest.page_size);
  for (std::size_t i = 0; i < manifest.files.size(); ++i) {
    const ManifestFile& file = manifest.files[i];
    std::uint64_t next_page = 0;
    for (const Extent& extent : file.extents) {
      append_varint(to.gaps, extent.first_page - next_page);
      append_varint(to.pages, extent.pages);
      next_page = extent.first_page + extent.pages;
      const std::uint32_t origin = line.origin_of(extent.frame);
      const std::uint64_t position = line.position_of(extent);
      const auto packed = static_cast<std::int64_t>(position - forecast.packed(origin));
      const auto spread = static_cast<std::int64_t>(position - forecast.spread(origin, i, extent.first_page));
      const bool use_spread = size_of(spread) < size_of(packed);
      std::int64_t difference = use_spread ? spread : packed;
      const bool whole = difference % static_cast<std::int64_t>(manifest.page_size) == 0;
      if (whole) difference /= static_cast<std::int64_t>(manifest.page_size);
      append_varint(to.sources, origin * 4ULL + (use_spread ? source_spread : 0) + (whole ? source_in_pages : 0));
      append_varint(to.differences, zigzag(difference));
      forecast.saw(origin, i, extent, position, file.size);
    }
  }
}

Bytes encode_packs(const Manifest& manifest) {
  Bytes out;
  append_varint(out, manifest.packs.size());
  for (const PackRef& pack : manifest.packs) {
    append(out, pack.backup.bytes());
    append(out, pack.epoch.bytes());
    append_varint(out, pack.number);
  }
  return out;
}

// Where a frame is expected: after the last one of its pack in the table.
struct PackEnd {
  std::uint32_t number = 0;
  std::uint64_t offset = 0;
};

void encode_frames(Bytes& out, const Manifest& manifest) {
  Bytes packs;
  Bytes places;
  Bytes stored;
  Bytes plain;
  Bytes hashes;
  std::vector<PackEnd> ends(manifest.packs.size());
  std::uint32_t pack = 0;
  for (const FrameRef& frame : manifest.frames) {
    append_varint(packs, zigzag(std::int64_t{frame.pack} - pack));
    pack = frame.pack;
    PackEnd& end = ends[pack];
    append_varint(places, zigzag(std::int64_t{frame.number} - end.number));
    append_varint(places, zigzag(static_cast<std::int64_t>(frame.offset - end.offset)));
    end = {frame.number + 1, frame.offset + frame.stored_size};
    append_varint(stored, frame.stored_size);
    append_varint(plain, frame.plain_size * 2ULL + (frame.end == FrameEnd::last ? 1 : 0));
    append_be<std::uint64_t>(hashes, frame.hash.high);
    append_be<std::uint64_t>(hashes, frame.hash.low);
  }
  for (const Bytes* column : {&packs, &places, &stored, &plain, &hashes}) append_column(out, *column);
}

// Owners and groups repeat: each name once, then its number.
class Names {
 public:
  std::uint64_t number_of(const std::string& name) {
    const auto [at, added] = numbers_.try_emplace(name, numbers_.size());
    if (added) append_text(text_, name);
    return at->second;
  }
  const Bytes& text() const { return text_; }

 private:
  std::map<std::string, std::uint64_t> numbers_;
  Bytes text_;
};

void encode_files(Bytes& out, const Manifest& manifest) {
  Names names;
  Bytes paths;
  Bytes kinds;
  Bytes facts;
  Bytes links;
  Bytes counts;
  std::string_view before;
  std::int64_t modified = 0;
  for (const ManifestFile& file : manifest.files) {
    const auto shared = static_cast<std::size_t>(std::ranges::mismatch(before, file.path).in1 - before.begin());
    append_varint(paths, shared);
    append_text(paths, std::string_view(file.path).substr(shared));
    before = file.path;
    kinds.push_back(static_cast<std::uint8_t>(file.kind));
    append_varint(facts, file.mode);
    append_varint(facts, names.number_of(file.owner));
    append_varint(facts, names.number_of(file.group));
    append_varint(facts, file.size);
    append_varint(facts, zigzag(static_cast<std::int64_t>(static_cast<std::uint64_t>(file.modified.micros()) -
                                                          static_cast<std::uint64_t>(modified))));
    modified = file.modified.micros();
    if (file.kind == EntryKind::link) append_text(links, file.link_target);
    append_varint(counts, file.extents.size());
  }
  append_column(out, names.text());
  for (const Bytes* column : {&paths, &kinds, &facts, &links, &counts}) append_column(out, *column);
}

std::unexpected<Error> broken(std::string_view what) {
  return fail(Code::corrupt, "the manifest cannot be read: " + std::string(what));
}

Result<> decode_packs(ByteReader& from, Manifest& out) {
  ByteReader column = take_column(from);
  const std::uint64_t count = column.varint();
  if (count > column.rest().size() / 33) return broken("packs");
  out.packs.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    PackRef& pack = out.packs.emplace_back();
    pack.backup = BackupId(column.array<16>());
    pack.epoch = EpochId(column.array<16>());
    const std::uint64_t number = column.varint();
    if (number > 0xffffffffU) return broken("packs");
    pack.number = static_cast<std::uint32_t>(number);
  }
  if (!column.finished()) return broken("packs");
  return {};
}

// A number that must fit the smaller type it came from.
bool narrow(std::uint64_t value, std::uint32_t& into) {
  into = static_cast<std::uint32_t>(value);
  return into == value;
}
std::uint64_t moved(std::uint64_t from, std::uint64_t zigzagged) {
  return from + static_cast<std::uint64_t>(unzigzag(zigzagged));
}

Result<> decode_frames(ByteReader& from, Manifest& out) {
  ByteReader packs = take_column(from);
  ByteReader places = take_column(from);
  ByteReader stored = take_column(from);
  ByteReader plain = take_column(from);
  ByteReader hashes = take_column(from);
  const std::size_t count = hashes.rest().size() / 16;
  std::vector<PackEnd> ends(out.packs.size());
  out.frames.reserve(count);
  std::uint32_t pack = 0;
  for (std::size_t i = 0; i < count; ++i) {
    FrameRef frame;
    if (!narrow(moved(pack, packs.varint()), pack) || pack >= out.packs.size()) return broken("frames");
    frame.pack = pack;
    PackEnd& end = ends[pack];
    std::uint32_t plain_size = 0;
    if (!narrow(moved(end.number, places.varint()), frame.number)) return broken("frames");
    frame.offset = moved(end.offset, places.varint());
    if (!narrow(stored.varint(), frame.stored_size) || !narrow(plain.varint(), plain_size)) return broken("frames");
    frame.plain_size = plain_size / 2;
    frame.end = plain_size % 2 == 1 ? FrameEnd::last : FrameEnd::more;
    frame.hash.high = hashes.be<std::uint64_t>();
    frame.hash.low = hashes.be<std::uint64_t>();
    end = {frame.number + 1, frame.offset + frame.stored_size};
    out.frames.push_back(frame);
  }
  for (const ByteReader* column : {&packs, &places, &stored, &plain, &hashes}) {
    if (!column->finished()) return broken("frames");
  }
  return {};
}

// Also gives the number of extents of each file.
Result<std::vector<std::uint64_t>> decode_files(ByteReader& from, Manifest& out) {
  ByteReader names_text = take_column(from);
  ByteReader paths = take_column(from);
  ByteReader kinds = take_column(from);
  ByteReader facts = take_column(from);
  ByteReader links = take_column(from);
  ByteReader counts = take_column(from);
  std::vector<std::string> names;
  while (names_text.ok() && !names_text.rest().empty()) names.push_back(take_text(names_text));
  std::vector<std::uint64_t> extents;
  const std::size_t count = kinds.rest().size();
  out.files.reserve(count);
  std::uint64_t modified = 0;
  for (std::size_t i = 0; i < count; ++i) {
    ManifestFile file;
    const std::uint64_t shared = paths.varint();
    if (shared > (i == 0 ? 0 : out.files.back().path.size())) return broken("paths");
    if (shared > 0) file.path = out.files.back().path.substr(0, shared);
    file.path += take_text(paths);
    file.kind = static_cast<EntryKind>(kinds.be<std::uint8_t>());
    if (!narrow(facts.varint(), file.mode)) return broken("files");
    const std::uint64_t owner = facts.varint();
    const std::uint64_t group = facts.varint();
    if (owner >= names.size() || group >= names.size()) return broken("files");
    file.owner = names[owner];
    file.group = names[group];
    file.size = facts.varint();
    modified = moved(modified, facts.varint());
    file.modified = Timestamp::from_micros(static_cast<std::int64_t>(modified));
    if (file.kind == EntryKind::link) file.link_target = take_text(links);
    extents.push_back(counts.varint());
    out.files.push_back(std::move(file));
  }
  for (const ByteReader* column : {&names_text, &paths, &kinds, &facts, &links, &counts}) {
    if (!column->finished()) return broken("files");
  }
  return extents;
}

Result<> decode_extents(ByteReader& from, const std::vector<std::uint64_t>& counts, Manifest& out) {
  ByteReader gaps = take_column(from);
  ByteReader pages = take_column(from);
  ByteReader sources = take_column(from);
  ByteReader differences = take_column(from);
  const FrameLine line(out.packs, out.frames);
  Forecast forecast(line.origins(), out.page_size);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    ManifestFile& file = out.files[i];
    if (counts[i] > pages.rest().size()) return broken("extents");
    file.extents.reserve(counts[i]);
    std::uint64_t next_page = 0;
    for (std::uint64_t n = 0; n < counts[i]; ++n) {
      Extent extent;
      extent.first_page = next_page + gaps.varint();
      if (!narrow(pages.varint(), extent.pages)) return broken("extents");
      next_page = extent.first_page + extent.pages;
      const std::uint64_t source = sources.varint();
      if (source / 4 >= line.origins()) return broken("extents");
      const auto origin = static_cast<std::uint32_t>(source / 4);
      auto difference = static_cast<std::uint64_t>(unzigzag(differences.varint()));
      if ((source & source_in_pages) != 0) difference *= out.page_size;
      const std::uint64_t expected =
          (source & source_spread) != 0 ? forecast.spread(origin, i, extent.first_page) : forecast.packed(origin);
      const std::uint64_t position = expected + difference;
      if (!line.locate(origin, position, extent)) return broken("extents");
      forecast.saw(origin, i, extent, position, file.size);
      file.extents.push_back(extent);
    }
  }
  for (const ByteReader* column : {&gaps, &pages, &sources, &differences}) {
    if (!column->finished()) return broken("extents");
  }
  return {};
}

void encode_source(Bytes& out, const Manifest& manifest) {
  append_column(out, manifest.backup_label);
  append_column(out, manifest.tablespace_map);
  append_varint(out, manifest.tablespaces.size());
  for (const Tablespace& tablespace : manifest.tablespaces) {
    append_varint(out, tablespace.oid);
    append_text(out, tablespace.location);
  }
}

Result<> decode_source(ByteReader& from, Manifest& out) {
  out.backup_label = to_bytes(from.take(from.varint()));
  out.tablespace_map = to_bytes(from.take(from.varint()));
  const std::uint64_t count = from.varint();
  if (count > from.rest().size()) return broken("tablespaces");
  for (std::uint64_t i = 0; i < count; ++i) {
    Tablespace& tablespace = out.tablespaces.emplace_back();
    if (!narrow(from.varint(), tablespace.oid)) return broken("tablespaces");
    tablespace.location = take_text(from);
  }
  return {};
}

}  // namespace

Bytes encode_manifest(const Manifest& manifest) {
  Bytes out = to_bytes(as_bytes(magic));
  append(out, manifest.database.bytes());
  append(out, manifest.backup.bytes());
  append_varint(out, manifest.page_size);
  encode_source(out, manifest);
  append_column(out, encode_packs(manifest));
  encode_frames(out, manifest);
  encode_files(out, manifest);
  ExtentColumns extents;
  encode_extents(manifest, extents);
  for (const Bytes* column : {&extents.gaps, &extents.pages, &extents.sources, &extents.differences}) {
    append_column(out, *column);
  }
  return out;
}

Result<Manifest> decode_manifest(ByteView bytes) {
  ByteReader from(bytes);
  if (as_text(from.take(magic.size())) != magic) return broken("it does not begin like one");
  Manifest out;
  out.database = DatabaseId(from.array<16>());
  out.backup = BackupId(from.array<16>());
  if (!narrow(from.varint(), out.page_size) || out.page_size == 0) return broken("page size");
  TRY(decode_source(from, out));
  TRY(decode_packs(from, out));
  TRY(decode_frames(from, out));
  const auto counts = TRY(decode_files(from, out));
  TRY(decode_extents(from, counts, out));
  if (!from.finished()) return broken("it has the wrong length");
  if (auto sound = check_manifest(out); !sound) return broken(sound.error().message);
  return out;
}

}  // namespace holdfast
