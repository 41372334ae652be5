#include "agent/postgres/connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>

namespace holdfast {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr auto cancel_patience = std::chrono::seconds(5);

// The first line, without the white space around it.
std::string first_line(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) text.remove_prefix(1);
  text = text.substr(0, text.find('\n'));
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
  return std::string(text);
}

struct ServerRefusal {
  std::string sqlstate;  // empty: the server did not say one
  std::string message;
};

// A refused connection leaves no result to ask, only text; asked to be verbose, that has "FATAL:  28000: message".
ServerRefusal parse_refusal(std::string_view text) {
  for (std::size_t at = text.find(":  "); at != std::string_view::npos; at = text.find(":  ", at + 1)) {
    const std::string_view rest = text.substr(at + 3);
    const auto is_state_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); };
    if (rest.size() < 7 || rest.substr(5, 2) != ": ") continue;
    if (!std::ranges::all_of(rest.substr(0, 5), is_state_digit)) continue;
    return {std::string(rest.substr(0, 5)), first_line(rest.substr(7))};
  }
  return {{}, first_line(text)};
}

std::string_view field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string_view{} : text;
}

bool stopped(const std::optional<StopToken>& stop) {
  return stop && stop->stop_requested();
}

}  // namespace

void CopyMessage::Free::operator()(char* memory) const {
  PQfreemem(memory);
}
void PostgresConnection::Finish::operator()(pg_conn* connection) const {
  PQfinish(connection);
}
void PostgresConnection::Clear::operator()(pg_result* result) const {
  PQclear(result);
}

std::optional<std::string> QueryRows::maybe(std::size_t row, std::string_view column) const {
  const auto found = std::ranges::find(columns, column);
  if (row >= rows.size() || found == columns.end()) return std::nullopt;
  return rows[row][static_cast<std::size_t>(found - columns.begin())];
}

Result<std::string> QueryRows::at(std::size_t row, std::string_view column) const {
  if (row >= rows.size() || std::ranges::find(columns, column) == columns.end()) {
    return fail(Code::internal, fmt::format("no row {} with a column \"{}\" in the answer", row, column));
  }
  auto value = maybe(row, column);
  if (!value) return fail(Code::not_found, fmt::format("\"{}\" is null", column));
  return std::move(*value);
}

Result<std::string> QueryRows::only(std::string_view column) const {
  return at(0, column);
}

Result<PostgresConnection> PostgresConnection::open(const PostgresEndpoint& endpoint, const Settings& settings) {
  PostgresConnection connection(endpoint, settings);
  if (connection.endpoint_.role.empty()) connection.endpoint_.role = endpoint.os_user.name;
  TRY(connection.connect());
  return connection;
}

Result<PostgresConnection> PostgresConnection::open(const PostgresEndpoint& endpoint) {
  return open(endpoint, {});
}

Result<> PostgresConnection::connect() {
  const std::string what = fmt::format("connect to PostgreSQL at \"{}\" port {} as \"{}\"", endpoint_.socket_directory,
                                       endpoint_.port, endpoint_.role);
  const std::string port = std::to_string(endpoint_.port);
  const bool replication = settings_.purpose == ConnectionPurpose::replication;
  // Everything that the environment could change otherwise is given.
  const std::array<const char*, 10> keywords = {"host",    "port",    "user",       "dbname",      "application_name",
                                                "options", "sslmode", "gssencmode", "replication", nullptr};
  const std::array<const char*, 10> values = {
      endpoint_.socket_directory.c_str(),
      port.c_str(),
      endpoint_.role.c_str(),
      endpoint_.database.c_str(),
      settings_.application_name.c_str(),
      replication ? "-c client_min_messages=error" : "-c client_min_messages=error -c lock_timeout=0",
      "disable",
      "disable",
      replication ? "true" : "false",
      nullptr};
  const auto deadline = SteadyClock::now() + settings_.connect_timeout;
  {
    const ActingAs user = TRY_DURING(what, ActingAs::user(endpoint_.os_user));
    connection_.reset(PQconnectStartParams(keywords.data(), values.data(), 0));
    if (connection_ == nullptr) return fail(Code::exhausted, what + ": no memory");
    PQsetErrorVerbosity(connection_.get(), PQERRORS_VERBOSE);
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (PQstatus(connection_.get()) != CONNECTION_BAD && state != PGRES_POLLING_OK &&
           state != PGRES_POLLING_FAILED) {
      TRY(wait(state == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline, what));
      state = PQconnectPoll(connection_.get());
    }
  }
  if (PQstatus(connection_.get()) != CONNECTION_OK) {
    const ServerRefusal refusal = parse_refusal(PQerrorMessage(connection_.get()));
    if (!refusal.sqlstate.empty()) return refused(what, refusal.sqlstate, refusal.message);
    return fail(Code::unavailable, what + ": " + refusal.message);
  }
  PQsetErrorVerbosity(connection_.get(), PQERRORS_DEFAULT);
  PQsetNoticeProcessor(
      connection_.get(), [](void*, const char*) {}, nullptr);
  server_major_ = PQserverVersion(connection_.get()) / 10000;
  if (server_major_ < 13) {
    return fail(Code::unsupported, fmt::format("{}: the server has version {}", what, server_major_),
                "PostgreSQL 13 to 18 are supported");
  }
  if (PQsetnonblocking(connection_.get(), 1) != 0) return session_error(what);
  if (!replication) {
    // Text as the server has it, never converted: labels and paths must come back byte for byte.
    const char* encoding = PQparameterStatus(connection_.get(), "server_encoding");
    if (encoding != nullptr) TRY_DURING(what, query(fmt::format("SET client_encoding = '{}'", encoding)));
  }
  return {};
}

