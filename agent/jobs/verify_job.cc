#include "agent/jobs/verify_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "shared/repository/verify.h"

namespace holdfast {
namespace {

// As many of one store as a report carries; each is a line for somebody to read, and no store may hide another's.
constexpr std::size_t most_findings = 50;

std::string describe(const VerifyReport& report, const std::vector<WalPart>& log) {
  const std::string frames = report.with_keys ? fmt::format(", {} frames opened", report.frames) : std::string();
  const std::string through = log.empty() ? std::string() : fmt::format("; with the log through {}", log.back().last);
  return fmt::format("{} objects, {} bytes{}{}", report.objects, report.bytes, frames, through);
}

std::vector<Finding> findings_of(const VerifyReport& report) {
  std::vector<Finding> out;
  std::map<std::string, std::size_t> told;
  for (const auto& finding : report.findings) {
    if (++told[finding.store] > most_findings) continue;
    out.push_back({finding.store, finding.object, finding.error.message});
  }
  return out;
}

// What the order names of the log behind the backup, added to what was found of the backup.
Result<> check_log(const VerifyOrder& order, const StoreSet& stores, const TrustAnchor& anchor,
                   const VerifyProgress& progress, VerifyReport& report) {
  if (order.wal.empty()) return {};
  std::vector<WalStretch> way;
  for (const WalPart& part : order.wal) way.push_back({part.timeline, part.first, part.last});
  std::vector<NamedStore> of_log;
  for (const NamedStore& store : stores.stores()) {
    if (std::ranges::find(order.wal_stores, store.name) != order.wal_stores.end()) of_log.push_back(store);
  }
  VerifyReport log = TRY(verify_log(StoreSet(std::move(of_log), 1), anchor, order.database, way, progress));
  report.objects += log.objects;
  report.bytes += log.bytes;
  for (auto& finding : log.findings) report.findings.push_back(std::move(finding));
  return {};
}

// The first findings, so that the message stays readable; the count says how many there are.
Error damage(const VerifyReport& report) {
  constexpr std::size_t shown = 5;
  std::string text = fmt::format("{} problems:", report.findings.size());
  for (std::size_t i = 0; i < report.findings.size() && i < shown; ++i) {
    const auto& finding = report.findings[i];
    text += fmt::format(" store \"{}\" object \"{}\": {};", finding.store, finding.object, finding.error.message);
  }
  text.pop_back();
  return {Code::corrupt, text, "take a new backup now: holdfast backup create"};
}

}  // namespace

Result<KeyRing> open_grants(const std::vector<GrantedKey>& grants, const BoxKeyPair& own) {
  KeyRing keys;
  for (const auto& grant : grants) {
    keys.add(TRY_DURING("open a granted data key", open_epoch_key(grant.epoch, grant.sealed, own)));
  }
  return keys;
}

JobWork verify_work(VerifyOrder order, StoreAccess& stores, const Enrolled& identity, const NodeKeys& keys) {
  return [order = std::move(order), &stores, &identity, &keys](JobReport& report,
                                                               const JobControl& control) -> Result<> {
    const StoreSet set = TRY(stores.open_all(order.stores, 1));
    const KeyRing ring = TRY(open_grants(order.keys, keys.recipient));
    const VerifyProgress progress = [&control](std::uint64_t done, std::uint64_t total) -> Result<> {
      control.progress({done, total, "verifying"});
      if (control.stop.stop_requested()) return fail(Code::cancelled, "verification was stopped");
      return {};
    };
    const TrustAnchor anchor{identity.fleet, identity.root};
    VerifyReport found =
        TRY(verify_backup(set, anchor, order.database, order.backup, order.keys.empty() ? nullptr : &ring, progress));
    TRY(check_log(order, set, anchor, progress, found));
    report.job.outcome = describe(found, order.wal);
    report.job.findings = findings_of(found);
    if (!found.findings.empty()) return std::unexpected(damage(found));
    return {};
  };
}

JobWork store_check_work(StoreCheckOrder order, StoreAccess& stores) {
  return [order = std::move(order), &stores](JobReport& report, const JobControl&) -> Result<> {
    const auto store = TRY(stores.open(order.store));
    TRY_DURING(fmt::format("store \"{}\"", order.store.name), store->check());
    report.abilities = store->abilities();
    const Space space = TRY(store->space());
    report.job.outcome = fmt::format("works, {} bytes free", space.free_bytes);
    return {};
  };
}

}  // namespace holdfast
