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
constexpr std::size_t all_packs_filling = 64U << 20U;
constexpr std::size_t smallest_pack = 8U << 20U;  // smaller ones would be too many objects

std::array<std::uint8_t, 16> owner_of(BackupId backup) {
  std::array<std::uint8_t, 16> owner{};
  std::copy(backup.bytes().begin(), backup.bytes().end(), owner.begin());
  return owner;
}

}  // namespace

struct BackupWriter::Ledger {
  std::mutex mutex;  // guards what follows
  std::vector<Copy> copies;

  void note(const CopyOutcome& outcome) {
    if (!outcome.error) return;
    const std::lock_guard lock(mutex);
    const auto copy = std::ranges::find(copies, outcome.store, &Copy::store);
    if (copy->missing++ == 0) copy->first_error = outcome.error;
  }
};

// One worker's packs: one being filled, one on its way to the stores.
struct BackupWriter::Worker::Pack {
  explicit Pack(int zstd_level) : encoder(zstd_level) {}
  ~Pack() {
    if (sending.valid()) sending.wait();  // it uses the writer
  }
  Pack(const Pack&) = delete;
  Pack& operator=(const Pack&) = delete;

  FrameEncoder encoder;
  bool open = false;
  FrameIdentity identity;
  std::uint32_t index = 0;  // in packs_
  Bytes content;
  // The newest frame waits: whether it is the pack's last one must be known when it is encrypted.
  PackedFrame pending;
  std::uint32_t pending_frame = 0;
  PackedFrame next;
  std::future<Result<>> sending;
  bool failed = false;
};

std::size_t pack_size_for(unsigned workers) {
  return std::clamp<std::size_t>(all_packs_filling / std::max(workers, 1U), smallest_pack,
                                 BackupWriterOptions().pack_size);
}

BackupWriter::BackupWriter(FleetId fleet, DatabaseId database, BackupId backup, const EpochKey& epoch,
                           const StoreSet& stores, Entropy& entropy, BackupWriterOptions options)
    : fleet_(fleet),
      database_(database),
      backup_(backup),
      epoch_(epoch),
      stores_(stores),
      entropy_(entropy),
      options_(std::move(options)),
      ledger_(std::make_shared<Ledger>()) {
  for (const NamedStore& store : stores_.stores()) ledger_->copies.push_back({store.name, 0, std::nullopt});
}

Result<> BackupWriter::carry_over(const BackupRecord& parent, std::vector<PackRef> packs,
                                  std::vector<FrameRef> frames) {
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
  return carry_over(std::move(objects), std::move(packs), std::move(frames));
}

Result<> BackupWriter::carry_over(std::vector<StoredObject> objects, std::vector<PackRef> packs,
                                  std::vector<FrameRef> frames) {
  const std::lock_guard lock(mutex_);
  if (!packs_.empty() || !frames_.empty())
    return fail(Code::internal, "frames carried over after the first was written");
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
  FrameRef frame;
  frame.plain_size = static_cast<std::uint32_t>(plain.size());
  frame.hash = content_hash(plain);
  TRY(pack.encoder.pack(plain, pack.next));
  if (!pack.pending.empty()) {
    const std::size_t after = pack.content.size() + pack.pending.stored_size() + pack.next.stored_size();
    const bool last = after > writer_->options_.pack_size;
    write_pending(last ? FrameEnd::last : FrameEnd::more);
    if (last) {
      if (auto sent = send(); !sent) {
        pack.failed = true;
        return std::unexpected(std::move(sent).error());
      }
    }
  }
  if (!pack.open) begin();
  frame.pack = pack.index;
  frame.number = pack.identity.number++;
  std::swap(pack.pending, pack.next);
  const std::lock_guard lock(writer_->mutex_);
  pack.pending_frame = static_cast<std::uint32_t>(writer_->frames_.size());
  writer_->frames_.push_back(frame);
  if (writer_->options_.pack_stored) writer_->pack_frames_[pack.index].push_back(pack.pending_frame);
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
  pack.content.reserve(writer_->options_.pack_size);
  const std::lock_guard lock(writer_->mutex_);
  pack.identity.nonce_prefix = writer_->entropy_.bytes<16>();
  pack.identity.object = writer_->next_pack_++;
  pack.index = static_cast<std::uint32_t>(writer_->packs_.size());
  writer_->packs_.push_back({writer_->backup_, pack.identity.object, writer_->epoch_.id});
}

