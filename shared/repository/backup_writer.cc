#include "shared/repository/backup_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <map>
#include <set>

#include "shared/repository/layout.h"

namespace holdfast {
namespace {

// The manifest is small beside the packs and is read by every restore.
constexpr int manifest_zstd_level = 6;

std::array<std::uint8_t, 16> owner_of(BackupId backup) {
  std::array<std::uint8_t, 16> owner{};
  std::copy(backup.bytes().begin(), backup.bytes().end(), owner.begin());
  return owner;
}

}  // namespace

// One worker's packs: one being filled, one on its way to the stores.
struct BackupWriter::Worker::Pack {
  explicit Pack(int zstd_level) : encoder(zstd_level) {}

  FrameEncoder encoder;
  bool open = false;
  FrameIdentity identity;
  std::uint32_t index = 0;  // in packs_
  Bytes content;
  // The newest frame waits as plain bytes: whether it is the pack's last one must be known when it is encrypted.
  Bytes pending;
  std::uint32_t pending_frame = 0;
  std::future<Result<>> sending;
  bool failed = false;
};

BackupWriter::BackupWriter(FleetId fleet, DatabaseId database, BackupId backup, const EpochKey& epoch,
                           const StoreSet& stores, Entropy& entropy, BackupWriterOptions options)
    : fleet_(fleet),
      database_(database),
      backup_(backup),
      epoch_(epoch),
      stores_(stores),
      entropy_(entropy),
      options_(std::move(options)) {
  for (const NamedStore& store : stores_.stores()) copies_.push_back({store.name, 0, std::nullopt});
}

Result<> BackupWriter::carry_over(const BackupRecord& parent, std::vector<PackRef> packs,
                                  std::vector<FrameRef> frames) {
  const std::lock_guard lock(mutex_);
  if (!packs_.empty() || !frames_.empty())
    return fail(Code::internal, "frames carried over after the first was written");
  std::map<std::string, const StoredObject*> known;
  for (const StoredObject& object : parent.objects) known[object.name] = &object;
  for (const NeededPack& needed : parent.needed_packs) known[needed.object.name] = &needed.object;
  std::vector<StoredObject> objects;
  for (const PackRef& pack : packs) {
    const std::string name = pack_name(database_, pack.backup, pack.number);
    const auto found = known.find(name);
    if (found == known.end()) {
      return fail(Code::invalid, fmt::format("the record of backup {} does not know \"{}\"", parent.backup, name));
    }
    objects.push_back(*found->second);
  }
  for (const FrameRef& frame : frames) {
    if (frame.pack >= packs.size()) return fail(Code::invalid, "a frame of the parent is in no pack of it");
  }
  carried_packs_ = packs.size();
  carried_frames_ = frames.size();
  carried_objects_ = std::move(objects);
  packs_ = std::move(packs);
  frames_ = std::move(frames);
  return {};
}

BackupWriter::Worker BackupWriter::worker() {
  return Worker(*this);
}

BackupWriter::Worker::Worker(BackupWriter& writer)
    : writer_(&writer), pack_(std::make_unique<Pack>(writer.options_.zstd_level)) {}
BackupWriter::Worker::~Worker() = default;
BackupWriter::Worker::Worker(Worker&&) noexcept = default;

Result<std::uint32_t> BackupWriter::Worker::add_frame(ByteView plain) {
  if (plain.empty() || plain.size() > frame_plain_limit) {
    return fail(Code::invalid,
                fmt::format("a frame of {} bytes, 1 to {} are allowed", plain.size(), frame_plain_limit));
  }
  Pack& pack = *pack_;
  if (pack.failed) return fail(Code::conflict, "the worker has failed before");
  if (!pack.pending.empty()) {
    // The next frame might not compress at all: then this pack is full with the one that waits.
    const std::size_t after = pack.content.size() + 2 * frame_header_size + pack.pending.size() + plain.size();
    const bool last = after > writer_->options_.pack_size;
    auto written = write_pending(last ? FrameEnd::last : FrameEnd::more);
    if (written && last) written = send();
    if (!written) {
      pack.failed = true;
      return std::unexpected(std::move(written).error());
    }
  }
  if (!pack.open) begin();
  FrameRef frame;
  frame.pack = pack.index;
  frame.number = pack.identity.number++;
  frame.plain_size = static_cast<std::uint32_t>(plain.size());
  frame.hash = content_hash(plain);
  pack.pending.assign(plain.begin(), plain.end());
  const std::lock_guard lock(writer_->mutex_);
  pack.pending_frame = static_cast<std::uint32_t>(writer_->frames_.size());
  writer_->frames_.push_back(frame);
  return pack.pending_frame;
}

void BackupWriter::Worker::begin() {
  Pack& pack = *pack_;
  pack.open = true;
  pack.identity = {};
  pack.identity.fleet = writer_->fleet_;
  pack.identity.database = writer_->database_;
  pack.identity.epoch = writer_->epoch_.id;
  pack.identity.space = FrameSpace::pack;
  pack.identity.owner = owner_of(writer_->backup_);
  pack.content.clear();
  pack.content.reserve(writer_->options_.pack_size + frame_plain_target / 8);
  const std::lock_guard lock(writer_->mutex_);
  pack.identity.nonce_prefix = writer_->entropy_.bytes<16>();
  pack.identity.object = writer_->next_pack_++;
  pack.index = static_cast<std::uint32_t>(writer_->packs_.size());
  writer_->packs_.push_back({writer_->backup_, pack.identity.object, writer_->epoch_.id});
}

Result<> BackupWriter::Worker::write_pending(FrameEnd end) {
  Pack& pack = *pack_;
  FrameIdentity identity = pack.identity;
  identity.number = pack.identity.number - 1;
  identity.end = end;
  const std::size_t offset = pack.content.size();
  const std::size_t stored = TRY(pack.encoder.append(pack.content, identity, writer_->epoch_.key, pack.pending));
  pack.pending.clear();
  const std::lock_guard lock(writer_->mutex_);
  FrameRef& frame = writer_->frames_[pack.pending_frame];
  frame.offset = offset;
  frame.stored_size = static_cast<std::uint32_t>(stored);
  frame.end = end;
  return {};
}

// Puts the full pack while the next one is filled; at most one is on its way.
Result<> BackupWriter::Worker::send() {
  Pack& pack = *pack_;
  if (pack.sending.valid()) TRY(pack.sending.get());
  pack.open = false;
  pack.sending = std::async(std::launch::async,
                            [writer = writer_, number = pack.identity.object, content = std::move(pack.content)] {
                              return writer->put_object(pack_name(writer->database_, writer->backup_, number), content);
                            });
  pack.content = {};
  return {};
}

Result<> BackupWriter::Worker::finish() {
  Pack& pack = *pack_;
  if (pack.failed) return fail(Code::conflict, "the worker has failed before");
  if (!pack.pending.empty()) {
    TRY(write_pending(FrameEnd::last));
    TRY(send());
  }
  if (pack.sending.valid()) TRY(pack.sending.get());
  return {};
}

Result<> BackupWriter::put_object(const std::string& name, ByteView content) {
  if (options_.before_put) options_.before_put(content.size());
  StoredObject object{name, content.size(), sha256(content)};
  TRY(put_copies(name, content));
  stored_bytes_ += content.size();
  const std::lock_guard lock(mutex_);
  objects_.push_back(std::move(object));
  return {};
}

Result<> BackupWriter::put_copies(const std::string& name, ByteView content) {
  auto outcomes = TRY(stores_.put(name, content));
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (!outcomes[i].error) continue;
    if (copies_[i].missing++ == 0) copies_[i].first_error = std::move(outcomes[i].error);
  }
  return {};
}

