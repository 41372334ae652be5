#include "agent/jobs/verify_job.h"

#include <fmt/format.h>

#include "shared/repository/verify.h"

namespace holdfast {
namespace {

std::string describe(const VerifyReport& report) {
  const std::string frames = report.with_keys ? fmt::format(", {} frames opened", report.frames) : std::string();
  return fmt::format("{} objects, {} bytes{}", report.objects, report.bytes, frames);
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
    const VerifyReport found =
        TRY(verify_backup(set, anchor, order.database, order.backup, order.keys.empty() ? nullptr : &ring, progress));
    report.job.outcome = describe(found);
    if (!found.findings.empty()) return std::unexpected(damage(found));
    return {};
  };
}

JobWork store_check_work(StoreCheckOrder order, StoreAccess& stores) {
  return [order = std::move(order), &stores](JobReport& report, const JobControl&) -> Result<> {
    const auto store = TRY(stores.open(order.store));
    TRY_DURING(fmt::format("store \"{}\"", order.store.name), store->check());
    const Space space = TRY(store->space());
    report.job.outcome = fmt::format("works, {} bytes free", space.free_bytes);
    return {};
  };
}

}  // namespace holdfast
