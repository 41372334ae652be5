#pragma once
// A session with a PostgreSQL server. libpq is seen by connection.cc only; everything else speaks through this class.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/postgres/required_rights.h"
#include "shared/base/bytes.h"
#include "shared/base/result.h"
#include "shared/base/time.h"
#include "shared/os/process.h"
#include "shared/os/stop.h"

struct pg_conn;
struct pg_result;

namespace holdfast {

// How to reach one server on this host.
struct PostgresEndpoint {
  std::string socket_directory;
  int port = 5432;
  std::string role;  // database role; empty: the user's name
  OsUser os_user;    // whom the server must see as its peer
  std::string database = "postgres";
};

// A result as text. NULL is nullopt.
struct QueryRows {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;

  // The value of the first row; Code::internal when the query cannot have given it, Code::not_found when it is NULL.
  Result<std::string> only(std::string_view column) const;
  Result<std::string> at(std::size_t row, std::string_view column) const;
  std::optional<std::string> maybe(std::size_t row, std::string_view column) const;
};

// One message of a copy, in libpq's own memory.
class CopyMessage {
 public:
  ByteView bytes() const { return {reinterpret_cast<const std::uint8_t*>(memory_.get()), size_}; }

 private:
  friend class PostgresConnection;
  struct Free {
    void operator()(char* memory) const;
  };
  std::unique_ptr<char, Free> memory_;
  std::size_t size_ = 0;
};

// Used by one thread at a time. Every call that waits ends at its deadline or when a stop is requested.
class PostgresConnection {
 public:
  struct Settings {
    ConnectionPurpose purpose = ConnectionPurpose::sql;
    std::string application_name = "holdfast";
    Micros connect_timeout = std::chrono::seconds(10);
    Micros statement_timeout = std::chrono::seconds(60);
    std::optional<StopToken> stop = {};
  };

  // Becomes the endpoint's user while it connects: peer authentication looks at who we are then.
  static Result<PostgresConnection> open(const PostgresEndpoint& endpoint, const Settings& settings);
  static Result<PostgresConnection> open(const PostgresEndpoint& endpoint);

  // One statement with text parameters ($1..); not for replication connections. After Code::timed_out the statement was
  // cancelled at the server and the session goes on; after Code::unavailable the session is lost.
  Result<QueryRows> query(const std::string& statement, const std::vector<std::string>& parameters = {});
  Result<QueryRows> query_within(Micros timeout, const std::string& statement,
                                 const std::vector<std::string>& parameters = {});
  // One command of the simple protocol, as replication connections take them.
  Result<QueryRows> command(const std::string& text);

  int server_major() const { return server_major_; }
  bool is_lost() const;
  const PostgresEndpoint& endpoint() const { return endpoint_; }

  // --- the copy-both mode of replication
  // nullopt: the copy runs. Rows: the server answered with these instead, as it does when a timeline ends right where
  // the stream was to begin.
  Result<std::optional<QueryRows>> begin_copy(const std::string& text);
  enum class CopyState : std::uint8_t { message, nothing_yet, ended };
  // Never waits. `into` is filled when it returns message.
  Result<CopyState> read_copy(CopyMessage& into);
  // Queues and tries to send; what the socket does not take goes with the next call.
  Result<> write_copy(ByteView message);
  // After `ended`, or to end it ourselves: our end of the copy, then whatever the server answers.
  Result<std::vector<QueryRows>> finish_copy();
  // For poll(2); stays the same while the session lives.
  int fd() const;

 private:
  struct Finish {
    void operator()(pg_conn* connection) const;
  };
  struct Clear {
    void operator()(pg_result* result) const;
  };
  using ResultHandle = std::unique_ptr<pg_result, Clear>;

  PostgresConnection(PostgresEndpoint endpoint, Settings settings)
      : endpoint_(std::move(endpoint)), settings_(std::move(settings)) {}
  Result<> connect();
  Result<> wait(short events, std::chrono::steady_clock::time_point deadline, std::string_view what);
  Result<> flush(std::chrono::steady_clock::time_point deadline, std::string_view what);
  // The next result of the running command; null: it has ended.
  Result<ResultHandle> next_result(std::chrono::steady_clock::time_point deadline, std::string_view what);
  Result<> skip_copy(std::chrono::steady_clock::time_point deadline, std::string_view what);
  Result<QueryRows> collect(Micros timeout, const std::string& what);
  Result<QueryRows> rows_of(const pg_result* result, std::string_view what) const;
  void cancel_statement();
  std::unexpected<Error> session_error(std::string_view what) const;
  std::unexpected<Error> refused(std::string_view what, std::string_view sqlstate, std::string_view message) const;

  PostgresEndpoint endpoint_;
  Settings settings_;
  std::unique_ptr<pg_conn, Finish> connection_;
  int server_major_ = 0;
};

}  // namespace holdfast
