#pragma once
// Ordered work: orders are kept and repeated until their node takes them, jobs follow what is reported.
#include "coordinator/core/state.h"

namespace holdfast {

// A job for a node: the order leaves now when the node is there, and again until it is acknowledged.
struct NewJob {
  JobKind kind = JobKind::backup;
  NodeId node;
  DatabaseId database;
  BackupId backup;
  RestoreId restore;
  std::string store;  // that a copy job fills or a scrub reads
  std::string origin;
  Micros deadline{std::chrono::hours(24)};
};
JobId start_job(Turn& turn, const NewJob& what, OrderBody body);
JobId start_job(Turn& turn, const NewJob& what, JobId id, OrderBody body);

void order_acked(Turn& turn, const Node& node, const OrderAck& ack);
void job_reported(Turn& turn, const MessageCame& event, const Node& node, const JobReport& report);
// Sends unacknowledged orders again; gives up what is past its deadline.
void watch_jobs(Turn& turn);
// Code::conflict when it is over already.
Result<> cancel_job(Turn& turn, JobId job, const std::string& who);

}  // namespace holdfast
