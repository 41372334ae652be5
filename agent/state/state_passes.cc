// The part of the agent's state that lets it write to buckets while there is nobody to ask.
#include "agent/state/state.h"
#include "shared/wire/codec.h"

namespace holdfast {
namespace {

Bytes encoded(const BucketPass& pass) {
  Message message;
  message.body = PassReply{pass, std::nullopt};
  return encode_message(message);
}

Result<BucketPass> decoded(ByteView bytes) {
  const Message message = TRY_DURING("read a pass to a bucket", decode_message(bytes));
  const auto* reply = std::get_if<PassReply>(&message.body);
  if (reply == nullptr) return fail(Code::corrupt, "a pass to a bucket in the agent's state is something else");
  return reply->pass;
}

}  // namespace

Result<std::vector<KeptPass>> AgentState::passes() {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("SELECT store, scope, pass, since FROM passes"));
  std::vector<KeptPass> out;
  while (TRY(statement.step())) {
    out.push_back({TRY(StoreId::from_bytes(statement.blob(0))), statement.text(1), TRY(decoded(statement.blob(2))),
                   Timestamp::from_micros(statement.integer(3))});
  }
  return out;
}

Result<> AgentState::save_pass(const KeptPass& pass) {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("INSERT OR REPLACE INTO passes VALUES (?1, ?2, ?3, ?4)"));
  const Bytes bytes = encoded(pass.pass);
  statement.bind(1, pass.store.bytes()).bind(2, std::string_view(pass.scope)).bind(3, ByteView(bytes));
  return statement.bind(4, pass.since.micros()).run();
}

Result<> AgentState::forget_pass(StoreId store, const std::string& scope) {
  const std::lock_guard lock(mutex_);
  auto statement = TRY(connection_.prepare("DELETE FROM passes WHERE store = ?1 AND scope = ?2"));
  return statement.bind(1, store.bytes()).bind(2, std::string_view(scope)).run();
}

}  // namespace holdfast
