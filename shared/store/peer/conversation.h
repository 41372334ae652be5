#pragma once
// One connection to a vault, and one request after the other on it.
#include <memory>
#include <optional>

#include "shared/store/store.h"
#include "shared/wire/vault_transport.h"

namespace holdfast {

// How long an answer may be away.
struct PeerPatience {
  Micros greeting{std::chrono::seconds(5)};  // until the vault has let us in
  Micros answer{std::chrono::seconds(60)};   // of a disk that is slow, between any two messages
};

// One thread at a time. After a failure of the connection itself it is lost() and of no more use; what the vault
// refuses leaves it as it was.
class PeerConversation {
 public:
  PeerConversation(std::unique_ptr<VaultConnection> connection, PeerPatience patience)
      : connection_(std::move(connection)), patience_(patience) {}

  Result<> greet(const Bytes& grant);
  Result<VaultBody> ask(VaultBody request);
  // done, busy, refused: as ask(). The content follows as the vault asks for it.
  Result<VaultBody> put(const std::string& name, ByteView content, const Sha256& digest);
  // Content, or what came instead of it. More than `limit`: Code::corrupt.
  struct Answer {
    VaultBody body;
    Bytes content;
  };
  Result<Answer> read(VaultBody request, std::uint64_t limit);
  bool lost() const { return lost_; }

 private:
  struct Received {
    VaultBody body;
    Bytes content;
  };
  Result<> send(VaultBody body, ByteView content = {});
  Result<Received> receive(Micros timeout);
  Result<Bytes> receive_content(std::uint64_t size);
  std::unexpected<Error> give_up(Error error);

  std::unique_ptr<VaultConnection> connection_;
  const PeerPatience patience_;
  std::uint32_t request_ = 0;
  bool lost_ = false;
};

}  // namespace holdfast
