#include "shared/repository/copies.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "shared/repository/layout.h"

namespace holdfast {
namespace {

std::vector<NamedStore> everywhere(const CopyPlace& place) {
  std::vector<NamedStore> all = place.sources;
  all.push_back(place.target);
  return all;
}

// Nothing but these is written below the two folders, and nothing else could be judged.
bool is_of_log(DatabaseId database, const std::string& name) {
  return name.starts_with(database_prefix(database) + "epochs/") || parse_wal_name(name) || name.ends_with(".history");
}

// What both ways of going through a copy share: what belongs to it, and how far it has got.
class CopyWork {
 public:
  CopyWork(const CopyPlace& place, const TrustAnchor& anchor, DatabaseId database, const CopyHooks& hooks)
      : place_(place),
        anchor_(anchor),
        database_(database),
        hooks_(hooks),
        sources_(place.sources),
        judge_(StoreSet(everywhere(place), 1), anchor, database) {}

  const CopyPlace& place() const { return place_; }
  DatabaseId database() const { return database_; }
  ObjectJudge& judge() { return judge_; }
  Store& target() const { return *place_.target.store; }

  // Names in the order in which they have to be there.
  Result<std::vector<std::string>> names_of_backup(BackupId backup) {
    const StoreSet all(everywhere(place_), 1);
    const BackupRecord record = TRY(load_record(all, anchor_, database_, backup));
    const std::string last = record_name(database_, backup);
    const Bytes content = TRY(record_bytes(all, last, record));
    std::vector<std::string> names = common_names();
    for (const EpochId epoch : record.needed_epochs) names.push_back(epoch_name(database_, epoch));
    names.push_back(database_record_name(database_));
    std::vector<StoredObject> objects;
    for (const NeededPack& pack : record.needed_packs) objects.push_back(pack.object);
    objects.insert(objects.end(), record.objects.begin(), record.objects.end());
    objects.push_back({last, content.size(), sha256(content)});
    for (const StoredObject& object : objects) {
      judge_.expect(object);
      names.push_back(object.name);
      total_ += object.size;
    }
    return names;
  }
  Result<std::vector<std::string>> names_of_log() {
    std::vector<std::string> names = common_names();
    for (const std::string& folder : {database_prefix(database_) + "epochs/", database_prefix(database_) + "wal/"}) {
      std::map<std::string, std::uint64_t> found;
      std::size_t answered = 0;
      std::optional<Error> problem;
      for (const NamedStore& source : place_.sources) {
        const auto listed = source.store->list(folder);
        if (!listed) {
          problem = Error(listed.error()).during(fmt::format("store \"{}\"", source.name));
          continue;
        }
        ++answered;
        for (const ObjectInfo& object : *listed) {
          if (is_of_log(database_, object.name)) found.emplace(object.name, object.size);
        }
      }
      if (answered == 0 && problem) return std::unexpected(std::move(*problem));
      for (const auto& [name, size] : found) {
        names.push_back(name);
        total_ += size;
      }
      listed_.merge(found);
    }
    return names;
  }
  // Of an object of the log: as long as some source lists it. One of another length is not wrong for that: two nodes
  // may have put the same log.
  bool has_listed_size(const std::string& name, std::uint64_t size) const {
    const auto listed = listed_.find(name);
    return listed == listed_.end() || listed->second == size;
  }

  void pace(std::uint64_t bytes) const {
    if (hooks_.pace) hooks_.pace(bytes);
  }
  Result<> passed(std::uint64_t bytes) {
    done_ += bytes;
    total_ = std::max(total_, done_);
    return hooks_.progress ? hooks_.progress(done_, total_) : Result<>{};
  }

