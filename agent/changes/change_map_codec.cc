// The stored form of a ChangeMap. Its layout is described in FORMAT.md.
#include <limits>

#include "agent/changes/change_map.h"
#include "shared/base/byte_reader.h"
#include "shared/postgres/crc32c.h"

namespace holdfast {
namespace {

constexpr std::string_view magic = "HFCM0001";
constexpr std::size_t checksum_size = sizeof(std::uint32_t);

Bytes encode_runs(const BlockChunk& chunk) {
  Bytes runs;
  std::uint32_t count = 0;
  std::uint32_t next = 0;  // where the next run could begin
  chunk.visit_runs(0, BlockChunk::blocks, [&](BlockRange run) {
    ++count;
    if (runs.size() >= BlockChunk::bitmap_bytes) return;  // a bitmap it will be
    append_varint(runs, std::uint64_t{run.first - next} << 1U | (run.count > 1 ? 1U : 0U));
    if (run.count > 1) append_varint(runs, run.count - 2);
    next = run.first + run.count + 1;
  });
  Bytes out;
  append_varint(out, count);
  append(out, runs);
  return out;
}

void encode_marks(Bytes& out, const BlockSet& marks) {
  append_varint(out, marks.parts().size());
  std::uint32_t next = 0;
  for (const BlockSet::Part& part : marks.parts()) {
    const Bytes runs = encode_runs(part.chunk);
    const bool bitmap = runs.size() >= BlockChunk::bitmap_bytes;
    append_varint(out, std::uint64_t{part.index - next} << 1U | (bitmap ? 1U : 0U));
    if (bitmap) {
      part.chunk.append_bitmap(out);
    } else {
      append(out, runs);
    }
    next = part.index + 1;
  }
}

// Whether a block of chunk `index` is at or past `limit`.
bool reaches(const BlockChunk& chunk, std::uint64_t index, std::uint32_t limit) {
  const std::uint64_t base = index * BlockChunk::blocks;
  if (base + BlockChunk::blocks <= limit) return false;
  bool any = false;
  const auto from = static_cast<std::uint32_t>(limit > base ? limit - base : 0);
  chunk.visit_runs(from, BlockChunk::blocks, [&](BlockRange) { any = true; });
  return any;
}

std::unexpected<Error> broken(std::string_view why) {
  return fail(Code::corrupt, fmt::format("a map of changed blocks: {}", why));
}

// Reads what encode() wrote. A number that does not fit makes the reader fail, like bytes that are missing.
class Decoder {
 public:
  Decoder(ByteView body, ChangeMap::Limits limits) : from_(body), limits_(limits), map_(limits) {}

  Result<> replaced_databases() {
    std::pair<std::uint32_t, std::uint32_t> before;
    for (std::uint64_t left = from_.varint(), n = 0; n < left && from_.ok(); ++n) {
      const auto tablespace = u32();
      const std::pair database(tablespace, u32());
      if (n > 0 && database <= before) return broken("its databases are out of order");
      before = database;
      map_.database_replaced(database.first, database.second);
    }
    return {};
  }

  Result<> doubts() {
    const std::uint64_t count = from_.varint();
    if (count > ChangeMap::max_doubts) return broken("it has too many doubts");
    for (std::uint64_t n = 0; n < count && from_.ok(); ++n) {
      Doubt doubt;
      doubt.first = Lsn(from_.varint());
      const std::uint64_t length = from_.varint();
      if (length > std::numeric_limits<std::uint64_t>::max() - doubt.first.value()) return broken("a doubt wraps");
      doubt.last = doubt.first + length;
      const std::uint64_t reason = from_.varint();
      if (reason > ChangeMap::max_reason) return broken("a doubt's reason is too long");
      doubt.reason = as_text(from_.take(reason));
      map_.doubted(std::move(doubt));
    }
    return {};
  }

  Result<> forks() {
    RelationFork before;
    for (std::uint64_t count = from_.varint(), n = 0; n < count && from_.ok(); ++n) {
      RelationFork fork;
      fork.tablespace = u32();
      fork.database = u32();
      fork.relation = u32();
      const auto kind = from_.be<std::uint8_t>();
      if (kind > static_cast<std::uint8_t>(Fork::init)) return broken("it names a fork that there is not");
      fork.fork = static_cast<Fork>(kind);
      if (!from_.ok()) break;
      if (fork.relation == 0) return broken("a fork has no relation");
      if (n > 0 && fork <= before) return broken("its forks are out of order");
      before = fork;
      TRY(change_of(fork));
    }
    return {};
  }

