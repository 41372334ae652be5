#pragma once
// A throw-away PostgreSQL cluster of its own: own directory below /tmp, own port, own socket directory. PostgreSQL
// refuses root, so as root everything runs as the user "postgres".
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/os/process.h"
#include "shared/postgres/pg_control.h"

namespace holdfast {

class PostgresCluster {
 public:
  struct Options {
    int major_version = 15;
    PageChecksums page_checksums = PageChecksums::off;
    int wal_segment_mib = 16;
    // Lines of postgresql.conf on top of the harness's (fsync=off, small buffers, quick walsenders).
    std::vector<std::string> settings = {};
    // Lines put before the harness's pg_hba.conf lines: peer for the cluster's user, trust for other roles.
    std::vector<std::string> hba_lines = {};
  };

  // initdb, configured, not started.
  static Result<PostgresCluster> create(const Options& options);
  // The same, started.
  static Result<PostgresCluster> started(const Options& options);
  static Result<PostgresCluster> started();
  // A streaming standby of a running cluster, started; it has its own port and directory.
  static Result<PostgresCluster> standby_of(const PostgresCluster& primary);
  // Takes over a data directory that something else filled (a restore): own port and socket, not started. The
  // directory is removed with this object only when it lies below it.
  static Result<PostgresCluster> adopt(const std::string& data_directory);

  PostgresCluster(PostgresCluster&&) noexcept;
  PostgresCluster& operator=(PostgresCluster&&) noexcept;
  // Kills the server and removes the directory.
  ~PostgresCluster();

  Result<> start();
  Result<> stop();       // fast
  Result<> kill_hard();  // SIGKILL to the postmaster and its children, waits until they are gone
  Result<> promote();    // waits
  Result<> restart();
  bool running() const;

  // Output of psql -XAtq: rows by line, columns by '|'. Code::unavailable with psql's text otherwise.
  Result<std::string> sql(const std::string& statement, const std::string& database = "postgres") const;
  // Asks until the answer is this one; Code::timed_out after 30 s.
  Result<> wait_for(const std::string& statement, const std::string& answer) const;
  // Runs a program as the cluster's user, of the cluster's major version where it has come with it, else of the one
  // that Debian has; its output. Code::unavailable: exit code not 0.
  Result<std::string> run_program(const std::string& program, const std::vector<std::string>& arguments) const;
  // pgbench -i and pgbench -T/-t are run_program("pgbench", connection_arguments() + ...).
  std::vector<std::string> connection_arguments() const;  // -h -p -U
  // Appends a line to postgresql.conf; the caller reloads or restarts.
  Result<> append_config(const std::string& line);
  Result<> reload();

  const std::string& root() const { return root_; }  // everything of this cluster; owned by its user
  const std::string& data_directory() const { return data_directory_; }
  const std::string& socket_directory() const { return socket_directory_; }
  std::string log_file() const { return root_ + "/server.log"; }
  int port() const { return port_; }
  const OsUser& owner() const { return owner_; }
  int major_version() const { return major_version_; }
  // Whether servers of this major version can run here: tests/install-postgres brings those that Debian has not.
  static bool is_installed(int major_version);
  std::string binary(const std::string& program) const;

 private:
  PostgresCluster() = default;
  static Result<PostgresCluster> make_place(int major_version);
  Result<> write_settings(const Options& options);
  void destroy();

  std::string root_;
  std::string data_directory_;
  std::string socket_directory_;
  int port_ = 0;
  int major_version_ = 15;
  OsUser owner_;
};

// A new directory below /tmp that belongs to the user and is removed at the end.
class OwnedDirectory {
 public:
  static Result<OwnedDirectory> of(const OsUser& user);
  OwnedDirectory(OwnedDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  OwnedDirectory& operator=(OwnedDirectory&&) = delete;
  OwnedDirectory(const OwnedDirectory&) = delete;
  OwnedDirectory& operator=(const OwnedDirectory&) = delete;
  ~OwnedDirectory();
  const std::string& path() const { return path_; }

 private:
  explicit OwnedDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// The user that test clusters run as: "postgres" for root, ourselves otherwise.
Result<OsUser> cluster_user();
// A port that nobody listens on and that no other call in this process was given.
Result<int> free_port();

}  // namespace holdfast
