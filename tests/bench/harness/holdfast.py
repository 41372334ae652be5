"""Ours."""
from harness.cluster import server_state, stop_server, wait_until
from harness.fleet import Fleet
from harness.tool import BackupFacts, Replay, Tool, fresh, stored_below

PATIENCE = ["--timeout", "6h"]


class Holdfast(Tool):
    name = "holdfast"
    abilities = frozenset({"incremental", "delta", "replay", "ship"})
    # Its policy promises one second (fleet.py); the server hears from it when the log is durable in the store.
    is_durable = ("(SELECT coalesce(max(flush_lsn) >= target, false) FROM pg_stat_replication "
                  "WHERE application_name LIKE 'holdfast%')")

    def __init__(self, root, cluster, build):
        super().__init__(root, cluster)
        self.fleet = Fleet(root, build)
        try:
            self.fleet.add_agent("bench", cluster.root)
            # Every database gets a backup when it is found.
            self.fleet.wait_for_backup()
            self.database = self.fleet.items("database", "list")[0]["name"]
        except BaseException:
            self.stop()
            raise

    def long_lived(self):
        return [self.fleet.processes["bench"], self.fleet.processes["coordinator"]]

    def settle(self):
        super().settle()
        wait_until(self.has_shipped_all, "WAL in the store; logs are in " + str(self.root), 120)

    def has_shipped_all(self):
        return self.cluster.sql("SELECT coalesce(bool_or(flush_lsn >= pg_current_wal_lsn()), false) FROM pg_stat_replication "
                                "WHERE application_name LIKE 'holdfast%'") == "t"

    def full(self):
        self.backup("full")

    def incremental(self):
        self.backup("incremental")

    def backup(self, kind):
        self.asked_for = kind
        self.fleet.cli("backup", "create", self.database, "--type", kind, *PATIENCE)

    def note_newest(self):
        record = self.fleet.complete_backups(self.database)[-1]
        self.backup_id = record["id"]
        directories = list(self.fleet.store.glob("*/backups/" + record["id"].replace("-", "")))
        if len(directories) != 1:
            raise RuntimeError(f"backup {record['id']} has {len(directories)} directories in {self.fleet.store}")
        remark = ""
        if record["type"] != self.asked_for:
            remark = f"took a {record['type']} backup instead of {self.asked_for}: {record.get('reason') or 'no reason given'}"
        read_pages = record["changedPages"] if record["type"] == "incremental" else None
        return BackupFacts(stored_below(directories[0]), read_pages, remark)

    def restore(self, target):
        self.run_restore(target, "--backup", self.backup_id, "--no-start")

    def delta_restore(self, target):
        self.run_restore(target, "--backup", self.backup_id, "--no-start", "--delta")

    def run_restore(self, target, *options):
        self.fleet.cli("restore", "run", self.database, "--target-directory", target, "--yes", "--recovery-key",
                       self.root / "fleet/recovery.key", *PATIENCE, *options)

    def replay(self, target, check):
        fresh(target)
        try:
            with Replay(target, self.fleet.processes["bench"].cpu) as replay:
                self.run_restore(target, "--latest")
                wait_until(lambda: server_state(target) == "ready", "promotion", 60)
            check()
        finally:
            stop_server(target)
        return replay

    def stop(self):
        self.fleet.stop()
