#include "shared/repository/frame.h"

#include <fmt/format.h>
#include <sodium.h>
#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <stdexcept>

#include "shared/base/byte_reader.h"
#include "shared/base/unique_handle.h"

namespace holdfast {
namespace {

constexpr std::string_view frame_magic = "HFF1";
constexpr std::string_view key_context = "holdfast frame key 1";
constexpr std::string_view data_context = "holdfast frame 1";
constexpr std::uint8_t flag_last = 1;
constexpr std::uint8_t flag_raw = 2;  // the body is not compressed
constexpr std::size_t tag_size = crypto_aead_xchacha20poly1305_ietf_ABYTES;
// Where the header's sizes may lie: a compressed body is only taken when it is smaller than the plain bytes.
constexpr std::size_t body_limit = frame_plain_limit + tag_size;

struct Header {
  FrameHeader clear;
  bool raw = false;
  std::array<std::uint8_t, 16> nonce_prefix{};
};

void write_header(std::span<std::uint8_t> to, const FrameIdentity& identity, std::size_t body_size,
                  std::size_t plain_size, bool raw) {
  Bytes bytes;
  bytes.reserve(frame_header_size);
  append(bytes, as_bytes(frame_magic));
  bytes.push_back(1);
  bytes.push_back(static_cast<std::uint8_t>(identity.space));
  bytes.push_back(static_cast<std::uint8_t>((identity.end == FrameEnd::last ? flag_last : 0U) | (raw ? flag_raw : 0U)));
  bytes.push_back(0);
  append_be<std::uint32_t>(bytes, static_cast<std::uint32_t>(body_size));
  append_be<std::uint32_t>(bytes, static_cast<std::uint32_t>(plain_size));
  append(bytes, identity.epoch.bytes());
  append(bytes, identity.owner);
  append_be<std::uint32_t>(bytes, identity.object);
  append_be<std::uint32_t>(bytes, identity.number);
  append(bytes, identity.nonce_prefix);
  std::copy(bytes.begin(), bytes.end(), to.begin());
}

Result<Header> parse_header(ByteView stored) {
  if (stored.size() < frame_header_size) return fail(Code::corrupt, "a frame is cut short in its header");
  ByteReader from(stored.first(frame_header_size));
  const bool magic = as_text(from.take(4)) == frame_magic;
  const auto version = from.be<std::uint8_t>();
  const auto space = from.be<std::uint8_t>();
  const auto flags = from.be<std::uint8_t>();
  const auto reserved = from.be<std::uint8_t>();
  const auto body_size = from.be<std::uint32_t>();
  Header out;
  out.clear.plain_size = from.be<std::uint32_t>();
  out.clear.epoch = EpochId(from.array<16>());
  out.clear.owner = from.array<16>();
  out.clear.object = from.be<std::uint32_t>();
  out.clear.number = from.be<std::uint32_t>();
  out.nonce_prefix = from.array<16>();
  out.clear.space = static_cast<FrameSpace>(space);
  out.clear.end = (flags & flag_last) != 0 ? FrameEnd::last : FrameEnd::more;
  out.clear.stored_size = frame_header_size + body_size;
  out.raw = (flags & flag_raw) != 0;
  if (!magic) return fail(Code::corrupt, "a frame does not begin like one");
  if (version != 1) return fail(Code::unsupported, fmt::format("a frame of version {}, this program knows 1", version));
  const std::size_t plain = out.clear.plain_size;
  const bool sizes = plain > 0 && plain <= frame_plain_limit && body_size > tag_size && body_size <= body_limit &&
                     (out.raw ? body_size == plain + tag_size : body_size < plain + tag_size);
  if (space < 1 || space > 4 || (flags & ~(flag_last | flag_raw)) != 0 || reserved != 0 || !sizes) {
    return fail(Code::corrupt, "a frame's header makes no sense");
  }
  return out;
}

// What the key of all frames of one object hangs on.
using ObjectIdentity = std::array<std::uint8_t, 16 + 16 + 16 + 1 + 16 + 4>;
ObjectIdentity object_identity(const FrameIdentity& identity) {
  ObjectIdentity out{};
  auto at = out.begin();
  const auto put = [&](ByteView bytes) { at = std::copy(bytes.begin(), bytes.end(), at); };
  put(identity.fleet.bytes());
  put(identity.database.bytes());
  put(identity.epoch.bytes());
  *at++ = static_cast<std::uint8_t>(identity.space);
  put(identity.owner);
  for (int shift = 24; shift >= 0; shift -= 8) *at++ = static_cast<std::uint8_t>(identity.object >> shift);
  return out;
}

// Derives an object's key, and keeps the last one: frames come one object after the other.
class ObjectKeys {
 public:
  const Secret<32>& get(const FrameIdentity& identity, const Secret<32>& epoch_key) {
    const ObjectIdentity wanted = object_identity(identity);
    // The epoch's id is in the identity, but who says that a caller never mixes up two keys under one id.
    if (!known_ || wanted != identity_ || !equal_constant_time(epoch_key.bytes(), epoch_key_.bytes())) {
      auto derived = keyed_hash(epoch_key.bytes(), key_context, wanted);
      std::copy(derived.begin(), derived.end(), key_.writable().begin());
      sodium_memzero(derived.data(), derived.size());
      epoch_key_ = epoch_key.clone();
      identity_ = wanted;
      known_ = true;
    }
    return key_;
  }

