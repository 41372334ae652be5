"""pg_basebackup with zstd level 1 on the client; it has no restore of its own: zstd and tar."""
from harness.cluster import PG
from harness.processes import as_postgres, run
from harness.tool import BackupFacts, Tool, fresh, stored_below


class PgBasebackup(Tool):
    name = "pg_basebackup"

    def __init__(self, root, cluster):
        super().__init__(root, cluster)
        self.backup = root / "backup"

    def make_room(self):
        fresh(self.backup)

    def full(self):
        as_postgres(PG / "pg_basebackup", *self.cluster.connection(), "-D", self.backup, "-Ft",
                    "--compress=client-zstd:level=1", "-c", "fast", "-Xfetch")

    def note_newest(self):
        return BackupFacts(stored_below(self.backup))

    def restore(self, target):
        target.mkdir()
        # The others return when it is durable, so this one does too.
        run("bash", "-c", 'set -o pipefail; zstd -dc "$1/base.tar.zst" | tar -x -C "$2" && sync -f "$2"', "restore",
            self.backup, target)
