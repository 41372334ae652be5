// Whatever is taken, released, refused, repeated and forgotten in a crash: what the coordinator asks the stores to
// remove is never what a backup that exists needs.
#include <rapidcheck.h>

#include "shared/repository/layout.h"
#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

constexpr std::uint64_t segment = std::uint64_t{16} << 20U;

std::uint32_t between(std::uint32_t from, std::uint32_t to) {
  return *rc::gen::inRange<std::uint32_t>(from, to + 1);
}

class Removals : public FleetFixture {
 public:
  Removals() {
    add_store();
    host_ = join("db1", {{"fleet", "demo"}});
    inventory(host_, {postgres("/srv/orders", 7)});
    orders_ = database("orders").id;
    change_policy();
  }
  void TestBody() override {}

  void step() {
    switch (between(0, 9)) {
      case 0:
        change_policy();
        break;
      case 1:
        restart();
        hello(host_);
        break;
      case 2:
        pass(std::chrono::hours(between(1, 400)));
        tick();
        break;
      case 3:
        if (const auto id = some_backup()) ask(BackupRequest{BackupRequest::Verb::remove, id->text()});
        break;
      case 4:
        if (const auto id = some_backup()) {
          ask(BackupRequest{between(0, 1) == 0 ? BackupRequest::Verb::keep : BackupRequest::Verb::release, id->text()});
        }
        break;
      case 5:
        answer_some_work();
        break;
      case 6:
        ask(RetentionRequest{true, {}});
        break;
      default:
        take();
    }
    check_work();
  }
  std::size_t removals() const { return removals_; }

 private:
  void change_policy() {
    Policy policy = default_policy();
    policy.max_backups = between(0, 4);
    policy.days = between(0, 10);
    policy.pitr = std::chrono::hours(between(0, 200));
    policy.max_bytes = between(0, 1) * between(1000, 8000);
    apply_policy(policy);
  }
  void take() {
    pass(std::chrono::hours(between(1, 30)));
    position_ += between(1, 3);
    const Stretch stretch{Lsn(position_ * segment + 100), Lsn(position_ * segment + 200), Timeline(1)};
    std::vector<std::string> packs;
    // As an agent does it: from its own newest backup, with what that reads too.
    if (!newest_.empty() && between(0, 2) > 0) packs = newest_;
    if (packs.size() > 1 && between(0, 1) == 0) packs.erase(packs.begin());
    const BackupId id =
        packs.empty() ? take_backup(host_, orders_, stretch) : take_incremental(host_, orders_, stretch, packs);
    newest_ = packs;
    newest_.push_back(pack_name(orders_, id, 0));
    needs_[id] = {newest_.begin(), newest_.end()};
    needs_[id].insert({record_name(orders_, id), manifest_name(orders_, id)});
    start_[id] = stretch;
    ship(host_, orders_, Timeline(1), Lsn(), Lsn((position_ + 1) * segment), now_ - std::chrono::hours(1), now_);
  }
  std::optional<BackupId> some_backup() {
    const std::vector<Backup> rows = read_rows<Backup>(store_).value();
    if (rows.empty()) return std::nullopt;
    return rows[between(0, static_cast<std::uint32_t>(rows.size()) - 1)].id;
  }
  void answer_some_work() {
    for (const Work& work : asked_) {
      if (between(0, 1) == 0) continue;  // lost in a crash
      const auto error = between(0, 2) == 0 ? std::optional(Error{Code::unavailable, "it is away", ""}) : std::nullopt;
      if (const auto* removal = std::get_if<RemoveObjects>(&work)) apply(ObjectsRemoved{removal->backup, error});
      if (const auto* removal = std::get_if<RemoveWal>(&work))
        apply(WalRemoved{removal->database, removal->log, error});
    }
    asked_.clear();
  }
  void check_work() {
    const std::vector<Backup> rows = read_rows<Backup>(store_).value();
    for (const Work& work : work_) {
      for (const Backup& backup : rows) {
        if (backup.state != BackupState::complete) continue;
        if (const auto* removal = std::get_if<RemoveObjects>(&work)) {
          for (const auto& name : removal->names) RC_ASSERT(!needs_.at(backup.id).contains(name));
          ++removals_;
        }
        if (const auto* removal = std::get_if<RemoveWal>(&work)) {
          const Stretch& own = start_.at(backup.id);
          RC_ASSERT(!removal->log.takes(Lsn(own.start.value() / segment * segment), own.stop));
        }
      }
      asked_.push_back(work);
    }
    work_.clear();
  }

  Host host_;
  DatabaseId orders_;
  std::uint64_t position_ = 0;
  std::vector<std::string> newest_;  // packs that the next incremental one may read
  std::map<BackupId, std::set<std::string>> needs_;
  std::map<BackupId, Stretch> start_;
  std::vector<Work> asked_;
  std::size_t removals_ = 0;
};

TEST(RemovalProperty, NothingThatAnExistingBackupNeedsIsAskedToGo) {
  std::size_t removals = 0;
  EXPECT_TRUE(rc::check("removals leave what is needed", [&removals] {
    Removals world;
    const std::uint32_t steps = *rc::gen::withSize([](int size) { return rc::gen::inRange(1, 10 + size); });
    for (std::uint32_t i = 0; i < steps; ++i) world.step();
    removals += world.removals();
  }));
  EXPECT_GT(removals, 0U) << "nothing was ever removed, so nothing was shown";
}

}  // namespace
}  // namespace holdfast
