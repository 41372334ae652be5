#pragma once
// Answers libzmq's question at each handshake: may this key in? One a process, because libzmq knows one.
#include <map>
#include <thread>

#include "shared/wire/zmq_parts.h"

namespace holdfast {

// The User-Id that the handler gives to a key, and back.
std::string zap_user_id(const CurvePublicKey& key);
Result<CurvePublicKey> key_of_user_id(std::string_view user_id);

// What a handshake in `domain` with this key is answered: "200" in, "300" wait and come again, "400" never, "500" not a
// question for us.
std::string_view zap_status(const std::map<std::string, Door>& domains, std::string_view domain, ByteView key,
                            const AdmissionCheck& admission);

class ZapHandler {
 public:
  // Listening when it returns: a socket bound before would let everybody in. Code::conflict: there is one already.
  static Result<std::unique_ptr<ZapHandler>> start(ZmqContext& context, std::map<std::string, Door> domains,
                                                   AdmissionCheck admission);
  ~ZapHandler();
  ZapHandler(const ZapHandler&) = delete;
  ZapHandler& operator=(const ZapHandler&) = delete;

 private:
  ZapHandler(ZmqSocket socket, std::map<std::string, Door> domains, AdmissionCheck admission)
      : socket_(std::move(socket)), domains_(std::move(domains)), admission_(std::move(admission)) {}
  void run();
  void answer();

  ZmqSocket socket_;  // belongs to thread_ while that runs
  const std::map<std::string, Door> domains_;
  const AdmissionCheck admission_;
  StopToken stop_;
  std::thread thread_;
};

}  // namespace holdfast
