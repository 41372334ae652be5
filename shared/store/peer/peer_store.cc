#include "shared/store/peer/peer_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "shared/base/byte_reader.h"
#include "shared/os/system_entropy.h"

namespace holdfast {
namespace {

constexpr std::uint64_t any_size = 1ULL << 40U;
constexpr std::uint64_t list_limit = 256U << 20U;
constexpr int tries_over_lost_connections = 3;
constexpr int tries_while_busy = 60;
constexpr std::int64_t shortest_pause_ms = 20;
constexpr std::int64_t longest_pause_ms = 1000;

std::unexpected<Error> not_a_list() {
  return fail(Code::corrupt, "what the vault sends is not a list of its objects");
}

Result<std::vector<ObjectInfo>> read_list(ByteView content, const std::string& prefix) {
  ByteReader from(content);
  std::vector<ObjectInfo> out;
  while (from.ok() && !from.rest().empty()) {
    ObjectInfo object;
    object.name = as_text(from.counted<std::uint16_t>());
    object.size = from.be<std::uint64_t>();
    const bool ordered = out.empty() || out.back().name < object.name;
    if (!check_object_name(object.name) || !object.name.starts_with(prefix) || !ordered) return not_a_list();
    out.push_back(std::move(object));
  }
  if (!from.finished()) return not_a_list();
  return out;
}

Result<std::vector<std::string>> read_parts(ByteView content) {
  ByteReader from(content);
  std::vector<std::string> out;
  while (from.ok() && !from.rest().empty()) {
    std::string part(as_text(from.counted<std::uint16_t>()));
    const std::string name = part.ends_with('/') ? part.substr(0, part.size() - 1) : part;
    const bool one_part = check_object_name(name).has_value() && name.find('/') == std::string::npos;
    if (!one_part || (!out.empty() && out.back() >= part)) return not_a_list();
    out.push_back(std::move(part));
  }
  if (!from.finished()) return not_a_list();
  return out;
}

}  // namespace

PeerStore::PeerStore(ZmqContext& context, Clock& clock, std::string name, PeerConnections::Settings settings,
                     const CurveKeyPair& own, Bytes grant)
    : clock_(clock), name_(std::move(name)), connections_(context, clock, std::move(settings), own, std::move(grant)) {}

std::string PeerStore::description() const {
  return fmt::format("vault \"{}\" at {}", name_, connections_.endpoint());
}

std::unexpected<Error> PeerStore::failed(Error error, std::string_view doing, const std::string& name) const {
  return std::unexpected(std::move(error).during(fmt::format("{} \"{}\" in {}", doing, name, description())));
}

std::unexpected<Error> PeerStore::unexpected_answer(std::string_view doing, const std::string& name) const {
  return failed({Code::corrupt, "the vault answers what was not asked", {}}, doing, name);
}

// Between two tries at a busy vault; by chance, so that those who wait do not come back together.
Result<> PeerStore::backed_off(int& attempts) {
  if (++attempts > tries_while_busy) return fail(Code::unavailable, "the vault is busy");
  SystemEntropy entropy;
  const std::int64_t most = std::min(longest_pause_ms, shortest_pause_ms << std::min(attempts, 10));
  const auto chance = static_cast<std::int64_t>(read_be<std::uint32_t>(entropy.bytes<4>()));
  clock_.sleep_for(std::chrono::milliseconds(shortest_pause_ms + chance % most));
  return {};
}

template <class Ask>
Result<PeerStore::Answer> PeerStore::converse(const Ask& ask) {
  int losses = 0;
  int busy = 0;
  auto wanted = PeerConnections::Wanted::any;
  for (;;) {
    auto conversation = TRY(connections_.take(wanted));
    Result<Answer> answer = ask(*conversation);
    const bool lost = conversation->lost();
    connections_.give_back(std::move(conversation));
    if (!answer && lost && answer.error().code == Code::unavailable && ++losses < tries_over_lost_connections) {
      wanted = PeerConnections::Wanted::fresh;  // the others are likely lost as well
      continue;
    }
    if (!answer) return answer;
    if (auto* refused = std::get_if<VaultRefused>(&answer->body)) return std::unexpected(std::move(refused->error));
    if (!std::holds_alternative<VaultBusy>(answer->body)) return answer;
    TRY(backed_off(busy));
  }
}

Result<> PeerStore::expect_done(Result<Answer> answer, std::string_view doing, const std::string& name) const {
  if (!answer) return failed(std::move(answer).error(), doing, name);
  if (!std::holds_alternative<VaultDone>(answer->body)) return unexpected_answer(doing, name);
  return {};
}

Result<Bytes> PeerStore::expect_content(Result<Answer> answer, std::string_view doing, const std::string& name) const {
  if (!answer) return failed(std::move(answer).error(), doing, name);
  if (!std::holds_alternative<VaultContent>(answer->body)) return unexpected_answer(doing, name);
  return std::move(answer->content);
}

namespace {

// A request that is answered without content.
auto plain(VaultBody request) {
  return [request = std::move(request)](PeerConversation& with) -> Result<PeerConversation::Answer> {
    return PeerConversation::Answer{TRY(with.ask(request)), {}};
  };
}
auto reading(VaultBody request, std::uint64_t limit) {
  return [request = std::move(request), limit](PeerConversation& with) { return with.read(request, limit); };
}

}  // namespace

Result<> PeerStore::put(const std::string& name, ByteView content) {
  TRY(check_object_name(name));
  const Sha256 digest = sha256(content);
  return expect_done(converse([&](PeerConversation& with) -> Result<Answer> {
                       return Answer{TRY(with.put(name, content, digest)), {}};
                     }),
                     "put", name);
}

Result<Bytes> PeerStore::get(const std::string& name) {
  TRY(check_object_name(name));
  return expect_content(converse(reading(VaultGet{name}, any_size)), "read", name);
}

Result<Bytes> PeerStore::get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) {
  TRY(check_object_name(name));
  auto content = TRY(expect_content(converse(reading(VaultGetRange{name, offset, length}, length)), "read", name));
  if (content.size() == length) return content;
  return failed({Code::corrupt, fmt::format("{} bytes came and not {}", content.size(), length), {}}, "read", name);
}