Result<> PostgresConnection::wait(short events, SteadyClock::time_point deadline, std::string_view what) {
  while (true) {
    if (stopped(settings_.stop)) return fail(Code::cancelled, std::string(what) + ": a stop was requested");
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now()).count();
    if (left <= 0) return fail(Code::timed_out, std::string(what) + ": no answer in time");
    std::array<pollfd, 2> waiting{
        {{PQsocket(connection_.get()), events, 0}, {settings_.stop ? settings_.stop->fd() : -1, POLLIN, 0}}};
    const int ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(std::min<long long>(left, 60'000)));
    if (ready < 0 && errno != EINTR) return std::unexpected(error_from_errno(errno, what));
    if (ready > 0 && waiting[0].revents != 0) return {};
  }
}

Result<> PostgresConnection::flush(SteadyClock::time_point deadline, std::string_view what) {
  while (true) {
    const int left = PQflush(connection_.get());
    if (left == 0) return {};
    if (left < 0) return session_error(what);
    TRY(wait(POLLIN | POLLOUT, deadline, what));
    if (PQconsumeInput(connection_.get()) == 0) return session_error(what);
  }
}

Result<PostgresConnection::ResultHandle> PostgresConnection::next_result(SteadyClock::time_point deadline,
                                                                         std::string_view what) {
  TRY(flush(deadline, what));
  while (PQisBusy(connection_.get()) != 0) {
    TRY(wait(POLLIN, deadline, what));
    if (PQconsumeInput(connection_.get()) == 0) return session_error(what);
  }
  return ResultHandle(PQgetResult(connection_.get()));
}

Result<QueryRows> PostgresConnection::rows_of(const pg_result* result, std::string_view what) const {
  switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_COPY_BOTH:
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
      break;
    default: {
      const std::string_view state = field(result, PG_DIAG_SQLSTATE);
      if (state.empty()) return session_error(what);
      return refused(what, state, first_line(field(result, PG_DIAG_MESSAGE_PRIMARY)));
    }
  }
  QueryRows rows;
  for (int column = 0; column < PQnfields(result); ++column) rows.columns.emplace_back(PQfname(result, column));
  for (int row = 0; row < PQntuples(result); ++row) {
    auto& values = rows.rows.emplace_back();
    for (int column = 0; column < PQnfields(result); ++column) {
      if (PQgetisnull(result, row, column) != 0) {
        values.emplace_back();
      } else {
        values.emplace_back(
            std::string(PQgetvalue(result, row, column), static_cast<std::size_t>(PQgetlength(result, row, column))));
      }
    }
  }
  return rows;
}

// All results of what was sent, so that the session is free for the next; the last rows count, and the first error.
Result<QueryRows> PostgresConnection::collect(Micros timeout, const std::string& what) {
  auto deadline = SteadyClock::now() + timeout;
  std::optional<Error> problem;
  QueryRows last;
  while (true) {
    auto result = next_result(deadline, what);
    if (!result) {
      const bool first_time = !problem;
      if (first_time) problem = result.error();
      const bool can_cancel = result.error().code == Code::timed_out;
      if (!first_time || !can_cancel) return std::unexpected(std::move(*problem));
      cancel_statement();
      deadline = SteadyClock::now() + cancel_patience;
      continue;
    }
    if (*result == nullptr) break;
    auto rows = rows_of(result->get(), what);
    if (rows) {
      last = std::move(*rows);
    } else if (!problem) {
      problem = std::move(rows).error();
    }
  }
  if (problem) return std::unexpected(std::move(*problem));
  return last;
}

Result<QueryRows> PostgresConnection::query(const std::string& statement, const std::vector<std::string>& parameters) {
  return query_within(settings_.statement_timeout, statement, parameters);
}

Result<QueryRows> PostgresConnection::query_within(Micros timeout, const std::string& statement,
                                                   const std::vector<std::string>& parameters) {
  std::vector<const char*> values;
  values.reserve(parameters.size());
  for (const auto& parameter : parameters) values.push_back(parameter.c_str());
  const std::string what = fmt::format("query \"{}\"", statement);
  if (PQsendQueryParams(connection_.get(), statement.c_str(), static_cast<int>(values.size()), nullptr, values.data(),
                        nullptr, nullptr, 0) == 0) {
    return session_error(what);
  }
  return collect(timeout, what);
}

