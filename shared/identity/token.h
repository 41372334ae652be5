#pragma once
// The one line an operator gives to new hosts: "hf1." and base64url. It pins the enrol server's key, so there is no
// trust on first use.
#include <string>
#include <vector>

#include "shared/base/ids.h"
#include "shared/base/time.h"
#include "shared/crypto/keys.h"

namespace holdfast {

struct TokenText {
  TokenId id;
  Secret<32> secret;
  CurvePublicKey enrol_server;
  SignPublicKey root;
  std::vector<std::string> endpoints;  // enrol sockets "tcp://host:7401"
  Timestamp expires_at;
  std::vector<std::pair<std::string, std::string>> labels;  // granted; for the reader, the coordinator has its own
  std::vector<std::string> cidrs;
};

std::string encode_token(const TokenText& token);
// Code::invalid says in which way it is not a token (version, cut off, checksum); never repeats the text.
Result<TokenText> decode_token(std::string_view text);

// What the coordinator keeps of the secret.
std::array<std::uint8_t, 32> token_verifier(const TokenId& id, const Secret<32>& secret);

// What the proof's MAC covers; both sides build it from their own knowledge. `curve` is the key ZAP proved.
struct EnrolmentTranscript {
  TokenId token;
  std::array<std::uint8_t, 32> client_nonce{};
  std::array<std::uint8_t, 32> server_nonce{};
  CurvePublicKey curve;
  SignPublicKey signer;
  BoxPublicKey recipient;
  Bytes facts;  // canonical bytes: see encode_facts
};
std::array<std::uint8_t, 32> enrolment_mac(const std::array<std::uint8_t, 32>& verifier,
                                           const EnrolmentTranscript& transcript);

// Length-prefixed texts in order; not Cap'n Proto, so that both sides surely hash the same bytes.
Bytes encode_facts(const std::vector<std::string>& texts);

}  // namespace holdfast
