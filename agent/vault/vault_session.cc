#include "agent/vault/vault_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "shared/base/byte_reader.h"

namespace holdfast {
namespace {

constexpr std::size_t prefix_limit = 512;
constexpr std::uint64_t object_limit = 1ULL << 40U;
constexpr std::uint64_t hashed_at_once = 1U << 20U;

}  // namespace

VaultSession::VaultSession(std::shared_ptr<Vault> vault, VaultGrant grant, Clock& clock, TransferSlots& slots,
                           Send send)
    : vault_(std::move(vault)), grant_(std::move(grant)), clock_(clock), slots_(slots), send_(std::move(send)) {}

void VaultSession::take(const VaultMessage& message, ByteView content) {
  Result<> done;
  if (const auto* chunk = std::get_if<VaultChunk>(&message.body)) {
    // Of a transfer that has ended: it was on its way when the client was told.
    if (!incoming_ || incoming_->id != message.id) return;
    done = take_chunk(*chunk, content);
  } else if (const auto* credit = std::get_if<VaultCredit>(&message.body)) {
    if (!outgoing_ || outgoing_->id != message.id) return;
    outgoing_->credit = std::min(outgoing_->credit + std::min(credit->bytes, vault_window_bytes), vault_window_bytes);
    done = send_more();
  } else {
    return begin(message.id, message.body);
  }
  if (done) return;
  incoming_.reset();
  outgoing_.reset();
  reply(message.id, VaultRefused{std::move(done).error()});
}

void VaultSession::begin(std::uint32_t id, const VaultBody& request) {
  incoming_.reset();
  outgoing_.reset();
  Result<> done;
  if (vault_->closed()) {
    done = fail(Code::unavailable, fmt::format("vault \"{}\" is not kept here any more", vault_->name()));
  } else if (clock_.now() >= grant_.expires) {
    done = fail(Code::denied, fmt::format("the grant expired at {}", to_rfc3339(grant_.expires)),
                "it is renewed while the coordinator runs");
  } else {
    done = std::visit([&](const auto& what) { return answer(id, what); }, request);
  }
  if (done) return;
  incoming_.reset();
  outgoing_.reset();
  reply(id, VaultRefused{std::move(done).error()});
}

Result<> VaultSession::denied(std::string_view verb, const std::string& name) {
  ++denials_;
  return fail(Code::denied,
              fmt::format("its grant does not let this key {} \"{}\" in vault \"{}\"", verb, name, vault_->name()));
}

Result<> VaultSession::may(GrantVerb verb, const std::string& name) {
  TRY(check_object_name(name));
  if (grant_allows(grant_, verb, name)) return {};
  switch (verb) {
    case GrantVerb::put:
      return denied("put", name);
    case GrantVerb::get:
      return denied("read", name);
    case GrantVerb::remove:
      return denied("remove", name);
    default:
      return denied("look at", name);
  }
}

Result<> VaultSession::may_list(const std::string& prefix) {
  if (prefix.size() > prefix_limit) return fail(Code::invalid, "a prefix is longer than any name");
  if (!grant_allows_below(grant_, GrantVerb::list, prefix)) return denied("list", prefix);
  return {};
}

Result<> VaultSession::say_busy(std::uint32_t id) {
  reply(id, VaultBusy{});
  return {};
}

// ---- put -----------------------------------------------------------------------------------------------------------
Result<bool> VaultSession::is_there_already(const VaultPut& put) {
  const auto there = vault_->store().stat(put.name);
  // Nothing was ever put into it: begin() makes it.
  if (!there && there.error().code == Code::unavailable) return false;
  if (!there) return std::unexpected(there.error());
  if (!*there) return false;
  Sha256Stream digest;
  bool same = (*there)->size == put.size;
  for (std::uint64_t at = 0; same && at < put.size; at += hashed_at_once) {
    digest.add(TRY(vault_->store().get_range(put.name, at, std::min(hashed_at_once, put.size - at))));
  }
  if (same && digest.finish() == put.sha256) return true;
  return fail(Code::already_exists,
              fmt::format("put \"{}\" in vault \"{}\": the name is taken by other content", put.name, vault_->name()));
}

Result<> VaultSession::answer(std::uint32_t id, const VaultPut& put) {
  TRY(may(GrantVerb::put, put.name));
  if (put.size > object_limit) return fail(Code::invalid, fmt::format("\"{}\" is too large for an object", put.name));
  auto slot = slots_.take();
  if (!slot) return say_busy(id);
  if (TRY(is_there_already(put))) {
    // Whoever linked it may have died before it was durable.
    TRY(vault_->store().make_durable(put.name));
    reply(id, VaultDone{});
    return {};
  }
  auto room = TRY(VaultRoom::take(vault_, put.size));
  auto file = TRY(vault_->store().begin());
  incoming_.emplace(
      Incoming{id, put, std::move(*slot), std::move(room), std::move(file), std::make_unique<Sha256Stream>()});
  if (put.size == 0) return finish_put();
  reply(id, VaultCredit{vault_window_bytes});
  return {};
}

Result<> VaultSession::take_chunk(const VaultChunk& chunk, ByteView content) {
  Incoming& incoming = *incoming_;
  if (content.empty() || chunk.offset != incoming.received || content.size() > incoming.put.size - incoming.received) {
    return fail(Code::invalid, fmt::format("what came of \"{}\" does not fit what was announced", incoming.put.name));
  }
  incoming.digest->add(content);
  TRY_DURING(fmt::format("put \"{}\" in vault \"{}\"", incoming.put.name, vault_->name()),
             incoming.file.write(content));
  incoming.received += content.size();
  if (incoming.received == incoming.put.size) return finish_put();
  reply(incoming.id, VaultCredit{content.size()});
  return {};
}

Result<> VaultSession::finish_put() {
  Incoming incoming = std::move(*incoming_);
  incoming_.reset();
  if (incoming.digest->finish() != incoming.put.sha256) {
    return fail(Code::corrupt, fmt::format("what came of \"{}\" does not fit its digest", incoming.put.name));
  }
  TRY(vault_->store().finish(incoming.put.name, std::move(incoming.file)));
  incoming.room.keep();
  reply(incoming.id, VaultDone{});
  return {};
}

// ---- get, list -----------------------------------------------------------------------------------------------------
Result<std::optional<std::uint64_t>> VaultSession::size_of(const std::string& name) {
  const auto there = TRY(vault_->store().stat(name));
  return there ? std::optional(there->size) : std::nullopt;
}

Result<> VaultSession::answer(std::uint32_t id, const VaultGet& get) {
  TRY(may(GrantVerb::get, get.name));
  const auto size = TRY(size_of(get.name));
  return send_object(id, get.name, 0, size.value_or(0));
}

Result<> VaultSession::answer(std::uint32_t id, const VaultGetRange& get) {
  TRY(may(GrantVerb::get, get.name));
  return send_object(id, get.name, get.offset, get.length);
}

Result<> VaultSession::send_object(std::uint32_t id, const std::string& name, std::uint64_t offset,
                                   std::uint64_t length) {
  const auto size = TRY(size_of(name));
  if (!size) return fail(Code::not_found, fmt::format("there is no \"{}\" in vault \"{}\"", name, vault_->name()));
  if (offset > *size || length > *size - offset) {
    return fail(Code::corrupt, fmt::format("\"{}\" in vault \"{}\" ends before byte {}: it has {}", name,
                                           vault_->name(), offset + length, *size));
  }
  auto slot = slots_.take();
  if (!slot) return say_busy(id);
  return begin_sending({id, std::move(*slot), name, {}, offset, length});
}

Result<> VaultSession::answer(std::uint32_t id, const VaultList& list) {
  TRY(may_list(list.prefix));
  auto slot = slots_.take();
  if (!slot) return say_busy(id);
  Bytes listing;
  for (const ObjectInfo& object : TRY(vault_->store().list(list.prefix))) {
    append_counted<std::uint16_t>(listing, as_bytes(object.name));
    append_be<std::uint64_t>(listing, object.size);
  }
  const std::uint64_t size = listing.size();
  return begin_sending({id, std::move(*slot), {}, std::move(listing), 0, size});
}

Result<> VaultSession::answer(std::uint32_t id, const VaultListParts& list) {
  TRY(may_list(list.prefix));
  auto slot = slots_.take();
  if (!slot) return say_busy(id);
  Bytes listing;
  for (const std::string& part : TRY(vault_->store().list_parts(list.prefix))) {
    append_counted<std::uint16_t>(listing, as_bytes(part));
  }
  const std::uint64_t size = listing.size();
  return begin_sending({id, std::move(*slot), {}, std::move(listing), 0, size});
}

Result<> VaultSession::begin_sending(Outgoing outgoing) {
  const std::uint32_t id = outgoing.id;
  reply(id, VaultContent{outgoing.size});
  outgoing_.emplace(std::move(outgoing));
  return send_more();
}

Result<> VaultSession::send_more() {
  Outgoing& out = *outgoing_;
  while (out.sent < out.size && out.credit > 0) {
    const std::uint64_t length = std::min({out.size - out.sent, out.credit, std::uint64_t{vault_chunk_bytes}});
    Bytes content;
    if (out.name.empty()) {
      content = to_bytes(ByteView(out.listing).subspan(out.sent, length));
    } else {
      content = TRY(vault_->store().get_range(out.name, out.offset + out.sent, length));
    }
    reply(out.id, VaultChunk{out.sent}, std::move(content));
    out.sent += length;
    out.credit -= length;
  }
  if (out.sent == out.size) outgoing_.reset();
  return {};
}

// ---- the small ones ------------------------------------------------------------------------------------------------
Result<> VaultSession::answer(std::uint32_t id, const VaultStat& stat) {
  TRY(may(GrantVerb::stat, stat.name));
  const auto size = TRY(size_of(stat.name));
  reply(id, VaultFound{size.has_value(), size.value_or(0)});
  return {};
}

Result<> VaultSession::answer(std::uint32_t id, const VaultRemove& remove) {
  TRY(may(GrantVerb::remove, remove.name));
  TRY(vault_->remove(remove.name));
  reply(id, VaultDone{});
  return {};
}

Result<> VaultSession::answer(std::uint32_t id, const VaultCheck&) {
  TRY(vault_->store().check());
  reply(id, VaultDone{});
  return {};
}

Result<> VaultSession::answer(std::uint32_t id, const VaultAskSpace&) {
  const Space space = TRY(vault_->space());
  reply(id, VaultSpaceIs{space.free_bytes, space.total_bytes});
  return {};
}

}  // namespace holdfast
