#include "shared/crypto/key_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace holdfast {
namespace {

constexpr std::string_view first_line = "holdfast key file 1";
constexpr std::string_view check_context = "holdfast key file check 1";
constexpr std::size_t size_limit = 64 * 1024;
// Above this a file asks for more than any honest one; refused before memory is spent on it.
constexpr PassphraseCost cost_limit{20, 2 * 1024 * 1024};

constexpr std::array kinds = {
    std::pair{KeyKind::recovery, std::string_view("recovery")},
    std::pair{KeyKind::root, std::string_view("root")},
    std::pair{KeyKind::intermediate, std::string_view("intermediate")},
    std::pair{KeyKind::node, std::string_view("node")},
    std::pair{KeyKind::enrol_server, std::string_view("enrol-server")},
    std::pair{KeyKind::fleet_server, std::string_view("fleet-server")},
    std::pair{KeyKind::operator_key, std::string_view("operator")},
};

std::string_view name_of(KeyKind kind) {
  for (const auto& [value, name] : kinds) {
    if (value == kind) return name;
  }
  throw std::invalid_argument("a kind of key without a name");
}

bool is_fact_name(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}
bool is_fact_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

struct Argon {
  PassphraseCost cost;
  std::array<std::uint8_t, crypto_pwhash_SALTBYTES> salt{};
  std::array<std::uint8_t, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES> nonce{};
};

Result<Secret<32>> stretch(const Passphrase& passphrase, const Argon& argon) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
  Secret<32> key;
  const ByteView text = passphrase.bytes();
  if (crypto_pwhash(key.writable().data(), key.size, reinterpret_cast<const char*>(text.data()), text.size(),
                    argon.salt.data(), argon.cost.passes, std::size_t{argon.cost.memory_kib} * 1024,
                    crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return fail(Code::exhausted, fmt::format("not enough memory for the passphrase of the key file ({} MiB)",
                                             argon.cost.memory_kib / 1024));
  }
  return key;
}

// For a file without a passphrase: tells an altered line from a sound one to whoever holds the secret.
std::array<std::uint8_t, 32> check_of(ByteView secret, std::string_view lines) {
  const Sha256 key = sha256(secret);
  return keyed_hash(key, check_context, as_bytes(lines));
}

std::string clear_lines(const KeyFile& key, const std::optional<Argon>& argon) {
  std::string out = fmt::format("{}\nkind: {}\n", first_line, name_of(key.kind));
  for (const auto& [name, value] : key.facts) out += fmt::format("fact: {} {}\n", name, value);
  if (argon) {
    out += fmt::format("passphrase: argon2id {} {} {}\nnonce: {}\n", argon->cost.passes, argon->cost.memory_kib,
                       to_base64url(argon->salt), to_base64url(argon->nonce));
  } else {
    out += "passphrase: none\n";
  }
  return out;
}

// The whole text of a file taken apart, nothing checked against a key yet.
struct Parsed {
  KeyFile key;  // without the secret
  std::optional<Argon> argon;
  std::string clear;  // every line before "key:"
  Bytes payload;      // sealed secret, or the secret itself
  Bytes check;        // only without a passphrase
  ~Parsed() {
    if (!payload.empty()) sodium_memzero(payload.data(), payload.size());
  }
  Parsed() = default;
  Parsed(Parsed&&) = default;
  Parsed(const Parsed&) = delete;
  Parsed& operator=(const Parsed&) = delete;
  Parsed& operator=(Parsed&&) = delete;
};

class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}
  // The rest of the next line when it begins with `key` and ": ".
  std::optional<std::string_view> take(std::string_view key) {
    const auto end = text_.find('\n', at_);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = text_.substr(at_, end - at_);
    if (!line.starts_with(key) || line.substr(key.size()).substr(0, 2) != ": ") return std::nullopt;
    at_ = end + 1;
    return line.substr(key.size() + 2);
  }
  bool take_exactly(std::string_view wanted) {
    if (!text_.substr(at_).starts_with(std::string(wanted) + "\n")) return false;
    at_ += wanted.size() + 1;
    return true;
  }
  std::size_t at() const { return at_; }
  bool done() const { return at_ == text_.size(); }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

