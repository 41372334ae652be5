#include "tests/agent/changes/wal_workload.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace holdfast {
namespace {

constexpr const char* access_methods = R"(
CREATE TABLE heap (id int, k int, t text, a int[], p point, r int4range, big text);
ALTER TABLE heap ALTER big SET STORAGE EXTERNAL;
INSERT INTO heap SELECT i, i % 100, md5(i::text), ARRAY[i % 7, i % 11], point(i % 91, i % 83), int4range(i, i + 5),
  CASE WHEN i % 50 = 0 THEN repeat(md5(i::text), 120) END FROM generate_series(1, 3000) i;
CREATE INDEX heap_btree ON heap (id);
CREATE INDEX heap_hash ON heap USING hash (t);
CREATE INDEX heap_gin ON heap USING gin (a);
CREATE INDEX heap_gist ON heap USING gist (p);
CREATE INDEX heap_spgist ON heap USING spgist (t);
CREATE INDEX heap_range ON heap USING spgist (r);
CREATE INDEX heap_brin ON heap USING brin (id) WITH (pages_per_range = 4);
CHECKPOINT;
UPDATE heap SET k = k + 1 WHERE id % 3 = 0;
UPDATE heap SET t = md5(t), a = a || 3, p = point(p[1], p[0]) WHERE id % 5 = 0;
INSERT INTO heap SELECT i, i, md5(i::text), ARRAY[i], point(i, i), int4range(i, i + 1), NULL
  FROM generate_series(3001, 6000) i;
DELETE FROM heap WHERE id % 4 = 0;
VACUUM heap;
SELECT brin_summarize_new_values('heap_brin'), gin_clean_pending_list('heap_gin');
SELECT count(*) FROM (SELECT * FROM heap WHERE id % 9 = 0 FOR UPDATE) locked;
VACUUM (FREEZE) heap;
DELETE FROM heap WHERE id > 4000;
VACUUM (ANALYZE) heap;
CLUSTER heap USING heap_btree;
REINDEX TABLE heap;
REINDEX INDEX CONCURRENTLY heap_hash;
VACUUM FULL heap;
CREATE SEQUENCE seq;
SELECT count(nextval('seq')) FROM generate_series(1, 200);
SELECT setval('seq', 1000);
ALTER SEQUENCE seq RESTART;
)";

constexpr const char* definitions = R"(
CREATE TABLE gone (id int PRIMARY KEY, t text);
INSERT INTO gone SELECT i, md5(i::text) FROM generate_series(1, 2000) i;
TRUNCATE gone;
INSERT INTO gone SELECT i, md5(i::text) FROM generate_series(1, 500) i;
DROP TABLE gone;
CREATE TABLE copied (id int, t text);
COPY copied FROM PROGRAM 'seq -f "%g	some text" 1 4000';
BEGIN; CREATE TABLE rolled (id int); INSERT INTO rolled SELECT generate_series(1, 1000); ROLLBACK;
BEGIN; TRUNCATE copied; COPY copied FROM PROGRAM 'seq -f "%g	other text" 1 4000'; COMMIT;
ALTER TABLE copied ADD more int DEFAULT 7, ALTER id TYPE bigint;
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY);
INSERT INTO unlogged SELECT generate_series(1, 1000);
ALTER TABLE unlogged SET LOGGED;
UPDATE unlogged SET id = -id;
ALTER TABLE unlogged SET UNLOGGED;
CREATE MATERIALIZED VIEW view AS SELECT * FROM copied;
REFRESH MATERIALIZED VIEW view;
CREATE TABLE shrinks AS SELECT i AS id, repeat('x', 500) AS t FROM generate_series(1, 3000) i;
VACUUM shrinks;
DELETE FROM shrinks WHERE id > 100;
VACUUM shrinks;
INSERT INTO shrinks SELECT i, 'again' FROM generate_series(1, 3000) i;
CREATE TABLE parted (id int) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (1000);
INSERT INTO parted SELECT generate_series(0, 999);
DROP TABLE parted;
SELECT lo_from_bytea(0, decode(repeat('0123456789abcdef', 20000), 'hex'));
)";

constexpr const char* transactions = R"(
CREATE TABLE many (id int);
BEGIN; CREATE TABLE kept (id int); DROP TABLE view_base; INSERT INTO many VALUES (1); PREPARE TRANSACTION 'kept';
COMMIT PREPARED 'kept';
BEGIN; CREATE TABLE lost (id int); INSERT INTO lost SELECT generate_series(1, 500); PREPARE TRANSACTION 'lost';
ROLLBACK PREPARED 'lost';
DO $$ BEGIN FOR i IN 1..300 LOOP
  BEGIN INSERT INTO many VALUES (i); IF i % 3 = 0 THEN RAISE EXCEPTION 'no'; END IF; EXCEPTION WHEN others THEN END;
END LOOP; END $$;
BEGIN;
SAVEPOINT a; CREATE TABLE sub (id int); SAVEPOINT b; INSERT INTO sub VALUES (1); ROLLBACK TO b; RELEASE a;
DROP TABLE sub; DROP TABLE kept;
COMMIT;
SELECT pg_logical_emit_message(false, 'huge', repeat('y', 2500000)) IS NOT NULL;
SELECT pg_logical_emit_message(true, 'small', 'x') IS NOT NULL;
DO $$ BEGIN FOR i IN 1..60 LOOP EXECUTE 'CREATE TABLE t' || i || ' (id int PRIMARY KEY)'; END LOOP; END $$;
DO $$ BEGIN FOR i IN 1..60 LOOP EXECUTE 'DROP TABLE t' || i; END LOOP; END $$;
SELECT pg_replication_origin_create('elsewhere');
SELECT pg_replication_origin_session_setup('elsewhere');
INSERT INTO many SELECT generate_series(1, 100);
SELECT pg_replication_origin_session_reset();
SELECT pg_create_restore_point('here') IS NOT NULL, pg_switch_wal() IS NOT NULL;
)";

