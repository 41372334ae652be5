#include "coordinator/shell/worker.h"

#include <fmt/format.h>

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
  for (const auto& object : TRY(store.list(wal_prefix(work.database, work.timeline)))) {
    const auto name = parse_wal_name(object.name);
    if (!name || name->timeline != work.timeline || name->last > work.keep_from) continue;
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

void Worker::carry_out(const RemoveWal& work) {
  const auto removed = remove_wal(work, open_, [this] { return stopping(); });
  {
    const std::lock_guard lock(mutex_);
    unfinished_wal_.erase(part_of(work));
    if (stopping_) return;
  }
  std::vector<LogField> fields{{"database", work.database}, {"timeline", work.timeline}, {"before", work.keep_from}};
  if (!removed) {
    fields.emplace_back("error", removed.error().text());
    log_.warning("old WAL not removed", std::move(fields));
  } else if (*removed > 0) {
    log_.info(fmt::format("removed {} objects of old WAL", *removed), std::move(fields));
  }
  answers_.send(WalRemoved{work.database, work.timeline, work.keep_from,
                           removed ? std::nullopt : std::optional(removed.error())});
}

}  // namespace holdfast