std::vector<BackupWriter::Copy> BackupWriter::copies() const {
  const std::lock_guard lock(mutex_);
  return copies_;
}

// Takes what no extent needs out of the tables and numbers the rest anew. Frames this backup wrote itself all stay.
Result<> BackupWriter::fill_tables(Manifest& manifest) {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint8_t> used(frames_.size(), 0);
  std::fill(used.begin() + static_cast<std::ptrdiff_t>(carried_frames_), used.end(), 1);
  for (const ManifestFile& file : manifest.files) {
    for (const Extent& extent : file.extents) {
      if (extent.frame >= frames_.size()) {
        return fail(Code::invalid,
                    fmt::format("file \"{}\" names frame {} of {}", file.path, extent.frame, frames_.size()));
      }
      used[extent.frame] = 1;
    }
  }
  std::vector<std::uint64_t> live(packs_.size(), 0);
  for (std::size_t i = 0; i < frames_.size(); ++i) {
    if (used[i] != 0) live[frames_[i].pack] += frames_[i].stored_size;
  }
  needed_packs_.clear();
  std::set<EpochId> epochs{epoch_.id};
  std::vector<std::uint32_t> new_pack(packs_.size(), 0);
  manifest.packs.clear();
  for (std::size_t i = 0; i < packs_.size(); ++i) {
    if (live[i] == 0) continue;
    new_pack[i] = static_cast<std::uint32_t>(manifest.packs.size());
    manifest.packs.push_back(packs_[i]);
    epochs.insert(packs_[i].epoch);
    if (i < carried_packs_) needed_packs_.push_back({carried_objects_[i], live[i]});
  }
  needed_epochs_.assign(epochs.begin(), epochs.end());
  std::vector<std::uint32_t> new_frame(frames_.size(), 0);
  manifest.frames.clear();
  for (std::size_t i = 0; i < frames_.size(); ++i) {
    if (used[i] == 0) continue;
    new_frame[i] = static_cast<std::uint32_t>(manifest.frames.size());
    manifest.frames.push_back(frames_[i]);
    manifest.frames.back().pack = new_pack[frames_[i].pack];
  }
  for (ManifestFile& file : manifest.files) {
    for (Extent& extent : file.extents) extent.frame = new_frame[extent.frame];
  }
  return {};
}

