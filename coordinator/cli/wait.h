#pragma once
// Waiting for jobs. Nothing here cancels anything: whoever stops waiting is told how to look again.
#include <string>
#include <vector>

#include "coordinator/cli/session.h"

namespace holdfast {

struct WaitArguments {
  bool detach = false;
  Micros timeout{0};  // 0: as long as it takes
};
void add_wait_arguments(CommandWord& verb, WaitArguments& arguments);

// Ends when all of them have. Code::timed_out: the time was over or somebody pressed Ctrl-C, and the work goes on; the
// hint says how to look again. A coordinator that is away for less than a minute is waited for.
Result<std::vector<Job>> wait_for_jobs(Session& session, const std::vector<JobId>& jobs, Micros timeout);

// done when all are complete, failed when none is (not_restorable when that is why for each), partial otherwise.
ExitCode judge(const std::vector<Job>& jobs);
// One error with its hint for each job that did not complete.
void report_failures(Session& session, const std::vector<Job>& jobs, const Names& names);

// What --detach prints: ids, one a line, or the jobs as -o says.
Result<ExitCode> show_detached(Session& session, const std::vector<JobId>& jobs);

// "3 of 5 done; restore of orders: copying 41% of 2.0 GiB"
std::string progress_line(const std::vector<Job>& jobs, const Names& names);
// "[#########...........]" for this part of the whole.
std::string progress_bar(double part, std::size_t width);

}  // namespace holdfast
