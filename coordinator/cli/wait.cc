#include "coordinator/cli/wait.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/cli/human.h"
#include "coordinator/cli/progress_text.h"
#include "coordinator/cli/words.h"

namespace holdfast {
namespace {

constexpr Micros between_lines{std::chrono::seconds(10)};
constexpr Micros patience{std::chrono::seconds(60)};  // with a coordinator that does not answer

double part_done(const Job& job) {
  return is_final(job.state) ? 1 : part_done(job.progress);
}

// Shows how far jobs are: a line that is drawn again on a terminal, a new line now and then elsewhere.
class ProgressView {
 public:
  ProgressView(Console& console, Clock& clock) : console_(console), clock_(clock), last_line_(clock.monotonic()) {}
  ~ProgressView() { clear(); }
  ProgressView(const ProgressView&) = delete;
  ProgressView& operator=(const ProgressView&) = delete;

  void show(const std::vector<Job>& jobs, const Names& names) {
    const std::string line = printable(progress_line(jobs, names));
    if (console_.err_is_terminal()) {
      double part = 0;
      for (const Job& job : jobs) part += part_done(job) / static_cast<double>(jobs.size());
      console_.err("\r\x1b[K" + progress_bar(part, 20) + " " + line);
      drawn_ = true;
    } else if (clock_.monotonic() - last_line_ >= between_lines) {
      console_.err(line + "\n");
      last_line_ = clock_.monotonic();
    }
  }
  void clear() {
    if (drawn_) console_.err("\r\x1b[K");
    drawn_ = false;
  }

 private:
  Console& console_;
  Clock& clock_;
  Micros last_line_;
  bool drawn_ = false;
};

Error stopped_waiting(std::string why, const std::vector<JobId>& jobs) {
  return Error{Code::timed_out, std::move(why) + "; the work goes on",
               jobs.size() == 1 ? "look again with: holdfast job watch " + jobs.front().text()
                                : "look again with: holdfast job list"};
}

// In short steps, because a signal must not wait for the end of a pause.
void pause(Session& session, Micros duration) {
  const Micros end = session.clock().monotonic() + duration;
  while (!session.stop().stop_requested()) {
    const Micros left = end - session.clock().monotonic();
    if (left <= Micros(0)) return;
    session.clock().sleep_for(std::min(left, Micros(std::chrono::milliseconds(50))));
  }
}

// Of the wait so far a twentieth: what ends soon is seen at once, and a long wait asks seldom.
Micros next_pause(Micros waited) {
  return std::clamp(waited / 20, Micros(std::chrono::milliseconds(50)), Micros(std::chrono::seconds(1)));
}

}  // namespace

void add_wait_arguments(CommandWord& verb, WaitArguments& arguments) {
  verb.flag("--detach", arguments.detach, "print the job's id and do not wait");
  verb.parsed(
      "--timeout",
      [&arguments](const std::string& text) -> Result<> {
        arguments.timeout = TRY(parse_duration(text));
        return {};
      },
      "stop waiting after this long (10m); the work goes on");
}

std::string progress_bar(double part, std::size_t width) {
  const auto full = static_cast<std::size_t>(std::clamp(part, 0.0, 1.0) * static_cast<double>(width));
  return "[" + std::string(full, '#') + std::string(width - full, '.') + "]";
}

std::string progress_line(const std::vector<Job>& jobs, const Names& names) {
  const auto done = std::count_if(jobs.begin(), jobs.end(), [](const Job& job) { return is_final(job.state); });
  std::string out = fmt::format("{} of {} done", done, jobs.size());
  std::size_t shown = 0;
  for (const Job& job : jobs) {
    if (is_final(job.state)) continue;
    if (++shown > 2) return out + "; ...";
    out +=
        fmt::format("; {} of {}", word(job.kind), job.database.is_null() ? names.of(job.node) : names.of(job.database));
    if (job.state == JobState::queued) {
      out += ": waiting";
    } else if (!job.progress.step.empty() || job.progress.total_bytes > 0) {
      out += ": " + progress_text(job.progress);
    }
  }
  return out;
}

Result<std::vector<Job>> wait_for_jobs(Session& session, const std::vector<JobId>& jobs, Micros timeout) {
  if (jobs.empty()) return std::vector<Job>();
  ListRequest request = listing(Listing::jobs);
  for (const JobId& id : jobs) request.ids.push_back(id.text());
  const Names* names = TRY(session.names());

  ProgressView view(session.console(), session.clock());
  const Micros start = session.clock().monotonic();
  Micros answered = start;
  while (true) {
    Result<ListReply> reply = session.list(request);
    if (session.stop().stop_requested()) return std::unexpected(stopped_waiting("stopped waiting", jobs));
    if (reply) {
      answered = session.clock().monotonic();
      view.show(reply->jobs, *names);
      const bool ended =
          reply->jobs.size() == jobs.size() &&
          std::all_of(reply->jobs.begin(), reply->jobs.end(), [](const Job& job) { return is_final(job.state); });
      if (ended) return std::move(reply->jobs);
      if (reply->jobs.size() < jobs.size())
        return fail(Code::not_found, "the coordinator does not know the job any more");
    } else if (reply.error().code != Code::unavailable || session.clock().monotonic() - answered > patience) {
      return std::unexpected(std::move(reply).error());
    }
    if (timeout.count() > 0 && session.clock().monotonic() - start >= timeout) {
      return std::unexpected(stopped_waiting("not done within " + to_text(timeout), jobs));
    }
    pause(session, next_pause(session.clock().monotonic() - start));
  }
}

ExitCode judge(const std::vector<Job>& jobs) {
  std::size_t complete = 0;
  std::size_t not_restorable = 0;
  for (const Job& job : jobs) {
    if (job.state == JobState::complete) {
      ++complete;
    } else if (job.code == Code::not_restorable) {
      ++not_restorable;
    }
  }
  if (complete == jobs.size()) return ExitCode::done;
  if (complete > 0) return ExitCode::done_in_part;
  return not_restorable == jobs.size() ? ExitCode::not_restorable : ExitCode::failed;
}

void report_failures(Session& session, const std::vector<Job>& jobs, const Names& names) {
  for (const Job& job : jobs) {
    if (job.state == JobState::complete) continue;
    std::string what(word(job.kind));
    if (!job.database.is_null()) what += fmt::format(" of database \"{}\"", names.of(job.database));
    if (!job.node.is_null()) what += fmt::format(" on node \"{}\"", names.of(job.node));
    const std::string why = job.error.empty() ? std::string(word(job.state)) : job.error;
    session.report(Error{job.code, what + ": " + why, job.hint});
  }
}

Result<ExitCode> show_detached(Session& session, const std::vector<JobId>& jobs) {
  if (session.for_people() || session.style().format == OutputFormat::name) {
    for (const JobId& id : jobs) session.print(id.text() + "\n");
    return ExitCode::done;
  }
  ListRequest request = listing(Listing::jobs);
  for (const JobId& id : jobs) request.ids.push_back(id.text());
  const ListReply reply = TRY(session.list(request));
  session.print(show_jobs(reply.jobs, *TRY(session.names()), session.style()));
  return ExitCode::done;
}

}  // namespace holdfast
