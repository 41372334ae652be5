#include "agent/incremental/remembered.h"

namespace holdfast {

void append_hash(Bytes& to, const XxHash128& hash) {
  append_be(to, hash.low);
  append_be(to, hash.high);
}

XxHash128 read_hash(ByteReader& from) {
  XxHash128 hash;
  hash.low = from.be<std::uint64_t>();
  hash.high = from.be<std::uint64_t>();
  return hash;
}

void append_traits(Bytes& to, const ClusterTraits& traits) {
  append_be(to, traits.system_id.value());
  append_be(to, static_cast<std::uint32_t>(traits.major_version));
  append_be(to, traits.control_version);
  append_be(to, traits.catalog_version);
  to.push_back(traits.page_checksums == PageChecksums::on ? 1 : 0);
  append_be(to, traits.block_size);
  append_be(to, traits.relation_segment_blocks);
}

ClusterTraits read_traits(ByteReader& from) {
  ClusterTraits traits;
  traits.system_id = SystemId(from.be<std::uint64_t>());
  traits.major_version = static_cast<int>(from.be<std::uint32_t>());
  traits.control_version = from.be<std::uint32_t>();
  traits.catalog_version = from.be<std::uint32_t>();
  traits.page_checksums = from.be<std::uint8_t>() != 0 ? PageChecksums::on : PageChecksums::off;
  traits.block_size = from.be<std::uint32_t>();
  traits.relation_segment_blocks = from.be<std::uint32_t>();
  return traits;
}

Result<ByteReader> open_remembered(ByteView bytes, std::string_view magic) {
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
  return ByteReader(bytes.subspan(magic.size(), bytes.size() - magic.size() - hash_size));
}

}  // namespace holdfast