void BackupWriter::Worker::write_pending(FrameEnd end) {
  Pack& pack = *pack_;
  FrameIdentity identity = pack.identity;
  identity.number = pack.identity.number - 1;
  identity.end = end;
  const std::size_t offset = pack.content.size();
  const std::size_t stored = pack.encoder.seal(pack.content, identity, writer_->epoch_.key, pack.pending);
  pack.pending.clear();
  const std::lock_guard lock(writer_->mutex_);
  FrameRef& frame = writer_->frames_[pack.pending_frame];
  frame.offset = offset;
  frame.stored_size = static_cast<std::uint32_t>(stored);
  frame.end = end;
}

// Puts the full pack while the next one is filled; at most one is on its way.
Result<> BackupWriter::Worker::send() {
  Pack& pack = *pack_;
  if (pack.sending.valid()) TRY(pack.sending.get());
  pack.open = false;
  auto full = std::make_shared<const Bytes>(std::move(pack.content));
  pack.content = Bytes();
  pack.sending = std::async(std::launch::async, [writer = writer_, index = pack.index, full = std::move(full)] {
    return writer->put_pack(index, full);
  });
  return {};
}

Result<> BackupWriter::Worker::finish() {
  Pack& pack = *pack_;
  if (pack.failed) return fail(Code::conflict, "the worker has failed before");
  if (!pack.pending.empty()) {
    write_pending(FrameEnd::last);
    TRY(send());
  }
  if (pack.sending.valid()) TRY(pack.sending.get());
  return {};
}

Result<> BackupWriter::put_pack(std::uint32_t index, SharedBytes content) {
  StoredPack stored;
  {
    const std::lock_guard lock(mutex_);
    stored.pack = packs_[index];
  }
  stored.object = TRY(put_object(pack_name(database_, backup_, stored.pack.number), std::move(content)));
  if (!options_.pack_stored) return {};
  {
    const std::lock_guard lock(mutex_);
    for (const std::uint32_t frame : pack_frames_[index]) stored.frames.emplace_back(frame, frames_[frame]);
    pack_frames_.erase(index);
  }
  options_.pack_stored(stored);
  return {};
}

Result<StoredObject> BackupWriter::put_object(const std::string& name, SharedBytes content) {
  const std::size_t size = content->size();
  if (options_.before_put) options_.before_put(size);
  StoredObject object{name, size, sha256(*content)};
  TRY(put_copies(name, std::move(content)));
  stored_bytes_ += size;
  const std::lock_guard lock(mutex_);
  objects_.push_back(object);
  return object;
}

Result<> BackupWriter::put_copies(const std::string& name, SharedBytes content) {
  TRY(stores_.put(name, std::move(content), [ledger = ledger_](const CopyOutcome& outcome) { ledger->note(outcome); }));
  return {};
}

Result<> BackupWriter::put_record(SharedBytes content) {
  stores_.settle();
  const std::string name = record_name(database_, backup_);
  const auto before = copies();
  const auto whole = static_cast<std::size_t>(std::ranges::count(before, 0U, &Copy::missing));
  if (whole == before.size() || whole < std::max<std::size_t>(stores_.min_copies(), 1)) {
    auto put = put_copies(name, std::move(content));
    stores_.settle();
    // It may be put again: what a store lacks is counted by the try that counts.
    if (!put) forget_record(before);
    return put;
  }
  std::vector<NamedStore> with_everything;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i].missing == 0) {
      with_everything.push_back(stores_.stores()[i]);
    } else {
      ledger_->note({before[i].store, before[i].first_error});
    }
  }
  const StoreSet some(std::move(with_everything), stores_.min_copies());
  const auto put =
      some.put(name, std::move(content), [ledger = ledger_](const CopyOutcome& outcome) { ledger->note(outcome); });
  some.settle();
  if (put) return {};
  forget_record(before);
  return std::unexpected(put.error());
}

void BackupWriter::forget_record(const std::vector<Copy>& before) {
  const std::lock_guard lock(ledger_->mutex);
  ledger_->copies = before;
}

std::vector<BackupWriter::Copy> BackupWriter::copies() const {
  const std::lock_guard lock(ledger_->mutex);
  return ledger_->copies;
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
  (void)TRY(put_object(manifest_name(database_, backup_), std::make_shared<const Bytes>(std::move(object))));
  return {};
}

void BackupWriter::need_epochs(const std::set<EpochId>& epochs) {
  const std::lock_guard lock(mutex_);
  std::set<EpochId> all(needed_epochs_.begin(), needed_epochs_.end());
  all.insert(epochs.begin(), epochs.end());
  needed_epochs_.assign(all.begin(), all.end());
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
  const auto object = std::make_shared<const Bytes>(encode_record(record, signer));
  TRY(put_record(object));
  return *object;
}

std::vector<std::string> BackupWriter::object_names() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const StoredObject& object : objects_) names.push_back(object.name);
  return names;
}

}  // namespace holdfast
