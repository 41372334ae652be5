#pragma once
// What a server says from its start on, wherever whoever starts it lets it say that.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "shared/os/clock.h"

namespace holdfast {

struct ServerLogPlaces {
  std::string data_directory;      // a logging collector of the server names its file in there
  std::vector<std::string> files;  // where its stderr may go; each may be missing, and may hold what is older
  std::string unit = {};           // of systemd, whose journal has its stderr; empty: none
};

// One start of a server: made before it, asked after it. What was said before it is never taken for its words.
class ServerLog {
 public:
  ServerLog(ServerLogPlaces places, Clock& clock);

  // The end of each place's text since then, at most 64 KiB of each; a place that cannot be read says nothing. What the
  // logging collector wrote is read when the server writes plain lines (log_destination has stderr).
  std::string said() const;

 private:
  struct Mark {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::int64_t changed_at = 0;  // nanoseconds
    friend bool operator==(const Mark&, const Mark&) = default;
  };
  static Mark mark_of(const std::string& path);
  std::string since_mark(const std::string& path) const;
  std::string collected_file() const;  // empty: none, or none that this start has named
  std::string collected() const;
  std::string journal() const;

  ServerLogPlaces places_;
  Timestamp begun_;
  Mark names_;  // of the collector's own list of its files
  std::map<std::string, Mark> marks_;
};

}  // namespace holdfast