std::string_view next_word(std::string_view& text) {
  const auto space = text.find(' ');
  const std::string_view word = text.substr(0, space);
  text = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
  return word;
}

template <class T>
bool parse_number(std::string_view text, T& into) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), into);
  return problem == std::errc() && end == text.data() + text.size() && fmt::to_string(into) == text;
}

template <std::size_t N>
bool parse_base64(std::string_view text, std::array<std::uint8_t, N>& into) {
  const auto bytes = from_base64url(text);
  if (!bytes || bytes->size() != N) return false;
  std::copy(bytes->begin(), bytes->end(), into.begin());
  return true;
}

Result<std::optional<Argon>> parse_protection(Lines& lines) {
  auto protection = lines.take("passphrase");
  if (!protection) return fail(Code::invalid, "no \"passphrase\" line");
  if (*protection == "none") return std::nullopt;
  std::string_view rest = *protection;
  Argon argon;
  if (next_word(rest) != "argon2id" || !parse_number(next_word(rest), argon.cost.passes) ||
      !parse_number(next_word(rest), argon.cost.memory_kib) || !parse_base64(next_word(rest), argon.salt) ||
      !rest.empty()) {
    return fail(Code::invalid, "the \"passphrase\" line cannot be read");
  }
  if (argon.cost.passes < 1 || argon.cost.passes > cost_limit.passes || argon.cost.memory_kib < 8 ||
      argon.cost.memory_kib > cost_limit.memory_kib) {
    return fail(Code::invalid, "the \"passphrase\" line asks for an unreasonable amount of work");
  }
  const auto nonce = lines.take("nonce");
  if (!nonce || !parse_base64(*nonce, argon.nonce)) return fail(Code::invalid, "the \"nonce\" line cannot be read");
  return argon;
}

Result<Parsed> parse(std::string_view text) {
  Lines lines(text);
  Parsed out;
  if (!lines.take_exactly(first_line)) return fail(Code::invalid, "it does not begin like a key file");
  const auto kind = lines.take("kind");
  const auto known = std::ranges::find_if(kinds, [&](const auto& entry) { return kind && entry.second == *kind; });
  if (known == kinds.end()) return fail(Code::invalid, "an unknown kind of key");
  out.key.kind = known->first;
  while (auto fact = lines.take("fact")) {
    std::string_view rest = *fact;
    const std::string_view name = next_word(rest);
    if (!is_fact_name(name) || !is_fact_value(rest)) return fail(Code::invalid, "a \"fact\" line cannot be read");
    out.key.facts.emplace_back(name, rest);
  }
  out.argon = TRY(parse_protection(lines));
  out.clear = text.substr(0, lines.at());
  const auto payload = lines.take("key");
  if (!payload) return fail(Code::invalid, "no \"key\" line");
  auto bytes = from_base64url(*payload);
  if (!bytes) return fail(Code::invalid, "the \"key\" line cannot be read");
  out.payload = std::move(*bytes);
  if (!out.argon) {
    const auto check = lines.take("check");
    auto check_bytes = from_base64url(check.value_or(""));
    if (!check || !check_bytes) return fail(Code::invalid, "the \"check\" line cannot be read");
    out.check = std::move(*check_bytes);
  }
  if (!lines.done()) return fail(Code::invalid, "there is more after its last line");
  return out;
}

Result<Parsed> load(FileSystem& files, const std::string& path) {
  const auto info = TRY(files.stat(path));
  if (!info) return fail(Code::not_found, fmt::format("there is no key file \"{}\"", path));
  if (info->kind != FileKind::file)
    return fail(Code::invalid, fmt::format("key file \"{}\" is not a plain file", path));
  if ((info->mode & 077U) != 0) {
    return fail(Code::denied, fmt::format("key file \"{}\" can be used by others (mode {:04o})", path, info->mode),
                fmt::format("chmod 600 {}", path));
  }
  if (info->size > size_limit) return fail(Code::invalid, fmt::format("key file \"{}\" is too long to be one", path));
  Bytes text = TRY(files.read(path));
  auto parsed = parse(as_text(text));
  if (!text.empty()) sodium_memzero(text.data(), text.size());
  if (!parsed) return std::unexpected(std::move(parsed).error().during(fmt::format("key file \"{}\"", path)));
  return std::move(*parsed);
}

