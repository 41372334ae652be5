#include "agent/shutdown/departure.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "shared/fleet/words.h"

namespace holdfast {

Departure::Departure(What what, Parts parts) : what_(std::move(what)), parts_(std::move(parts)) {}

Result<> Departure::begin() {
  phase_began_ = parts_.clock.monotonic();
  drain_until_ = phase_began_ + what_.drain;
  report().state = JobState::running;
  if (report().created_at.is_never()) report().created_at = parts_.clock.now();
  report().started_at = parts_.clock.now();
  report().progress.step = "drain";
  what_.report = TRY(parts_.state.save_report(what_.report));
  parts_.log.info("on the way out", {{"job", job()}, {"what", word(report().kind)}, {"origin", report().origin}});
  parts_.tell(what_.report);
  return {};
}

DepartureEnd Departure::go_on() {
  const bool in_time = what_.patience == What::Patience::waits && parts_.clock.monotonic() < drain_until_;
  if (phase_ == Phase::draining && !parts_.runner.idle() && !in_time) cut_off();
  if ((phase_ == Phase::draining || phase_ == Phase::cutting) && parts_.runner.idle()) drained();
  if (phase_ == Phase::ending && awaited_ == 0) databases_ended();
  return end_;
}

void Departure::hurry() {
  what_.patience = What::Patience::forced;
  parts_.hurry_databases();
}

void Departure::must_go(Micros drain) {
  if (what_.going == What::Going::unconditional) return;
  what_.going = What::Going::unconditional;
  what_.reach = std::max(what_.reach, ShutdownReach::agent);
  drain_until_ = std::min(drain_until_, parts_.clock.monotonic() + drain);
}

bool Departure::cancel() {
  if (phase_ != Phase::draining) return false;
  end(DepartureEnd::stays, JobState::cancelled, {Code::cancelled, "it was cancelled", {}}, {});
  return true;
}

void Departure::cut_off() {
  phase_ = Phase::cutting;
  std::vector<std::string> names;
  for (const JobReport& cut : parts_.runner.cut_off("it was cut off, because its node was told to come to an end")) {
    names.push_back(fmt::format("{} {}", word(cut.job.kind), cut.job.id));
  }
  cut_ = fmt::format("cut off: {}", fmt::join(names, ", "));
}

void Departure::drained() {
  add_step("drain", StepOutcome::done, phase_began_, cut_);
  if (what_.reach == ShutdownReach::drain) {
    end(DepartureEnd::drained, JobState::complete, {}, cut_.empty() ? "nothing runs any more" : cut_);
    return;
  }
  phase_ = Phase::ending;
  phase_began_ = parts_.clock.monotonic();
  report().progress.step = "databases";
  store();
  awaited_ = parts_.end_databases();
  if (what_.patience == What::Patience::forced) parts_.hurry_databases();
}

DatabaseReceipt& Departure::receipt_of(const DatabaseReceipt& receipt) {
  auto& all = report().receipts;
  const auto known = std::ranges::find(all, receipt.database, &DatabaseReceipt::database);
  return known == all.end() ? all.emplace_back(receipt) : *known;
}

void Departure::note(const DatabaseReceipt& of, const JobStep& step) {
  receipt_of(of).steps.push_back(step);
  report().progress.step = fmt::format("{} of {}", step.name, of.name);
  parts_.log.info("a step of a database's end", {{"database", of.name},
                                                 {"step", step.name},
                                                 {"outcome", word(step.outcome)},
                                                 {"took", to_text(Micros(step.took.count() / 1000 * 1000))},
                                                 {"found", step.sentence}});
  store();
}

void Departure::take(EndedDatabase ended) {
  parts_.log.info("a database's end", {{"database", ended.receipt.name}, {"verdict", ended.receipt.verdict}});
  if (ended.standing == EndedDatabase::Standing::incomplete) incomplete_.push_back(ended.receipt.name);
  receipt_of(ended.receipt) = std::move(ended.receipt);
  if (awaited_ > 0) --awaited_;
  store();
}

void Departure::databases_ended() {
  phase_ = Phase::over;
  const bool may_go =
      incomplete_.empty() || what_.patience == What::Patience::forced || what_.going == What::Going::unconditional;
  if (may_go) {
    report().progress.step = "agent";
    phase_began_ = parts_.clock.monotonic();
    end_ = DepartureEnd::goes;
    return;
  }
  end(DepartureEnd::stays, JobState::failed,
      {Code::unavailable, verdict(), "see the receipts; when it may go as it is: the same again with --force"}, {});
}

std::string Departure::verdict() const {
  if (incomplete_.empty()) return "every database came to its end";
  return fmt::format("not all of it is accounted for: {}", fmt::join(incomplete_, ", "));
}

Departure::Outcome Departure::finish() {
  add_step("agent", StepOutcome::done, phase_began_, {});
  end(DepartureEnd::goes, JobState::complete, {}, verdict());
  return incomplete_.empty() ? Outcome::whole : Outcome::incomplete;
}

void Departure::add_step(std::string name, StepOutcome outcome, Micros begun, std::string sentence) {
  report().steps.push_back({std::move(name), outcome, parts_.clock.monotonic() - begun, std::move(sentence)});
}

void Departure::end(DepartureEnd end, JobState state, Error error, std::string outcome) {
  phase_ = Phase::over;
  end_ = end;
  report().state = state;
  report().finished_at = parts_.clock.now();
  report().progress = {};
  report().code = error.code;
  report().error = std::move(error.message);
  report().hint = std::move(error.hint);
  report().outcome = std::move(outcome);
  store();
}

// Going on without a journal beats standing still: the host goes down in any case.
void Departure::store() {
  auto stored = parts_.state.save_report(what_.report);
  if (!stored) {
    parts_.log.error("a step could not be stored", stored.error(), {{"job", job()}});
    return;
  }
  what_.report = std::move(*stored);
  parts_.tell(what_.report);
}

}  // namespace holdfast
