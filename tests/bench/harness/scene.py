"""One cluster, filled, with all tools set up on it."""
import pathlib
import shutil
import signal
import sys
import tempfile

from harness import pgbackrest, workload
from harness.cluster import Cluster
from harness.holdfast import Holdfast
from harness.pg_basebackup import PgBasebackup
from harness.pgbackrest import PgBackRest

# In sizes of the database, whose backups take less than a third of it: cluster and its log, one restored copy and what a
# delta restore sets aside, pg_basebackup's one backup; then, kept until the end, two tools' backups of each round.
ROOM, ROOM_PER_ROUND = 4.0, 1.0
ROOM_FOR_LOG = 10e9


def say(text):
    print(text, file=sys.stderr, flush=True)


class Scene:
    """A context: leaving it stops everything; its directory stays only when an error left it."""

    def __init__(self, size_gb, rounds, build):
        self.build = build
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-bench-", dir="/var/tmp"))
        self.work.chmod(0o755)
        self.cluster, self.tools, self.size_bytes = None, [], 0
        try:
            self.set_up(size_gb, rounds)
        except BaseException as error:
            self.leave(error)
            raise

    def set_up(self, size_gb, rounds):
        free, needed = shutil.disk_usage(self.work).free, size_gb * 1e9 * (ROOM + ROOM_PER_ROUND * rounds) + ROOM_FOR_LOG
        if free < needed:
            raise RuntimeError(f"/var/tmp has {free / 1e9:.0f} GB free; {rounds} rounds on {size_gb:g} GB of database need "
                               f"{needed / 1e9:.0f}")
        say(f"building a database of about {size_gb:g} GB in {self.work}")
        self.cluster = Cluster(self.work / "cluster")
        self.cluster.start()
        self.size_bytes = workload.fill(self.cluster, size_gb)
        # First, so that later ones see the settings that they are measured with.
        rival = pgbackrest.find_program()
        if rival:
            self.tools.append(PgBackRest(self.work / "pgbackrest", self.cluster, *rival))
        self.tools.append(PgBasebackup(self.work / "pg_basebackup", self.cluster))
        self.tools.insert(0, Holdfast(self.work / "fleet", self.cluster, self.build))

    @property
    def ours(self):
        return self.tools[0]

    def target(self, tool):
        """Where that tool restores to."""
        return self.work / "restored" / tool.name / "data"

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.leave(error)

    def leave(self, error):
        # Who is impatient would leave servers and gigabytes behind.
        before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            for tool in self.tools:
                tool.stop()
            if self.cluster:
                self.cluster.stop()
        finally:
            if error is None or isinstance(error, KeyboardInterrupt):
                shutil.rmtree(self.work, ignore_errors=True)
            else:
                say(f"left for looking: {self.work}")
            for number, handler in before.items():
                signal.signal(number, handler)
