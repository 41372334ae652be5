#include "shared/wire/codec_structs.h"

namespace holdfast {

namespace {

// Fills the union with what the variant holds.
struct MessageWriter {
  schema::Envelope::Body::Builder to;
  void operator()(const EnrolHello& from) { write_to(to.initEnrolHello(), from); }
  void operator()(const EnrolChallenge& from) { write_to(to.initEnrolChallenge(), from); }
  void operator()(const EnrolProof& from) { write_to(to.initEnrolProof(), from); }
  void operator()(const Enrolled& from) { write_to(to.initEnrolled(), from); }
  void operator()(const EnrolPending& from) { write_to(to.initEnrolPending(), from); }
  void operator()(const Refused& from) { write_to(to.initRefused(), from); }
  void operator()(const Hello& from) { write_to(to.initHello(), from); }
  void operator()(const Welcome& from) { write_to(to.initWelcome(), from); }
  void operator()(const Heartbeat& from) { write_to(to.initHeartbeat(), from); }
  void operator()(const HeartbeatAck& from) { write_to(to.initHeartbeatAck(), from); }
  void operator()(const Inventory& from) { write_to(to.initInventory(), from); }
  void operator()(const InventoryAck& from) { write_to(to.initInventoryAck(), from); }
  void operator()(const Assignment& from) { write_to(to.initAssignment(), from); }
  void operator()(const AssignmentAck& from) { write_to(to.initAssignmentAck(), from); }
  void operator()(const Order& from) { write_to(to.initOrder(), from); }
  void operator()(const OrderAck& from) { write_to(to.initOrderAck(), from); }
  void operator()(const JobReport& from) { write_to(to.initJobReport(), from); }
  void operator()(const JobReportAck& from) { write_to(to.initJobReportAck(), from); }
  void operator()(const EpochReport& from) { write_to(to.initEpochReport(), from); }
  void operator()(const EpochReportAck& from) { write_to(to.initEpochReportAck(), from); }
  void operator()(const HistoryReport& from) { write_to(to.initHistoryReport(), from); }
  void operator()(const HistoryReportAck& from) { write_to(to.initHistoryReportAck(), from); }
  void operator()(const OperatorRequest& from) { write_to(to.initOperatorRequest(), from); }
  void operator()(const OperatorReply& from) { write_to(to.initOperatorReply(), from); }
  void operator()(const PassRequest& from) { write_to(to.initPassRequest(), from); }
  void operator()(const PassReply& from) { write_to(to.initPassReply(), from); }
  void operator()(const SlotRequest& from) { write_to(to.initSlotRequest(), from); }
  void operator()(const SlotReply& from) { write_to(to.initSlotReply(), from); }
};

MessageBody read_body(schema::Envelope::Body::Reader from, Reading& reading) {
  using Tag = schema::Envelope::Body;
  switch (from.which()) {
    case Tag::NONE:
      reading.refuse(Code::invalid, "message without a body");
      return {};
    case Tag::ENROL_HELLO:
      return read_from(from.getEnrolHello(), reading);
    case Tag::ENROL_CHALLENGE:
      return read_from(from.getEnrolChallenge(), reading);
    case Tag::ENROL_PROOF:
      return read_from(from.getEnrolProof(), reading);
    case Tag::ENROLLED:
      return read_from(from.getEnrolled(), reading);
    case Tag::ENROL_PENDING:
      return read_from(from.getEnrolPending(), reading);
    case Tag::REFUSED:
      return read_from(from.getRefused(), reading);
    case Tag::HELLO:
      return read_from(from.getHello(), reading);
    case Tag::WELCOME:
      return read_from(from.getWelcome(), reading);
    case Tag::HEARTBEAT:
      return read_from(from.getHeartbeat(), reading);
    case Tag::HEARTBEAT_ACK:
      return read_from(from.getHeartbeatAck(), reading);
    case Tag::INVENTORY:
      return read_from(from.getInventory(), reading);
    case Tag::INVENTORY_ACK:
      return read_from(from.getInventoryAck(), reading);
    case Tag::ASSIGNMENT:
      return read_from(from.getAssignment(), reading);
    case Tag::ASSIGNMENT_ACK:
      return read_from(from.getAssignmentAck(), reading);
    case Tag::ORDER:
      return read_from(from.getOrder(), reading);
    case Tag::ORDER_ACK:
      return read_from(from.getOrderAck(), reading);
    case Tag::JOB_REPORT:
      return read_from(from.getJobReport(), reading);
    case Tag::JOB_REPORT_ACK:
      return read_from(from.getJobReportAck(), reading);
    case Tag::EPOCH_REPORT:
      return read_from(from.getEpochReport(), reading);
    case Tag::EPOCH_REPORT_ACK:
      return read_from(from.getEpochReportAck(), reading);
    case Tag::HISTORY_REPORT:
      return read_from(from.getHistoryReport(), reading);
    case Tag::HISTORY_REPORT_ACK:
      return read_from(from.getHistoryReportAck(), reading);
    case Tag::OPERATOR_REQUEST:
      return read_from(from.getOperatorRequest(), reading);
    case Tag::OPERATOR_REPLY:
      return read_from(from.getOperatorReply(), reading);
    case Tag::PASS_REQUEST:
      return read_from(from.getPassRequest(), reading);
    case Tag::PASS_REPLY:
      return read_from(from.getPassReply(), reading);
    case Tag::SLOT_REQUEST:
      return read_from(from.getSlotRequest(), reading);
    case Tag::SLOT_REPLY:
      return read_from(from.getSlotReply(), reading);
  }
  reading.refuse(Code::unsupported, "message of a kind that this version does not know");
  return {};
}

}  // namespace

void write_to(schema::Envelope::Builder to, const Message& from) {
  to.setVersion(from.version);
  to.setId(from.id);
  to.setInReplyTo(from.in_reply_to);
  to.setEpoch(from.epoch);
  std::visit(MessageWriter{to.getBody()}, from.body);
}

Message read_from(schema::Envelope::Reader from, Reading& reading) {
  Message out;
  out.version = from.getVersion();
  out.id = from.getId();
  out.in_reply_to = from.getInReplyTo();
  out.epoch = from.getEpoch();
  out.body = read_body(from.getBody(), reading);
  return out;
}

}  // namespace holdfast
