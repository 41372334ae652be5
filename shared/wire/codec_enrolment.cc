#include "shared/wire/codec_structs.h"

namespace holdfast {

void write_to(schema::EnrolHello::Builder to, const EnrolHello& from) {
  to.setToken(data_unless_none(from.token));
  to.setNonce(data_unless_zero(from.nonce));
  to.setVersionMin(from.version_min);
  to.setVersionMax(from.version_max);
}

EnrolHello read_from(schema::EnrolHello::Reader from, Reading& reading) {
  EnrolHello out;
  out.token = reading.fixed<TokenId>(from.getToken());
  out.nonce = reading.array(from.getNonce());
  out.version_min = from.getVersionMin();
  out.version_max = from.getVersionMax();
  return out;
}

void write_to(schema::EnrolChallenge::Builder to, const EnrolChallenge& from) {
  to.setNonce(data_unless_zero(from.nonce));
}

EnrolChallenge read_from(schema::EnrolChallenge::Reader from, Reading& reading) {
  EnrolChallenge out;
  out.nonce = reading.array(from.getNonce());
  return out;
}

void write_to(schema::EnrolProof::Builder to, const EnrolProof& from) {
  to.setToken(data_unless_none(from.token));
  to.setClientNonce(data_unless_zero(from.client_nonce));
  to.setServerNonce(data_unless_zero(from.server_nonce));
  to.setMac(data_unless_zero(from.mac));
  to.setSigner(data_unless_none(from.signer));
  to.setRecipient(data_unless_none(from.recipient));
  write_to(to.initFacts(), from.facts);
  to.setKeyProof(data_of(from.key_proof));
}

EnrolProof read_from(schema::EnrolProof::Reader from, Reading& reading) {
  EnrolProof out;
  out.token = reading.fixed<TokenId>(from.getToken());
  out.client_nonce = reading.array(from.getClientNonce());
  out.server_nonce = reading.array(from.getServerNonce());
  out.mac = reading.array(from.getMac());
  out.signer = reading.fixed<SignPublicKey>(from.getSigner());
  out.recipient = reading.fixed<BoxPublicKey>(from.getRecipient());
  out.facts = read_from(from.getFacts(), reading);
  out.key_proof = reading.bytes(from.getKeyProof());
  return out;
}

void write_to(schema::Enrolled::Builder to, const Enrolled& from) {
  to.setNode(data_unless_none(from.node));
  to.setName(text_of(from.name));
  to.setFleet(data_unless_none(from.fleet));
  to.setRoot(data_unless_none(from.root));
  to.setChain(data_of(from.chain));
  write_texts(to.initEndpoints(count(from.endpoints)), from.endpoints);
  to.setFleetServer(data_unless_none(from.fleet_server));
}

Enrolled read_from(schema::Enrolled::Reader from, Reading& reading) {
  Enrolled out;
  out.node = reading.fixed<NodeId>(from.getNode());
  out.name = reading.text(from.getName());
  out.fleet = reading.fixed<FleetId>(from.getFleet());
  out.root = reading.fixed<SignPublicKey>(from.getRoot());
  out.chain = reading.bytes(from.getChain());
  out.endpoints = read_texts(from.getEndpoints(), reading);
  out.fleet_server = reading.fixed<CurvePublicKey>(from.getFleetServer());
  return out;
}

void write_to(schema::EnrolPending::Builder to, const EnrolPending& from) {
  to.setMessage(text_of(from.message));
  to.setRetrySeconds(from.retry_seconds);
}

EnrolPending read_from(schema::EnrolPending::Reader from, Reading& reading) {
  EnrolPending out;
  out.message = reading.text(from.getMessage());
  out.retry_seconds = from.getRetrySeconds();
  return out;
}

}  // namespace holdfast