Result<Bytes> open_with_passphrase(const Parsed& parsed, const Passphrase& passphrase) {
  constexpr std::size_t tag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
  if (parsed.payload.size() < tag) return fail(Code::invalid, "the \"key\" line is too short");
  const Secret<32> key = TRY(stretch(passphrase, *parsed.argon));
  Bytes secret(parsed.payload.size() - tag);
  const ByteView clear = as_bytes(parsed.clear);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(secret.data(), nullptr, nullptr, parsed.payload.data(),
                                                 parsed.payload.size(), clear.data(), clear.size(),
                                                 parsed.argon->nonce.data(), key.bytes().data()) != 0) {
    return fail(Code::denied, "the passphrase is wrong, or the file was altered");
  }
  return secret;
}

}  // namespace

Result<> write_key_file(FileSystem& files, Entropy& entropy, const std::string& path, const KeyFile& key,
                        const std::optional<Passphrase>& passphrase, PassphraseCost cost) {
  if (key.secret.empty()) return fail(Code::invalid, "a key file without a key");
  for (const auto& [name, value] : key.facts) {
    if (!is_fact_name(name) || !is_fact_value(value)) {
      return fail(Code::invalid, fmt::format("fact \"{}\" cannot be written into a key file", name));
    }
  }
  std::string text;
  if (passphrase) {
    if (passphrase->bytes().empty()) return fail(Code::invalid, "the passphrase is empty");
    Argon argon;
    argon.cost = cost;
    entropy.fill(argon.salt);
    entropy.fill(argon.nonce);
    const Secret<32> wrap = TRY(stretch(*passphrase, argon));
    text = clear_lines(key, argon);
    Bytes sealed(key.secret.size() + crypto_aead_xchacha20poly1305_ietf_ABYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data(), nullptr, key.secret.data(), key.secret.size(),
                                               as_bytes(text).data(), text.size(), nullptr, argon.nonce.data(),
                                               wrap.bytes().data());
    text += fmt::format("key: {}\n", to_base64url(sealed));
  } else {
    text = clear_lines(key, std::nullopt);
    const auto check = check_of(key.secret, text);
    std::string encoded = to_base64url(key.secret);
    text += "key: ";
    text += encoded;
    text += fmt::format("\ncheck: {}\n", to_base64url(check));
    sodium_memzero(encoded.data(), encoded.size());
  }
  auto written = files.create_durably(path, as_bytes(text), 0600);
  sodium_memzero(text.data(), text.size());
  if (!written) return std::unexpected(std::move(written).error().during("write key file"));
  return {};
}

Result<bool> key_file_needs_passphrase(FileSystem& files, const std::string& path) {
  const Parsed parsed = TRY(load(files, path));
  return parsed.argon.has_value();
}

Result<KeyFile> read_key_file(FileSystem& files, const std::string& path, KeyKind kind,
                              const std::optional<Passphrase>& passphrase) {
  Parsed parsed = TRY(load(files, path));
  if (parsed.key.kind != kind) {
    return fail(Code::invalid, fmt::format("key file \"{}\" holds a {} key, not a {} key", path,
                                           name_of(parsed.key.kind), name_of(kind)));
  }
  const std::string step = fmt::format("key file \"{}\"", path);
  if (parsed.argon) {
    if (!passphrase) return fail(Code::denied, step + " needs its passphrase");
    parsed.key.secret = TRY_DURING(step, open_with_passphrase(parsed, *passphrase));
  } else {
    if (!equal_constant_time(check_of(parsed.payload, parsed.clear), parsed.check)) {
      return fail(Code::denied, step + " was altered");
    }
    parsed.key.secret = std::move(parsed.payload);
  }
  return std::move(parsed.key);
}

}  // namespace holdfast
