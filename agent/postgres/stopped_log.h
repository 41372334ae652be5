#pragma once
// The end of the log of a server that was stopped in order while nobody streamed from it, taken from its own directory:
// on its way out a host has nobody else to ask. Of a server that was not stopped in order nobody can say where its log
// ends, so that is for the next start.
#include <string>

#include "agent/postgres/wal_shipper.h"
#include "shared/os/file_system.h"
#include "shared/os/process.h"

namespace holdfast {

struct StoppedServer {
  std::string data_directory;
  OsUser owner;
  SystemId system_id;
  WalSegmentSize segment_size;
  Timeline timeline;     // of its shutdown checkpoint
  Lsn log_end;           // behind that checkpoint's record: there is nothing after it
  Timestamp stopped_at;  // by pg_control: everything it ever committed, it committed before
};

// Bytes [from, log_end) of its pg_wal, checked page by page: a segment that was recycled and not yet written over has
// the page addresses of another one (xlog_internal.h, XLogPageHeaderData).
class StoppedLog {
 public:
  // `files` outlives it.
  StoppedLog(FileSystem& files, StoppedServer server) : files_(files), server_(std::move(server)) {}

  // From here to the end of its segment or of the log, some MiB at most. from < log_end. Code::not_found: the segment
  // is not there any more; Code::corrupt: its pages are not those of this position.
  Result<Bytes> read(Lsn from) const;

  const StoppedServer& server() const { return server_; }

 private:
  FileSystem& files_;
  StoppedServer server_;
};

// Puts what lies between the position that was reached and the log's end into the stores. The position behind the last
// byte that is durable now, which is the log's end. Code::timed_out: not all of it within `timeout`; what has become
// durable stays so. Code::conflict: what is stored is of another timeline or of another server. No receiver of this
// database may run.
Result<Lsn> ship_stopped_log(const StoppedLog& log, const WalShipper::Identity& identity,
                             const WalReceiver::Parts& parts, Micros timeout, const StopToken& stop);

}  // namespace holdfast
