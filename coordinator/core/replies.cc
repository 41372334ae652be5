#include "coordinator/core/replies.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {
namespace {

// Plans and decisions of retention are long, and asking for them twice does no harm: a plan that nobody runs goes by
// itself, and what was let go is not let go again.
bool is_kept(const OperatorReplyBody& answer) {
  return !std::holds_alternative<RestorePlanReply>(answer) && !std::holds_alternative<VerifyPlanReply>(answer) &&
         !std::holds_alternative<RetentionReply>(answer);
}

// What the catalog may hold: of a token it has a verifier, never the secret.
OperatorReplyBody without_secret(const OperatorReplyBody& answer) {
  const auto* made = std::get_if<TokenReply>(&answer);
  if (made == nullptr) return answer;
  const TokenId id = made->token.id;
  return Refused{Code::conflict,
                 fmt::format("this request made token {}, whose text was told once and is not kept", id),
                 fmt::format("holdfast token revoke {}, then make another one", id)};
}

}  // namespace

const OperatorReplyBody* answered_before(const CoreState& state, const MessageCame& event) {
  const auto of_key = state.replies.find(event.peer);
  if (of_key == state.replies.end()) return nullptr;
  const auto found = of_key->second.find(event.message.id);
  return found == of_key->second.end() ? nullptr : &found->second.reply.body;
}

void remember_answer(Turn& turn, const MessageCame& event, const OperatorReplyBody& answer) {
  if (event.message.id == 0 || !is_kept(answer)) return;
  auto& of_key = turn.state.replies[event.peer];
  if (of_key.size() >= replies_kept_per_key) {
    const auto oldest = std::min_element(
        of_key.begin(), of_key.end(), [](const auto& a, const auto& b) { return a.second.made_at < b.second.made_at; });
    turn.remove(ReplyRow(oldest->second));
  }
  turn.put(ReplyRow{event.peer, event.message.id, turn.now, {without_secret(answer)}});
  of_key[event.message.id].reply.body = answer;
}

void forget_old_answers(Turn& turn) {
  std::vector<ReplyRow> old;
  for (const auto& [key, of_key] : turn.state.replies) {
    for (const auto& [id, row] : of_key) {
      if (turn.now - row.made_at > replies_kept_for) old.push_back({row.peer, row.request, row.made_at, {}});
    }
  }
  for (const ReplyRow& row : old) turn.remove(row);
}

}  // namespace holdfast
