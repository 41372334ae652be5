// Work of all kinds in an order that a seed decides, while backups run: the source is stopped, and what was restored is
// the source page by page, hint bits aside.
//
//     HOLDFAST_WORKLOAD_SEEDS=20 …     more seeds than the default
//     HOLDFAST_WORKLOAD_FIRST=7 HOLDFAST_WORKLOAD_SEEDS=1 …     one seed again
#include <fmt/format.h>

#include <cstdlib>
#include <random>
#include <sstream>
#include <thread>

#include "shared/postgres/pg_control.h"
#include "shared/postgres/wal_position.h"
#include "tests/harness/page_compare.h"
#include "tests/scenario/incremental_fleet.h"

namespace holdfast {
namespace {

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// One relation's main fork at the end.
struct RelationFile {
  std::string path;  // within the data directory
  std::string what;
  PageKind kind = PageKind::heap;
};

class RandomWorkload : public IncrementalFleet, public testing::WithParamInterface<std::uint64_t> {
 protected:
  RandomWorkload()
      : IncrementalFleet({.page_checksums = PageChecksums::on,
                          .settings = {"autovacuum = off", "max_prepared_transactions = 8", "wal_level = replica"}}),
        random_(GetParam()) {}

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  void create_everything() {
    sql("CREATE TABLE mixed (id int PRIMARY KEY, k int, t text, a int[], p point, big text);"
        "ALTER TABLE mixed ALTER big SET STORAGE EXTERNAL;"
        "CREATE INDEX ON mixed USING hash (k); CREATE INDEX ON mixed USING gin (a); CREATE INDEX ON mixed USING gist "
        "(p);"
        "CREATE INDEX ON mixed USING spgist (t); CREATE INDEX ON mixed USING brin (k) WITH (pages_per_range = 4);"
        "CREATE TABLE twice (n int, word text); CREATE TABLE narrow (n int, word text); CREATE INDEX by_n ON narrow "
        "(n);");
    insert_mixed(3000);
    sql("INSERT INTO narrow SELECT g, md5(g::text) FROM generate_series(1, 50000) g");
    auto arguments = orders_.connection_arguments();
    arguments.insert(arguments.end(), {"-i", "-q", "-s", "1", "postgres"});
    ASSERT_THAT(orders_.run_program("pgbench", arguments), Succeeded());
  }
  void insert_mixed(std::uint64_t rows) {
    sql(
        fmt::format("INSERT INTO mixed SELECT i, i % 97, md5(i::text), ARRAY[i % 7, i % 11], point(i % 91, i % 83), "
                    "CASE WHEN i % 40 = 0 THEN repeat(md5(i::text), 200) END FROM generate_series({}, {}) i",
                    next_row_, next_row_ + rows - 1));
    next_row_ += rows;
  }

