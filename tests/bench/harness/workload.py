"""The database of the bench and what happens to it."""
import math
import random

BIG_TABLE = "pgbench_accounts"
MIB = 1024 * 1024
PAGE = 8192


def fill(cluster, size_gb):
    """Half pgbench, half JSON events."""
    scale = max(1, int(size_gb * 1024 / 2 / 15))  # about 15 MiB for each unit of scale
    events = int(size_gb * 1024 / 2 * MIB / 560)
    cluster.pgbench("-i", "-q", "-s", scale)
    cluster.sql("CREATE TABLE events (id bigint PRIMARY KEY, at timestamptz, body jsonb)")
    cluster.sql(f"""
        INSERT INTO events SELECT i, now(), jsonb_build_object(
          'user', i % 100000, 'kind', (ARRAY['view', 'click', 'buy'])[1 + i % 3], 'session', md5((i / 20)::text),
          'path', '/item/' || i % 5000, 'agent', md5((i % 977)::text), 'amount', (i::bigint * 7919) % 100000,
          'tags', jsonb_build_array(md5((i % 31)::text), i % 17, 'x' || i % 101))
        FROM generate_series(1, {events}) i""")
    cluster.sql("VACUUM (FREEZE, ANALYZE)")
    cluster.sql("CHECKPOINT")
    return cluster.size()


def rows_of_big_table(cluster):
    return int(cluster.sql("SELECT count(*) FROM pgbench_branches")) * 100000  # pgbench's fixed number for a branch


def change_one_row(cluster):
    aid = random.randint(1, rows_of_big_table(cluster))
    cluster.sql(f"UPDATE {BIG_TABLE} SET abalance = abalance + 1 WHERE aid = {aid}")
    cluster.settle()


def change_pages(cluster, share):
    """Updates random rows, as pgbench does, so many that about this share of the table's pages is hit.

    The new versions land on other pages, and in the index: more pages change than are hit. Returns the share that was hit.
    """
    pages = int(cluster.sql(f"SELECT pg_relation_size('{BIG_TABLE}')")) // PAGE
    updates = max(1, round(-pages * math.log(1 - share)))  # random hits that leave 1 - share of the pages alone
    out, _ = cluster.script(f"""
        CREATE TEMP TABLE chosen AS SELECT DISTINCT 1 + floor(random() * {rows_of_big_table(cluster)})::int AS aid
          FROM generate_series(1, {updates});
        ANALYZE chosen;
        SELECT count(DISTINCT (ctid::text::point)[0]) FROM {BIG_TABLE} WHERE aid IN (SELECT aid FROM chosen);
        UPDATE {BIG_TABLE} SET abalance = abalance + 1 WHERE aid IN (SELECT aid FROM chosen);
        """)
    cluster.settle()
    return int(out.split()[0]) / pages


def write_wal(cluster, begin, wanted_bytes):
    """pgbench's transactions until that much log was written since the LSN; returns the bytes written."""
    while True:
        written = int(cluster.sql(f"SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '{begin}')::bigint"))
        if written >= wanted_bytes:
            return written
        cluster.pgbench("-n", "-c", 4, "-j", 2, "-M", "prepared", "-T", 2, settings="-c synchronous_commit=off")


def last_state(cluster):
    """What pgbench left; another after each of its transactions."""
    return cluster.sql("SELECT count(*), sum(delta) FROM pgbench_history")


class Damage:
    """Random pages of a stopped server's tables overwritten, and the proof that they came back."""

    def __init__(self, data, share, seed):
        chooser = random.Random(seed)
        files = sorted(file for file in (data / "base").glob("*/*") if file.name.replace(".", "").isdigit())
        pages = [(file, number) for file in files for number in range(file.stat().st_size // PAGE)]
        self.originals = []
        for file, number in chooser.sample(pages, max(1, round(len(pages) * share))):
            with open(file, "r+b") as relation:
                relation.seek(number * PAGE)
                self.originals.append((file, number, relation.read(PAGE)))
                relation.seek(number * PAGE)
                relation.write(chooser.randbytes(PAGE))

    def check_repaired(self):
        for file, number, original in self.originals:
            with open(file, "rb") as relation:
                relation.seek(number * PAGE)
                if relation.read(PAGE) != original:
                    raise RuntimeError(f"{file}: page {number} is still damaged after the restore")
