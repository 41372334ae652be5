#include "shared/repository/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "shared/repository/layout.h"
#include "shared/repository/object_judge.h"

namespace holdfast {
namespace {

// One store at a time: a damaged copy must be named although another store's is sound.
class Verification {
 public:
  Verification(const TrustAnchor& anchor, DatabaseId database, const KeyRing* keys, const VerifyProgress& progress)
      : anchor_(anchor), database_(database), keys_(keys), progress_(progress) {
    report_.with_keys = keys != nullptr;
  }

  void look_at(const NamedStore& store) { store_ = &store; }
  StoreSet only() const { return StoreSet({*store_}, 1); }
  void found(const std::string& object, Error error) {
    report_.findings.push_back({store_->name, object, std::move(error)});
  }
  void expect(std::uint64_t bytes) { total_ += bytes; }
  Result<> done(std::uint64_t bytes) {
    ++report_.objects;
    report_.bytes += bytes;
    // What is there may be longer than what was expected.
    total_ = std::max(total_, report_.bytes);
    return progress_ ? progress_(report_.bytes, total_) : Result<>{};
  }
  VerifyReport& report() { return report_; }
  const TrustAnchor& anchor() const { return anchor_; }
  DatabaseId database() const { return database_; }
  const KeyRing* keys() const { return keys_; }
  Store& store() const { return *store_->store; }

