#include "shared/repository/object_judge.h"

#include <fmt/format.h>

#include "shared/postgres/timeline_history.h"
#include "shared/repository/layout.h"

namespace holdfast {
namespace {

// "<database>/wal/00000002.history"
std::optional<Timeline> history_of(DatabaseId database, const std::string& name) {
  const std::string folder = database_prefix(database) + "wal/";
  if (!name.starts_with(folder) || !name.ends_with(".history")) return std::nullopt;
  std::uint32_t number = 0;
  for (const char c : name.substr(folder.size(), name.size() - folder.size() - 8)) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && !(c >= 'a' && c <= 'f')) return std::nullopt;
    number = number * 16 + static_cast<std::uint32_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return name == history_name(database, Timeline(number)) ? std::optional(Timeline(number)) : std::nullopt;
}

}  // namespace

Result<> check_wal_belongs(const WalHeader& header, const TrustAnchor& anchor, const EpochDocument& epoch,
                           DatabaseId database, const WalName& name) {
  if (header.fleet != anchor.fleet || header.database != database || header.node != epoch.node ||
      header.timeline != name.timeline || header.first != name.first || header.last != name.last) {
    return fail(Code::denied, "it is the WAL of another name");
  }
  return {};
}

const StoredObject* ObjectJudge::expected(const std::string& name) const {
  const auto found = expected_.find(name);
  return found == expected_.end() ? nullptr : &found->second;
}

Result<> ObjectJudge::judge(const std::string& name, ByteView content) {
  const StoredObject* object = expected(name);
  if (object == nullptr) return judge_signed(name, content);
  if (content.size() != object->size) {
    return fail(Code::corrupt, fmt::format("it has {} bytes and should have {}", content.size(), object->size));
  }
  if (sha256(content) != object->sha256) return fail(Code::corrupt, "it does not fit its SHA-256 in the record");
  return {};
}

Result<> ObjectJudge::judge_signed(const std::string& name, ByteView content) {
  if (name == fleet_record_name()) {
    const FleetRecord record = TRY(decode_fleet_record(content));
    if (record.fleet != anchor_.fleet) return fail(Code::denied, "it is the record of another fleet");
    return {};
  }
  if (name == database_record_name(database_)) {
    const EpochId id = TRY(peek_database_record_epoch(content));
    const DatabaseRecord record = TRY(decode_database_record(content, TRY(epoch(id))->signer));
    if (record.database != database_) return fail(Code::denied, "it is the record of another database");
    return {};
  }
  if (name.starts_with(database_prefix(database_) + "epochs/")) {
    const EpochDocument document = TRY(read_epoch(content, anchor_.fleet, anchor_.root));
    if (epoch_name(document.database, document.epoch) != name) {
      return fail(Code::denied, "it is the epoch document of another name");
    }
    return {};
  }
  if (const auto wal = parse_wal_name(name)) return judge_wal(*wal, content);
  if (const auto timeline = history_of(database_, name)) {
    TRY(TimelineHistory::parse(*timeline, as_text(content)));
    return {};
  }
  return fail(Code::unsupported, fmt::format("\"{}\" is no object that can be judged by itself", name));
}

Result<> ObjectJudge::judge_wal(const WalName& name, ByteView content) {
  const WalHeader claimed = TRY(peek_wal_header(content));
  const EpochDocument* document = TRY(epoch(claimed.epoch));
  const WalHeader header = TRY(verify_wal_object(content, document->signer));
  return check_wal_belongs(header, anchor_, *document, database_, name);
}

Result<const EpochDocument*> ObjectJudge::epoch(EpochId id) {
  auto known = known_epochs_.find(id);
  if (known == known_epochs_.end()) {
    auto loaded = load_epoch(epochs_, anchor_, database_, id);
    // A flipped bit may have made another epoch of it: that there is no such one is damage and no absence.
    if (!loaded && loaded.error().code == Code::not_found) {
      return fail(Code::corrupt, fmt::format("its epoch {} is in no store", id));
    }
    known = known_epochs_.emplace(id, TRY(std::move(loaded))).first;
  }
  return &known->second;
}

}  // namespace holdfast
