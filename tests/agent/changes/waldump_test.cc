// Judged from outside: what the server's own tool prints of the same WAL. Only 15 has come with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <fstream>
#include <sstream>

#include "tests/agent/changes/recorded_wal.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

// Of the block that is at `from` in the output of pg_waldump: "rel 1663/5/1259 fork vm blk 3".
std::pair<RelationFork, std::uint32_t> parse_reference(std::string_view text) {
  const auto number = [&text](std::string_view before) {
    std::uint32_t value = 0;
    text.remove_prefix(text.find(before) + before.size());
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  };
  RelationFork relation;
  relation.tablespace = number("rel ");
  relation.database = number("/");
  relation.relation = number("/");
  const std::string_view fork = text.substr(0, text.find("blk "));
  if (fork.find("fork fsm") != std::string_view::npos) relation.fork = Fork::fsm;
  if (fork.find("fork vm") != std::string_view::npos) relation.fork = Fork::visibility;
  if (fork.find("fork init") != std::string_view::npos) relation.fork = Fork::init;
  return {relation, number("blk ")};
}

// Through a file: there is too much of it for a pipe of the harness.
Result<std::string> waldump(const PostgresCluster& cluster, Lsn from, Lsn to) {
  const std::string file = cluster.root() + "/waldump";
  Command command;
  command.arguments = {"sh", "-c",
                       fmt::format("{} -p {}/pg_wal -t 1 -s {} -e {} > {}", cluster.binary("pg_waldump"),
                                   cluster.data_directory(), from, to, file)};
  command.as_user = cluster.owner();
  command.timeout = std::chrono::seconds(60);
  const CommandOutcome outcome = TRY(run_command(command));
  if (outcome.exit_code != 0) return fail(Code::unavailable, outcome.output);
  std::ifstream in(file);
  return std::string{std::istreambuf_iterator<char>(in), {}};
}

SeenChanges::Blocks parse_waldump(std::string_view output) {
  SeenChanges::Blocks blocks;
  constexpr std::string_view mark = "blkref #";
  for (auto at = output.find(mark); at != std::string_view::npos; at = output.find(mark, at + 1)) {
    const auto [relation, block] = parse_reference(output.substr(at, 200));
    blocks[relation].insert(block);
  }
  return blocks;
}

// "base/5/16384_init" as "1663/5/16384".
std::string relation_of_path(std::string path) {
  path = path.substr(0, path.find('_', path.rfind('/')));
  std::vector<std::string> parts;
  std::istringstream in(path);
  for (std::string part; std::getline(in, part, '/');) parts.push_back(part);
  if (parts[0] == "global") return fmt::format("1664/0/{}", parts.at(1));
  if (parts[0] == "base") return fmt::format("1663/{}/{}", parts.at(1), parts.at(2));
  return fmt::format("{}/{}/{}", parts.at(1), parts.at(3), parts.at(4));
}

struct Replaced {
  std::set<std::string> relations;  // created, truncated, dropped
  std::set<std::string> databases;  // created, dropped: "1663/16574"
};

void add_words(std::string_view text, std::set<std::string>& out) {
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) out.insert(word);
}

Replaced parse_replaced(const std::string& output) {
  Replaced replaced;
  std::set<std::string> paths;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    // What stands between the two; everything to the end when there is no end.
    const auto between = [&line](const std::string& before, const std::string& after) {
      const auto at = line.find(before);
      if (at == std::string::npos) return std::string();
      const auto from = at + before.size();
      return line.substr(from, line.find(after, from) - from);
    };
    if (line.starts_with("rmgr: Storage")) {
      add_words(between("desc: CREATE ", " "), paths);
      add_words(between("desc: TRUNCATE ", " "), paths);
    } else if (line.starts_with("rmgr: Transaction")) {
      add_words(between("rels: ", ";"), paths);
    } else if (line.starts_with("rmgr: Database")) {
      add_words(between("CREATE_WAL_LOG create dir ", ";"), replaced.databases);
      add_words(between(" to ", ";"), replaced.databases);
      add_words(between("DROP dir ", ";"), replaced.databases);
    }
  }
  for (const std::string& path : paths) replaced.relations.insert(relation_of_path(path));
  return replaced;
}

Replaced replaced_in(const SeenChanges& seen) {
  Replaced replaced;
  for (const RelationFork& fork : seen.limits) {
    replaced.relations.insert(fmt::format("{}/{}/{}", fork.tablespace, fork.database, fork.relation));
  }
  for (const auto& [tablespace, database] : seen.databases) {
    replaced.databases.insert(fmt::format("{}/{}", tablespace, database));
  }
  return replaced;
}

std::string difference(const SeenChanges::Blocks& ours, const SeenChanges::Blocks& theirs) {
  std::string out;
  for (const auto& [relation, blocks] : ours) {
    for (const std::uint32_t block : blocks) {
      const auto other = theirs.find(relation);
      if (other == theirs.end() || !other->second.contains(block))
        out += fmt::format("{}:{} ", to_text(relation), block);
    }
  }
  return out;
}

TEST(WalOfPostgreSQL15, SaysWhatWaldumpPrints) {
  auto recorded = record_workload(workload_options(15));
  ASSERT_THAT(recorded, Succeeded());
  const auto dump = waldump(recorded->cluster, recorded->from, recorded->to);
  ASSERT_THAT(dump, Succeeded());
  const auto theirs = parse_waldump(*dump);
  EXPECT_GT(theirs.size(), 100U);
  EXPECT_EQ(difference(recorded->seen.referred, theirs), "");
  EXPECT_EQ(difference(theirs, recorded->seen.referred), "");
  const Replaced ours = replaced_in(recorded->seen);
  const Replaced printed = parse_replaced(*dump);
  EXPECT_GT(printed.relations.size(), 300U);
  EXPECT_EQ(ours.relations, printed.relations);
  EXPECT_GT(printed.databases.size(), 4U);
  EXPECT_EQ(ours.databases, printed.databases);
}

}  // namespace
}  // namespace holdfast
