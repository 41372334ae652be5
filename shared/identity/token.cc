#include "shared/identity/token.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "shared/base/byte_reader.h"

namespace holdfast {
namespace {

constexpr std::string_view prefix = "hf1.";
constexpr std::string_view verifier_context = "holdfast token verifier 1";
constexpr std::string_view enrolment_context = "holdfast enrolment 1";
constexpr std::string_view checksum_domain = "holdfast token checksum 1";
constexpr std::size_t checksum_size = 8;
constexpr std::size_t text_limit = 255;
constexpr std::size_t list_limit = 64;
constexpr std::string_view ask_for_new = "copy the whole line again, or ask for a new token: holdfast token create";

std::array<std::uint8_t, checksum_size> checksum(ByteView bytes) {
  Bytes covered = to_bytes(as_bytes(checksum_domain));
  covered.push_back(0);
  append(covered, bytes);
  const Sha256 digest = sha256(covered);
  std::array<std::uint8_t, checksum_size> out{};
  std::copy_n(digest.begin(), out.size(), out.begin());
  sodium_memzero(covered.data(), covered.size());
  return out;
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

bool is_base64url(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

void append_text(Bytes& to, std::string_view text) {
  if (text.size() > text_limit || !is_printable(text)) throw std::invalid_argument("a text that no token can carry");
  append_counted<std::uint8_t>(to, as_bytes(text));
}
void append_count(Bytes& to, std::size_t count) {
  if (count > list_limit) throw std::invalid_argument("a list that no token can carry");
  to.push_back(static_cast<std::uint8_t>(count));
}

std::string read_text(ByteReader& from) {
  const std::string_view text = as_text(from.counted<std::uint8_t>());
  if (!is_printable(text)) from.fail_now();
  return std::string(text);
}
std::size_t read_count(ByteReader& from) {
  const auto count = from.be<std::uint8_t>();
  if (count > list_limit) from.fail_now();
  return from.ok() ? count : 0;
}

Result<TokenText> read_body(ByteView body) {
  ByteReader from(body);
  TokenText out;
  out.id = TokenId(from.array<16>());
  const ByteView secret = from.take(out.secret.size);
  if (secret.size() == out.secret.size) std::ranges::copy(secret, out.secret.writable().begin());
  out.enrol_server = CurvePublicKey(from.array<32>());
  out.root = SignPublicKey(from.array<32>());
  out.expires_at = Timestamp::from_micros(static_cast<std::int64_t>(from.be<std::uint64_t>()));
  for (std::size_t left = read_count(from); left > 0; --left) out.endpoints.push_back(read_text(from));
  for (std::size_t left = read_count(from); left > 0; --left) {
    std::string name = read_text(from);
    std::string value = read_text(from);
    out.labels.emplace_back(std::move(name), std::move(value));
  }
  for (std::size_t left = read_count(from); left > 0; --left) out.cidrs.push_back(read_text(from));
  if (!from.finished() || out.endpoints.empty()) {
    return fail(Code::invalid, "the token has no sound content", std::string(ask_for_new));
  }
  return out;
}

// A buffer with a secret in it, wiped however it is left.
class Wiped {
 public:
  explicit Wiped(Bytes bytes) : bytes_(std::move(bytes)) {}
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
  ~Wiped() {
    if (!bytes_.empty()) sodium_memzero(bytes_.data(), bytes_.size());
  }
  ByteView view() const { return bytes_; }

 private:
  Bytes bytes_;
};

}  // namespace

std::string encode_token(const TokenText& token) {
  Bytes body;
  body.reserve(4096);  // so that growing leaves no copy of the secret behind in the usual case
  append_be<std::uint16_t>(body, 0);
  append(body, token.id.bytes());
  append(body, token.secret.bytes());
  append(body, token.enrol_server.bytes());
  append(body, token.root.bytes());
  append_be<std::uint64_t>(body, static_cast<std::uint64_t>(token.expires_at.micros()));
  append_count(body, token.endpoints.size());
  for (const auto& endpoint : token.endpoints) append_text(body, endpoint);
  append_count(body, token.labels.size());
  for (const auto& [name, value] : token.labels) {
    append_text(body, name);
    append_text(body, value);
  }
  append_count(body, token.cidrs.size());
  for (const auto& cidr : token.cidrs) append_text(body, cidr);
  const std::size_t size = body.size() + checksum_size;
  if (size > 0xffff) throw std::invalid_argument("a token of more than 64 KiB");
  body[0] = static_cast<std::uint8_t>(size >> 8U);
  body[1] = static_cast<std::uint8_t>(size);
  append(body, checksum(body));
  const Wiped wiped(std::move(body));
  return std::string(prefix) + to_base64url(wiped.view());
}

Result<TokenText> decode_token(std::string_view text) {
  if (!text.starts_with(prefix)) {
    const bool other_version = text.size() > 3 && text.starts_with("hf") && text.find('.') < 6;
    if (other_version) {
      return fail(Code::invalid, "the token is of a version that this program does not know", "update holdfast-agent");
    }
    return fail(Code::invalid, "this is not a token: it does not begin with \"hf1.\"", std::string(ask_for_new));
  }
  const std::string_view encoded = text.substr(prefix.size());
  auto decoded = from_base64url(encoded);
  // Characters that do not come out even are no base64url; whole bytes of them may still tell that the rest is missing.
  const bool uneven = !decoded;
  for (std::size_t drop = 1; !decoded && drop < 4 && drop <= encoded.size(); ++drop) {
    if (is_base64url(encoded)) decoded = from_base64url(encoded.substr(0, encoded.size() - drop));
  }
  if (!decoded) {
    return fail(Code::invalid, "the token has characters that no token has", std::string(ask_for_new));
  }
  const Wiped bytes(std::move(*decoded));
  ByteReader from(bytes.view());
  const auto size = from.be<std::uint16_t>();
  if (!from.ok() || bytes.view().size() < size) {
    return fail(Code::invalid,
                fmt::format("the token was cut off: {} of {} bytes are there", bytes.view().size(), size),
                std::string(ask_for_new));
  }
  if (uneven || bytes.view().size() > size || size < checksum_size + sizeof size) {
    return fail(Code::invalid, "the token has something behind its end", std::string(ask_for_new));
  }
  const ByteView covered = bytes.view().first(size - checksum_size);
  if (!std::ranges::equal(checksum(covered), bytes.view().last(checksum_size))) {
    return fail(Code::invalid, "the token was altered: its checksum does not fit", std::string(ask_for_new));
  }
  return read_body(covered.subspan(sizeof size));
}

std::array<std::uint8_t, 32> token_verifier(const TokenId& id, const Secret<32>& secret) {
  return keyed_hash(secret.bytes(), verifier_context, id.bytes());
}

std::array<std::uint8_t, 32> enrolment_mac(const std::array<std::uint8_t, 32>& verifier,
                                           const EnrolmentTranscript& transcript) {
  Bytes covered;
  append(covered, transcript.token.bytes());
  append(covered, transcript.client_nonce);
  append(covered, transcript.server_nonce);
  append(covered, transcript.curve.bytes());
  append(covered, transcript.signer.bytes());
  append(covered, transcript.recipient.bytes());
  append_counted<std::uint32_t>(covered, transcript.facts);
  return keyed_hash(verifier, enrolment_context, covered);
}

Bytes encode_facts(const std::vector<std::string>& texts) {
  Bytes out;
  append_be<std::uint32_t>(out, static_cast<std::uint32_t>(texts.size()));
  for (const auto& text : texts) append_counted<std::uint32_t>(out, as_bytes(text));
  return out;
}

}  // namespace holdfast
