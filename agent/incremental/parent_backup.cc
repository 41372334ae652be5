#include "agent/incremental/parent_backup.h"

#include "agent/incremental/remembered.h"

namespace holdfast {
namespace {

constexpr std::string_view magic = "HFPARNT1";

}  // namespace

Bytes encode_parent(const ParentBackup& parent, ByteView stored_record) {
  Bytes out;
  append(out, as_bytes(magic));
  append_counted<std::uint32_t>(out, stored_record);
  append_counted<std::uint64_t>(out, encode_manifest(parent.manifest));
  append_traits(out, parent.traits);
  append_be(out, static_cast<std::uint32_t>(parent.small_files.size()));
  for (const auto& [path, hash] : parent.small_files) {
    append_counted<std::uint32_t>(out, as_bytes(path));
    append_hash(out, hash);
  }
  append_hash(out, content_hash(out));
  return out;
}

Result<ParentBackup> decode_parent(ByteView bytes, const SignPublicKey& signer) {
  ByteReader reader = TRY(open_remembered(bytes, magic));
  const ByteView record = reader.counted<std::uint32_t>();
  const ByteView manifest = reader.counted<std::uint64_t>();
  ParentBackup parent;
  parent.traits = read_traits(reader);
  const auto files = reader.be<std::uint32_t>();
  for (std::uint32_t i = 0; i < files && reader.ok(); ++i) {
    const std::string path(as_text(reader.counted<std::uint32_t>()));
    parent.small_files.emplace(path, read_hash(reader));
  }
  if (!reader.finished()) return fail(Code::corrupt, std::string(unreadable_memory));
  parent.record = TRY(decode_record(record, signer));
  parent.manifest = TRY(decode_manifest(manifest));
  return parent;
}

}  // namespace holdfast
