#include "shared/store/peer/conversation.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {
namespace {

// Told at once for several chunks: a message for each would be half of all messages.
constexpr std::uint64_t credit_step = vault_window_bytes / 4;
// Taken on the vault's word; more grows as it arrives.
constexpr std::uint64_t reserved_at_most = 64U << 20U;

}  // namespace

std::unexpected<Error> PeerConversation::give_up(Error error) {
  lost_ = true;
  return std::unexpected(std::move(error));
}

Result<> PeerConversation::send(VaultBody body, ByteView content) {
  auto sent = connection_->send(encode_vault_message({request_, std::move(body)}), content);
  if (!sent) return give_up(std::move(sent).error());
  return {};
}

// What belongs to an earlier request is passed over.
Result<PeerConversation::Received> PeerConversation::receive(Micros timeout) {
  for (;;) {
    auto frames = connection_->receive(timeout);
    if (!frames) return give_up(std::move(frames).error());
    if (!*frames) return give_up({Code::unavailable, fmt::format("no answer within {}", to_text(timeout)), {}});
    auto message = decode_vault_message((*frames)->header);
    if (!message) return give_up(std::move(message).error());
    if (message->id == request_) return Received{std::move(message->body), std::move((*frames)->content)};
  }
}

Result<> PeerConversation::greet(const Bytes& grant) {
  ++request_;
  TRY(send(VaultHello{grant}));
  auto answer = TRY(receive(patience_.greeting));
  if (std::holds_alternative<VaultWelcome>(answer.body)) return {};
  if (auto* refused = std::get_if<VaultRefused>(&answer.body)) return give_up(std::move(refused->error));
  return give_up({Code::corrupt, "the vault answers what was not asked", {}});
}

Result<VaultBody> PeerConversation::ask(VaultBody request) {
  ++request_;
  TRY(send(std::move(request)));
  return TRY(receive(patience_.answer)).body;
}

Result<VaultBody> PeerConversation::put(const std::string& name, ByteView content, const Sha256& digest) {
  ++request_;
  TRY(send(VaultPut{name, content.size(), digest}));
  std::uint64_t sent = 0;
  std::uint64_t credit = 0;
  for (;;) {
    auto answer = TRY(receive(patience_.answer)).body;
    const auto* more = std::get_if<VaultCredit>(&answer);
    if (more == nullptr) return answer;
    credit = std::min(credit + std::min(more->bytes, vault_window_bytes), vault_window_bytes);
    while (sent < content.size() && credit > 0) {
      const std::uint64_t length =
          std::min({content.size() - sent, credit, static_cast<std::uint64_t>(vault_chunk_bytes)});
      TRY(send(VaultChunk{sent}, content.subspan(sent, length)));
      sent += length;
      credit -= length;
    }
  }
}

Result<PeerConversation::Answer> PeerConversation::read(VaultBody request, std::uint64_t limit) {
  Answer out{TRY(ask(std::move(request))), {}};
  const auto* content = std::get_if<VaultContent>(&out.body);
  if (content == nullptr) return out;
  if (content->size > limit) {
    return give_up({Code::corrupt, fmt::format("the vault sends {} bytes and not {}", content->size, limit), {}});
  }
  out.content = TRY(receive_content(content->size));
  return out;
}

Result<Bytes> PeerConversation::receive_content(std::uint64_t size) {
  Bytes content;
  content.reserve(std::min(size, reserved_at_most));
  std::uint64_t owed = 0;
  while (content.size() < size) {
    auto more = TRY(receive(patience_.answer));
    if (auto* refused = std::get_if<VaultRefused>(&more.body)) return std::unexpected(std::move(refused->error));
    const auto* chunk = std::get_if<VaultChunk>(&more.body);
    if (chunk == nullptr || more.content.empty() || chunk->offset != content.size() ||
        more.content.size() > size - content.size()) {
      return give_up({Code::corrupt, "what the vault sends does not fit what it announced", {}});
    }
    append(content, more.content);
    owed += more.content.size();
    if (owed >= credit_step && content.size() < size) TRY(send(VaultCredit{std::exchange(owed, 0)}));
  }
  return content;
}

}  // namespace holdfast