  void do_something() {
    switch (below(24)) {
      case 0:
        return insert_mixed(1 + below(1500));
      case 1:
        return sql(fmt::format("UPDATE mixed SET k = k + 1, t = md5(t) WHERE id % {} = 0", 2 + below(50)));
      case 2:
        return sql(fmt::format("UPDATE mixed SET big = repeat(md5(id::text), 150) WHERE id % {} = 1", 50 + below(200)));
      case 3:
        return sql(fmt::format("DELETE FROM mixed WHERE id % {} = 2", 5 + below(40)));
      case 4:
        return sql("VACUUM mixed");
      case 5:
        return sql("VACUUM (FREEZE) narrow");
      case 6:
        return sql("VACUUM FULL mixed");
      case 7:
        return sql("TRUNCATE narrow; INSERT INTO narrow SELECT g, 'again' FROM generate_series(1, 9000) g");
      case 8:
        return sql("CLUSTER narrow USING by_n");
      case 9:
        return sql("REINDEX TABLE mixed");
      case 10:
        return make_and_drop_tables();
      case 11:
        return make_or_drop_a_database();
      case 12:
        return two_phases();
      case 13:
        return sql(
            "DO $$ BEGIN FOR i IN 1..50 LOOP BEGIN INSERT INTO narrow VALUES (i, 'sub');"
            "IF i % 3 = 0 THEN RAISE EXCEPTION 'no'; END IF; EXCEPTION WHEN raise_exception THEN NULL; END;"
            "END LOOP; END $$");
      case 14:
        return sql(fmt::format("BEGIN; UPDATE narrow SET word = 'undone' WHERE n % {} = 0; ROLLBACK", 2 + below(9)));
      case 15:
        return sql(
            fmt::format("CREATE UNLOGGED TABLE u{0} AS SELECT g FROM generate_series(1, 2000) g;"
                        "ALTER TABLE u{0} SET LOGGED; DELETE FROM u{0} WHERE g % 2 = 0",
                        ++tables_));
      case 16:
        return sql("ALTER TABLE narrow ALTER n TYPE bigint; ALTER TABLE narrow ALTER n TYPE int");
      case 17:
        return sql("SELECT count(*) FROM (SELECT * FROM mixed WHERE id % 9 = 0 FOR SHARE) locked");
      case 18:
        return sql(fmt::format("SELECT lo_from_bytea(0, decode(repeat('ab', {}), 'hex'))", 1000 + below(20000)));
      case 19:
        return sql("CHECKPOINT");
      case 20:
        return sql("SELECT pg_switch_wal()");
      case 21:
        return [&] {
          sql("DELETE FROM narrow WHERE n > 4000");
          sql("VACUUM narrow");
        }();
      case 22:
        return sql("COPY narrow FROM PROGRAM 'seq -f \"%g,copied\" 1 6000' (FORMAT csv)");
      default:
        return sql(
            fmt::format("INSERT INTO mixed SELECT id, 1, 't', '{{1}}', point(1, 1) FROM mixed ORDER BY id "
                        "LIMIT {} ON CONFLICT (id) DO UPDATE SET k = mixed.k + 1",
                        1 + below(300)));
    }
  }
  void make_and_drop_tables() {
    sql(
        fmt::format("CREATE TABLE t{0} (id serial PRIMARY KEY, word text); INSERT INTO t{0} (word) SELECT md5(g::text) "
                    "FROM generate_series(1, 3000) g",
                    ++tables_));
    if (below(2) == 0) sql(fmt::format("DROP TABLE t{}", tables_));
  }
  void make_or_drop_a_database() {
    if (!databases_.empty() && below(3) == 0) {
      sql("DROP DATABASE " + databases_.back());
      databases_.pop_back();
      return;
    }
    const std::string name = fmt::format("d{}", ++tables_);
    const std::string from = databases_.empty() ? "template1" : databases_.front();
    sql(fmt::format("CREATE DATABASE {} TEMPLATE {} STRATEGY {}", name, from, below(2) == 0 ? "wal_log" : "file_copy"));
    EXPECT_THAT(
        orders_.sql("CREATE TABLE IF NOT EXISTS inside (n int); INSERT INTO inside SELECT generate_series(1, 2000)",
                    name),
        Succeeded());
    databases_.push_back(name);
  }
  void two_phases() {
    if (prepared_.empty()) {
      prepared_ = fmt::format("p{}", ++tables_);
      return sql(
          fmt::format("BEGIN; INSERT INTO twice SELECT g, 'two' FROM generate_series(1, 500) g; "
                      "PREPARE TRANSACTION '{}'",
                      prepared_));
    }
    end_two_phases(below(2) == 0 ? "COMMIT" : "ROLLBACK");
  }
  void end_two_phases(const std::string& how) {
    if (prepared_.empty()) return;
    sql(fmt::format("{} PREPARED '{}'", how, prepared_));
    prepared_.clear();
  }

  // While somebody writes.
  nlohmann::json back_up_under_load(const std::string& type) {
    std::jthread load([this] {
      auto arguments = orders_.connection_arguments();
      arguments.insert(arguments.end(), {"-n", "-c", "2", "-T", "2", "postgres"});
      EXPECT_THAT(orders_.run_program("pgbench", arguments), Succeeded());
    });
    return back_up(type);
  }

  static PageKind kind_of(const std::string& access_method) {
    if (access_method == "heap") return PageKind::heap;
    if (access_method == "btree") return PageKind::btree;
    if (access_method == "gin") return PageKind::gin;
    if (access_method == "spgist") return PageKind::spgist;
    return PageKind::other_index;
  }

  // Tables, their TOAST and indexes of every database: what an operator's data lies in. Sequences are ahead of
  // themselves in the WAL.
  std::vector<RelationFile> relation_files() {
    std::vector<RelationFile> out;
    std::istringstream names(answer("SELECT datname FROM pg_database WHERE datallowconn AND datname !~ '^template'"));
    for (std::string name; std::getline(names, name);) {
      std::istringstream rows(
          orders_
              .sql(
                  "SELECT pg_relation_filepath(c.oid), relname, coalesce(amname, '') FROM pg_class c LEFT JOIN pg_am m "
                  "ON m.oid = relam WHERE c.oid >= 16384 AND relkind IN ('r', 't', 'i', 'm') AND relpersistence = 'p'",
                  name)
              .value());
      for (std::string row; std::getline(rows, row);) {
        const std::size_t first = row.find('|');
        const std::size_t second = row.rfind('|');
        out.push_back({row.substr(0, first), name + "." + row.substr(first + 1, second - first - 1),
                       kind_of(row.substr(second + 1))});
      }
    }
    return out;
  }

