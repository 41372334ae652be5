#include "shared/repository/backup_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "shared/repository/layout.h"
#include "shared/repository/sound_copy.h"

namespace holdfast {
namespace {

FrameIdentity identity_in(const BackupRecord& record, FrameSpace space, BackupId owner, EpochId epoch) {
  FrameIdentity identity;
  identity.fleet = record.fleet;
  identity.database = record.database;
  identity.epoch = epoch;
  identity.space = space;
  std::copy(owner.bytes().begin(), owner.bytes().end(), identity.owner.begin());
  return identity;
}

// Names of every store together. Stores that cannot be asked go into `problems`; all of them away is an error.
Result<std::set<std::string>> parts_of_all(const StoreSet& stores, const std::string& prefix,
                                           std::vector<Error>& problems) {
  std::set<std::string> names;
  std::size_t answered = 0;
  std::optional<Error> first;
  for (const NamedStore& store : stores.stores()) {
    auto parts = store.store->list_parts(prefix);
    if (!parts) {
      Error error = std::move(parts).error().during(fmt::format("store \"{}\"", store.name));
      if (!first) first = error;
      problems.push_back(std::move(error));
      continue;
    }
    ++answered;
    names.insert(parts->begin(), parts->end());
  }
  if (answered == 0 && first) return std::unexpected(std::move(*first));
  return names;
}

// Ids out of "<32 hex digits>/".
template <class AnyId>
std::vector<AnyId> ids_of(const std::set<std::string>& parts) {
  std::vector<AnyId> ids;
  for (const std::string& part : parts) {
    if (!part.ends_with('/')) continue;
    if (const auto id = AnyId::parse(std::string_view(part).substr(0, part.size() - 1))) ids.push_back(*id);
  }
  return ids;
}

Result<Manifest> open_manifest(ByteView object, const BackupRecord& record, const KeyRing& keys) {
  FrameDecoder decoder;
  FrameIdentity identity = identity_in(record, FrameSpace::manifest, record.backup, record.epoch);
  Bytes plain;
  for (ByteView rest = object; !rest.empty(); ++identity.number) {
    const FrameHeader header = TRY(read_frame_header(rest));
    identity.end = header.stored_size >= rest.size() ? FrameEnd::last : FrameEnd::more;
    const auto opened = TRY(decoder.open(rest, identity, keys));
    append(plain, opened.plain);
    rest = rest.subspan(opened.stored_size);
  }
  Manifest manifest = TRY(decode_manifest(plain));
  if (manifest.database != record.database || manifest.backup != record.backup) {
    return fail(Code::corrupt, "it is the manifest of another backup");
  }
  return manifest;
}

}  // namespace

Result<EpochDocument> load_epoch(const StoreSet& stores, const TrustAnchor& anchor, DatabaseId database,
                                 EpochId epoch) {
  return first_sound_object(stores, epoch_name(database, epoch), [&](const Bytes& object) -> Result<EpochDocument> {
    EpochDocument document = TRY(read_epoch(object, anchor.fleet, anchor.root));
    if (document.database != database || document.epoch != epoch) {
      return fail(Code::denied, "it is the epoch document of another name");
    }
    return document;
  });
}

Result<BackupRecord> load_record(const StoreSet& stores, const TrustAnchor& anchor, DatabaseId database,
                                 BackupId backup) {
  return first_sound_object(stores, record_name(database, backup), [&](const Bytes& object) -> Result<BackupRecord> {
    const EpochId epoch = TRY(peek_record_epoch(object));
    const EpochDocument document = TRY(load_epoch(stores, anchor, database, epoch));
    BackupRecord record = TRY(read_record(object, document));
    if (record.backup != backup) return fail(Code::denied, "it is the record of another backup");
    return record;
  });
}

Result<BackupListing> list_backups(const StoreSet& stores, const TrustAnchor& anchor, DatabaseId database) {
  BackupListing listing;
  const auto parts = TRY(parts_of_all(stores, database_prefix(database) + "backups/", listing.problems));
  for (const BackupId backup : ids_of<BackupId>(parts)) {
    const auto released =
        first_sound_object(stores, released_name(database, backup), [&](const Bytes& object) -> Result<ReleasedMark> {
          ReleasedMark mark = TRY(decode_released(object, anchor.root));
          if (mark.fleet != anchor.fleet || mark.database != database || mark.backup != backup) {
            return fail(Code::denied, "it is the mark of another backup");
          }
          return mark;
        });
    if (released) continue;
    // A mark that does not verify releases nothing.
    if (released.error().code == Code::corrupt || released.error().code == Code::denied) {
      listing.problems.push_back(released.error());
    }
    auto record = load_record(stores, anchor, database, backup);
    if (record) {
      listing.backups.push_back(std::move(*record));
    } else if (record.error().code != Code::not_found) {
      listing.problems.push_back(std::move(record).error());
    }
  }
  std::ranges::stable_sort(listing.backups, {}, &BackupRecord::finished_at);
  return listing;
}

Result<std::vector<DatabaseRecord>> list_databases(const StoreSet& stores, const TrustAnchor& anchor,
                                                   std::vector<Error>* problems) {
  std::vector<Error> found_problems;
  const auto parts = TRY(parts_of_all(stores, "", found_problems));
  std::vector<DatabaseRecord> databases;
  for (const DatabaseId database : ids_of<DatabaseId>(parts)) {
    auto record =
        first_sound_object(stores, database_record_name(database), [&](const Bytes& object) -> Result<DatabaseRecord> {
          const EpochId epoch = TRY(peek_database_record_epoch(object));
          const EpochDocument document = TRY(load_epoch(stores, anchor, database, epoch));
          DatabaseRecord out = TRY(decode_database_record(object, document.signer));
          if (out.fleet != anchor.fleet || out.database != database) {
            return fail(Code::denied, "it is the record of another database");
          }
          return out;
        });
    if (record) {
      databases.push_back(std::move(*record));
    } else if (record.error().code != Code::not_found) {
      found_problems.push_back(std::move(record).error());
    }
  }
  if (problems != nullptr) {
    *problems = std::move(found_problems);
  } else if (!found_problems.empty()) {
    return std::unexpected(std::move(found_problems.front()));
  }
  return databases;
}

Result<BackupReader> BackupReader::open(const StoreSet& stores, const BackupRecord& record, const KeyRing& keys) {
  const std::string name = manifest_name(record.database, record.backup);
  const auto listed = std::ranges::find(record.objects, name, &StoredObject::name);
  if (listed == record.objects.end()) {
    return fail(Code::corrupt, fmt::format("the record of backup {} lists no manifest", record.backup));
  }
  Manifest manifest = TRY(first_sound_object(stores, name, [&](const Bytes& object) -> Result<Manifest> {
    if (object.size() != listed->size || sha256(object) != listed->sha256) {
      return fail(Code::corrupt, "it does not fit the size and hash in the record");
    }
    return open_manifest(object, record, keys);
  }));
  return BackupReader(stores, keys, record, std::move(manifest));
}

Result<Bytes> BackupReader::read_frame(std::uint32_t frame, FrameDecoder& decoder, Bytes memory) const {
  if (frame >= manifest_.frames.size()) return fail(Code::invalid, fmt::format("there is no frame {}", frame));
  const FrameRef& ref = manifest_.frames[frame];
  const PackRef& pack = manifest_.packs[ref.pack];
  const std::string name = pack_name(record_.database, pack.backup, pack.number);
  FrameIdentity identity = identity_in(record_, FrameSpace::pack, pack.backup, pack.epoch);
  identity.object = pack.number;
  identity.number = ref.number;
  identity.end = ref.end;
  return first_sound(
      *stores_, name, [&](Store& store) { return store.get_range(name, ref.offset, ref.stored_size); },
      [&](const Bytes& stored) -> Result<Bytes> {
        auto opened = TRY(decoder.open(stored, identity, *keys_, std::move(memory)));
        if (opened.stored_size != stored.size() || opened.plain.size() != ref.plain_size ||
            content_hash(opened.plain) != ref.hash) {
          return fail(Code::corrupt, fmt::format("frame {}: its content is not what the manifest says", ref.number));
        }
        return std::move(opened.plain);
      });
}

}  // namespace holdfast