  struct SoundCopy {
    Bytes content;
    std::string store;
  };
  // Code::not_found: no source has it.
  Result<SoundCopy> read_sound(const std::string& name) {
    std::optional<Error> missing;
    std::optional<Error> other;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      const NamedStore source = sources_[i];
      auto content = source.store->get(name);
      auto judged = content ? judge_.judge(name, *content) : Result<>(std::unexpected(content.error()));
      if (judged) return SoundCopy{std::move(*content), source.name};
      auto& slot = !content && judged.error().code == Code::not_found ? missing : other;
      if (!slot) slot = Error(judged.error()).during(fmt::format("\"{}\" in store \"{}\"", name, source.name));
      // Whoever cannot be reached is asked last from here on.
      if (!content && judged.error().code != Code::not_found && i + 1 < sources_.size()) {
        std::rotate(sources_.begin() + static_cast<std::ptrdiff_t>(i),
                    sources_.begin() + static_cast<std::ptrdiff_t>(i) + 1, sources_.end());
      }
    }
    if (other) return std::unexpected(std::move(*other));
    if (missing) return std::unexpected(std::move(*missing));
    return fail(Code::conflict, fmt::format("no other store to read \"{}\" from", name));
  }

 private:
  static std::vector<std::string> common_names() { return {fleet_record_name()}; }

  // The stored bytes that load_record() took: what the copies of the record are held against.
  Result<Bytes> record_bytes(const StoreSet& all, const std::string& name, const BackupRecord& record) const {
    const EpochDocument document = TRY(load_epoch(all, anchor_, database_, record.epoch));
    for (const NamedStore& store : all.stores()) {
      auto content = store.store->get(name);
      if (!content) continue;
      const auto read = read_record(*content, document);
      if (read && *read == record) return std::move(*content);
    }
    return fail(Code::unavailable, fmt::format("\"{}\" cannot be read any more", name));
  }

  const CopyPlace& place_;
  const TrustAnchor& anchor_;
  DatabaseId database_;
  const CopyHooks& hooks_;
  std::vector<NamedStore> sources_;
  std::map<std::string, std::uint64_t> listed_;
  ObjectJudge judge_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

enum class Presence : std::uint8_t { absent, whole, damaged };

class Filling {
 public:
  Filling(CopyWork& work, Thoroughness thoroughness) : work_(work), thoroughness_(thoroughness) {}

  Result<> bring(const std::string& name) {
    Error problem;
    std::uint64_t bytes = 0;
    switch (TRY(look(name, problem, bytes))) {
      case Presence::whole:
        ++report_.objects;
        return work_.passed(bytes);
      case Presence::damaged:
        damaged(name, std::move(problem));
        return work_.passed(bytes);
      case Presence::absent:
        break;
    }
    auto sound = work_.read_sound(name);
    if (!sound && sound.error().code == Code::not_found && may_be_absent(name)) return work_.passed(0);
    if (!sound) {
      // Another may still be brought; the whole is said to have failed at the end.
      if (!lacking_) lacking_ = std::move(sound).error();
      return work_.passed(0);
    }
    bytes = sound->content.size();
    work_.pace(bytes);
    if (auto put = work_.target().put(name, sound->content); !put) {
      if (put.error().code != Code::already_exists) return std::unexpected(std::move(put).error());
      damaged(name, std::move(put).error());
      return work_.passed(bytes);
    }
    ++report_.objects;
    ++report_.copied;
    ++report_.served[sound->store];
    report_.copied_bytes += bytes;
    return work_.passed(bytes);
  }
  bool whole() const { return !lacking_ && report_.damaged.empty(); }
  Result<CopyReport> end() {
    if (lacking_) return std::unexpected(std::move(*lacking_));
    return std::move(report_);
  }

