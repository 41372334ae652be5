"""What every tool under comparison is to the bench, and what they share."""
import abc
import dataclasses
import pathlib
import shutil
import threading
import time

from harness.cluster import server_state


@dataclasses.dataclass(frozen=True)
class BackupFacts:
    stored_bytes: int
    read_pages: int | None = None  # of the cluster, when the tool says so
    remark: str = ""  # why it is not the kind of backup that was asked for


class Tool(abc.ABC):
    """One tool on one cluster. Its data lies below `root`. Verbs return when what they did is durable."""

    name = ""
    # Of "incremental", "delta", "replay", "ship": what it can do besides full backup and restore.
    abilities = frozenset()

    def __init__(self, root, cluster):
        self.root, self.cluster = root, cluster
        self.backup_id = self.asked_for = None

    def long_lived(self):
        """Supervised processes below which it works besides its commands; PostgreSQL's among them are not its own."""
        return []

    def cpu(self):
        """CPU seconds below the long-lived ones, without PostgreSQL's, growing."""
        return sum(process.cpu() for process in self.long_lived())

    def settle(self):
        """Waits until nothing of earlier actions is under way."""
        self.cluster.settle()

    def make_room(self):
        """Before full(), not measured."""

    @abc.abstractmethod
    def full(self): ...

    @abc.abstractmethod
    def note_newest(self):
        """Remembers the backup that full() or incremental() has just made, and gives its BackupFacts."""

    @abc.abstractmethod
    def restore(self, target):
        """The remembered backup to its own end, into a new directory; the server is not started."""

    def incremental(self):
        raise NotImplementedError

    def delta_restore(self, target):
        """The same backup as restore() over what is there."""
        raise NotImplementedError

    def replay(self, target, check):
        """Restores the remembered backup with all of the log and returns the Replay. check() is called while the restored
        server runs in the place of the original, which is stopped."""
        raise NotImplementedError

    # SQL, true when the commit that ended at the position `target` is durable in the tool's store.
    is_durable = None

    def promise_one_second(self):
        """Sets it up to lose at most one second of commits."""

    def promise_nothing(self):
        """Takes that back."""

    def stop(self):
        pass


def fresh(target):
    """The directory's parent is the postgres user's and empty, the directory itself is not there."""
    shutil.rmtree(target.parent, ignore_errors=True)
    target.parent.mkdir(parents=True)
    shutil.chown(target.parent, "postgres", "postgres")


def stored_below(path):
    return sum(file.stat().st_size for file in pathlib.Path(path).rglob("*") if file.is_file())


class Replay:
    """From the start of a server in `data` to its promotion, seen from its postmaster.pid."""

    def __init__(self, data, cpu):
        self.data, self.cpu = data, cpu
        self.wall = self.cpu_used = None  # seconds
        self.given_up = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def wait_for(self, holds):
        while not holds():
            if self.given_up.is_set():
                return False
            time.sleep(0.005)
        return True

    def watch(self):
        if not self.wait_for(lambda: server_state(self.data) is not None):
            return
        start, cpu = time.monotonic(), self.cpu()
        if self.wait_for(lambda: server_state(self.data) == "ready"):
            self.wall, self.cpu_used = time.monotonic() - start, self.cpu() - cpu

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        # A server that was seen ready by the action is seen by the thread within its interval.
        self.thread.join(0 if kind else 5)
        self.given_up.set()
        self.thread.join()
        if kind is None and self.wall is None:
            raise RuntimeError(f"the server in {self.data} was not promoted")
