#include "agent/jobs/copy_job.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/jobs/pace.h"
#include "shared/repository/copies.h"

namespace holdfast {
namespace {

// Of a store that has lost a great deal: the rest is found when these are repaired.
constexpr std::size_t most_findings = 1000;

// Sources that cannot be opened here are left out; without the target there is nothing to do.
Result<CopyPlace> open_place(StoreAccess& stores, const StoreInfo& target, const std::vector<StoreInfo>& sources) {
  CopyPlace place;
  place.target = {target.name, TRY_DURING(fmt::format("store \"{}\"", target.name), stores.open(target))};
  std::optional<Error> problem;
  for (const StoreInfo& info : sources) {
    auto store = stores.open(info);
    if (store) {
      place.sources.push_back({info.name, std::move(*store)});
    } else if (!problem) {
      problem = std::move(store).error().during(fmt::format("store \"{}\"", info.name));
    }
  }
  if (place.sources.empty() && problem) return std::unexpected(std::move(*problem));
  return place;
}

void take_findings(Job& job, const std::vector<VerifyFinding>& findings) {
  for (const VerifyFinding& finding : findings) {
    if (job.findings.size() == most_findings) return;
    job.findings.push_back({finding.store, finding.object, finding.error.message});
  }
}

std::string served_by(const CopyReport& report) {
  std::string text;
  for (const auto& [store, objects] : report.served) {
    text += fmt::format("{}{} from store \"{}\"", text.empty() ? ": " : ", ", objects, store);
  }
  return text;
}

CopyHooks hooks_for(const JobControl& control, Pace& pace, std::string_view step) {
  CopyHooks hooks;
  hooks.progress = [&control, step](std::uint64_t done, std::uint64_t total) -> Result<> {
    control.progress({done, total, std::string(step)});
    if (control.stop.stop_requested()) return fail(Code::cancelled, "the job was stopped");
    return {};
  };
  hooks.pace = [&pace](std::uint64_t bytes) { pace.before_sending(bytes); };
  return hooks;
}

}  // namespace

JobWork copy_work(CopyOrder order, StoreAccess& stores, const Enrolled& identity, Clock& clock) {
  return
      [order = std::move(order), &stores, &identity, &clock](JobReport& report, const JobControl& control) -> Result<> {
        const CopyPlace place = TRY(open_place(stores, order.target, order.sources));
        Pace pace({order.bandwidth, 0, 1}, clock, control.stop);
        const CopyHooks hooks = hooks_for(control, pace, "copying");
        const TrustAnchor anchor{identity.fleet, identity.root};
        const auto how = order.doubtful ? Thoroughness::read : Thoroughness::looked_up;
        const CopyReport done =
            TRY(order.backup.is_null() ? copy_log(place, anchor, order.database, how, hooks)
                                       : copy_backup(place, anchor, order.database, order.backup, how, hooks));
        report.job.outcome = fmt::format("{} of {} objects copied, {} bytes{}", done.copied, done.objects,
                                         done.copied_bytes, served_by(done));
        if (done.damaged.empty()) return {};
        take_findings(report.job, done.damaged);
        const VerifyFinding& first = done.damaged.front();
        return fail(Code::corrupt,
                    fmt::format("{} objects in store \"{}\" are damaged and must go first, the first is \"{}\": {}",
                                done.damaged.size(), order.target.name, first.object, first.error.message));
      };
}

JobWork scrub_work(ScrubOrder order, StoreAccess& stores, const Enrolled& identity, Clock& clock) {
  return [order = std::move(order), &stores, &identity, &clock](JobReport& report,
                                                                const JobControl& control) -> Result<> {
    const CopyPlace place = TRY(open_place(stores, order.store, order.others));
    Pace pace({order.bandwidth, 0, 1}, clock, control.stop);
    const CopyHooks hooks = hooks_for(control, pace, "checking");
    const TrustAnchor anchor{identity.fleet, identity.root};
    const VerifyReport found =
        TRY(order.backup.is_null() ? scrub_log(place, anchor, order.database, hooks)
                                   : scrub_backup(place, anchor, order.database, order.backup, hooks));
    report.job.outcome = fmt::format("{} objects, {} bytes checked", found.objects, found.bytes);
    if (found.findings.empty()) return {};
    take_findings(report.job, found.findings);
    const VerifyFinding& first = found.findings.front();
    return fail(Code::corrupt,
                fmt::format("{} of {} objects in store \"{}\" are damaged or missing, the first is \"{}\": {}",
                            found.findings.size(), found.objects, order.store.name, first.object, first.error.message));
  };
}

}  // namespace holdfast
