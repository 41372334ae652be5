#include "coordinator/core/listing.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/core/copies.h"
#include "coordinator/core/histories.h"
#include "coordinator/core/operators.h"
#include "coordinator/core/selection.h"

namespace holdfast {
namespace {

constexpr std::uint32_t limit_at_most = 10'000;

// Cuts a list that is in order of its marks into the page behind `after`.
class Page {
 public:
  Page(const ListRequest& request, ListReply& reply)
      : after_(request.after), limit_(std::clamp<std::uint32_t>(request.limit, 1, limit_at_most)), reply_(reply) {}

  // False: the page is full, stop.
  template <class T, class Make>
  bool add(std::vector<T>& to, const std::string& mark, Make&& make) {
    if (!after_.empty() && mark <= after_) return true;
    if (to.size() >= limit_) {
      reply_.next = last_;
      return false;
    }
    to.push_back(make());
    last_ = mark;
    return true;
  }
  bool may_skip(const std::string& begin_of_mark) const {
    return !after_.empty() && begin_of_mark < after_.substr(0, begin_of_mark.size());
  }

 private:
  std::string after_;
  std::uint32_t limit_;
  ListReply& reply_;
  std::string last_;
};

std::string time_mark(Timestamp time) {
  return fmt::format("{:020}", static_cast<std::uint64_t>(time.micros()));
}

// Jobs and restores, newest first: the later, the smaller the mark.
std::string newest_first_mark(Timestamp created_at, std::string_view id) {
  return fmt::format("{:020}{}", UINT64_MAX - static_cast<std::uint64_t>(created_at.micros()), id);
}
template <class Row>
void sort_newest_first(std::vector<const Row*>& rows) {
  std::sort(rows.begin(), rows.end(), [](const Row* a, const Row* b) {
    return std::pair(b->created_at, a->id) < std::pair(a->created_at, b->id);
  });
}

template <class AnyId>
bool wanted(const std::vector<std::string>& ids, const AnyId& id) {
  return ids.empty() || std::any_of(ids.begin(), ids.end(), [&id](const std::string& prefix) {
           return !prefix.empty() && id.text().starts_with(prefix);
         });
}

// An id that was asked for and is not there is an error; a list that happens to be empty is not.
template <class Find>
Result<> check_ids(const std::vector<std::string>& ids, Find&& find) {
  for (const auto& id : ids) TRY(find(id));
  return {};
}

Result<std::set<DatabaseId>> chosen_databases(const CoreState& state, const ListRequest& request) {
  const auto list = TRY(select_databases(state, request.selection, WhenEmpty::everything));
  return std::set<DatabaseId>(list.begin(), list.end());
}

Result<> list_nodes(const CoreState& state, const ListRequest& request, ListReply& reply) {
  Page page(request, reply);
  auto nodes = TRY(select_nodes(state, request.selection, WhenEmpty::everything));
  std::sort(nodes.begin(), nodes.end(),
            [&](NodeId a, NodeId b) { return state.nodes.at(a).name < state.nodes.at(b).name; });
  for (const NodeId id : nodes) {
    const Node& node = state.nodes.at(id);
    if (!page.add(reply.nodes, node.name, [&] { return view_of(state, node); })) break;
  }
  return {};
}

Result<> list_databases(const CoreState& state, const ListRequest& request, ListReply& reply, Timestamp now) {
  Page page(request, reply);
  const auto chosen = TRY(chosen_databases(state, request));
  for (const auto& [name, id] : state.database_by_name) {
    if (!chosen.contains(id)) continue;
    const Database& database = state.databases.at(id);
    if (!page.add(reply.databases, name, [&] { return view_of(state, database, now); })) break;
  }
  return {};
}

Result<> list_backups(const CoreState& state, const ListRequest& request, ListReply& reply) {
  Page page(request, reply);
  TRY(check_ids(request.ids, [&](const std::string& id) { return find_backup(state, id); }));
  for (const DatabaseId database : TRY(chosen_databases(state, request))) {
    const auto found = state.backups.find(database);
    if (found == state.backups.end() || page.may_skip(database.text())) continue;
    std::vector<const Backup*> backups;
    for (const auto& [id, backup] : found->second) {
      if (wanted(request.ids, id)) backups.push_back(&backup);
    }
    std::sort(backups.begin(), backups.end(), [](const Backup* a, const Backup* b) {
      return std::pair(a->started_at, a->id) < std::pair(b->started_at, b->id);
    });
    for (const Backup* backup : backups) {
      const std::string mark = database.text() + time_mark(backup->started_at) + backup->id.text();
      const auto without_record = [backup] {
        Backup copy = *backup;
        copy.record.clear();
        return copy;
      };
      if (!page.add(reply.backups, mark, without_record)) return {};
    }
  }
  return {};
}

Result<> list_windows(const CoreState& state, const ListRequest& request, ListReply& reply) {
  Page page(request, reply);
  const auto chosen = TRY(chosen_databases(state, request));
  for (const auto& [name, id] : state.database_by_name) {
    if (!chosen.contains(id)) continue;
    const auto window = recovery_window(history_of(state, state.databases.at(id)));
    if (window && !page.add(reply.windows, name, [&] { return *window; })) break;
  }
  return {};
}

Result<> list_jobs(const CoreState& state, const ListRequest& request, ListReply& reply) {
  Page page(request, reply);
  TRY(check_ids(request.ids, [&](const std::string& id) { return find_job(state, id); }));
  const auto chosen = TRY(chosen_databases(state, request));
  std::vector<const Job*> jobs;
  for (const auto& [id, row] : state.jobs) {
    if (!wanted(request.ids, id)) continue;
    if (!request.selection.empty() && !chosen.contains(row.job.database)) continue;
    jobs.push_back(&row.job);
  }
  sort_newest_first(jobs);
  for (const Job* job : jobs) {
    if (!page.add(reply.jobs, newest_first_mark(job->created_at, job->id.text()), [job] { return *job; })) break;
  }
  return {};
}

Result<> list_restores(const CoreState& state, const ListRequest& request, ListReply& reply) {
  Page page(request, reply);
  TRY(check_ids(request.ids, [&](const std::string& id) { return find_restore(state, id); }));
  std::vector<const Restore*> restores;
  for (const auto& [id, restore] : state.restores) {
    if (wanted(request.ids, id)) restores.push_back(&restore);
  }
  sort_newest_first(restores);
  for (const Restore* restore : restores) {
    const std::string mark = newest_first_mark(restore->created_at, restore->id.text());
    if (!page.add(reply.restores, mark, [restore] { return *restore; })) break;
  }
  return {};
}

bool named_or_all(const Selection& selection, const std::string& name) {
  const auto& names = selection.names;
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

Result<> list_small(const CoreState& state, const ListRequest& request, ListReply& reply) {
  Page page(request, reply);
  if (request.what == Listing::stores) {
    for (const auto& [name, store] : state.stores) {
      if (named_or_all(request.selection, name) && !page.add(reply.stores, name, [&] { return store; })) break;
    }
  } else if (request.what == Listing::policies) {
    for (const auto& [name, policy] : state.policies) {
      if (named_or_all(request.selection, name) && !page.add(reply.policies, name, [&] { return policy; })) break;
    }
  } else if (request.what == Listing::tokens) {
    for (const auto& [id, token] : state.tokens) {
      const auto without_verifier = [&token] {
        Token copy = token;
        copy.verifier = {};
        return copy;
      };
      if (wanted(request.ids, id) && !page.add(reply.tokens, id.text(), without_verifier)) break;
    }
  } else if (request.what == Listing::operators) {
    for (const auto& [id, who] : state.operators) {
      if (named_or_all(request.selection, who.name) && !page.add(reply.operators, id.text(), [&] { return who; }))
        break;
    }
  }
  for (const auto& name : request.selection.names) {
    const bool there = request.what == Listing::stores     ? state.stores.contains(name)
                       : request.what == Listing::policies ? state.policies.contains(name)
                                                           : true;
    if (!there) return fail(Code::not_found, fmt::format("there is no \"{}\"", name));
  }
  return {};
}

// What went wrong lately and has not gone well since: the newest of each kind for each database and node.
std::vector<const Job*> failing_jobs(const CoreState& state, Timestamp now) {
  constexpr std::chrono::hours lately{24};
  std::map<std::tuple<JobKind, DatabaseId, NodeId>, const Job*> newest;
  for (const auto& [id, known] : state.jobs) {
    const Job& job = known.job;
    if (!is_final(job.state) || job.state == JobState::cancelled || job.finished_at < now - lately) continue;
    const Job*& latest = newest[{job.kind, job.database, job.node}];
    if (latest == nullptr || latest->finished_at < job.finished_at) latest = &job;
  }
  std::vector<const Job*> failing;
  for (const auto& [key, job] : newest) {
    if (job->state == JobState::failed || job->state == JobState::lost) failing.push_back(job);
  }
  return failing;
}

Result<> list_status(const CoreState& state, const ListRequest& request, ListReply& reply, Timestamp now) {
  reply.status = fleet_status(state, now);
  ListRequest all = request;
  all.after.clear();
  all.limit = limit_at_most;
  TRY(list_databases(state, all, reply, now));
  const auto chosen = TRY(chosen_databases(state, request));
  for (const JobId id : state.open_jobs) {
    const Job& job = state.jobs.at(id).job;
    if (request.selection.empty() || chosen.contains(job.database)) reply.jobs.push_back(job);
  }
  for (const Job* job : failing_jobs(state, now)) {
    if (request.selection.empty() || chosen.contains(job->database)) reply.jobs.push_back(*job);
  }
  for (const auto& [name, store] : state.stores) reply.stores.push_back(store);
  for (const auto& [id, node] : state.nodes) reply.nodes.push_back(view_of(state, node));
  for (const auto& [id, restore] : state.restores) {
    if (restore.state == "running") reply.restores.push_back(restore);
  }
  reply.next.clear();
  return {};
}

}  // namespace

Answer list_request(Turn& turn, const ListRequest& request) {
  const CoreState& state = turn.state;
  ListReply reply;
  switch (request.what) {
    case Listing::status:
      TRY(list_status(state, request, reply, turn.now));
      break;
    case Listing::nodes:
      TRY(list_nodes(state, request, reply));
      break;
    case Listing::databases:
      TRY(list_databases(state, request, reply, turn.now));
      break;
    case Listing::backups:
      TRY(list_backups(state, request, reply));
      break;
    case Listing::windows:
      TRY(list_windows(state, request, reply));
      break;
    case Listing::jobs:
      TRY(list_jobs(state, request, reply));
      break;
    case Listing::restores:
      TRY(list_restores(state, request, reply));
      break;
    case Listing::copies:
      TRY(list_copies(state, TRY(chosen_databases(state, request)), turn.now, reply));
      break;
    case Listing::stores:
    case Listing::policies:
    case Listing::tokens:
    case Listing::operators:
      TRY(list_small(state, request, reply));
      break;
  }
  return reply;
}

}  // namespace holdfast
