"""How soon a COMMIT is durable in a tool's store, and how soon a new host is protected."""
import re
import subprocess
import time

from harness.cluster import PG, Cluster

PROBE = """
CREATE TABLE IF NOT EXISTS ship_probe (i int);
DO $$
DECLARE began timestamptz; target pg_lsn; durable bool;
BEGIN
  FOR i IN 1..{count} LOOP
    INSERT INTO ship_probe VALUES (i);
    COMMIT;
    began := clock_timestamp();
    target := pg_current_wal_flush_lsn();
    LOOP
      durable := {is_durable};
      COMMIT;
      EXIT WHEN durable;
      PERFORM pg_sleep(0.002);
    END LOOP;
    RAISE NOTICE 'delay %', extract(epoch FROM clock_timestamp() - began);
    PERFORM pg_sleep(random() * 0.3);
  END LOOP;
END $$;
"""


def commit_to_durable(cluster, tool, seconds):
    """Seconds from a COMMIT's return to its being durable, sorted; for about that long, under a steady load of pgbench."""
    command = [PG / "pgbench", *cluster.connection(), "-n", "-c", 4, "-T", 10 * seconds + 60, "-R", 200, "postgres"]
    load = subprocess.Popen([str(part) for part in command], cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            user="postgres", group="postgres", extra_groups=[])
    try:
        tool.promise_one_second()
        # Both promise a second: that many rounds take about as many seconds.
        _, notices = cluster.script(PROBE.format(count=max(5, seconds), is_durable=tool.is_durable))
    finally:
        tool.promise_nothing()
        load.terminate()
        load.wait()
    return sorted(float(value) for value in re.findall(r"delay ([0-9.]+)", notices))


def new_host_to_first_backup(work, fleet):
    """Seconds, and the bytes of the database."""
    small = Cluster(work / "small")
    try:
        small.start()
        small.pgbench("-i", "-q", "-s", 6)
        size = small.size()
        known = {backup["id"] for backup in fleet.complete_backups()}
        start = time.monotonic()
        fleet.add_agent("newhost", small.root)
        fleet.wait_for_backup(known)
        return time.monotonic() - start, size
    finally:
        small.stop()
