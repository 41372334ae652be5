#include "shared/repository/layout.h"

#include <fmt/format.h>

#include <charconv>

namespace holdfast {
namespace {

// Exactly `digits` lower-case hex digits off the front.
template <class T>
std::optional<T> take_hex(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  const std::string_view part = text.substr(0, digits);
  for (const char c : part) {
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return std::nullopt;
  }
  T value = 0;
  std::from_chars(part.data(), part.data() + part.size(), value, 16);
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view wanted) {
  if (!text.starts_with(wanted)) return false;
  text.remove_prefix(wanted.size());
  return true;
}

constexpr std::string_view checkpoint_suffix = ".checkpoint";

// The front of "<database>/...", off the front.
bool take_database(std::string_view& text) {
  return take_hex<std::uint64_t>(text, 16) && take_hex<std::uint64_t>(text, 16);
}

}  // namespace

std::string fleet_record_name() {
  return "fleet.record";
}
std::string database_prefix(DatabaseId database) {
  return database.text() + "/";
}
std::string database_record_name(DatabaseId database) {
  return database_prefix(database) + "database.record";
}
std::string epoch_name(DatabaseId database, EpochId epoch) {
  return fmt::format("{}/epochs/{}.keys", database, epoch);
}
std::string backup_prefix(DatabaseId database, BackupId backup) {
  return fmt::format("{}/backups/{}/", database, backup);
}
std::string pack_name(DatabaseId database, BackupId backup, std::uint32_t pack) {
  return fmt::format("{}pack-{:04}", backup_prefix(database, backup), pack);
}
std::string manifest_name(DatabaseId database, BackupId backup) {
  return backup_prefix(database, backup) + "manifest";
}
std::string record_name(DatabaseId database, BackupId backup) {
  return backup_prefix(database, backup) + "record";
}
std::string released_name(DatabaseId database, BackupId backup) {
  return backup_prefix(database, backup) + "released";
}
std::string wal_prefix(DatabaseId database, Timeline timeline) {
  return fmt::format("{}/wal/{:08x}/", database, timeline.value());
}
std::string wal_name(DatabaseId database, Timeline timeline, Lsn first, Lsn last) {
  return fmt::format("{}{:016x}-{:016x}", wal_prefix(database, timeline), first.value(), last.value());
}
std::string history_name(DatabaseId database, Timeline timeline) {
  return fmt::format("{}/wal/{:08x}.history", database, timeline.value());
}

std::string checkpoint_prefix() {
  return "coordinator/";
}
std::string checkpoint_name(std::uint64_t coordinator_epoch, std::uint64_t sequence) {
  return fmt::format("{}{:016x}-{:016x}{}", checkpoint_prefix(), coordinator_epoch, sequence, checkpoint_suffix);
}

std::optional<BackupId> backup_of_object(std::string_view object_name) {
  constexpr std::string_view folder = "/backups/";
  const auto at = object_name.find(folder);
  if (at != 2 * DatabaseId::size) return std::nullopt;
  const std::string_view rest = object_name.substr(at + folder.size());
  if (rest.size() <= 2 * BackupId::size || rest[2 * BackupId::size] != '/') return std::nullopt;
  const auto backup = BackupId::parse(rest.substr(0, 2 * BackupId::size));
  return backup ? std::optional(*backup) : std::nullopt;
}

std::optional<WalName> parse_wal_name(std::string_view object_name) {
  std::string_view rest = object_name;
  if (!take_database(rest) || !take(rest, "/wal/")) return std::nullopt;
  const auto timeline = take_hex<std::uint32_t>(rest, 8);
  if (!timeline || !take(rest, "/")) return std::nullopt;
  const auto first = take_hex<std::uint64_t>(rest, 16);
  if (!first || !take(rest, "-")) return std::nullopt;
  const auto last = take_hex<std::uint64_t>(rest, 16);
  if (!last || !rest.empty() || *last <= *first) return std::nullopt;
  return WalName{Timeline(*timeline), Lsn(*first), Lsn(*last)};
}

std::optional<CheckpointName> parse_checkpoint_name(std::string_view object_name) {
  std::string_view rest = object_name;
  if (!take(rest, checkpoint_prefix())) return std::nullopt;
  const auto epoch = take_hex<std::uint64_t>(rest, 16);
  if (!epoch || !take(rest, "-")) return std::nullopt;
  const auto sequence = take_hex<std::uint64_t>(rest, 16);
  if (!sequence || rest != checkpoint_suffix) return std::nullopt;
  return CheckpointName{*epoch, *sequence};
}

std::optional<EpochId> epoch_of_object(std::string_view object_name) {
  std::string_view rest = object_name;
  if (!take_database(rest) || !take(rest, "/epochs/") || rest.size() < 2 * EpochId::size) return std::nullopt;
  const auto epoch = EpochId::parse(rest.substr(0, 2 * EpochId::size));
  if (!epoch || rest.substr(2 * EpochId::size) != ".keys") return std::nullopt;
  return *epoch;
}

std::optional<Timeline> timeline_of_history(std::string_view object_name) {
  std::string_view rest = object_name;
  if (!take_database(rest) || !take(rest, "/wal/")) return std::nullopt;
  const auto timeline = take_hex<std::uint32_t>(rest, 8);
  if (!timeline || rest != ".history") return std::nullopt;
  return Timeline(*timeline);
}

}  // namespace holdfast
