#include "coordinator/shell/worker.h"

#include <fmt/format.h>

#include <algorithm>

#include "shared/repository/layout.h"

namespace holdfast {
namespace {

Result<> remove_from(Store& store, const RemoveObjects& work, const StopAsked& stop) {
  const auto marked = store.put(released_name(work.database, work.backup), work.released_mark);
  // Signed at another time it has other bytes; one mark is as good as another.
  if (!marked && marked.error().code != Code::already_exists) return std::unexpected(marked.error());
  for (const auto& name : work.names) {
    if (stop()) return fail(Code::cancelled, "the coordinator stops");
    TRY(store.remove(name));
  }
  return {};
}

Result<std::size_t> remove_wal_from(Store& store, const RemoveWal& work, const StopAsked& stop) {
  std::size_t count = 0;
  for (const auto& object : TRY(store.list(wal_prefix(work.database, work.log.timeline)))) {
    const auto name = parse_wal_name(object.name);
    if (!name || name->timeline != work.log.timeline || !work.log.takes(name->first, name->last)) continue;
    if (stop()) return fail(Code::cancelled, "the coordinator stops");
    TRY(store.remove(object.name));
    ++count;
  }
  return count;
}

}  // namespace

std::optional<Error> remove_objects(const RemoveObjects& work, const OpenStore& open, const StopAsked& stop) {
  std::optional<Error> first;
  for (const StoreInfo& info : work.stores) {
    auto store = open(info);
    const Result<> removed = store ? remove_from(**store, work, stop) : std::unexpected(store.error());
    if (removed || first) continue;
    first = Error(removed.error()).during(fmt::format("store \"{}\"", info.name));
  }
  return first;
}

Result<std::size_t> remove_wal(const RemoveWal& work, const OpenStore& open, const StopAsked& stop) {
  std::size_t count = 0;
  std::optional<Error> first;
  for (const StoreInfo& info : work.stores) {
    auto store = open(info);
    const auto removed =
        store ? remove_wal_from(**store, work, stop) : Result<std::size_t>(std::unexpected(store.error()));
    if (removed) {
      count += *removed;
    } else if (!first) {
      first = Error(removed.error()).during(fmt::format("store \"{}\"", info.name));
    }
  }
  if (first) return std::unexpected(*first);
  return count;
}

namespace {

// Kept under lock for ever, released log could never go.
bool is_released(const KeepObjects& work, const std::string& object) {
  const auto name = parse_wal_name(object);
  return name && std::ranges::any_of(work.released, [&name](const ReleasedLog& log) {
           return log.timeline == name->timeline && log.takes(name->first, name->last);
         });
}

}  // namespace

std::optional<Error> keep_objects(const KeepObjects& work, const OpenStore& open, const StopAsked& stop) {
  std::optional<Error> first;
  const auto note = [&first](const Error& error, const StoreInfo& info) {
    if (!first) first = Error(error).during(fmt::format("store \"{}\"", info.name));
  };
  for (const StoreInfo& info : work.stores) {
    const auto store = open(info);
    if (!store) {
      note(store.error(), info);
      continue;
    }
    std::set<std::string> names(work.names.begin(), work.names.end());
    for (const std::string& prefix : work.prefixes) {
      const auto objects = (*store)->list(prefix);
      if (!objects) note(objects.error(), info);
      for (const ObjectInfo& object : objects.value_or(std::vector<ObjectInfo>{})) {
        if (!is_released(work, object.name)) names.insert(object.name);
      }
    }
    for (const std::string& name : names) {
      if (stop()) return Error{Code::cancelled, "the coordinator stops", {}};
      const auto kept = (*store)->keep_until(name, work.until);
      if (!kept && kept.error().code != Code::not_found) note(kept.error(), info);
    }
  }
  return first;
}

Worker::Worker(OpenStore open, Logger log) : open_(std::move(open)), log_(std::move(log)), thread_([this] { run(); }) {}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Worker::give(Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto* removal = std::get_if<RemoveObjects>(&work)) {
      if (!unfinished_.insert(removal->backup).second) return;
    }
    if (const auto* removal = std::get_if<RemoveWal>(&work)) {
      if (!unfinished_wal_.insert(part_of(*removal)).second) return;
    }
    waiting_.push_back(std::move(work));
  }
  changed_.notify_all();
}

bool Worker::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Worker::run() {
  for (;;) {
    Work next;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    std::visit([this](const auto& work) { carry_out(work); }, next);
  }
}

void Worker::carry_out(const RemoveObjects& work) {
  auto error = remove_objects(work, open_, [this] { return stopping(); });
  {
    const std::lock_guard lock(mutex_);
    unfinished_.erase(work.backup);
    if (stopping_) return;
  }
  if (error) log_.warning("objects of a backup not removed", {{"backup", work.backup}, {"error", error->text()}});
  answers_.send(ObjectsRemoved{work.backup, std::move(error)});
}

void Worker::carry_out(const ListBackups& work) {
  auto listed = list_backup_objects(work, open_, [this] { return stopping(); });
  if (listed) answers_.send(*std::move(listed));
}

void Worker::carry_out(const RemoveStrays& work) {
  auto removed = remove_strays(work, open_, [this] { return stopping(); });
  if (removed) answers_.send(*std::move(removed));
}

void Worker::carry_out(const KeepObjects& work) {
  auto error = keep_objects(work, open_, [this] { return stopping(); });
  if (error) log_.warning("objects not kept under lock", {{"database", work.database}, {"error", error->text()}});
  answers_.send(ObjectsKept{work.database, std::move(error)});
}

void Worker::carry_out(const CheckStore& work) {
  StoreChecked answer{work.store.name, {}, std::nullopt};
  const auto store = open_(work.store);
  const Result<> checked = store ? (*store)->check() : std::unexpected(store.error());
  if (checked) {
    answer.abilities = (*store)->abilities();
  } else {
    log_.warning("a store does not work", {{"store", work.store.name}, {"error", checked.error().text()}});
    answer.error = checked.error();
  }
  answers_.send(std::move(answer));
}

void Worker::carry_out(const RemoveDamaged& work) {
  auto removed = remove_damaged(work, open_, [this] { return stopping(); });
  if (!removed) return;
  for (const std::string& name : removed->removed) {
    log_.warning("a damaged object was removed to be replaced", {{"store", removed->store}, {"object", name}});
  }
  answers_.send(*std::move(removed));
}

void Worker::carry_out(const RemoveWal& work) {
  const auto removed = remove_wal(work, open_, [this] { return stopping(); });
  {
    const std::lock_guard lock(mutex_);
    unfinished_wal_.erase(part_of(work));
    if (stopping_) return;
  }
  std::vector<LogField> fields{
      {"database", work.database}, {"timeline", work.log.timeline}, {"before", work.log.keep_from}};
  if (!removed) {
    fields.emplace_back("error", removed.error().text());
    log_.warning("old WAL not removed", std::move(fields));
  } else if (*removed > 0) {
    log_.info(fmt::format("removed {} objects of old WAL", *removed), std::move(fields));
  }
  answers_.send(WalRemoved{work.database, work.log, removed ? std::nullopt : std::optional(removed.error())});
}

}  // namespace holdfast
