#pragma once
// The vault of another node as a store. README.md says what goes over the wire and who may do what.
#include "shared/store/peer/peer_connections.h"

namespace holdfast {

class PeerStore final : public Store {
 public:
  // `name`: of the store, for messages. `context` and `clock` outlive it.
  PeerStore(ZmqContext& context, Clock& clock, std::string name, PeerConnections::Settings settings,
            const CurveKeyPair& own, Bytes grant);

  // Where it is reached now, with a newer grant of the same kind; what is going on ends as it began.
  void set_place(VaultAddress address, Bytes grant) { connections_.set_place(std::move(address), std::move(grant)); }

  Result<> put(const std::string& name, ByteView content) override;
  Result<Bytes> get(const std::string& name) override;
  Result<Bytes> get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) override;
  Result<std::optional<ObjectInfo>> stat(const std::string& name) override;
  Result<std::vector<ObjectInfo>> list(const std::string& prefix) override;
  Result<std::vector<std::string>> list_parts(const std::string& prefix) override;
  Result<> remove(const std::string& name) override;
  // The vault writes, reads and removes the probe: who may put may not remove.
  Result<> check() override;
  Result<Space> space() override;
  std::string description() const override;

 private:
  using Answer = PeerConversation::Answer;
  // Asks until it is answered: once more when a connection turns out to be lost, for a while when the vault is busy.
  // What is asked must do no harm when it is done twice.
  template <class Ask>
  Result<Answer> converse(const Ask& ask);
  Result<> backed_off(int& attempts);
  Result<> expect_done(Result<Answer> answer, std::string_view doing, const std::string& name) const;
  Result<Bytes> expect_content(Result<Answer> answer, std::string_view doing, const std::string& name) const;
  std::unexpected<Error> failed(Error error, std::string_view doing, const std::string& name) const;
  std::unexpected<Error> unexpected_answer(std::string_view doing, const std::string& name) const;

  Clock& clock_;
  const std::string name_;
  PeerConnections connections_;
};

}  // namespace holdfast
