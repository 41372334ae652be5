#include "agent/startup/judgement.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace holdfast {
namespace {

using Weight = Obstacle::Weight;

constexpr std::uint32_t others = 077;
constexpr std::uint32_t writable_by_others = 022;

class Judgement {
 public:
  Judgement(const StartupFacts& facts, const StartupLimits& limits) : facts_(facts), limits_(limits) {}

  std::vector<Obstacle> run() {
    configuration();
    directory();
    secrets();
    space();
    clock();
    return std::move(out_);
  }

 private:
  void add(Weight weight, std::string message, std::string hint) {
    out_.push_back({weight, {Code::unavailable, std::move(message), std::move(hint)}});
  }

  void configuration() {
    if (facts_.configuration) out_.push_back({Weight::error, *facts_.configuration});
    if (const auto& file = facts_.configuration_file; file && (file->info.mode & writable_by_others) != 0) {
      add(Weight::warning,
          fmt::format(
              "the configuration \"{}\" can be changed by others (mode {:04o}), and it names commands that are run",
              file->path, file->info.mode),
          fmt::format("chmod go-w {}", file->path));
    }
    if (const auto& file = facts_.token_file; file && (file->info.mode & others) != 0) {
      add(Weight::warning,
          fmt::format("the token file \"{}\" can be read by others (mode {:04o})", file->path, file->info.mode),
          fmt::format("chmod 600 {}", file->path));
    }
  }

  void directory() {
    if (facts_.unreadable) out_.push_back({Weight::error, *facts_.unreadable});
    if (!facts_.directory_found) return;
    const auto& [path, info] = *facts_.directory_found;
    if (info.kind != FileKind::directory) {
      add(Weight::error, fmt::format("the state directory \"{}\" is not a directory", path),
          "give another one with --state");
      return;
    }
    if (info.uid == facts_.user) {
      if ((info.mode & others) != 0) {
        add(Weight::warning,
            fmt::format("the state directory \"{}\" was open to others (mode {:04o}); it is made private", path,
                        info.mode),
            fmt::format("chmod 700 {}", path));
      }
      return;
    }
    const std::string text = fmt::format("the state directory \"{}\" belongs to user {}, and the agent runs as user {}",
                                         path, info.uid, facts_.user);
    if (facts_.user != 0) {
      add(Weight::error, text, fmt::format("run it as that user, or: chown -R {} {}", facts_.user, path));
    } else {
      add(Weight::warning, text, "that user can replace the node's keys");
    }
  }

  void secrets() {
    for (const auto& [path, info] : facts_.secrets) {
      if (info.kind != FileKind::file) {
        add(Weight::error, fmt::format("\"{}\" is to hold secrets and is not a plain file", path),
            "put back a copy of the state directory");
        continue;
      }
      if ((info.mode & others) != 0) {
        add(Weight::error, fmt::format("\"{}\" holds secrets and can be used by others (mode {:04o})", path, info.mode),
            fmt::format("chmod 600 {}; if somebody may have read it, revoke this node and enrol it anew", path));
      }
      if (info.uid != facts_.user) {
        add(Weight::error,
            fmt::format("\"{}\" holds secrets and belongs to user {}, and the agent runs as user {}", path, info.uid,
                        facts_.user),
            fmt::format("run it as that user, or: chown {} {}", facts_.user, path));
      }
    }
  }

  void space() {
    if (!facts_.space || facts_.space->free_bytes >= limits_.scarce_space) return;
    const bool enough = facts_.space->free_bytes >= limits_.least_space;
    const std::uint64_t wanted = enough ? limits_.scarce_space : limits_.least_space;
    add(enough ? Weight::warning : Weight::error,
        fmt::format("{} MiB are free where the state directory \"{}\" is, less than {} MiB",
                    facts_.space->free_bytes >> 20U, facts_.directory, wanted >> 20U),
        "free some: jobs that cannot be journalled are not begun");
  }

  void clock() {
    if (facts_.built.is_never() || facts_.now + limits_.clock_slack >= facts_.built) return;
    add(Weight::error,
        fmt::format("this host's clock says {}, before this program was built ({})", to_rfc3339(facts_.now),
                    to_rfc3339(facts_.built)),
        "set the clock: backups with wrong times are kept and deleted wrongly");
  }

  const StartupFacts& facts_;
  const StartupLimits& limits_;
  std::vector<Obstacle> out_;
};

}  // namespace

std::vector<Obstacle> judge_startup(const StartupFacts& facts, const StartupLimits& limits) {
  return Judgement(facts, limits).run();
}

std::vector<Obstacle> judge_clock(Timestamp now, Timestamp last_seen, const StartupLimits& limits) {
  if (last_seen.is_never()) return {};
  const Micros since = now - last_seen;
  if (since >= -limits.stepped_back && since <= limits.long_gone) return {};
  const bool back = since < Micros(0);
  return {{Weight::warning,
           {Code::unavailable,
            fmt::format("this host's clock says {}, {} the agent's last sign of life ({})", to_rfc3339(now),
                        back ? "before" : "more than a year after", to_rfc3339(last_seen)),
            back ? "it was set back, or was wrong before: times of backups made in between may be wrong"
                 : "if the agent was not away for so long, the clock is wrong"}}};
}

bool has_errors(const std::vector<Obstacle>& findings) {
  return std::ranges::any_of(findings, [](const Obstacle& obstacle) { return obstacle.weight == Weight::error; });
}

Error as_one(const std::vector<Obstacle>& findings) {
  std::vector<const Error*> errors;
  for (const Obstacle& obstacle : findings) {
    if (obstacle.weight == Weight::error) errors.push_back(&obstacle.error);
  }
  if (errors.empty()) throw std::logic_error("nothing is wrong");
  if (errors.size() == 1) return *errors.front();
  Error out{Code::unavailable, fmt::format("the agent cannot begin, for {} reasons", errors.size()), {}};
  int number = 0;
  for (const Error* error : errors) {
    if (error->code == Code::invalid) out.code = Code::invalid;
    out.message += fmt::format("\n  {}. {}", ++number, error->message);
    if (!error->hint.empty()) out.message += fmt::format("\n     hint: {}", error->hint);
  }
  return out;
}

}  // namespace holdfast
