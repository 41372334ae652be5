#include "shared/identity/grant.h"

#include <fmt/format.h>

#include <stdexcept>

#include "shared/base/byte_reader.h"

namespace holdfast {
namespace {

constexpr std::string_view grant_magic = "HFVG0001";
constexpr std::string_view chain_magic = "HFVC0001";
constexpr std::string_view grant_context = "holdfast vault grant 1";
constexpr std::size_t rules_limit = 2000;
constexpr std::size_t where_limit = 512;
constexpr std::uint8_t all_verbs = 31;

std::string_view first_part(std::string_view text) {
  return text.substr(0, text.find('/'));
}

bool is_part_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

bool is_part(std::string_view part) {
  if (part == "*") return true;
  if (part.empty() || part == "." || part == "..") return false;
  for (const char c : part) {
    if (!is_part_character(c)) return false;
  }
  return true;
}

bool is_where(std::string_view where) {
  if (where.size() > where_limit) return false;
  while (!where.empty()) {
    const std::string_view part = first_part(where);
    if (!is_part(part)) return false;
    where.remove_prefix(std::min(where.size(), part.size() + 1));
  }
  return true;
}

// Part by part: text that merely begins alike is another name.
bool covers(std::string_view where, std::string_view name) {
  if (name.empty()) return false;
  while (!where.empty()) {
    const std::string_view wanted = first_part(where);
    const std::string_view part = first_part(name);
    if (part.empty() || (wanted != "*" && wanted != part)) return false;
    where.remove_prefix(wanted.size());
    name.remove_prefix(part.size());
    if (where.empty()) return name.empty();
    if (name.empty()) return false;
    where.remove_prefix(1);
    name.remove_prefix(1);
  }
  return !name.empty();
}

bool covers_all_below(std::string_view where, std::string_view prefix) {
  if (!where.empty() && !where.ends_with('/')) return false;
  return where.find('*') == std::string_view::npos && prefix.starts_with(where);
}

void append_time(Bytes& to, Timestamp time) {
  append_be<std::uint64_t>(to, static_cast<std::uint64_t>(time.micros()));
}
Timestamp read_time(ByteReader& from) {
  return Timestamp::from_micros(static_cast<std::int64_t>(from.be<std::uint64_t>()));
}

Result<VaultGrant> decode_grant(ByteView body) {
  ByteReader from(body);
  const bool begins = as_text(from.take(8)) == grant_magic;
  VaultGrant out;
  out.fleet = FleetId(from.array<16>());
  out.store = StoreId(from.array<16>());
  out.holder = CurvePublicKey(from.array<32>());
  const auto use = from.be<std::uint8_t>();
  out.epoch = from.be<std::uint64_t>();
  out.issued = read_time(from);
  out.expires = read_time(from);
  const auto count = from.be<std::uint16_t>();
  if (!begins || !from.ok() || count > rules_limit) return fail(Code::corrupt, "it is not a grant");
  for (std::size_t i = 0; i < count && from.ok(); ++i) {
    GrantRule rule;
    rule.verbs = TRY(GrantVerbs::from_bits(from.be<std::uint8_t>()));
    rule.where = as_text(from.counted<std::uint16_t>());
    if (!is_where(rule.where)) return fail(Code::corrupt, "a rule of it is not for names of objects");
    out.rules.push_back(std::move(rule));
  }
  if (!from.finished()) return fail(Code::corrupt, "it is not a grant");
  if (use > static_cast<std::uint8_t>(GrantUse::order))
    return fail(Code::unsupported, "a kind of grant not known here");
  out.use = static_cast<GrantUse>(use);
  return out;
}

struct Encoded {
  SignedBytes intermediate;
  SignedBytes grant;
};
Result<Encoded> take_apart(ByteView bytes) {
  if (bytes.size() > grant_bytes_limit) return fail(Code::corrupt, "it is too long for a grant");
  ByteReader from(bytes);
  const bool begins = as_text(from.take(8)) == chain_magic;
  const ByteView intermediate = from.counted<std::uint32_t>();
  const ByteView grant = from.counted<std::uint32_t>();
  if (!begins || !from.finished()) return fail(Code::corrupt, "it is not a grant");
  Encoded out;
  out.intermediate = TRY_DURING("intermediate certificate", SignedBytes::decode(intermediate));
  out.grant = TRY(SignedBytes::decode(grant));
  return out;
}

// Whoever shows bad bytes is told no; what exactly is wrong with them is in the message.
Result<VaultGrant> verify(ByteView bytes, const GrantExpected& expected, Timestamp now) {
  const Encoded encoded = TRY(take_apart(bytes));
  const IntermediateCertificate intermediate = TRY(verify_intermediate(encoded.intermediate, expected.root));
  TRY(verify_signature(intermediate.intermediate, grant_context, encoded.grant.body, encoded.grant.signature));
  VaultGrant grant = TRY(decode_grant(encoded.grant.body));
  if (grant.fleet != expected.fleet || intermediate.fleet != expected.fleet) {
    return fail(Code::denied, "it is of another fleet");
  }
  if (grant.holder != expected.holder) return fail(Code::denied, "it is another key's");
  if (now >= intermediate.not_after) return fail(Code::denied, "the key that signed it has expired");
  if (now >= grant.expires) {
    return fail(Code::denied, fmt::format("it expired at {}", to_rfc3339(grant.expires)),
                "it is renewed while the coordinator runs; are the clocks of both hosts right?");
  }
  return grant;
}

}  // namespace

Result<GrantVerbs> GrantVerbs::from_bits(std::uint8_t bits) {
  if ((bits & ~all_verbs) != 0) return fail(Code::unsupported, "a verb of a grant that is not known here");
  GrantVerbs out;
  out.bits_ = bits;
  return out;
}

bool grant_allows(const VaultGrant& grant, GrantVerb verb, std::string_view name) {
  for (const GrantRule& rule : grant.rules) {
    if (rule.verbs.has(verb) && covers(rule.where, name)) return true;
  }
  return false;
}

bool grant_allows_below(const VaultGrant& grant, GrantVerb verb, std::string_view prefix) {
  for (const GrantRule& rule : grant.rules) {
    if (rule.verbs.has(verb) && covers_all_below(rule.where, prefix)) return true;
  }
  return false;
}

Bytes issue_grant(const SignedBytes& intermediate_certificate, const SignKeyPair& intermediate,
                  const VaultGrant& grant) {
  if (grant.rules.size() > rules_limit) throw std::invalid_argument("a grant has too many rules");
  SignedBytes out;
  append(out.body, as_bytes(grant_magic));
  append(out.body, grant.fleet.bytes());
  append(out.body, grant.store.bytes());
  append(out.body, grant.holder.bytes());
  append_be<std::uint8_t>(out.body, static_cast<std::uint8_t>(grant.use));
  append_be<std::uint64_t>(out.body, grant.epoch);
  append_time(out.body, grant.issued);
  append_time(out.body, grant.expires);
  append_be<std::uint16_t>(out.body, static_cast<std::uint16_t>(grant.rules.size()));
  for (const GrantRule& rule : grant.rules) {
    if (!is_where(rule.where)) throw std::invalid_argument("a rule of a grant is not for names of objects");
    append_be<std::uint8_t>(out.body, rule.verbs.bits());
    append_counted<std::uint16_t>(out.body, as_bytes(rule.where));
  }
  out.signature = sign(intermediate, grant_context, out.body);
  Bytes encoded = to_bytes(as_bytes(chain_magic));
  append_counted<std::uint32_t>(encoded, intermediate_certificate.encode());
  append_counted<std::uint32_t>(encoded, out.encode());
  if (encoded.size() > grant_bytes_limit) throw std::invalid_argument("a grant is too long");
  return encoded;
}

Result<VaultGrant> verify_grant(ByteView bytes, const GrantExpected& expected, Timestamp now) {
  auto grant = verify(bytes, expected, now);
  if (grant) return grant;
  Error error = std::move(grant).error().during("grant");
  error.code = Code::denied;
  return std::unexpected(std::move(error));
}

Result<VaultGrant> peek_grant(ByteView bytes) {
  const Encoded encoded = TRY_DURING("grant", take_apart(bytes));
  return TRY_DURING("grant", decode_grant(encoded.grant.body));
}

}  // namespace holdfast
