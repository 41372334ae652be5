#include "coordinator/catalog/audit.h"

#include <fmt/format.h>

#include "coordinator/catalog/keys.h"

namespace holdfast {
namespace {

constexpr std::uint8_t format_version = 1;
constexpr std::size_t fixed_size = 1 + 8 + 32 + 8;

void append_text(Bytes& to, std::string_view text) {
  append_be(to, static_cast<std::uint32_t>(text.size()));
  append(to, as_bytes(text));
}

Result<std::string> take_text(ByteView& from) {
  if (from.size() < 4) return fail(Code::corrupt, "an audit entry is cut off");
  const auto size = read_be<std::uint32_t>(from);
  from = from.subspan(4);
  if (from.size() < size) return fail(Code::corrupt, "an audit entry is cut off");
  std::string text(as_text(from.first(size)));
  from = from.subspan(size);
  return text;
}

Bytes encode(const AuditEntry& entry) {
  Bytes value;
  value.push_back(format_version);
  append_be(value, entry.sequence);
  append(value, entry.previous);
  append_be(value, static_cast<std::uint64_t>(entry.time.micros()));
  append_text(value, entry.who);
  append_text(value, entry.what);
  return value;
}

}  // namespace

CatalogChange append_audit(AuditHead& head, Timestamp time, std::string who, std::string what) {
  const AuditEntry entry{head.sequence + 1, head.hash, time, std::move(who), std::move(what)};
  Bytes value = encode(entry);
  head = {entry.sequence, sha256(value)};
  return {Family::audit, audit_key(entry.sequence), std::move(value)};
}

Result<AuditEntry> decode_audit(ByteView value) {
  if (value.size() < fixed_size) return fail(Code::corrupt, "an audit entry is cut off");
  if (value[0] != format_version) return fail(Code::unsupported, "an audit entry of a newer version");
  AuditEntry entry;
  entry.sequence = read_be<std::uint64_t>(value.subspan(1));
  const ByteView previous = value.subspan(9, 32);
  std::copy(previous.begin(), previous.end(), entry.previous.begin());
  entry.time = Timestamp::from_micros(static_cast<std::int64_t>(read_be<std::uint64_t>(value.subspan(41))));
  ByteView rest = value.subspan(fixed_size);
  entry.who = TRY(take_text(rest));
  entry.what = TRY(take_text(rest));
  if (!rest.empty()) return fail(Code::corrupt, "an audit entry is too long");
  return entry;
}

Result<AuditHead> read_audit_head(KeyValueStore& store) {
  // Keys count up without a gap, so the last one is found by doubling and halving.
  const auto exists = [&](std::uint64_t sequence) -> Result<bool> {
    const auto value = TRY(store.get(Family::audit, audit_key(sequence)));
    return value.has_value();
  };
  std::uint64_t there = 0;
  std::uint64_t beyond = 1;
  while (TRY(exists(beyond))) {
    there = beyond;
    beyond *= 2;
  }
  while (beyond - there > 1) {
    const std::uint64_t middle = there + (beyond - there) / 2;
    const bool found = TRY(exists(middle));
    (found ? there : beyond) = middle;
  }
  if (there == 0) return AuditHead{};
  const auto value = TRY(store.get(Family::audit, audit_key(there)));
  return AuditHead{there, sha256(value.value_or(Bytes{}))};
}

Result<std::vector<AuditEntry>> verify_audit(KeyValueStore& store) {
  std::vector<AuditEntry> entries;
  AuditHead head;
  std::optional<Error> broken;
  TRY(store.scan(Family::audit, {}, {}, [&](ByteView key, ByteView value) {
    const std::uint64_t expected = head.sequence + 1;
    auto entry = decode_audit(value);
    if (!entry) {
      broken = Error(entry.error()).during(fmt::format("audit entry {}", expected));
    } else if (entry->sequence != expected || to_bytes(key) != audit_key(expected)) {
      broken = Error{Code::corrupt, fmt::format("audit entry {} is missing", expected), {}};
    } else if (entry->previous != head.hash) {
      broken = Error{Code::corrupt, fmt::format("audit entry {} does not follow the one before it", expected), {}};
    }
    if (broken) return false;
    head = {expected, sha256(value)};
    entries.push_back(*std::move(entry));
    return true;
  }));
  if (broken) return std::unexpected(*std::move(broken));
  return entries;
}

}  // namespace holdfast
