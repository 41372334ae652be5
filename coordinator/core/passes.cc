#include "coordinator/core/passes.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/core/access_rules.h"
#include "coordinator/core/assignment.h"
#include "shared/repository/layout.h"
#include "shared/store/s3/presigning.h"

namespace holdfast {
namespace {

constexpr std::string_view hosts_without_key = "presigned";

void add(std::vector<GrantRule>& rules, std::vector<GrantRule> more) {
  std::ranges::move(more, std::back_inserter(rules));
}

bool writes_to(const Assigned& assigned, const std::string& store) {
  return (assigned.active || takes_backups(assigned)) && assigned.protect &&
         std::ranges::find(assigned.stores, store) != assigned.stores.end();
}

void add_standing(const CoreState& state, const Node& node, const std::string& store, DatabaseId database,
                  std::vector<GrantRule>& rules) {
  for (const Assigned& assigned : assigned_to(state, node, database)) {
    if (writes_to(assigned, store)) {
      add(rules, writer_rules(database));
    } else if ((assigned.active || takes_backups(assigned)) && assigned.protect) {
      add(rules, looker_rules(database));
    }
  }
}

void add_of_job(const Job& job, const std::string& store, std::vector<GrantRule>& rules) {
  switch (job.kind) {
    case JobKind::copy:
      add(rules, job.store == store ? filler_rules(job.database) : reader_rules(job.database));
      break;
    case JobKind::restore:
    case JobKind::verify:
    case JobKind::scrub:
      add(rules, reader_rules(job.database));
      break;
    default:
      break;
  }
}

// Any of the fleet may look at it: every node was told what is in it. It is put by whoever writes anything there.
std::vector<GrantRule> rules_of_fleet_record(const CoreState& state, const Node& node, const std::string& store) {
  std::vector<GrantRule> rules{{fleet_record_name(), GrantVerb::get | GrantVerb::stat}};
  const auto databases = state.databases_by_node.find(node.id);
  const bool writes =
      databases != state.databases_by_node.end() && std::ranges::any_of(databases->second, [&](DatabaseId database) {
        return std::ranges::any_of(assigned_to(state, node, database),
                                   [&](const Assigned& assigned) { return writes_to(assigned, store); });
      });
  const bool fills = std::ranges::any_of(state.open_jobs, [&](JobId id) {
    const Job& job = state.jobs.at(id).job;
    return job.node == node.id && job.kind == JobKind::copy && job.store == store;
  });
  if (writes || fills) rules.push_back({fleet_record_name(), GrantVerb::put});
  return rules;
}

std::vector<GrantRule> rules_for(const CoreState& state, const Node& node, const PassRequest& request) {
  if (request.wish.name == fleet_record_name()) return rules_of_fleet_record(state, node, request.store);
  std::vector<GrantRule> rules;
  const auto slash = request.wish.name.find('/');
  if (slash == std::string::npos) return rules;
  const auto database = DatabaseId::parse(request.wish.name.substr(0, slash));
  if (!database) return rules;
  add_standing(state, node, request.store, *database, rules);
  for (const JobId id : state.open_jobs) {
    const Job& job = state.jobs.at(id).job;
    if (job.node == node.id && job.database == *database) add_of_job(job, request.store, rules);
  }
  return rules;
}

bool allows(const VaultGrant& grant, const BucketWish& wish) {
  switch (wish.kind) {
    case BucketWish::Kind::get:
      return grant_allows(grant, GrantVerb::get, wish.name);
    case BucketWish::Kind::look:
      return grant_allows(grant, GrantVerb::stat, wish.name);
    case BucketWish::Kind::list:
      return grant_allows_below(grant, GrantVerb::list, wish.name);
    case BucketWish::Kind::reach:
      return true;
    case BucketWish::Kind::put:
      return wish.name.ends_with('/') ? grant_allows_below(grant, GrantVerb::put, wish.name)
                                      : grant_allows(grant, GrantVerb::put, wish.name);
  }
  return false;
}

std::string_view doing(BucketWish::Kind kind) {
  switch (kind) {
    case BucketWish::Kind::get:
      return "get";
    case BucketWish::Kind::look:
      return "look for";
    case BucketWish::Kind::list:
      return "list";
    case BucketWish::Kind::reach:
      return "reach";
    case BucketWish::Kind::put:
      return "put";
  }
  return "reach";
}

}  // namespace

Result<> may_have_pass(const CoreState& state, const Node& node, const PassRequest& request) {
  TRY(check_bucket_wish(request.wish));
  const auto store = state.stores.find(request.store);
  if (store == state.stores.end() || store->second.kind != StoreKind::s3 ||
      store->second.s3.hosts != S3Place::Hosts::presigned) {
    return fail(Code::denied, fmt::format("store \"{}\" is none that the coordinator signs for", request.store));
  }
  VaultGrant grant;
  if (takes_assignments(node)) grant.rules = rules_for(state, node, request);
  if (takes_assignments(node) && allows(grant, request.wish)) return {};
  return fail(Code::denied, fmt::format("node \"{}\" has nothing to {} at \"{}\" in store \"{}\" now", node.name,
                                        doing(request.wish.kind), request.wish.name, request.store));
}

void pass_asked(Turn& turn, const MessageCame& event, const Node& node, const PassRequest& request) {
  const auto may = may_have_pass(turn.state, node, request);
  if (!may) {
    const Error& error = may.error();
    turn.send(event.door, event.peer, PassReply{{}, Refused{error.code, error.message, error.hint}}, event.message.id);
    return;
  }
  turn.sign(event, turn.state.stores.at(request.store).s3, request.wish);
}

StoreInfo as_hosts_see(StoreInfo store) {
  if (store.s3.hosts == S3Place::Hosts::presigned) store.s3.credentials = hosts_without_key;
  return store;
}

}  // namespace holdfast