 private:
  Result<Presence> look(const std::string& name, Error& problem, std::uint64_t& bytes) {
    const auto looked = work_.target().stat(name);
    // Perhaps nothing was ever put there: the first put makes it a store, or says why it is away.
    if (!looked && looked.error().code == Code::unavailable) return Presence::absent;
    const auto there = TRY(looked);
    if (!there) return Presence::absent;
    bytes = there->size;
    const StoredObject* expected = work_.judge().expected(name);
    if (expected != nullptr && expected->size != there->size) {
      problem = {Code::corrupt, fmt::format("it has {} bytes and should have {}", there->size, expected->size), {}};
      return Presence::damaged;
    }
    const bool as_expected = work_.has_listed_size(name, there->size);
    if (thoroughness_ == Thoroughness::looked_up && as_expected) return Presence::whole;
    work_.pace(there->size);
    const auto content = work_.target().get(name);
    if (!content && content.error().code != Code::corrupt) return std::unexpected(content.error());
    const auto judged = content ? work_.judge().judge(name, *content) : Result<>(std::unexpected(content.error()));
    if (judged) return Presence::whole;
    if (judged.error().code == Code::unavailable) return std::unexpected(judged.error());
    problem = judged.error();
    return Presence::damaged;
  }
  // Old log goes while it is copied; the two records are for people who have nothing but the store.
  bool may_be_absent(const std::string& name) const {
    return parse_wal_name(name) || name == fleet_record_name() || name == database_record_name(work_.database());
  }
  void damaged(const std::string& name, Error problem) {
    report_.damaged.push_back({work_.place().target.name, name, std::move(problem)});
  }

  CopyWork& work_;
  Thoroughness thoroughness_;
  CopyReport report_;
  std::optional<Error> lacking_;
};

Result<VerifyReport> scrub(CopyWork& work, const std::vector<std::string>& names) {
  VerifyReport report;
  for (const std::string& name : names) {
    const auto content = work.target().get(name);
    const std::uint64_t bytes = content ? content->size() : 0;
    const auto judged = content ? work.judge().judge(name, *content) : Result<>(std::unexpected(content.error()));
    ++report.objects;
    report.bytes += bytes;
    if (!judged) {
      // The two records are for people who have nothing but the store: one that no store has is no loss of this one.
      const bool for_people = name == fleet_record_name() || name == database_record_name(work.database());
      if (for_people && !content && content.error().code == Code::not_found && !work.read_sound(name)) continue;
      // A store that cannot be asked says nothing about its objects.
      if (judged.error().code == Code::unavailable || judged.error().code == Code::timed_out) {
        return std::unexpected(judged.error());
      }
      report.findings.push_back({work.place().target.name, name, judged.error()});
    }
    work.pace(bytes);
    TRY(work.passed(bytes));
  }
  return report;
}

}  // namespace

Result<CopyReport> copy_backup(const CopyPlace& place, const TrustAnchor& anchor, DatabaseId database, BackupId backup,
                               Thoroughness thoroughness, const CopyHooks& hooks) {
  CopyWork work(place, anchor, database, hooks);
  const auto names = TRY(work.names_of_backup(backup));
  Filling filling(work, thoroughness);
  for (const std::string& name : names) {
    if (name == record_name(database, backup) && !filling.whole()) break;
    TRY(filling.bring(name));
  }
  return filling.end();
}

Result<CopyReport> copy_log(const CopyPlace& place, const TrustAnchor& anchor, DatabaseId database,
                            Thoroughness thoroughness, const CopyHooks& hooks) {
  CopyWork work(place, anchor, database, hooks);
  const auto names = TRY(work.names_of_log());
  Filling filling(work, thoroughness);
  for (const std::string& name : names) TRY(filling.bring(name));
  return filling.end();
}

Result<VerifyReport> scrub_backup(const CopyPlace& place, const TrustAnchor& anchor, DatabaseId database,
                                  BackupId backup, const CopyHooks& hooks) {
  CopyWork work(place, anchor, database, hooks);
  return scrub(work, TRY(work.names_of_backup(backup)));
}

Result<VerifyReport> scrub_log(const CopyPlace& place, const TrustAnchor& anchor, DatabaseId database,
                               const CopyHooks& hooks) {
  CopyPlace all = place;
  all.sources.push_back(place.target);  // what only it has is judged too
  CopyWork work(all, anchor, database, hooks);
  return scrub(work, TRY(work.names_of_log()));
}

}  // namespace holdfast
