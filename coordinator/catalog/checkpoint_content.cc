#include "coordinator/catalog/checkpoint_content.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>

#include "coordinator/catalog/fencing.h"
#include "coordinator/catalog/keys.h"
#include "coordinator/catalog/rows.h"
#include "shared/base/byte_reader.h"
#include "shared/wire/codec.h"

namespace holdfast {
namespace {

constexpr std::string_view magic = "HFCC";
constexpr std::string_view version = "0001";

// Orders and replies are of the moment: what was ordered may have been done since, and must not be done twice. Data
// keys lie in the stores as they are here.
constexpr std::array whole_families{Family::nodes,      Family::databases, Family::policies, Family::tokens,
                                    Family::operators,  Family::stores,    Family::restores, Family::audit,
                                    Family::wal_ranges, Family::timelines};

bool starts_with(ByteView key, ByteView prefix) {
  return key.size() >= prefix.size() && std::ranges::equal(key.first(prefix.size()), prefix);
}

// The writer's epoch is in the checkpoint's name; sightings of stray objects begin anew.
bool is_kept_meta(ByteView key) {
  return !std::ranges::equal(key, epoch_key()) && !starts_with(key, stray_prefix());
}

Result<> add_meta(KeyValueStore& catalog, std::vector<CatalogChange>& rows) {
  return catalog.scan(Family::meta, {}, {}, [&rows](ByteView key, ByteView value) {
    if (is_kept_meta(key)) rows.push_back({Family::meta, to_bytes(key), to_bytes(value)});
    return true;
  });
}

Result<> add_whole(KeyValueStore& catalog, Family family, std::vector<CatalogChange>& rows) {
  return catalog.scan(family, {}, {}, [&rows, family](ByteView key, ByteView value) {
    rows.push_back({family, to_bytes(key), to_bytes(value)});
    return true;
  });
}

// The signed record stays out: the store has it.
Result<> add_backups(KeyValueStore& catalog, std::vector<CatalogChange>& rows) {
  std::optional<Error> broken;
  TRY(catalog.scan(Family::backups, {}, {}, [&](ByteView key, ByteView value) {
    auto backup = decode_value<Backup>(value);
    if (!backup) {
      broken = std::move(backup).error().during(fmt::format("catalog backups/{}", to_hex(key)));
      return false;
    }
    backup->record.clear();
    rows.push_back({Family::backups, to_bytes(key), encode_value(*backup)});
    return true;
  }));
  if (broken) return std::unexpected(*std::move(broken));
  return {};
}

Result<> add_newest_jobs(KeyValueStore& catalog, std::vector<CatalogChange>& rows) {
  std::deque<CatalogChange> newest;
  TRY(catalog.scan(Family::jobs, {}, {}, [&newest](ByteView key, ByteView value) {
    if (newest.size() == checkpoint_jobs) newest.pop_front();
    newest.push_back({Family::jobs, to_bytes(key), to_bytes(value)});
    return true;
  }));
  for (auto& row : newest) rows.push_back(std::move(row));
  return {};
}

Result<CatalogChange> read_row(ByteReader& from) {
  CatalogChange row;
  const auto family = from.be<std::uint8_t>();
  row.key = to_bytes(from.counted<std::uint32_t>());
  row.value = to_bytes(from.counted<std::uint32_t>());
  if (family >= family_count) {
    return fail(Code::unsupported, "the checkpoint has a family of rows that this version does not know",
                "use the version that wrote it, or a newer one");
  }
  row.family = static_cast<Family>(family);
  return row;
}

}  // namespace

Result<CheckpointContent> collect_checkpoint(KeyValueStore& catalog, std::vector<CheckpointFile> files) {
  CheckpointContent content;
  content.files = std::move(files);
  TRY(add_meta(catalog, content.rows));
  for (const Family family : whole_families) TRY(add_whole(catalog, family, content.rows));
  TRY(add_backups(catalog, content.rows));
  TRY(add_newest_jobs(catalog, content.rows));
  return content;
}

Bytes encode_checkpoint_content(const CheckpointContent& content) {
  Bytes out;
  append(out, as_bytes(magic));
  append(out, as_bytes(version));
  append_be(out, static_cast<std::uint32_t>(content.files.size()));
  for (const CheckpointFile& file : content.files) {
    append_counted<std::uint32_t>(out, as_bytes(file.name));
    append_counted<std::uint32_t>(out, file.content);
  }
  append_be(out, static_cast<std::uint64_t>(content.rows.size()));
  for (const CatalogChange& row : content.rows) {
    out.push_back(static_cast<std::uint8_t>(row.family));
    append_counted<std::uint32_t>(out, row.key);
    append_counted<std::uint32_t>(out, row.value.value_or(Bytes{}));
  }
  return out;
}

Result<CheckpointContent> decode_checkpoint_content(ByteView bytes) {
  const auto corrupt = [] { return fail(Code::corrupt, "what the checkpoint holds cannot be read"); };
  ByteReader from(bytes);
  if (as_text(from.take(magic.size())) != magic) return corrupt();
  if (as_text(from.take(version.size())) != version) {
    return fail(Code::unsupported, "the checkpoint is of a version this program does not know",
                "use the version that wrote it, or a newer one");
  }
  CheckpointContent content;
  const auto files = from.be<std::uint32_t>();
  for (std::uint32_t i = 0; i < files && from.ok(); ++i) {
    CheckpointFile file;
    file.name = as_text(from.counted<std::uint32_t>());
    file.content = to_bytes(from.counted<std::uint32_t>());
    content.files.push_back(std::move(file));
  }
  const auto rows = from.be<std::uint64_t>();
  for (std::uint64_t i = 0; i < rows && from.ok(); ++i) content.rows.push_back(TRY(read_row(from)));
  if (!from.finished()) return corrupt();
  return content;
}

}  // namespace holdfast