  Result<ChangeMap> finished() {
    if (!from_.finished()) return broken("it is cut off, or something follows it");
    return std::move(map_);
  }

 private:
  std::uint32_t u32() {
    const std::uint64_t value = from_.varint();
    if (value > std::numeric_limits<std::uint32_t>::max()) from_.fail_now();
    return static_cast<std::uint32_t>(value);
  }

  Result<> change_of(const RelationFork& fork) {
    const std::uint32_t limit_or_none = u32();
    ForkChange change;
    change.limit = limit_or_none == 0 ? no_block : limit_or_none - 1;
    const std::uint64_t parts = from_.varint();
    if (parts == 0 && limit_or_none == 0) return broken("a fork without a change");
    std::uint64_t next = 0;
    for (std::uint64_t n = 0; n < parts && from_.ok(); ++n) {
      const std::uint64_t head = from_.varint();
      const std::uint64_t index = next + (head >> 1U);
      if (index >= BlockChunk::blocks) return broken("a chunk lies past every block");
      BlockChunk chunk = TRY((head & 1U) != 0 ? bitmap() : runs());
      if (!from_.ok()) break;
      if (reaches(chunk, index, change.limit)) return broken("a block is marked past the limit");
      change.marks.append(static_cast<std::uint32_t>(index), std::move(chunk));
      if (change.marks.memory() > limits_.bytes) change.marks.fill(change.marks.parts().size() - 1);
      next = index + 1;
    }
    if (from_.ok()) map_.add(fork, change);
    return {};
  }

  Result<BlockChunk> bitmap() {
    const ByteView bytes = from_.take(BlockChunk::bitmap_bytes);
    if (bytes.empty()) return BlockChunk();
    BlockChunk chunk = BlockChunk::of_bitmap(bytes);
    if (chunk.count() == 0) return broken("an empty bitmap");
    return chunk;
  }

  Result<BlockChunk> runs() {
    BlockChunk chunk;
    const std::uint64_t count = from_.varint();
    if (count == 0 && from_.ok()) return broken("a chunk without blocks");
    std::uint64_t next = 0;
    for (std::uint64_t n = 0; n < count && from_.ok(); ++n) {
      const std::uint64_t head = from_.varint();
      const std::uint64_t first = next + (head >> 1U);
      const std::uint64_t more = (head & 1U) != 0 ? from_.varint() : 0;
      const std::uint64_t blocks = (head & 1U) != 0 ? more + 2 : 1;
      if (first >= BlockChunk::blocks || more >= BlockChunk::blocks || first + blocks > BlockChunk::blocks) {
        return broken("a run of blocks leaves its chunk");
      }
      if (!from_.ok()) break;
      chunk.insert_range({static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(blocks)});
      next = first + blocks + 1;
    }
    return chunk;
  }

  ByteReader from_;
  ChangeMap::Limits limits_;
  ChangeMap map_;
};

}  // namespace

Bytes ChangeMap::encode() const {
  Bytes out = to_bytes(as_bytes(magic));
  append_varint(out, replaced_.size());
  for (const auto& [tablespace, database] : replaced_) {
    append_varint(out, tablespace);
    append_varint(out, database);
  }
  append_varint(out, doubts_.size());
  for (const Doubt& doubt : doubts_) {
    append_varint(out, doubt.first.value());
    append_varint(out, doubt.last - doubt.first);
    append_varint(out, doubt.reason.size());
    append(out, as_bytes(doubt.reason));
  }
  append_varint(out, forks_.size());
  for (const RelationFork& fork : forks()) {
    const ForkChange& change = forks_.at(fork);
    append_varint(out, fork.tablespace);
    append_varint(out, fork.database);
    append_varint(out, fork.relation);
    out.push_back(static_cast<std::uint8_t>(fork.fork));
    append_varint(out, change.limit == no_block ? 0 : std::uint64_t{change.limit} + 1);
    encode_marks(out, change.marks);
  }
  append_be(out, crc32c(out));
  return out;
}

Result<ChangeMap> ChangeMap::decode(ByteView bytes, Limits limits) {
  if (bytes.size() < magic.size() + checksum_size) return broken("it is too short");
  if (as_text(bytes.first(magic.size())) != magic) return broken("it does not begin like one");
  const ByteView body = bytes.first(bytes.size() - checksum_size);
  if (read_be<std::uint32_t>(bytes.subspan(body.size())) != crc32c(body)) return broken("its checksum does not fit");
  Decoder decoder(body.subspan(magic.size()), limits);
  TRY(decoder.replaced_databases());
  TRY(decoder.doubts());
  TRY(decoder.forks());
  return decoder.finished();
}

}  // namespace holdfast
