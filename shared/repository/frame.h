#pragma once
// A frame: up to about 1 MiB of plain bytes, compressed alone, encrypted alone, readable by range. It carries its own
// identity, so that compaction can move it without a key. Layout and AAD are in FORMAT.md.
#include "shared/repository/epoch.h"

namespace holdfast {

enum class FrameSpace : std::uint8_t { pack = 1, manifest = 2, wal = 3, checkpoint = 4 };
enum class FrameEnd : std::uint8_t { more = 0, last = 1 };

constexpr std::size_t frame_header_size = 72;
constexpr std::size_t frame_plain_limit = 4U << 20U;   // a reader refuses more
constexpr std::size_t frame_plain_target = 1U << 20U;  // writers fill up to this

// What makes a frame's key, nonce and AAD. `object` and `number` are those of the object it was first written to.
struct FrameIdentity {
  FleetId fleet;
  DatabaseId database;
  EpochId epoch;
  FrameSpace space = FrameSpace::pack;
  std::array<std::uint8_t, 16> owner{};         // backup id; others: see FORMAT.md
  std::uint32_t object = 0;                     // pack number
  std::uint32_t number = 0;                     // frame number in that object, from 0
  std::array<std::uint8_t, 16> nonce_prefix{};  // random for each object
  FrameEnd end = FrameEnd::more;
};

// The clear front of a stored frame: enough to walk over an object's frames without a key.
struct FrameHeader {
  EpochId epoch;
  FrameSpace space = FrameSpace::pack;
  FrameEnd end = FrameEnd::more;
  std::array<std::uint8_t, 16> owner{};
  std::uint32_t object = 0;
  std::uint32_t number = 0;
  std::size_t stored_size = 0;  // header + body
  std::size_t plain_size = 0;
};
// Of the frame at the front of `stored`; its body need not be there. Code::corrupt. Proves nothing without the key.
Result<FrameHeader> read_frame_header(ByteView stored);

struct XxHash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const XxHash128&, const XxHash128&) = default;
};
XxHash128 content_hash(ByteView plain);

// The content of a frame, compressed and not encrypted yet: a writer that learns only later which frame is an object's
// last one keeps this and not the plain bytes. Its memory is used again.
class PackedFrame {
 public:
  bool empty() const { return size_ == 0; }
  // What seal() will append.
  std::size_t stored_size() const;
  void clear() { size_ = plain_size_ = 0; }

 private:
  friend class FrameEncoder;
  Bytes memory_;
  std::size_t size_ = 0;
  std::size_t plain_size_ = 0;
  bool raw_ = false;
};

// Compresses, encrypts, and appends header and body to `out`. Returns the number of bytes appended. Contexts are
// reused: one encoder a thread.
class FrameEncoder {
 public:
  explicit FrameEncoder(int zstd_level);
  ~FrameEncoder();
  FrameEncoder(FrameEncoder&&) noexcept;
  FrameEncoder(const FrameEncoder&) = delete;
  FrameEncoder& operator=(const FrameEncoder&) = delete;
  FrameEncoder& operator=(FrameEncoder&&) = delete;
  // Code::invalid: no bytes, or more than frame_plain_limit. `out` is as it was when it fails.
  Result<std::size_t> append(Bytes& out, const FrameIdentity& identity, const Secret<32>& epoch_key, ByteView plain);

  // The two halves of it. Code::invalid as above; `out` is replaced.
  Result<> pack(ByteView plain, PackedFrame& out);
  std::size_t seal(Bytes& out, const FrameIdentity& identity, const Secret<32>& epoch_key, const PackedFrame& packed);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

// One frame at the front of `stored`, checked against what the caller expects of it (everything but the nonce prefix,
// which the header carries). Code::corrupt names what does not fit.
class FrameDecoder {
 public:
  FrameDecoder();
  ~FrameDecoder();
  FrameDecoder(FrameDecoder&&) noexcept;
  FrameDecoder(const FrameDecoder&) = delete;
  FrameDecoder& operator=(const FrameDecoder&) = delete;
  FrameDecoder& operator=(FrameDecoder&&) = delete;
  struct Opened {
    Bytes plain;
    std::size_t stored_size = 0;  // header + body
    FrameEnd end = FrameEnd::more;
  };
  // `memory` becomes the plain bytes: who opens many frames gives the last one's back.
  Result<Opened> open(ByteView stored, const FrameIdentity& expected, const KeyRing& keys, Bytes memory = {});

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

}  // namespace holdfast