 private:
  const TrustAnchor& anchor_;
  DatabaseId database_;
  const KeyRing* keys_;
  const VerifyProgress& progress_;
  const NamedStore* store_ = nullptr;
  VerifyReport report_;
  std::uint64_t total_ = 0;
};

// Level 1 of one object. The bytes, when they are what the record says.
std::optional<Bytes> check_object(Verification& verification, const StoredObject& object, std::uint64_t& read) {
  auto content = verification.store().get(object.name);
  if (!content) {
    verification.found(object.name, std::move(content).error());
    return std::nullopt;
  }
  read = content->size();
  if (content->size() != object.size) {
    verification.found(
        object.name, {Code::corrupt,
                      fmt::format("\"{}\" has {} bytes and should have {}", object.name, content->size(), object.size),
                      {}});
    return std::nullopt;
  }
  if (sha256(*content) != object.sha256) {
    verification.found(object.name,
                       {Code::corrupt, fmt::format("\"{}\" does not fit its SHA-256 in the record", object.name), {}});
    return std::nullopt;
  }
  return std::move(*content);
}

// Level 2 of one pack: the frames this backup needs of it.
void check_frames(Verification& verification, const BackupRecord& record, const Manifest& manifest, std::uint32_t pack,
                  const std::string& name, ByteView content, FrameDecoder& decoder) {
  const PackRef& ref = manifest.packs[pack];
  FrameIdentity identity;
  identity.fleet = record.fleet;
  identity.database = record.database;
  identity.epoch = ref.epoch;
  identity.space = FrameSpace::pack;
  std::copy(ref.backup.bytes().begin(), ref.backup.bytes().end(), identity.owner.begin());
  identity.object = ref.number;
  for (const FrameRef& frame : manifest.frames) {
    if (frame.pack != pack) continue;
    ++verification.report().frames;
    identity.number = frame.number;
    identity.end = frame.end;
    const auto refuse = [&](Error error) {
      verification.found(name, std::move(error).during(fmt::format("\"{}\" frame {}", name, frame.number)));
    };
    if (frame.offset > content.size() || frame.stored_size > content.size() - frame.offset) {
      refuse({Code::corrupt, "it is not in the pack", {}});
      continue;
    }
    auto opened = decoder.open(content.subspan(frame.offset, frame.stored_size), identity, *verification.keys());
    if (!opened) {
      refuse(std::move(opened).error());
    } else if (content_hash(opened->plain) != frame.hash || opened->plain.size() != frame.plain_size) {
      refuse({Code::corrupt, "its content is not what the manifest says", {}});
    }
  }
}

Result<> check_objects(Verification& verification, const BackupRecord& record) {
  std::vector<StoredObject> objects = record.objects;
  for (const NeededPack& needed : record.needed_packs) objects.push_back(needed.object);
  for (const StoredObject& object : objects) verification.expect(object.size);

  std::optional<Manifest> manifest;
  std::map<std::string, std::uint32_t> packs;
  if (verification.keys() != nullptr) {
    const StoreSet only = verification.only();
    auto reader = BackupReader::open(only, record, *verification.keys());
    if (reader) {
      manifest = reader->manifest();
      for (std::size_t i = 0; i < manifest->packs.size(); ++i) {
        const PackRef& pack = manifest->packs[i];
        packs[pack_name(record.database, pack.backup, pack.number)] = static_cast<std::uint32_t>(i);
      }
    } else {
      verification.found(manifest_name(record.database, record.backup), std::move(reader).error());
    }
  }
  FrameDecoder decoder;
  for (const StoredObject& object : objects) {
    std::uint64_t read = 0;
    const auto content = check_object(verification, object, read);
    const auto pack = packs.find(object.name);
    if (content && pack != packs.end()) {
      check_frames(verification, record, *manifest, pack->second, object.name, *content, decoder);
    }
    packs.erase(object.name);
    TRY(verification.done(read));
  }
  for (const auto& [name, pack] : packs) {
    verification.found(name, {Code::corrupt, fmt::format("\"{}\" is in the manifest and not in the record", name), {}});
  }
  return {};
}

// Which objects of a timeline lie in [from, to), in order.
std::vector<WalName> wal_in(const std::vector<ObjectInfo>& objects, Lsn from, Lsn to) {
  std::vector<WalName> names;
  for (const ObjectInfo& object : objects) {
    const auto name = parse_wal_name(object.name);
    if (name && name->last > from && name->first < to) names.push_back(*name);
  }
  std::ranges::sort(names, [](const WalName& a, const WalName& b) {
    return std::pair(a.first, a.last) < std::pair(b.first, b.last);
  });
  return names;
}

// The whole object judged; its hash, for the one that follows.
Result<WalHeader> judge_wal(Verification& verification, std::map<EpochId, EpochDocument>& epochs, const WalName& name,
                            ByteView object) {
  WalHeader header = TRY(peek_wal_header(object));
  if (!epochs.contains(header.epoch)) {
    epochs[header.epoch] =
        TRY(load_epoch(verification.only(), verification.anchor(), verification.database(), header.epoch));
  }
  const EpochDocument& epoch = epochs.at(header.epoch);
  if (verification.keys() != nullptr) {
    FrameDecoder decoder;
    TRY(open_wal_object(object, epoch.signer, *verification.keys(), decoder));
    verification.report().frames += header.frames;
  } else {
    TRY(verify_wal_object(object, epoch.signer));
  }
  TRY(check_wal_belongs(header, verification.anchor(), epoch, verification.database(), name));
  return header;
}

Result<> check_wal(Verification& verification, Timeline timeline, Lsn from, Lsn to) {
  auto objects = verification.store().list(wal_prefix(verification.database(), timeline));
  if (!objects) {
    verification.found(wal_prefix(verification.database(), timeline), std::move(objects).error());
    return {};
  }
  const auto names = wal_in(*objects, from, to);
  for (const ObjectInfo& object : *objects) {
    const auto name = parse_wal_name(object.name);
    if (name && std::ranges::find(names, *name) != names.end()) verification.expect(object.size);
  }
  std::map<EpochId, EpochDocument> epochs;
  std::map<Lsn, std::vector<Sha256>> ending_at;  // hashes of the objects that end there
  std::vector<WalName> sound;
  for (const WalName& name : names) {
    const std::string object_name = wal_name(verification.database(), timeline, name.first, name.last);
    auto content = verification.store().get(object_name);
    if (!content) {
      verification.found(object_name, std::move(content).error());
      continue;
    }
    const auto header = judge_wal(verification, epochs, name, *content);
    if (header) {
      sound.push_back(name);
      // Zero is an honest writer's new beginning: nobody else can sign it. A hash must be that of a neighbour; merged
      // objects may lie beside the ones they stand for, so any of them will do.
      const auto before = ending_at.find(name.first);
      if (header->predecessor != Sha256{} && before != ending_at.end() &&
          std::ranges::find(before->second, header->predecessor) == before->second.end()) {
        verification.found(
            object_name,
            {Code::corrupt, fmt::format("\"{}\" follows another object than the one before it", object_name), {}});
      }
      ending_at[name.last].push_back(sha256(*content));
    } else {
      // Of what it was nothing is known, so the one behind it is not to blame for following something else.
      verification.found(object_name, Error{header.error()}.during(fmt::format("\"{}\"", object_name)));
    }
    TRY(verification.done(content->size()));
  }
  // Only what is sound counts as there.
  const auto missing = [&](Lsn first, Lsn last) {
    verification.found(
        wal_prefix(verification.database(), timeline),
        {Code::corrupt, fmt::format("WAL of timeline {} is missing from {} on, up to {}", timeline, first, last), {}});
  };
  Lsn at = from;
  for (const WalStretch& stretch : merge_wal(sound)) {
    if (stretch.first > at) missing(at, stretch.first);
    at = std::max(at, stretch.last);
  }
  if (at < to) missing(at, to);
  return {};
}

void check_history(Verification& verification, Timeline timeline) {
  const std::string name = history_name(verification.database(), timeline);
  const auto content = verification.store().get(name);
  if (!content) {
    verification.found(name, content.error());
  } else if (auto history = TimelineHistory::parse(timeline, as_text(*content)); !history) {
    verification.found(name, std::move(history).error());
  }
}

// Recovery reads whole segments, and the first page of the one it begins in tells what they are.
Lsn begin_of_log(const BackupRecord& record) {
  const auto size = WalSegmentSize::of(record.wal_segment_size);
  return size ? start_of(segment_at(record.timeline, record.start_lsn, *size), *size) : record.start_lsn;
}

}  // namespace

Result<VerifyReport> verify_backup(const StoreSet& stores, const TrustAnchor& anchor, DatabaseId database,
                                   BackupId backup, const KeyRing* keys, const VerifyProgress& progress) {
  // One sound record somewhere is what all copies are held against.
  const BackupRecord record = TRY(load_record(stores, anchor, database, backup));
  Verification verification(anchor, database, keys, progress);
  for (const NamedStore& store : stores.stores()) {
    verification.look_at(store);
    const StoreSet only = verification.only();
    if (auto own = load_record(only, anchor, database, backup); !own) {
      verification.found(record_name(database, backup), std::move(own).error());
    } else if (*own != record) {
      verification.found(record_name(database, backup), {Code::corrupt, "the stores hold different records", {}});
    }
    for (const EpochId epoch : record.needed_epochs) {
      if (auto document = load_epoch(only, anchor, database, epoch); !document) {
        verification.found(epoch_name(database, epoch), std::move(document).error());
      }
    }
    TRY(check_objects(verification, record));
    if (record.engine == Engine::postgres && record.start_lsn < record.stop_lsn) {
      TRY(check_wal(verification, record.timeline, begin_of_log(record), record.stop_lsn));
    }
  }
  return std::move(verification.report());
}

Result<VerifyReport> verify_wal(const StoreSet& stores, const TrustAnchor& anchor, DatabaseId database,
                                Timeline timeline, Lsn from, Lsn to, const KeyRing* keys,
                                const VerifyProgress& progress) {
  Verification verification(anchor, database, keys, progress);
  for (const NamedStore& store : stores.stores()) {
    verification.look_at(store);
    TRY(check_wal(verification, timeline, from, to));
  }
  return std::move(verification.report());
}

Result<VerifyReport> verify_log(const StoreSet& stores, const TrustAnchor& anchor, DatabaseId database,
                                const std::vector<WalStretch>& way, const VerifyProgress& progress) {
  Verification verification(anchor, database, nullptr, progress);
  for (const NamedStore& store : stores.stores()) {
    verification.look_at(store);
    for (const WalStretch& part : way) {
      if (part.timeline != way.front().timeline) check_history(verification, part.timeline);
      if (part.first < part.last) TRY(check_wal(verification, part.timeline, part.first, part.last));
    }
  }
  return std::move(verification.report());
}

}  // namespace holdfast
