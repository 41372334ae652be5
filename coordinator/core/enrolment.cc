#include "coordinator/core/enrolment.h"

#include <fmt/format.h>

#include "coordinator/core/address_rules.h"
#include "shared/fleet/facts.h"
#include "shared/identity/token.h"

namespace holdfast {
namespace {

constexpr std::size_t challenges_limit = 4096;
constexpr std::size_t challenges_of_one_peer = 4;
constexpr std::chrono::seconds challenge_lifetime{60};
constexpr std::chrono::hours certificate_backdating{1};  // the node's clock may be behind ours
constexpr std::chrono::hours certificate_lifetime{24 * 3653};
constexpr std::uint32_t pending_retry_seconds = 5;

// Bounded twice: one peer cannot push out what others are waiting for, and all together cannot fill the memory.
void make_room(CoreState& state, const CurvePublicKey& peer) {
  const auto drop_oldest = [&state](auto&& counts, std::size_t limit) {
    auto oldest = state.challenges.end();
    std::size_t count = 0;
    for (auto at = state.challenges.begin(); at != state.challenges.end(); ++at) {
      if (!counts(at->second)) continue;
      ++count;
      if (oldest == state.challenges.end() || at->second.number < oldest->second.number) oldest = at;
    }
    if (count >= limit) state.challenges.erase(oldest);
  };
  drop_oldest([&peer](const Challenge& challenge) { return challenge.peer == peer; }, challenges_of_one_peer);
  if (state.challenges.size() >= challenges_limit) {
    drop_oldest([](const Challenge&) { return true; }, challenges_limit);
  }
}

// Takes the challenge, so that no nonce is good for two proofs.
bool take_challenge(CoreState& state, const MessageCame& event, const EnrolProof& proof, Timestamp now) {
  const auto found = state.challenges.find(proof.server_nonce);
  if (found == state.challenges.end()) return false;
  const Challenge& challenge = found->second;
  if (challenge.peer != event.peer) return false;  // somebody else's: it stays good for its owner
  const bool fits = challenge.token == proof.token && challenge.client_nonce == proof.client_nonce;
  const bool fresh = now < challenge.expires_at;
  state.challenges.erase(found);
  return fits && fresh;
}

bool mac_fits(const CoreState& state, const MessageCame& event, const EnrolProof& proof) {
  const auto token = state.tokens.find(proof.token);
  EnrolmentTranscript transcript;
  transcript.token = proof.token;
  transcript.client_nonce = proof.client_nonce;
  transcript.server_nonce = proof.server_nonce;
  transcript.curve = event.peer;
  transcript.signer = proof.signer;
  transcript.recipient = proof.recipient;
  transcript.facts = encode_facts(facts_texts(proof.facts));
  // An unknown token costs the same work as a wrong secret.
  const std::array<std::uint8_t, 32> nobody{};
  const auto mac = enrolment_mac(token == state.tokens.end() ? nobody : token->second.verifier, transcript);
  return equal_constant_time(mac, proof.mac) && token != state.tokens.end();
}

// Whoever knows the secret may learn what else is wrong.
Result<> check_token(const Token& token, const MessageCame& event, const NodeFacts& facts, Timestamp now) {
  const std::string hint = "make a new one with holdfast token create";
  if (token.revoked) return fail(Code::denied, "the token was revoked", hint);
  if (now >= token.expires_at) return fail(Code::denied, "the token has expired", hint);
  if (token.uses_left == 0) return fail(Code::denied, "the token is used up", hint);
  if (!address_allowed(event.address, token.cidrs)) {
    return fail(Code::denied, fmt::format("the token may not be used from address \"{}\"", event.address),
                "use it from one of its networks, or make one without --cidr");
  }
  if (!host_allowed(facts.hostname, token.host_pattern)) {
    return fail(Code::denied, fmt::format("the token may not be used by host \"{}\"", facts.hostname),
                "use it on a host that fits its pattern");
  }
  return {};
}

std::string unique_node_name(const CoreState& state, const std::string& hostname) {
  const std::string base = hostname.empty() ? "node" : hostname;
  const auto taken = [&state](const std::string& name) {
    return std::any_of(state.nodes.begin(), state.nodes.end(),
                       [&name](const auto& entry) { return entry.second.name == name; });
  };
  std::string name = base;
  for (int suffix = 2; taken(name); ++suffix) name = fmt::format("{}-{}", base, suffix);
  return name;
}

Bytes issue_chain(const Turn& turn, const Node& node) {
  const CoreIdentity& identity = turn.state.identity;
  NodeCertificate certificate;
  certificate.fleet = identity.fleet;
  certificate.node = node.id;
  certificate.name = node.name;
  certificate.curve = node.curve;
  certificate.signer = node.signer;
  certificate.recipient = node.recipient;
  certificate.not_before = turn.now - certificate_backdating;
  certificate.not_after = turn.now + certificate_lifetime;
  return CertificateChain{identity.intermediate_certificate, issue_node(identity.intermediate, certificate)}.encode();
}

void answer_node(Turn& turn, const MessageCame& event, const Node& node) {
  const CoreIdentity& identity = turn.state.identity;
  if (node.state == NodeState::revoked) {
    turn.refuse(event, Code::denied, "this node was revoked", "give the host new keys and a new token");
    return;
  }
  if (node.state == NodeState::pending) {
    turn.send(
        event.door, event.peer,
        EnrolPending{fmt::format("node \"{}\" waits for approval: holdfast node approve {}", node.name, node.name),
                     pending_retry_seconds},
        event.message.id);
    return;
  }
  Enrolled enrolled;
  enrolled.node = node.id;
  enrolled.name = node.name;
  enrolled.fleet = identity.fleet;
  enrolled.root = identity.root;
  enrolled.chain = node.chain;
  enrolled.endpoints = identity.fleet_endpoints;
  enrolled.fleet_server = identity.fleet_server;
  turn.send(event.door, event.peer, std::move(enrolled), event.message.id);
}

Node make_node(Turn& turn, const MessageCame& event, const EnrolProof& proof, const Token& token) {
  Node node;
  node.id = turn.state.entropy->id<NodeId>();
  node.name = unique_node_name(turn.state, proof.facts.hostname);
  node.labels = token.labels;
  node.curve = event.peer;
  node.signer = proof.signer;
  node.recipient = proof.recipient;
  node.facts = proof.facts;
  node.token = token.id;
  node.address = event.address;
  node.enrolled_at = turn.now;
  node.last_seen_at = turn.now;
  if (token.approval == Approval::automatic) {
    node.state = NodeState::active;
    node.chain = issue_chain(turn, node);
  }
  return node;
}

}  // namespace

void enrol_hello(Turn& turn, const MessageCame& event, const EnrolHello& hello) {
  CoreState& state = turn.state;
  if (hello.version_min > protocol_max || hello.version_max < protocol_min) {
    turn.refuse(event, Code::unsupported,
                fmt::format("this agent speaks protocol {} to {}, the coordinator {} to {}", hello.version_min,
                            hello.version_max, protocol_min, protocol_max),
                fmt::format("install version {} of holdfast-agent", state.identity.version));
    return;
  }
  make_room(state, event.peer);
  EnrolChallenge challenge;
  challenge.nonce = state.entropy->bytes<32>();
  state.challenges[challenge.nonce] = {event.peer, hello.token, hello.nonce, turn.now + challenge_lifetime,
                                       ++state.challenges_made};
  turn.send(event.door, event.peer, challenge, event.message.id);
}

void enrol_proof(Turn& turn, const MessageCame& event, const EnrolProof& proof) {
  CoreState& state = turn.state;
  if (!take_challenge(state, event, proof, turn.now)) {
    turn.refuse(event, Code::conflict, "this proof was used before or is too old", "say hello again");
    return;
  }
  if (state.operator_of(event.peer) != nullptr) {
    turn.refuse(event, Code::denied, "an operator's key cannot enrol a node");
    return;
  }
  if (const Node* known = state.node_of(event.peer)) {
    if (known->signer != proof.signer || known->recipient != proof.recipient) {
      turn.refuse(event, Code::denied, "this key is enrolled with other signing keys",
                  "give the host new keys, or put its state directory back");
      return;
    }
    answer_node(turn, event, *known);
    return;
  }
  if (!mac_fits(state, event, proof)) {
    turn.alert_once(fmt::format("a token was not accepted from address {}", event.address));
    turn.refuse(event, Code::denied, "token not accepted", "check that the whole token was given");
    return;
  }
  Token token = state.tokens.at(proof.token);
  if (const auto checked = check_token(token, event, proof.facts, turn.now); !checked) {
    turn.refuse(event, checked.error().code, checked.error().message, checked.error().hint);
    return;
  }
  --token.uses_left;
  const Node node = make_node(turn, event, proof, token);
  turn.put(token);
  turn.put(node);
  turn.touched_nodes.insert(node.id);
  turn.audit(fmt::format("node {}", node.name),
             fmt::format("enrolled with token {} from {}{}", token.id.text(), event.address,
                         node.state == NodeState::pending ? ", waits for approval" : ""));
  answer_node(turn, event, node);
}

void expire_challenges(Turn& turn) {
  std::erase_if(turn.state.challenges, [&](const auto& entry) { return turn.now >= entry.second.expires_at; });
}

Result<> approve_node(Turn& turn, NodeId id) {
  Node node = turn.state.nodes.at(id);
  if (node.state != NodeState::pending) {
    return fail(Code::conflict, fmt::format("node \"{}\" does not wait for approval", node.name));
  }
  node.state = NodeState::active;
  node.chain = issue_chain(turn, node);
  turn.put(node);
  turn.touched_nodes.insert(id);
  return {};
}

}  // namespace holdfast
