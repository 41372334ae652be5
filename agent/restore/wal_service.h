#pragma once
// WAL for one running restore, handed out over a local socket, fetched ahead of the server.
//
// One socket for each restore: it belongs to the database's user with mode 0600, and who connects must be that user,
// root or us, so no other user of the host reads WAL through it.
//
// Protocol, one request a connection: the client sends "holdfast-wal 2 <file name>\n"; the answer is one line and, for
// ok, that many bytes: "ok <size>\n", "file <path>\n" (a whole file, the client's to move into its place),
// "missing\n" (certain) or "error <number of Code> <message>\n".
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "shared/os/process.h"
#include "shared/postgres/wal_position.h"
#include "shared/repository/wal_reader.h"

namespace holdfast {

// Where segments come from. Safe from many threads. Code::not_found only when it is certain.
struct WalSource {
  // As WalReader::read_segment().
  std::function<Result<std::uint64_t>(Timeline timeline, Lsn at, std::uint64_t segment_size, const WalSink& sink)>
      segment;
  std::function<Result<Bytes>(Timeline timeline)> history;
  // The log that is wanted ends here, also when there is more behind a gap. May be empty.
  std::function<void(Lsn end)> end_at = {};
};
// `reader` must outlive it.
WalSource wal_source(WalReader& reader);

struct WalServiceOptions {
  std::string socket;
  OsUser owner;
  WalSegmentSize segment_size;
  std::string directory;  // of fetched segments; replaced, and removed at the end
  unsigned prefetch = 8;  // segments ahead, each a file
  // Segments that begin at or after this position are "not there", whatever the stores have by now.
  std::optional<Lsn> through;
};

struct WalServed {
  std::uint64_t segments = 0;
  WalSegment newest;           // the last one that was handed out
  Lsn asked_through;           // end of it: the server has replayed about as far
  std::optional<Error> error;  // the last that was not "not there": what stopped the server, when it stopped
};

class WalService {
 public:
  // Listens when it returns. A socket of that name that nobody listens on is replaced.
  static Result<std::unique_ptr<WalService>> start(const WalServiceOptions& options, WalSource source);
  ~WalService();  // removes the socket
  WalService(const WalService&) = delete;
  WalService& operator=(const WalService&) = delete;

  WalServed served() const;
  const std::string& socket() const;

 private:
  class Server;
  explicit WalService(std::unique_ptr<Server> server);
  std::unique_ptr<Server> server_;
};

}  // namespace holdfast