Result<std::optional<ObjectInfo>> PeerStore::stat(const std::string& name) {
  TRY(check_object_name(name));
  auto answer = converse(plain(VaultStat{name}));
  if (!answer) return failed(std::move(answer).error(), "look for", name);
  const auto* found = std::get_if<VaultFound>(&answer->body);
  if (found == nullptr) return unexpected_answer("look for", name);
  if (!found->exists) return std::nullopt;
  return ObjectInfo{name, found->size};
}

Result<std::vector<ObjectInfo>> PeerStore::list(const std::string& prefix) {
  const Bytes content = TRY(expect_content(converse(reading(VaultList{prefix}, list_limit)), "list", prefix));
  auto objects = read_list(content, prefix);
  if (!objects) return failed(std::move(objects).error(), "list", prefix);
  return objects;
}

Result<std::vector<std::string>> PeerStore::list_parts(const std::string& prefix) {
  if (!prefix.empty() && !prefix.ends_with('/')) {
    return fail(Code::invalid, fmt::format("\"{}\" does not end with \"/\"", prefix));
  }
  const Bytes content = TRY(expect_content(converse(reading(VaultListParts{prefix}, list_limit)), "list", prefix));
  auto parts = read_parts(content);
  if (!parts) return failed(std::move(parts).error(), "list", prefix);
  return parts;
}

Result<> PeerStore::remove(const std::string& name) {
  TRY(check_object_name(name));
  return expect_done(converse(plain(VaultRemove{name})), "remove", name);
}

Result<> PeerStore::check() {
  return expect_done(converse(plain(VaultCheck{})), "write the probe", name_);
}

Result<Space> PeerStore::space() {
  auto answer = converse(plain(VaultAskSpace{}));
  if (!answer) return failed(std::move(answer).error(), "ask for the space of", name_);
  const auto* space = std::get_if<VaultSpaceIs>(&answer->body);
  if (space == nullptr) return unexpected_answer("ask for the space of", name_);
  return Space{space->free_bytes, space->total_bytes};
}

}  // namespace holdfast