std::string databases(int major_version, const std::string& directory) {
  const std::string copied = major_version >= 15 ? " STRATEGY file_copy" : "";
  std::string script = fmt::format(
      "CREATE TABLESPACE place LOCATION '{}';\n"
      "CREATE TABLE moves AS SELECT i AS id, md5(i::text) AS t FROM generate_series(1, 3000) i;\n"
      "CREATE INDEX moves_id ON moves (id);\nCREATE TABLE view_base (id int);\n"
      "ALTER TABLE moves SET TABLESPACE place;\nALTER INDEX moves_id SET TABLESPACE place;\n"
      "UPDATE moves SET id = id + 1 WHERE id % 10 = 0;\n"
      "CREATE DATABASE copied TEMPLATE template0{};\nCREATE DATABASE dropped{};\n"
      "CREATE DATABASE elsewhere TABLESPACE place{};\nDROP DATABASE dropped;\n"
      "ALTER DATABASE elsewhere SET TABLESPACE pg_default;\n",
      directory, copied, copied, copied);
  if (major_version >= 15) {
    script +=
        "CREATE DATABASE logged TEMPLATE template0 STRATEGY wal_log;\nCREATE DATABASE logged_dropped STRATEGY wal_log "
        "TABLESPACE place;\nDROP DATABASE logged_dropped;\n";
  }
  return script;
}

std::string images(const std::vector<std::string>& compressions) {
  std::string script;
  for (const std::string& compression : compressions) {
    script += fmt::format(
        "SET wal_compression = {};\nCHECKPOINT;\nUPDATE moves SET id = id + 1 WHERE id % 20 = 0;\n"
        "CREATE TABLE images_{} AS SELECT i AS id, repeat('z', i % 900) AS t FROM "
        "generate_series(1, 1500) i;\n"
        "CREATE INDEX ON images_{} (t, id);\n",
        compression, compression, compression);
  }
  return script +
         "RESET wal_compression;\nALTER SYSTEM SET full_page_writes = off;\nSELECT pg_reload_conf();\nCHECKPOINT;\n"
         "SELECT pg_sleep(0.1);\nUPDATE moves SET id = id + 1 WHERE id % 30 = 0;\n"
         "ALTER SYSTEM RESET full_page_writes;\nSELECT pg_reload_conf();\nSELECT pg_sleep(0.1);\nCHECKPOINT;\n"
         "UPDATE moves SET id = id + 1 WHERE id % 30 = 1;\n";
}

Result<std::vector<std::string>> compressions_of(const PostgresCluster& cluster) {
  // The names that mean the same as another are left out; 13 and 14 have a boolean.
  std::istringstream names(TRY(
      cluster.sql("SELECT unnest(coalesce(enumvals, '{on,off}')) FROM pg_settings WHERE name = 'wal_compression'")));
  std::vector<std::string> out;
  for (std::string name; std::getline(names, name);) out.push_back(name);
  return out;
}

}  // namespace

std::vector<std::string> wal_workload_settings() {
  return {"max_prepared_transactions = 5", "wal_keep_size = 4GB", "max_wal_size = 4GB", "checkpoint_timeout = 1h",
          "shared_buffers = 32MB"};
}

Result<> run_wal_workload(const PostgresCluster& cluster, const std::string& directory) {
  const std::string path = directory + ".sql";
  std::ofstream(path) << access_methods << definitions << databases(cluster.major_version(), directory) << transactions
                      << images(TRY(compressions_of(cluster)));
  auto arguments = cluster.connection_arguments();
  arguments.insert(arguments.end(),
                   {"-d", "postgres", "-XAtq", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-f", path});
  const auto ran = cluster.run_program("psql", arguments);
  std::filesystem::remove(path);
  if (!ran) return std::unexpected(ran.error());
  return {};
}

Result<Lsn> flushed_wal(const PostgresCluster& cluster) {
  // A checkpoint logs what is pending, and what follows it is flushed with the message.
  TRY(cluster.sql("CHECKPOINT"));
  TRY(cluster.sql("SELECT pg_logical_emit_message(true, 'end', 'end')"));
  return parse_lsn(TRY(cluster.sql("SELECT pg_current_wal_flush_lsn()")));
}

Result<WalBytes> read_wal(const PostgresCluster& cluster, Timeline timeline, Lsn from, Lsn to) {
  const std::string size = TRY(cluster.sql("SELECT setting FROM pg_settings WHERE name = 'wal_segment_size'"));
  WalBytes wal{TRY(WalSegmentSize::of(std::stoull(size))), {}, {}};
  WalSegment segment = segment_at(timeline, from, wal.segment_size);
  wal.start = start_of(segment, wal.segment_size);
  wal.bytes.reserve(to - wal.start);
  for (; start_of(segment, wal.segment_size) < to; ++segment.number) {
    std::ifstream file(cluster.data_directory() + "/pg_wal/" + segment_name(segment, wal.segment_size));
    if (!file) return fail(Code::not_found, "no segment " + segment_name(segment, wal.segment_size));
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    append(wal.bytes, as_bytes(content));
  }
  wal.bytes.resize(std::min<std::uint64_t>(wal.bytes.size(), to - wal.start));
  return wal;
}

}  // namespace holdfast