  // Every byte of its WAL is in the store, up to the record of the shutdown itself.
  Lsn stop_source() {
    EXPECT_THAT(orders_.stop(), Succeeded());
    const std::string content = read_file(orders_.data_directory() + "/global/pg_control");
    const auto control = parse_pg_control(Bytes(content.begin(), content.end())).value();
    const Lsn end = control.checkpoint;
    EXPECT_TRUE(Fleet::eventually([&] {
      const auto position = fleet_.list("database")[0]["walPosition"];
      return position.is_string() && parse_lsn(position.get<std::string>()).value() > end;
    })) << to_text(end)
        << " is not in the store, " << fleet_.list("database")[0] << fleet_->logs();
    return end;
  }

  void expect_the_same_pages(const nlohmann::json& backup, const std::vector<RelationFile>& relations, Lsn end) {
    // Not where the agent looks for databases: what is restored would be taken for the source, come back.
    const auto place = OwnedDirectory::of(orders_.owner()).value();
    const std::string directory = place.path() + "/restored";
    const auto restored = fleet_.restore(
        {database_, "--backup", backup["id"], "--latest", "--target-directory", directory, "--no-start"});
    ASSERT_EQ(restored.exit_code, 0) << restored.err;
    auto copy = PostgresCluster::adopt(directory).value();
    ASSERT_THAT(copy.start(), Succeeded());
    // Its log says when it is done: a question would have it clean its catalogs up.
    ASSERT_TRUE(Fleet::eventually([&] { return std::filesystem::exists(directory + "/pg_wal/00000002.history"); }, 60));
    ASSERT_THAT(copy.stop(), Succeeded());
    std::istringstream history(read_file(directory + "/pg_wal/00000002.history"));
    std::string parent;
    std::string left;
    history >> parent >> left;
    EXPECT_GT(parse_lsn(left).value(), end) << "the shutdown itself is part of it";
    for (const auto& relation : relations) {
      for (const auto& difference : compare_relation_files(orders_.data_directory() + "/" + relation.path,
                                                           directory + "/" + relation.path, relation.kind)) {
        ADD_FAILURE() << "seed " << GetParam() << ", backup " << backup["type"] << " " << backup["id"] << ", "
                      << relation.what << " (" << relation.path << "): " << difference;
      }
    }
    ASSERT_THAT(copy.start(), Succeeded());
    ASSERT_THAT(copy.wait_for("SELECT pg_is_in_recovery()", "f"), Succeeded());
    expect_sound(copy);
  }

  std::mt19937_64 random_;
  std::uint64_t next_row_ = 1;
  int tables_ = 0;
  std::vector<std::string> databases_;
  std::string prepared_;
};

TEST_P(RandomWorkload, IsRestoredPageByPage) {
  create_everything();
  protect();
  std::vector<nlohmann::json> backups{back_up_under_load("full")};
  for (int round = 0; round < 4; ++round) {
    for (std::uint64_t steps = 4 + below(12); steps > 0; --steps) do_something();
    backups.push_back(back_up_under_load(below(4) == 0 ? "differential" : "incremental"));
    EXPECT_NE(backups.back()["type"], "full") << backups.back();
    EXPECT_EQ(reason(backups.back()), "") << "seed " << GetParam();
  }
  for (std::uint64_t steps = below(6); steps > 0; --steps) do_something();
  end_two_phases("COMMIT");
  const auto relations = relation_files();
  ASSERT_GT(relations.size(), 10U);
  const Lsn end = stop_source();
  for (std::size_t i = 0; i < backups.size(); i += 2) expect_the_same_pages(backups[i], relations, end);
}

INSTANTIATE_TEST_SUITE_P(Seed, RandomWorkload,
                         testing::Range(number_from("HOLDFAST_WORKLOAD_FIRST", 1),
                                        number_from("HOLDFAST_WORKLOAD_FIRST", 1) +
                                            number_from("HOLDFAST_WORKLOAD_SEEDS", 2)));

}  // namespace
}  // namespace holdfast
