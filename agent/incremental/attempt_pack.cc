#include "agent/incremental/attempt_pack.h"

#include <algorithm>

#include "agent/incremental/remembered.h"

namespace holdfast {
namespace {

constexpr std::string_view magic = "HFATTPT1";

void append_frame(Bytes& to, const FrameRef& frame) {
  append_varint(to, frame.number);
  append_varint(to, frame.offset);
  append_varint(to, frame.stored_size);
  append_varint(to, frame.plain_size);
  to.push_back(frame.end == FrameEnd::last ? 1 : 0);
  append_hash(to, frame.hash);
}

FrameRef read_frame(ByteReader& from) {
  FrameRef frame;
  frame.number = static_cast<std::uint32_t>(from.varint());
  frame.offset = from.varint();
  frame.stored_size = static_cast<std::uint32_t>(from.varint());
  frame.plain_size = static_cast<std::uint32_t>(from.varint());
  frame.end = from.be<std::uint8_t>() == 0 ? FrameEnd::more : FrameEnd::last;
  frame.hash = read_hash(from);
  return frame;
}

void append_stretch(Bytes& to, const AttemptStretch& stretch) {
  append_varint(to, stretch.file);
  append_varint(to, stretch.offset);
  append_varint(to, stretch.length);
  append_varint(to, stretch.extents.size());
  for (const Extent& extent : stretch.extents) {
    append_varint(to, extent.first_page);
    append_varint(to, extent.pages);
    append_varint(to, extent.frame);
    append_varint(to, extent.offset);
  }
}

AttemptStretch read_stretch(ByteReader& from) {
  AttemptStretch stretch;
  stretch.file = static_cast<std::uint32_t>(from.varint());
  stretch.offset = from.varint();
  stretch.length = from.varint();
  const std::uint64_t extents = from.varint();
  for (std::uint64_t i = 0; i < extents && from.ok(); ++i) {
    Extent extent;
    extent.first_page = from.varint();
    extent.pages = static_cast<std::uint32_t>(from.varint());
    extent.frame = static_cast<std::uint32_t>(from.varint());
    extent.offset = static_cast<std::uint32_t>(from.varint());
    stretch.extents.push_back(extent);
  }
  return stretch;
}

bool holds_together(const AttemptPack& pack) {
  return std::ranges::all_of(pack.stretches, [&pack](const AttemptStretch& stretch) {
    return stretch.file < pack.files.size() && std::ranges::all_of(stretch.extents, [&pack](const Extent& extent) {
             return extent.frame < pack.frames.size() && extent.offset < pack.frames[extent.frame].plain_size;
           });
  });
}

}  // namespace

Bytes encode_attempt_pack(const AttemptPack& pack) {
  Bytes out;
  append(out, as_bytes(magic));
  append_traits(out, pack.traits);
  append_be(out, pack.start.timeline.value());
  append_be(out, pack.start.lsn.value());
  append_be(out, static_cast<std::uint64_t>(pack.stored_at.micros()));
  append(out, pack.pack.backup.bytes());
  append(out, pack.pack.epoch.bytes());
  append_be(out, pack.pack.number);
  append_counted<std::uint32_t>(out, as_bytes(pack.object.name));
  append_be(out, pack.object.size);
  append(out, pack.object.sha256);
  append_varint(out, pack.frames.size());
  for (const FrameRef& frame : pack.frames) append_frame(out, frame);
  append_varint(out, pack.files.size());
  for (const AttemptFile& file : pack.files) {
    append_counted<std::uint32_t>(out, as_bytes(file.path));
    append_varint(out, file.size);
  }
  append_varint(out, pack.stretches.size());
  for (const AttemptStretch& stretch : pack.stretches) append_stretch(out, stretch);
  append_hash(out, content_hash(out));
  return out;
}

Result<AttemptPack> decode_attempt_pack(ByteView bytes) {
  ByteReader from = TRY(open_remembered(bytes, magic));
  AttemptPack pack;
  pack.traits = read_traits(from);
  pack.start.timeline = Timeline(from.be<std::uint32_t>());
  pack.start.lsn = Lsn(from.be<std::uint64_t>());
  pack.stored_at = Timestamp::from_micros(static_cast<std::int64_t>(from.be<std::uint64_t>()));
  pack.pack.backup = BackupId(from.array<16>());
  pack.pack.epoch = EpochId(from.array<16>());
  pack.pack.number = from.be<std::uint32_t>();
  pack.object.name = as_text(from.counted<std::uint32_t>());
  pack.object.size = from.be<std::uint64_t>();
  pack.object.sha256 = from.array<32>();
  const std::uint64_t frames = from.varint();
  for (std::uint64_t i = 0; i < frames && from.ok(); ++i) pack.frames.push_back(read_frame(from));
  const std::uint64_t files = from.varint();
  for (std::uint64_t i = 0; i < files && from.ok(); ++i) {
    AttemptFile file;
    file.path = as_text(from.counted<std::uint32_t>());
    file.size = from.varint();
    pack.files.push_back(std::move(file));
  }
  const std::uint64_t stretches = from.varint();
  for (std::uint64_t i = 0; i < stretches && from.ok(); ++i) pack.stretches.push_back(read_stretch(from));
  if (!from.finished() || !holds_together(pack)) return fail(Code::corrupt, std::string(unreadable_memory));
  return pack;
}

}  // namespace holdfast
