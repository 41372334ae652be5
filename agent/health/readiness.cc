#include "agent/health/readiness.h"

#include <fmt/format.h>

namespace holdfast {
namespace {

std::optional<std::string> missing_of(const ProtectedFacts& database) {
  if (!database.present || !database.runs || !database.problem.empty()) return std::nullopt;
  if (database.hindered) return database.hindered->text();
  if (!database.ships) return std::nullopt;
  if (!database.log) return "its log is not received yet";
  if (database.log->state != WalReceiverState::streaming) {
    return fmt::format("its log is not streamed yet ({}){}", to_string(database.log->state),
                       database.log->error ? ": " + database.log->error->text() : "");
  }
  if (database.log->durable == Lsn()) return "nothing of its log is durable yet";
  return std::nullopt;
}

}  // namespace

std::vector<std::string> judge_readiness(const ReadinessFacts& facts) {
  std::vector<std::string> missing;
  if (!facts.looked) missing.emplace_back("this host was not looked at yet");
  for (const auto& name : facts.undecided) {
    missing.push_back(fmt::format("database \"{}\": nobody has said yet how it is to be protected", name));
  }
  for (const auto& database : facts.databases) {
    if (auto why = missing_of(database)) missing.push_back(fmt::format("database \"{}\": {}", database.name, *why));
  }
  return missing;
}

}  // namespace holdfast
