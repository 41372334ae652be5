#pragma once
// PostgreSQL clusters of this host: the running ones, found by their processes, and configured directories.
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/postgres/connection.h"
#include "shared/os/clock.h"
#include "shared/os/file_system.h"
#include "shared/postgres/pg_control.h"

namespace holdfast {

struct PostgresSearch {
  std::vector<std::string> within{};       // only below these directories; empty: anywhere
  std::vector<std::string> excluded{};     // paths or globs, as for SQLite: neither read nor connected to
  std::vector<std::string> directories{};  // to be known even when no server runs in them
  std::string role{};                      // whom to connect as; empty: the data directory's owner
};

struct FoundPostgres {
  std::string data_directory;
  std::string name;
  bool excluded = false;                     // nothing below is known then
  std::optional<PostgresEndpoint> endpoint;  // of a running server
  std::optional<PgControl> control;
  std::string version;  // "15.18"; of a stopped one only the major version
  bool in_recovery = false;
  Timeline timeline;
  std::uint64_t size_bytes = 0;
  std::set<std::string> slots;   // of ours, on its server
  bool starting = false;         // it has a server that takes no connections yet
  std::optional<Error> problem;  // why it cannot be backed up as it is now
};

// Ordered by directory. Servers of other mount namespaces, whose directory is not ours, are left out.
std::vector<FoundPostgres> find_postgres_clusters(const PostgresSearch& search, FileSystem& files, Clock& clock,
                                                  const StopToken& stop);

// How the server that runs in this directory is spoken to; `role` as above. Code::unavailable: none runs there, or it
// has only begun to start.
Result<PostgresEndpoint> endpoint_of_running(FileSystem& files, const std::string& data_directory,
                                             const std::string& role);

// Pure: what of the search applies to this directory.
bool is_within(const std::string& directory, const std::vector<std::string>& within);

}  // namespace holdfast
