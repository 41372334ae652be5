#include "agent/incremental/parent_backup.h"

#include <algorithm>

#include "shared/base/byte_reader.h"

namespace holdfast {
namespace {

constexpr std::string_view magic = "HFPARNT1";

void append_hash(Bytes& to, const XxHash128& hash) {
  append_be(to, hash.low);
  append_be(to, hash.high);
}

XxHash128 read_hash(ByteReader& reader) {
  XxHash128 hash;
  hash.low = reader.be<std::uint64_t>();
  hash.high = reader.be<std::uint64_t>();
  return hash;
}

}  // namespace

Bytes encode_parent(const ParentBackup& parent, ByteView stored_record) {
  Bytes out;
  append(out, as_bytes(magic));
  append_counted<std::uint32_t>(out, stored_record);
  append_counted<std::uint64_t>(out, encode_manifest(parent.manifest));
  const ClusterTraits& traits = parent.traits;
  append_be(out, traits.system_id.value());
  append_be(out, static_cast<std::uint32_t>(traits.major_version));
  append_be(out, traits.control_version);
  append_be(out, traits.catalog_version);
  out.push_back(traits.page_checksums == PageChecksums::on ? 1 : 0);
  append_be(out, traits.block_size);
  append_be(out, traits.relation_segment_blocks);
  append_be(out, static_cast<std::uint32_t>(parent.small_files.size()));
  for (const auto& [path, hash] : parent.small_files) {
    append_counted<std::uint32_t>(out, as_bytes(path));
    append_hash(out, hash);
  }
  append_hash(out, content_hash(out));
  return out;
}

Result<ParentBackup> decode_parent(ByteView bytes, const SignPublicKey& signer) {
  constexpr std::size_t hash_size = 16;
  if (bytes.size() < magic.size() + hash_size)
    return fail(Code::corrupt, "what is remembered of a backup is cut short");
  if (as_text(bytes.first(magic.size())) != magic) {
    return fail(Code::unsupported, "what is remembered of a backup is of another version");
  }
  ByteReader end(bytes.last(hash_size));
  if (read_hash(end) != content_hash(bytes.first(bytes.size() - hash_size))) {
    return fail(Code::corrupt, "what is remembered of a backup does not fit its checksum");
  }
  ByteReader reader(bytes.subspan(magic.size(), bytes.size() - magic.size() - hash_size));
  const ByteView record = reader.counted<std::uint32_t>();
  const ByteView manifest = reader.counted<std::uint64_t>();
  ParentBackup parent;
  ClusterTraits& traits = parent.traits;
  traits.system_id = SystemId(reader.be<std::uint64_t>());
  traits.major_version = static_cast<int>(reader.be<std::uint32_t>());
  traits.control_version = reader.be<std::uint32_t>();
  traits.catalog_version = reader.be<std::uint32_t>();
  traits.page_checksums = reader.be<std::uint8_t>() != 0 ? PageChecksums::on : PageChecksums::off;
  traits.block_size = reader.be<std::uint32_t>();
  traits.relation_segment_blocks = reader.be<std::uint32_t>();
  const auto files = reader.be<std::uint32_t>();
  for (std::uint32_t i = 0; i < files && reader.ok(); ++i) {
    const std::string path(as_text(reader.counted<std::uint32_t>()));
    parent.small_files.emplace(path, read_hash(reader));
  }
  if (!reader.finished()) return fail(Code::corrupt, "what is remembered of a backup cannot be read");
  parent.record = TRY(decode_record(record, signer));
  parent.manifest = TRY(decode_manifest(manifest));
  return parent;
}

}  // namespace holdfast
