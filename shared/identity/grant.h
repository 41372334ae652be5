#pragma once
// What one CURVE key may do in one vault, signed by the coordinator's intermediate key. A vault needs nothing else to
// decide, so it goes on serving while the coordinator is away. FORMAT.md has the bytes.
#include <string>
#include <string_view>
#include <vector>

#include "shared/identity/certificate.h"

namespace holdfast {

enum class GrantVerb : std::uint8_t { put = 1, get = 2, list = 4, stat = 8, remove = 16 };

class GrantVerbs {
 public:
  constexpr GrantVerbs() = default;
  constexpr GrantVerbs(GrantVerb verb) : bits_(static_cast<std::uint8_t>(verb)) {}
  // Code::unsupported: a bit that this version does not know.
  static Result<GrantVerbs> from_bits(std::uint8_t bits);
  constexpr bool has(GrantVerb verb) const { return (bits_ & static_cast<std::uint8_t>(verb)) != 0; }
  constexpr std::uint8_t bits() const { return bits_; }
  friend constexpr GrantVerbs operator|(GrantVerbs a, GrantVerbs b) {
    GrantVerbs out;
    out.bits_ = static_cast<std::uint8_t>(a.bits_ | b.bits_);
    return out;
  }
  friend constexpr bool operator==(GrantVerbs, GrantVerbs) = default;

 private:
  std::uint8_t bits_ = 0;
};
constexpr GrantVerbs operator|(GrantVerb a, GrantVerb b) {
  return GrantVerbs(a) | GrantVerbs(b);
}

// `where`: whole parts of object names. "" is every name; "a/b/" every name below a/b (and not "a/bc/d"); without '/'
// at the end it is exactly that name. A part "*" stands for any one part.
struct GrantRule {
  std::string where;
  GrantVerbs verbs;
  friend bool operator==(const GrantRule&, const GrantRule&) = default;
};

// standing: a newer one of the same store takes its place. order: for one restore or verification, beside it.
enum class GrantUse : std::uint8_t { standing = 0, order = 1 };

struct VaultGrant {
  FleetId fleet;
  StoreId store;
  CurvePublicKey holder;
  GrantUse use = GrantUse::standing;
  std::uint64_t epoch = 0;  // of the coordinator that gave it
  Timestamp issued;
  Timestamp expires;
  std::vector<GrantRule> rules;  // may be none: then only the vault's space and health may be asked for
  friend bool operator==(const VaultGrant&, const VaultGrant&) = default;
};

constexpr std::size_t grant_bytes_limit = 128U << 10U;

// Is there a rule with this verb for the object of this name?
bool grant_allows(const VaultGrant& grant, GrantVerb verb, std::string_view name);
// The same for all names that begin with `prefix`, whatever follows: only rules without "*" can say so.
bool grant_allows_below(const VaultGrant& grant, GrantVerb verb, std::string_view prefix);

// The encoded grant with the chain that shows who signed it. A rule that is none is a bug of the caller.
Bytes issue_grant(const SignedBytes& intermediate_certificate, const SignKeyPair& intermediate,
                  const VaultGrant& grant);

// Whom a vault takes a grant from, and for what.
struct GrantExpected {
  SignPublicKey root;
  FleetId fleet;
  CurvePublicKey holder;  // as the socket proved it
};
// Code::denied: forged, expired, of another fleet, or another's. Which store it is for is for the caller to compare.
Result<VaultGrant> verify_grant(ByteView bytes, const GrantExpected& expected, Timestamp now);
// Without a look at the signature: for its holder, who wants to know what he has.
Result<VaultGrant> peek_grant(ByteView bytes);

}  // namespace holdfast
