// The part of the worker that makes room for sound copies of damaged objects.
#include <fmt/format.h>

#include "coordinator/shell/worker.h"
#include "shared/repository/object_judge.h"

namespace holdfast {
namespace {

enum class Verdict : std::uint8_t { goes, stays };

class DamagedWork {
 public:
  DamagedWork(NamedStore target, std::vector<NamedStore> sources, const RemoveDamaged& work)
      : target_(std::move(target)),
        sources_(std::move(sources)),
        judge_(StoreSet(sources_, 1), {work.fleet, work.root}, work.database) {
    for (const StoredObject& object : work.expected) judge_.expect(object);
  }

  // Code::corrupt: it is damaged, and no other store has a sound one.
  Result<Verdict> decide(const std::string& name) {
    const auto content = target_.store->get(name);
    if (!content && content.error().code == Code::not_found) return Verdict::stays;
    if (!content && content.error().code != Code::corrupt) return std::unexpected(content.error());
    const auto judged = content ? judge_.judge(name, *content) : Result<>(std::unexpected(content.error()));
    if (judged) return Verdict::stays;
    if (judged.error().code == Code::unavailable) return std::unexpected(judged.error());
    for (const NamedStore& source : sources_) {
      const auto other = source.store->get(name);
      if (other && judge_.judge(name, *other)) return Verdict::goes;
    }
    return fail(Code::corrupt, fmt::format("\"{}\" is damaged and no other store has a sound copy, so it stays", name));
  }

 private:
  NamedStore target_;
  std::vector<NamedStore> sources_;
  ObjectJudge judge_;
};

Result<> remove_all(const RemoveDamaged& work, const OpenStore& open, const StopAsked& stop, DamagedRemoved& done) {
  const NamedStore target{work.store.name, TRY_DURING(fmt::format("store \"{}\"", work.store.name), open(work.store))};
  std::vector<NamedStore> sources;
  for (const StoreInfo& info : work.sources) {
    // One that is away proves nothing; another may.
    if (auto store = open(info)) sources.push_back({info.name, std::move(*store)});
  }
  if (sources.empty()) return fail(Code::unavailable, "no other store can be reached");
  DamagedWork damaged(target, std::move(sources), work);
  std::optional<Error> first;
  for (const std::string& name : work.names) {
    if (stop()) return fail(Code::cancelled, "the coordinator stops");
    const auto verdict = damaged.decide(name);
    if (!verdict) {
      if (!first) first = verdict.error();
      continue;
    }
    if (*verdict == Verdict::stays) continue;
    TRY_DURING(fmt::format("store \"{}\"", work.store.name), target.store->remove(name));
    done.removed.push_back(name);
  }
  if (first) return std::unexpected(std::move(*first));
  return {};
}

}  // namespace

std::optional<DamagedRemoved> remove_damaged(const RemoveDamaged& work, const OpenStore& open, const StopAsked& stop) {
  DamagedRemoved out{work.database, work.backup, work.store.name, {}, std::nullopt};
  if (auto done = remove_all(work, open, stop, out); !done) {
    if (done.error().code == Code::cancelled && out.removed.empty()) return std::nullopt;
    out.error = std::move(done).error();
  }
  return out;
}

}  // namespace holdfast