Result<QueryRows> PostgresConnection::command(const std::string& text) {
  const std::string what = fmt::format("command \"{}\"", text);
  if (PQsendQuery(connection_.get(), text.c_str()) == 0) return session_error(what);
  return collect(settings_.statement_timeout, what);
}

void PostgresConnection::cancel_statement() {
  const std::unique_ptr<PGcancel, void (*)(PGcancel*)> cancel(PQgetCancel(connection_.get()), PQfreeCancel);
  std::array<char, 256> problem{};
  if (cancel != nullptr) (void)PQcancel(cancel.get(), problem.data(), static_cast<int>(problem.size()));
}

bool PostgresConnection::is_lost() const {
  return PQstatus(connection_.get()) != CONNECTION_OK;
}

int PostgresConnection::fd() const {
  return PQsocket(connection_.get());
}

Result<std::optional<QueryRows>> PostgresConnection::begin_copy(const std::string& text) {
  const std::string what = fmt::format("command \"{}\"", text);
  if (PQsendQuery(connection_.get(), text.c_str()) == 0) return session_error(what);
  const auto deadline = SteadyClock::now() + settings_.statement_timeout;
  const auto result = TRY(next_result(deadline, what));
  if (PQresultStatus(result.get()) == PGRES_COPY_BOTH) return std::nullopt;
  auto rows = rows_of(result.get(), what);
  for (bool more = true; more;) {
    const auto next = TRY(next_result(deadline, what));
    more = next != nullptr;
  }
  if (!rows) return std::unexpected(std::move(rows).error());
  return std::optional(std::move(*rows));
}

Result<PostgresConnection::CopyState> PostgresConnection::read_copy(CopyMessage& into) {
  constexpr int without_waiting = 1;
  for (const bool last_try : {false, true}) {
    char* memory = nullptr;
    const int got = PQgetCopyData(connection_.get(), &memory, without_waiting);
    into.memory_.reset(memory);
    into.size_ = got > 0 ? static_cast<std::size_t>(got) : 0;
    if (got > 0) return CopyState::message;
    if (got == -1) return CopyState::ended;
    if (got < -1) return session_error("read the replication stream");
    if (last_try) break;
    if (PQconsumeInput(connection_.get()) == 0) return session_error("read the replication stream");
  }
  return CopyState::nothing_yet;
}

Result<> PostgresConnection::write_copy(ByteView message) {
  const int sent =
      PQputCopyData(connection_.get(), reinterpret_cast<const char*>(message.data()), static_cast<int>(message.size()));
  if (sent < 0 || PQflush(connection_.get()) < 0) return session_error("answer in the replication stream");
  return {};
}

Result<> PostgresConnection::skip_copy(SteadyClock::time_point deadline, std::string_view what) {
  CopyMessage unread;
  while (true) {
    const CopyState state = TRY(read_copy(unread));
    if (state == CopyState::ended) return {};
    if (state == CopyState::nothing_yet) TRY(wait(POLLIN, deadline, what));
  }
}

Result<std::vector<QueryRows>> PostgresConnection::finish_copy() {
  constexpr std::string_view what = "end the replication stream";
  const auto deadline = SteadyClock::now() + settings_.statement_timeout;
  std::vector<QueryRows> answers;
  bool ended_ours = false;
  while (true) {
    if (!ended_ours) {
      // 0: libpq's buffer is full, which the flush below changes.
      const int sent = PQputCopyEnd(connection_.get(), nullptr);
      if (sent < 0 && is_lost()) return session_error(what);
      ended_ours = sent != 0;
      TRY(flush(deadline, what));
      continue;
    }
    const auto result = TRY(next_result(deadline, what));
    if (result == nullptr) return answers;
    const auto status = PQresultStatus(result.get());
    if (status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
      // What was on its way when we ended: read past it.
      TRY(skip_copy(deadline, what));
      continue;
    }
    if (status == PGRES_COPY_IN) {
      ended_ours = false;
      continue;
    }
    answers.push_back(TRY(rows_of(result.get(), what)));
  }
}

std::unexpected<Error> PostgresConnection::session_error(std::string_view what) const {
  const ServerRefusal problem = parse_refusal(PQerrorMessage(connection_.get()));
  const Code code = problem.sqlstate.empty() ? Code::unavailable : code_of_sqlstate(problem.sqlstate);
  return fail(code, fmt::format("{}: {}", what, problem.message.empty() ? "the session was lost" : problem.message));
}

std::unexpected<Error> PostgresConnection::refused(std::string_view what, std::string_view sqlstate,
                                                   std::string_view message) const {
  Refusal refusal;
  refusal.sqlstate = sqlstate;
  refusal.message = message;
  refusal.role = endpoint_.role;
  refusal.os_user = endpoint_.os_user.name;
  refusal.major_version = server_major_;
  refusal.purpose = settings_.purpose;
  refusal.connecting = server_major_ == 0;
  return fail(code_of_sqlstate(sqlstate), fmt::format("{}: {} (SQLSTATE {})", what, message, sqlstate),
              hint_for(refusal));
}

}  // namespace holdfast