 private:
  bool known_ = false;
  ObjectIdentity identity_{};
  Secret<32> epoch_key_;
  Secret<32> key_;
};

using Nonce = std::array<std::uint8_t, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES>;
Nonce nonce_of(const std::array<std::uint8_t, 16>& prefix, std::uint64_t number) {
  Nonce nonce{};
  std::copy(prefix.begin(), prefix.end(), nonce.begin());
  for (std::size_t i = 0; i < 8; ++i) nonce[16 + i] = static_cast<std::uint8_t>(number >> (56 - 8 * i));
  return nonce;
}

using AssociatedData = std::array<std::uint8_t, data_context.size() + 1 + 16 + 16 + frame_header_size>;
AssociatedData associated_data(const FrameIdentity& identity, ByteView header) {
  AssociatedData out{};
  auto at = out.begin();
  const auto put = [&](ByteView bytes) { at = std::copy(bytes.begin(), bytes.end(), at); };
  put(as_bytes(data_context));
  *at++ = 0;
  put(identity.fleet.bytes());
  put(identity.database.bytes());
  put(header);
  return out;
}

}  // namespace

Result<FrameHeader> read_frame_header(ByteView stored) {
  return TRY(parse_header(stored)).clear;
}

XxHash128 content_hash(ByteView plain) {
  const XXH128_hash_t hash = XXH3_128bits(plain.data(), plain.size());
  return {hash.low64, hash.high64};
}

struct FrameEncoder::Contexts {
  UniqueHandle<ZSTD_CCtx, ZSTD_freeCCtx> zstd{ZSTD_createCCtx()};
  ObjectKeys keys;
  PackedFrame packed;  // of append()
};

FrameEncoder::FrameEncoder(int zstd_level) : contexts_(std::make_unique<Contexts>()) {
  if (!contexts_->zstd || sodium_init() < 0) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(contexts_->zstd.get(), ZSTD_c_compressionLevel, zstd_level);
  // The frame's tag and content hash find damage; the decoder knows the size.
  ZSTD_CCtx_setParameter(contexts_->zstd.get(), ZSTD_c_checksumFlag, 0);
  ZSTD_CCtx_setParameter(contexts_->zstd.get(), ZSTD_c_contentSizeFlag, 1);
}
FrameEncoder::~FrameEncoder() = default;
FrameEncoder::FrameEncoder(FrameEncoder&&) noexcept = default;

std::size_t PackedFrame::stored_size() const {
  return frame_header_size + size_ + tag_size;
}

Result<> FrameEncoder::pack(ByteView plain, PackedFrame& out) {
  out.clear();
  if (plain.empty() || plain.size() > frame_plain_limit) {
    return fail(Code::invalid,
                fmt::format("a frame of {} bytes, 1 to {} are allowed", plain.size(), frame_plain_limit));
  }
  if (out.memory_.size() < plain.size()) out.memory_.resize(plain.size());
  // What does not fit below the plain size is kept raw.
  const std::size_t packed =
      ZSTD_compress2(contexts_->zstd.get(), out.memory_.data(), plain.size() - 1, plain.data(), plain.size());
  out.raw_ = ZSTD_isError(packed) != 0;
  if (out.raw_) std::ranges::copy(plain, out.memory_.begin());
  out.size_ = out.raw_ ? plain.size() : packed;
  out.plain_size_ = plain.size();
  return {};
}

std::size_t FrameEncoder::seal(Bytes& out, const FrameIdentity& identity, const Secret<32>& epoch_key,
                               const PackedFrame& packed) {
  const std::size_t begin = out.size();
  const std::size_t body = begin + frame_header_size;
  const std::size_t tag = body + packed.size_;
  out.resize(tag + tag_size);
  const auto header = std::span(out).subspan(begin, frame_header_size);
  write_header(header, identity, packed.size_ + tag_size, packed.plain_size_, packed.raw_);
  const AssociatedData data = associated_data(identity, header);
  const Nonce nonce = nonce_of(identity.nonce_prefix, identity.number);
  const Secret<32>& key = contexts_->keys.get(identity, epoch_key);
  crypto_aead_xchacha20poly1305_ietf_encrypt_detached(out.data() + body, out.data() + tag, nullptr,
                                                      packed.memory_.data(), packed.size_, data.data(), data.size(),
                                                      nullptr, nonce.data(), key.bytes().data());
  return out.size() - begin;
}

Result<std::size_t> FrameEncoder::append(Bytes& out, const FrameIdentity& identity, const Secret<32>& epoch_key,
                                         ByteView plain) {
  TRY(pack(plain, contexts_->packed));
  return seal(out, identity, epoch_key, contexts_->packed);
}

struct FrameDecoder::Contexts {
  UniqueHandle<ZSTD_DCtx, ZSTD_freeDCtx> zstd{ZSTD_createDCtx()};
  ObjectKeys keys;
  Bytes opened;  // decrypted, still compressed
};

FrameDecoder::FrameDecoder() : contexts_(std::make_unique<Contexts>()) {
  if (!contexts_->zstd || sodium_init() < 0) throw std::bad_alloc();
}
FrameDecoder::~FrameDecoder() = default;
FrameDecoder::FrameDecoder(FrameDecoder&&) noexcept = default;

Result<FrameDecoder::Opened> FrameDecoder::open(ByteView stored, const FrameIdentity& expected, const KeyRing& keys,
                                                Bytes memory) {
  const std::string step = fmt::format("frame {}", expected.number);
  const Header header = TRY_DURING(step, parse_header(stored));
  const FrameHeader& clear = header.clear;
  const auto refuse = [&](std::string_view why) { return fail(Code::corrupt, fmt::format("{}: {}", step, why)); };
  if (clear.epoch != expected.epoch) return refuse("it is of another epoch");
  if (clear.space != expected.space || clear.owner != expected.owner || clear.object != expected.object) {
    return refuse("it belongs to another object");
  }
  if (clear.number != expected.number) return refuse(fmt::format("it is frame {} of its object", clear.number));
  if (clear.end != expected.end) {
    return refuse(clear.end == FrameEnd::last ? "the object goes on after its last frame"
                                              : "the object's end is missing");
  }
  if (stored.size() < clear.stored_size) return refuse("it is cut short");
  const Secret<32>* epoch_key = TRY_DURING(step, keys.find(expected.epoch));

  const AssociatedData data = associated_data(expected, stored.first(frame_header_size));
  const Nonce nonce = nonce_of(header.nonce_prefix, clear.number);
  const Secret<32>& key = contexts_->keys.get(expected, *epoch_key);
  const ByteView body = stored.subspan(frame_header_size, clear.stored_size - frame_header_size);
  const std::size_t content = body.size() - tag_size;
  Opened out;
  out.plain = std::move(memory);
  out.stored_size = clear.stored_size;
  out.end = clear.end;
  out.plain.resize(clear.plain_size);
  // Grows only: what is resized is cleared, and frames differ in size.
  if (!header.raw && contexts_->opened.size() < content) contexts_->opened.resize(content);
  const auto opened = header.raw ? std::span(out.plain) : std::span(contexts_->opened).first(content);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt_detached(opened.data(), nullptr, body.data(), content,
                                                          body.data() + content, data.data(), data.size(), nonce.data(),
                                                          key.bytes().data()) != 0) {
    return refuse("it does not open: altered, or the key of another epoch");
  }
  if (!header.raw) {
    const std::size_t got =
        ZSTD_decompressDCtx(contexts_->zstd.get(), out.plain.data(), out.plain.size(), opened.data(), opened.size());
    if (ZSTD_isError(got) != 0 || got != clear.plain_size) return refuse("it does not decompress to its size");
  }
  return out;
}

}  // namespace holdfast
