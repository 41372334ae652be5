// Whatever happens to a database and to its policy, retention keeps what a rule protects, and the log with it. The
// rules are said here once more, each for itself, and restore planning is the judge of the log.
#include <rapidcheck.h>

#include "coordinator/core/restore_plan.h"
#include "coordinator/core/retention_rules.h"
#include "coordinator/core/stored_bytes.h"
#include "coordinator/core/wal_keep.h"
#include "tests/coordinator/core/retention_scene.h"

namespace holdfast {
namespace {

constexpr std::uint64_t segment = 64;

template <class T>
T between(T from, T to) {
  return *rc::gen::inRange<T>(from, to + 1);
}
bool happens(int percent) {
  return between(1, 100) <= percent;
}

class World {
 public:
  World() {
    scene_.rules.policy = Policy();
    scene_.rules.policy->name = "p";
    change_policy();
  }

  void step() {
    switch (between(0, 11)) {
      case 0:
        return change_policy();
      case 1:
        return jump();
      case 2:
        return promote();
      case 3:
        return restore_to_the_past();
      case 4:
        return mark_some_backup();
      case 5:
        return restores_begin_and_end();
      case 6:
      case 7:
        return run_retention();
      default:
        return take_backup();
    }
  }
  void run_retention();

 private:
  // The time in which backups are made, and what the coordinator takes for it.
  Timestamp now() const { return scene_.rules.now - clock_is_wrong_by_; }
  void pass(Micros time) { scene_.rules.now = scene_.rules.now + time; }
  const Policy& policy() const { return *scene_.rules.policy; }
  Backup* any_backup() {
    if (scene_.backups.empty()) return nullptr;
    return &scene_.backups[between<std::size_t>(0, scene_.backups.size() - 1)];
  }

  void change_policy();
  void jump();
  void write_log(std::uint64_t bytes, Micros time);
  void take_backup();
  void promote();
  void restore_to_the_past();
  void go_on_from(Timeline parent, Lsn at);
  void mark_some_backup();
  void restores_begin_and_end();

  // For who reads of a failure; hours count from now.
  double hours(Timestamp time) const;
  std::string told(const std::vector<WalRange>& ranges) const;
  std::string told() const;

  DatabaseHistory history() const;
  WalKeepInput wal_input() const;
  std::vector<Timestamp> moments() const;
  bool can_be_restored(Timestamp moment) const;
  void check_rules(const std::vector<Backup>& before, const std::set<BackupId>& kept) const;
  void check_bytes(const std::vector<Backup>& before, const std::vector<RetentionDecision>& decisions,
                   const ObjectsByBackup& objects) const;
  bool release_log();

