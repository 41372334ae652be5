"""pgBackRest, tuned: zst level 1, two processes, bundles, with 2.46 and later block incrementals; WAL pushed and got ahead."""
import json
import os
import pathlib
import re
import shutil

from harness.cluster import PG, server_state, stop_server, wait_until
from harness.processes import CommandFailed, Supervised, as_postgres
from harness.tool import BackupFacts, Replay, Tool, fresh, stored_below

STANZA = "bench"
VARIABLE = "HOLDFAST_BENCH_PGBACKREST"
HOW_TO_GET = f"apt-get install pgbackrest (or deploy/install-packages bench), or name a program in {VARIABLE}"
FIRST_WITH_BLOCKS = (2, 46)

SETTINGS = """[global]
repo1-path={root}/repo
repo1-bundle=y
{block}repo1-retention-full=9999
compress-type=zst
compress-level=1
process-max=2
archive-async=y
start-fast=y
log-path={root}/log
lock-path={root}/lock
spool-path={root}/spool
log-level-console=off

[global:archive-get]
archive-get-queue-max=512MiB

[bench]
pg1-path={cluster.data}
pg1-socket-path={cluster.root}
pg1-port={cluster.port}
"""


def find_program():
    """The program and its version as (major, minor); None when it is not installed."""
    named = os.environ.get(VARIABLE)
    program = named or shutil.which("pgbackrest")
    if not program:
        return None
    try:
        said = as_postgres(program, "version")
    except (CommandFailed, OSError) as error:
        raise RuntimeError(f"the user postgres cannot run {program}: {error}") from error
    found = re.search(r"(\d+)\.(\d+)", said)
    if not found:
        raise RuntimeError(f"{program} is no pgBackRest: it calls itself {said.strip()!r}")
    return pathlib.Path(program).absolute(), (int(found[1]), int(found[2]))


class PgBackRest(Tool):
    name = "pgBackRest"
    abilities = frozenset({"incremental", "delta", "replay", "ship"})
    # A segment counts when archive_command has said so: that is when PostgreSQL lets go of it.
    is_durable = "(SELECT last_archived_wal >= pg_walfile_name(target) FROM pg_stat_archiver)"

    def __init__(self, root, cluster, program, version):
        super().__init__(root, cluster)
        self.program = program
        for directory in (root, root / "repo", root / "log", root / "lock", root / "spool"):
            directory.mkdir()
            shutil.chown(directory, "postgres", "postgres")
        block = "repo1-block=y\n" if version >= FIRST_WITH_BLOCKS else ""
        self.config = root / "pgbackrest.conf"
        self.config.write_text(SETTINGS.format(root=root, block=block, cluster=cluster))
        self.command("stanza-create")
        cluster.set("archive_command", f"{self.program} --config={self.config} --stanza={STANZA} archive-push %p")
        self.command("check")

    def command(self, verb, *options):
        # Nothing of the caller's environment or of the host's own configuration may change what is measured.
        env = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        return as_postgres(self.program, f"--config={self.config}", f"--stanza={STANZA}", *options, verb, env=env)

    def long_lived(self):
        return [self.cluster.server] if self.cluster.server else []

    def cpu(self):
        return self.cluster.cpu()[1]

    def promise_one_second(self):
        self.cluster.set("archive_timeout", "1s")

    def promise_nothing(self):
        self.cluster.set("archive_timeout", "0")

    def full(self):
        self.backup("full")

    def incremental(self):
        self.backup("incr")

    def backup(self, kind):
        self.asked_for = kind
        self.command("backup", f"--type={kind}", "--no-expire-auto")

    def note_newest(self):
        record = json.loads(self.command("info", "--output=json"))[0]["backup"][-1]
        self.backup_id = record["label"]
        remark = "" if record["type"] == self.asked_for else f"took a {record['type']} backup instead of {self.asked_for}"
        return BackupFacts(stored_below(self.root / "repo/backup" / STANZA / record["label"]), remark=remark)

    def restore(self, target):
        self.run_restore(target, *self.to_end_of_backup())

    def delta_restore(self, target):
        self.run_restore(target, "--delta", *self.to_end_of_backup())

    def to_end_of_backup(self):
        return [f"--set={self.backup_id}", "--type=immediate", "--target-action=promote"]

    def run_restore(self, target, *options):
        if not target.exists():
            target.mkdir(mode=0o700)
            shutil.chown(target, "postgres", "postgres")
        self.command("restore", f"--pg1-path={target}", "--archive-mode=off", *options)

    def replay(self, target, check):
        fresh(target)
        self.run_restore(target)
        with open(target / "postgresql.auto.conf", "a", encoding="utf-8") as settings:
            settings.write("hot_standby = off\n")  # ours replays so, too
        server = None
        try:
            # Async prefetch runs as a daemon of its own: below the wrapper it is counted.
            server = Supervised([PG / "postgres", "-D", target], target.parent / "log", user="postgres")
            with Replay(target, server.cpu) as replay:
                wait_until(lambda: server_state(target) == "ready" or server.ended(),
                           "promotion; log in " + str(target.parent), 3600)
            check()
        finally:
            stop_server(target)
            if server:
                server.wait()
        return replay