Result<> BackupWriter::put_manifest(Manifest& manifest) {
  manifest.database = database_;
  manifest.backup = backup_;
  TRY(fill_tables(manifest));
  TRY_DURING("manifest", check_manifest(manifest));
  const Bytes plain = encode_manifest(manifest);
  FrameIdentity identity;
  identity.fleet = fleet_;
  identity.database = database_;
  identity.epoch = epoch_.id;
  identity.space = FrameSpace::manifest;
  identity.owner = owner_of(backup_);
  {
    const std::lock_guard lock(mutex_);
    identity.nonce_prefix = entropy_.bytes<16>();
  }
  FrameEncoder encoder(manifest_zstd_level);
  Bytes object;
  for (std::size_t at = 0; at < plain.size(); at += frame_plain_limit) {
    const std::size_t size = std::min(frame_plain_limit, plain.size() - at);
    identity.end = at + size == plain.size() ? FrameEnd::last : FrameEnd::more;
    (void)TRY(encoder.append(object, identity, epoch_.key, ByteView(plain).subspan(at, size)));
    ++identity.number;
  }
  return put_object(manifest_name(database_, backup_), object);
}

Result<Bytes> BackupWriter::finish(BackupRecord& record, const SignKeyPair& signer) {
  {
    const std::lock_guard lock(mutex_);
    record.objects = objects_;
    record.needed_packs = needed_packs_;
    record.needed_epochs = needed_epochs_;
  }
  // Workers put packs as they are full. By length first: "pack-10000" comes after "pack-9999".
  std::ranges::sort(record.objects, [](const StoredObject& a, const StoredObject& b) {
    return std::pair(a.name.ends_with("manifest"), std::pair(a.name.size(), std::string_view(a.name))) <
           std::pair(b.name.ends_with("manifest"), std::pair(b.name.size(), std::string_view(b.name)));
  });
  if (record.objects.empty() || record.objects.back().name != manifest_name(database_, backup_)) {
    return fail(Code::internal, "a record without a manifest");
  }
  record.fleet = fleet_;
  record.database = database_;
  record.backup = backup_;
  record.epoch = epoch_.id;
  record.stored_bytes = stored_bytes();
  Bytes object = encode_record(record, signer);
  TRY(put_copies(record_name(database_, backup_), object));
  return object;
}

std::vector<std::string> BackupWriter::object_names() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const StoredObject& object : objects_) names.push_back(object.name);
  return names;
}

}  // namespace holdfast