  Scene scene_{{}, {{}, {}, {}, {}, {}, {}, nullptr, Timestamp::from_micros(1'800'000'000'000'000)}, {}};
  Micros clock_is_wrong_by_{0};
  std::uint32_t backups_made_ = 0;
  Timeline timeline_{1};
  Timeline newest_timeline_{1};
  Lsn at_{segment};
  std::vector<WalRange> ranges_;
  std::vector<TimelineChange> switches_;
};

void World::change_policy() {
  const auto sometimes = [](std::uint32_t most) { return happens(40) ? between<std::uint32_t>(1, most) : 0U; };
  Policy& policy = *scene_.rules.policy;
  policy.hourly = sometimes(5);
  policy.daily = sometimes(5);
  policy.weekly = sometimes(4);
  policy.monthly = sometimes(3);
  policy.yearly = sometimes(2);
  policy.days = sometimes(20);
  policy.min_backups = sometimes(4);
  policy.max_backups = sometimes(6);
  policy.pitr = std::chrono::hours(sometimes(400));
  policy.lock = std::chrono::hours(sometimes(200));
  policy.max_bytes = sometimes(2000);
  policy.total_bytes = sometimes(2000);
  policy.timezone = happens(50) ? "UTC" : "America/St_Johns";
}

// For a while or for good: the coordinator's clock is off, or everything stood still.
void World::jump() {
  if (happens(30)) return pass(std::chrono::hours(between(0, 900)));
  const Timestamp really = now();
  clock_is_wrong_by_ = happens(50) ? Micros(0) : Micros(std::chrono::hours(between(-400, 900)));
  scene_.rules.now = really + clock_is_wrong_by_;
}

// Some of the log of a server is lost now and then.
void World::write_log(std::uint64_t bytes, Micros time) {
  WalRange range;
  range.timeline = timeline_;
  range.first = at_;
  range.from_time = now();
  at_ = Lsn(at_.value() + bytes);
  pass(time);
  range.last = at_;
  range.through_time = now();
  range.segment_size = segment;
  if (happens(5) || bytes == 0) return;
  merge_wal_range(ranges_, range);
}

void World::take_backup() {
  write_log(between<std::uint64_t>(0, 1000), std::chrono::minutes(between(1, 6000)));
  Backup backup = complete_backup(++backups_made_, now());
  backup.start_lsn = at_;
  backup.started_at = now();
  backup.timeline = timeline_;
  const std::uint64_t length = between<std::uint64_t>(1, 200);
  WalRange own;
  own.timeline = timeline_;
  own.first = at_;
  own.from_time = now();
  at_ = Lsn(at_.value() + length);
  pass(std::chrono::minutes(between(1, 600)));
  own.last = backup.stop_lsn = at_;
  own.through_time = backup.finished_at = now();
  own.segment_size = segment;
  if (happens(10)) backup.state = BackupState::failed;
  if (backup.state == BackupState::complete) merge_wal_range(ranges_, own);
  if (happens(10)) backup.bad_pages = 1;
  BackupObjects objects;
  for (std::uint32_t i = 0; i < between<std::uint32_t>(1, 3); ++i) {
    objects.packs.push_back({backup.id, i, between<std::uint64_t>(1, 300)});
  }
  objects.other_bytes = between<std::uint64_t>(0, 10);
  for (const PackUse& use : objects.packs) backup.stored_bytes += use.bytes;
  backup.stored_bytes += objects.other_bytes;
  // An incremental one reads some packs of its parent, its own and those of others.
  if (const Backup* parent = any_backup(); parent != nullptr && happens(60)) {
    for (const PackUse& use : scene_.objects[parent->id].packs) {
      if (happens(60)) objects.packs.push_back(use);
    }
  }
  scene_.objects[backup.id] = objects;
  scene_.backups.push_back(backup);
  scene_.rules.parents = {backup.id};
}

void World::go_on_from(Timeline parent, Lsn at) {
  newest_timeline_ = Timeline(newest_timeline_.value() + 1);
  switches_.push_back({{}, newest_timeline_, parent, at});
  timeline_ = newest_timeline_;
  at_ = Lsn(at.value() / segment * segment);  // its first segment repeats what came before the switch
  write_log(at.value() - at_.value() + between<std::uint64_t>(1, 300), std::chrono::minutes(between(1, 100)));
}

void World::promote() {
  go_on_from(timeline_, at_);
}

void World::restore_to_the_past() {
  const Backup* backup = any_backup();
  if (backup == nullptr || backup->state != BackupState::complete) return;
  go_on_from(backup->timeline, backup->stop_lsn);
}

void World::mark_some_backup() {
  Backup* backup = any_backup();
  if (backup == nullptr) return;
  if (happens(50)) backup->keep = !backup->keep;
  if (happens(50)) backup->verified_at = now();
  if (happens(20)) backup->copies = {{"local", happens(50) ? "ok" : "damaged"}};
}

void World::restores_begin_and_end() {
  scene_.rules.needed.clear();
  const Backup* backup = any_backup();
  if (backup != nullptr && happens(60)) scene_.rules.needed.insert(backup->id);
}

double World::hours(Timestamp time) const {
  return static_cast<double>(time.micros() - scene_.rules.now.micros()) / 3.6e9;
}

std::string World::told(const std::vector<WalRange>& ranges) const {
  std::string out;
  for (const WalRange& range : ranges) {
    out += fmt::format("{}:{}-{} ({:.1f} h to {:.1f} h) ", range.timeline.value(), range.first.value(),
                       range.last.value(), hours(range.from_time), hours(range.through_time));
  }
  return out;
}

std::string World::told() const {
  std::string out = fmt::format("window {}", to_text(policy().pitr));
  for (const Backup& backup : scene_.backups) {
    out += fmt::format("\nbackup {} on {}: {}-{} finished {:.1f} h{}", backup.id.text().substr(0, 8),
                       backup.timeline.value(), backup.start_lsn.value(), backup.stop_lsn.value(),
                       hours(backup.finished_at), is_good(backup) ? "" : ", bad");
  }
  for (const TimelineChange& change : switches_) {
    out += fmt::format("\n{} from {} at {}", change.timeline.value(), change.parent.value(), change.at.value());
  }
  return out;
}

DatabaseHistory World::history() const {
  DatabaseHistory out;
  out.backups = scene_.backups;
  out.ranges = ranges_;
  out.switches = switches_;
  return out;
}

WalKeepInput World::wal_input() const {
  WalKeepInput input;
  for (const Backup& backup : scene_.backups) input.backups.push_back(&backup);
  input.ranges = ranges_;
  input.switches = switches_;
  input.needed = scene_.rules.needed;
  input.pitr = policy().pitr;
  input.now = scene_.rules.now;
  return input;
}

// Some moments in the recovery window; without one, since the first backup.
std::vector<Timestamp> World::moments() const {
  Timestamp first = scene_.rules.now - policy().pitr;
  if (policy().pitr.count() == 0) {
    for (const Backup& backup : scene_.backups) first = std::min(first, backup.finished_at);
  }
  Timestamp last = scene_.rules.now;
  for (const WalRange& range : ranges_) last = std::max(last, range.through_time);
  std::vector<Timestamp> out;
  for (int i = 0; i <= 40; ++i) out.push_back(first + Micros((last.micros() - first.micros()) / 40 * i));
  return out;
}

bool World::can_be_restored(Timestamp moment) const {
  RecoveryTarget target;
  target.kind = TargetKind::time;
  target.time = moment;
  return plan_source(history(), target, std::nullopt).has_value();
}

void World::check_rules(const std::vector<Backup>& before, const std::set<BackupId>& kept) const {
  std::vector<const Backup*> newest_first;
  for (const Backup& backup : before) {
    if (backup.state == BackupState::complete) newest_first.push_back(&backup);
  }
  std::ranges::sort(newest_first, [](const Backup* a, const Backup* b) {
    return std::pair(a->finished_at, a->id) > std::pair(b->finished_at, b->id);
  });
  const auto is_kept = [&kept](const Backup* backup) { return kept.contains(backup->id); };
  const auto is_verified = [](const Backup* backup) { return !backup->verified_at.is_never(); };
  const auto good = [](const Backup* backup) { return is_good(*backup); };
  if (newest_first.empty()) return;
  RC_ASSERT(is_kept(newest_first.front()));
  const auto newest_good = std::ranges::find_if(newest_first, good);
  if (newest_good != newest_first.end()) RC_ASSERT(is_kept(*newest_good));
  if (std::ranges::any_of(newest_first, is_verified)) {
    RC_ASSERT(std::ranges::any_of(newest_first, [&](const Backup* b) { return is_verified(b) && is_kept(b); }));
  }
  bool window_begun = policy().pitr.count() == 0;
  for (std::size_t i = 0; i < newest_first.size(); ++i) {
    const Backup* backup = newest_first[i];
    if (i < policy().min_backups) RC_ASSERT(is_kept(backup));
    if (backup->keep || scene_.rules.needed.contains(backup->id) || scene_.rules.parents.contains(backup->id)) {
      RC_ASSERT(is_kept(backup));
    }
    if (backup->finished_at + policy().lock > scene_.rules.now)
      RC_ASSERT(policy().lock.count() == 0 || is_kept(backup));
    if (!window_begun) {
      RC_ASSERT(is_kept(backup));
      window_begun = good(backup) && backup->finished_at <= scene_.rules.now - policy().pitr;
    }
    const bool nothing_cuts = policy().max_backups == 0 && policy().max_bytes == 0 && policy().total_bytes == 0;
    if (nothing_cuts && policy().days > 0 &&
        backup->finished_at + std::chrono::hours(24 * policy().days) >= scene_.rules.now) {
      RC_ASSERT(is_kept(backup));
    }
  }
}

// What is said to be freed is what no kept backup reads, counted pack by pack.
void World::check_bytes(const std::vector<Backup>& before, const std::vector<RetentionDecision>& decisions,
                        const ObjectsByBackup& objects) const {
  const auto count = [&objects](const std::vector<Backup>& backups) {
    std::map<std::pair<BackupId, std::uint32_t>, std::uint64_t> packs;
    std::uint64_t total = 0;
    for (const Backup& backup : backups) {
      if (backup.state != BackupState::complete) continue;
      total += objects.at(backup.id).other_bytes;
      for (const PackUse& use : objects.at(backup.id).packs) packs[{use.owner, use.number}] = use.bytes;
    }
    for (const auto& [pack, bytes] : packs) total += bytes;
    return total;
  };
  std::uint64_t freed = 0;
  bool only_firm = true;
  for (const auto& decision : decisions) freed += decision.freed_bytes;
  RC_ASSERT(count(before) - count(scene_.backups) == freed);
  for (const Judged& judged : judge_backups(scene_.input())) only_firm = only_firm && judged.firm;
  for (const std::uint64_t budget : {policy().max_bytes, policy().total_bytes}) {
    RC_ASSERT(budget == 0 || only_firm || count(scene_.backups) <= budget);
  }
}

// Whether there is less of it.
bool World::release_log() {
  const auto keep = wal_to_keep(wal_input());
  if (!keep) return false;
  std::vector<Timestamp> possible = moments();
  std::erase_if(possible, [this](Timestamp moment) { return !can_be_restored(moment); });
  const auto before = ranges_;
  ranges_ = cut_wal_ranges(before, *keep);
  RC_LOG() << "before: " << told(before) << "\nafter: " << told(ranges_) << "\n" << told() << "\n";
  for (const Timestamp moment : possible) {
    RC_LOG() << "at " << hours(moment) << " h\n";
    RC_ASSERT(can_be_restored(moment));
  }
  // Objects of a segment each: none that goes has a part in what is left, or in what a kept backup needs.
  for (const WalRange& range : before) {
    const ReleasedLog released{range.timeline, keep->keep_from, keep->stretches()};
    for (Lsn first = range.first; first < range.last;) {
      const Lsn last = std::min(range.last, Lsn((first.value() / segment + 1) * segment));
      const bool goes = released.takes(first, last);
      for (const WalRange& left : ranges_) {
        const bool part = left.timeline == range.timeline && left.first < last && first < left.last;
        RC_ASSERT(!(goes && part));
      }
      for (const Backup& backup : scene_.backups) {
        if (backup.state != BackupState::complete) continue;
        RC_ASSERT(!(goes && first <= backup.stop_lsn && backup.start_lsn < last));
      }
      first = last;
    }
  }
  return ranges_ != before;
}

void World::run_retention() {
  const std::vector<Backup> before = scene_.backups;
  const ObjectsByBackup objects = scene_.objects;
  const auto decisions = scene_.decide();
  std::set<BackupId> kept;
  for (const auto& decision : decisions) {
    RC_ASSERT(!decision.reasons.empty());
    if (decision.keep) kept.insert(decision.backup);
  }
  scene_.run();
  check_rules(before, kept);
  check_bytes(before, decisions, objects);
  RC_ASSERT(scene_.run() == 0U);  // once more releases nothing more
  // A timeline that lost its last log asks for nothing any more, so there may be more to release; but that has an end.
  for (std::uint32_t rounds = 0; release_log(); ++rounds) RC_ASSERT(rounds <= newest_timeline_.value());
}

TEST(RetentionProperty, NoSequenceOfEventsReleasesWhatARuleProtects) {
  EXPECT_TRUE(rc::check("retention keeps what a rule protects", [] {
    World world;
    const int steps = *rc::gen::withSize([](int size) { return rc::gen::inRange(1, 10 + size); });
    for (int i = 0; i < steps; ++i) world.step();
    world.run_retention();
  }));
}

}  // namespace
}  // namespace holdfast
