#include "agent/vault/vault_server.h"

#include <fmt/format.h>

#include <algorithm>

#include "shared/crypto/keys.h"

namespace holdfast {
namespace {

constexpr std::size_t pool_threads = 4;
constexpr std::size_t transfers_at_once = 32;
constexpr std::size_t connections_limit = 512;
constexpr std::size_t connections_of_one_peer = 16;
constexpr std::size_t messages_a_round = 64;
constexpr Micros silence_limit = std::chrono::seconds(60);
constexpr Micros tidy_every = std::chrono::seconds(5);
constexpr Micros warn_every = std::chrono::seconds(10);

}  // namespace

VaultServer::VaultServer(Parts parts)
    : parts_(std::move(parts)),
      replies_(std::make_shared<Replies>()),
      slots_(transfers_at_once),
      pool_(pool_threads, transfers_at_once * vault_window_bytes) {}

Result<std::unique_ptr<VaultServer>> VaultServer::start(Parts parts, const VaultListenerOptions& options) {
  std::unique_ptr<VaultServer> server(new VaultServer(std::move(parts)));
  server->listener_ = TRY(open_vault_listener(server->parts_.context, options, server->parts_.key,
                                              {server->stop_.fd(), server->replies_->fd()}));
  server->port_ = server->listener_->port();
  server->thread_ = std::thread([raw = server.get()] { raw->run(); });
  return server;
}

VaultServer::~VaultServer() {
  stop_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void VaultServer::set(const std::vector<VaultDuty>& duties) {
  vaults_.with([&](auto& vaults) {
    std::map<StoreId, std::shared_ptr<Vault>> kept;
    for (const VaultDuty& duty : duties) {
      auto& vault = kept[duty.store];
      const auto before = vaults.find(duty.store);
      if (before != vaults.end() && before->second->path() == duty.path && before->second->name() == duty.name) {
        vault = before->second;
        vault->set_quota(duty.quota_bytes);
      } else {
        vault = std::make_shared<Vault>(parts_.files, duty,
                                        parts_.memory + "/vault-" + to_hex(sha256(as_bytes(duty.path))));
      }
    }
    for (const auto& [id, vault] : vaults) {
      if (!kept.contains(id) || kept.at(id) != vault) vault->close();
    }
    vaults = std::move(kept);
  });
}

void VaultServer::run() {
  while (!stop_.stop_requested()) {
    auto incoming = listener_->receive(tidy_every, messages_a_round);
    if (!incoming) {
      parts_.log.error("the vaults cannot be served any more", incoming.error());
      return;
    }
    for (auto& message : *incoming) take(std::move(message));
    for (const auto& reply : replies_->take_all()) send(reply.connection, reply.message, reply.content);
    if (parts_.clock.monotonic() >= next_tidying_) tidy_up();
  }
}

void VaultServer::take(VaultIncoming incoming) {
  const auto known = connections_.find(incoming.connection);
  // Another key behind the same connection is another peer.
  if (known == connections_.end() || known->second.peer != incoming.peer) return greet(incoming);
  const auto message = decode_vault_message(incoming.header);
  const auto given = message ? pass_on(known->second, *message, std::move(incoming.content))
                             : Result<>(std::unexpected(message.error()));
  if (given) return;
  connections_.erase(known);
  refuse(incoming, message ? message->id : 0, given.error());
}

Result<> VaultServer::pass_on(Connection& to, const VaultMessage& message, Bytes content) {
  to.heard_at = parts_.clock.monotonic();
  if (std::holds_alternative<VaultChunk>(message.body) == content.empty()) {
    return fail(Code::invalid, "content comes with a chunk and with nothing else");
  }
  return pool_.give(to.member, message, std::move(content));
}

void VaultServer::greet(const VaultIncoming& incoming) {
  // Content is looked at for nobody who was not let in.
  if (!incoming.content.empty()) return;
  const auto message = decode_vault_message(incoming.header, vault_hello_limit);
  if (!message) return;
  auto grant = admit(incoming, *message);
  if (!grant) return refuse(incoming, message->id, std::move(grant).error());
  const auto vault = vaults_.with([&](const auto& vaults) {
    const auto found = vaults.find(grant->store);
    return found == vaults.end() ? nullptr : found->second;
  });
  if (!vault) {
    return refuse(incoming, message->id, {Code::unavailable, "this node does not keep that vault now", {}});
  }
  auto send_back = [replies = replies_, to = incoming.connection](const VaultMessage& reply, Bytes content) {
    replies->send({to, reply, std::move(content)});
  };
  auto session = std::make_unique<VaultSession>(vault, std::move(*grant), parts_.clock, slots_, std::move(send_back));
  connections_.insert_or_assign(
      incoming.connection, Connection{incoming.peer, SessionPool::add(std::move(session)), parts_.clock.monotonic()});
  send(incoming.connection, {message->id, VaultWelcome{vault_chunk_bytes, vault_window_bytes}}, {});
}

Result<VaultGrant> VaultServer::admit(const VaultIncoming& incoming, const VaultMessage& message) const {
  const auto* hello = std::get_if<VaultHello>(&message.body);
  // A connection that was forgotten here: its client makes a new one.
  if (hello == nullptr) return fail(Code::unavailable, "a grant is shown first");
  TRY(have_room_for(incoming.peer));
  return verify_grant(hello->grant, {parts_.root, parts_.fleet, incoming.peer}, parts_.clock.now());
}

Result<> VaultServer::have_room_for(const CurvePublicKey& peer) const {
  const auto of_peer =
      std::ranges::count_if(connections_, [&](const auto& entry) { return entry.second.peer == peer; });
  if (connections_.size() < connections_limit && static_cast<std::size_t>(of_peer) < connections_of_one_peer) return {};
  return fail(Code::unavailable, "there are as many connections as the vault can serve");
}

void VaultServer::refuse(const VaultIncoming& incoming, std::uint32_t id, Error error) {
  if (error.code == Code::denied && parts_.clock.monotonic() >= next_warning_) {
    next_warning_ = parts_.clock.monotonic() + warn_every;
    parts_.log.warning("a vault was asked for by somebody who may not",
                       {{"peer", incoming.peer.text()}, {"error", error.text()}});
  }
  send(incoming.connection, {id, VaultRefused{std::move(error)}}, {});
}

void VaultServer::send(const std::string& connection, const VaultMessage& message, ByteView content) {
  const auto sent = listener_->send(connection, encode_vault_message(message), content);
  if (!sent) connections_.erase(connection);
}

void VaultServer::note_denials(Connection& connection) {
  const std::uint64_t denials = SessionPool::take_denials(*connection.member);
  if (denials == 0) return;
  parts_.log.warning("a vault was asked for what a grant does not allow",
                     {{"peer", connection.peer.text()}, {"requests", denials}});
}

// Who has gone does not say so: what nothing was heard of for long, and waits for no answer, is forgotten.
void VaultServer::tidy_up() {
  const Micros now = parts_.clock.monotonic();
  next_tidying_ = now + tidy_every;
  for (auto entry = connections_.begin(); entry != connections_.end();) {
    Connection& connection = entry->second;
    note_denials(connection);
    const bool gone = now - connection.heard_at > silence_limit && !SessionPool::busy(*connection.member);
    entry = gone ? connections_.erase(entry) : std::next(entry);
  }
}

}  // namespace holdfast
