#pragma once
// One connection that a grant was accepted for: what is asked, judged by the grant, carried out in the vault. It knows
// no socket.
#include <functional>
#include <memory>

#include "agent/vault/transfer_slots.h"
#include "agent/vault/vault.h"
#include "shared/crypto/sha256_stream.h"
#include "shared/identity/grant.h"
#include "shared/os/clock.h"
#include "shared/wire/vault_messages.h"

namespace holdfast {

// One thread at a time. A request ends the transfer before it; what that had brought is gone.
class VaultSession {
 public:
  // Called by take(); must not wait.
  using Send = std::function<void(const VaultMessage&, Bytes content)>;
  // `clock` and `slots` outlive it.
  VaultSession(std::shared_ptr<Vault> vault, VaultGrant grant, Clock& clock, TransferSlots& slots, Send send);

  void take(const VaultMessage& message, ByteView content);
  // For the log: requests that were refused because the grant does not allow them.
  std::uint64_t denials() const { return denials_; }

 private:
  struct Incoming {
    std::uint32_t id;
    VaultPut put;
    TransferSlots::Slot slot;
    VaultRoom room;
    WrittenFile file;
    std::unique_ptr<Sha256Stream> digest;
    std::uint64_t received = 0;
  };
  struct Outgoing {
    std::uint32_t id;
    TransferSlots::Slot slot;
    std::string name;          // an object's, or
    Bytes listing;             // this itself
    std::uint64_t offset = 0;  // in the object
    std::uint64_t size = 0;
    std::uint64_t sent = 0;
    std::uint64_t credit = vault_window_bytes;
  };

  void begin(std::uint32_t id, const VaultBody& request);
  Result<> answer(std::uint32_t id, const VaultPut& put);
  Result<> answer(std::uint32_t id, const VaultGet& get);
  Result<> answer(std::uint32_t id, const VaultGetRange& get);
  Result<> answer(std::uint32_t id, const VaultList& list);
  Result<> answer(std::uint32_t id, const VaultListParts& list);
  Result<> answer(std::uint32_t id, const VaultStat& stat);
  Result<> answer(std::uint32_t id, const VaultRemove& remove);
  Result<> answer(std::uint32_t id, const VaultCheck&);
  Result<> answer(std::uint32_t id, const VaultAskSpace&);
  template <class Other>
  Result<> answer(std::uint32_t, const Other&) {
    return fail(Code::invalid, "not a request");
  }

  Result<> take_chunk(const VaultChunk& chunk, ByteView content);
  Result<> finish_put();
  Result<> send_object(std::uint32_t id, const std::string& name, std::uint64_t offset, std::uint64_t length);
  Result<> say_busy(std::uint32_t id);
  Result<> begin_sending(Outgoing outgoing);
  Result<> send_more();

  Result<> may(GrantVerb verb, const std::string& name);
  Result<> may_list(const std::string& prefix);
  Result<> denied(std::string_view verb, const std::string& name);
  Result<std::optional<std::uint64_t>> size_of(const std::string& name);
  Result<bool> is_there_already(const VaultPut& put);
  void reply(std::uint32_t id, VaultBody body, Bytes content = {}) { send_({id, std::move(body)}, std::move(content)); }

  const std::shared_ptr<Vault> vault_;
  const VaultGrant grant_;
  Clock& clock_;
  TransferSlots& slots_;
  const Send send_;
  std::optional<Incoming> incoming_;
  std::optional<Outgoing> outgoing_;
  std::uint64_t denials_ = 0;
};

}  // namespace holdfast
