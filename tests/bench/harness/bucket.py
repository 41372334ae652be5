"""A real S3 server for a bench, and what writes into it: our agent, restic, single PUTs one after the other."""
import os
import pathlib
import re
import shutil
import time

from harness.fleet import Fleet
from harness.processes import CommandFailed, run

TOP = pathlib.Path(__file__).resolve().parent.parent.parent.parent
OBJECT_BYTES = 32 << 20  # about what a pack of ours has


class Server:
    """A context: tests/s3-server, which is gone with its directory."""

    def __init__(self, directory, port):
        self.directory = directory
        text = run(TOP / "tests/s3-server", "start", directory, port)
        found = dict(re.findall(r"export HOLDFAST_TEST_S3_(\w+)=(\S+)", text))
        self.endpoint, self.bucket = found["ENDPOINT"], found["BUCKET"]
        self.key, self.secret = found["ACCESS_KEY"], found["SECRET_KEY"]

    def environment(self):
        return dict(os.environ, AWS_ACCESS_KEY_ID=self.key, AWS_SECRET_ACCESS_KEY=self.secret)

    def curl(self, *arguments):
        # Debian's curl has to be told what it signs for the body.
        run("curl", "-sSf", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", f"{self.key}:{self.secret}",
            "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", *arguments)

    def __enter__(self):
        try:
            self.curl("-X", "PUT", f"{self.endpoint}/{self.bucket}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        run(TOP / "tests/s3-server", "stop", self.directory)


class Ours:
    """Full backups of the running cluster by its agent."""

    name = "holdfast"

    def __init__(self, server, cluster, root, build):
        credentials = root.parent / "bucket.key"
        credentials.write_text(f"[default]\naws_access_key_id = {server.key}\naws_secret_access_key = {server.secret}\n")
        credentials.chmod(0o600)
        self.fleet = Fleet(root, build, ["s3", "--endpoint", server.endpoint, "--bucket", server.bucket, "--prefix", "ours",
                                         "--credentials", credentials])
        try:
            self.fleet.add_agent("bench", cluster.root)
            self.fleet.wait_for_backup()
        except BaseException:
            self.stop()
            raise

    def cpu(self):
        return sum(process.cpu() for process in self.fleet.processes.values())

    def back_up(self):
        self.fleet.cli("backup", "create", "--all", "--type", "full", "--timeout", "6h")
        return self.fleet.complete_backups()[-1]["storedBytes"]

    def stop(self):
        self.fleet.stop()


class Restic:
    """The same files, a new repository each time: otherwise it would find all of them there. No database is asked, so what
    it stores could not be restored to one; its work is the same."""

    name = "restic"

    def __init__(self, server, cluster):
        self.server, self.data, self.number = server, cluster.data, 0

    def cpu(self):
        return 0.0  # of commands only

    def restic(self, *arguments):
        repository = f"s3:{self.server.endpoint}/{self.server.bucket}/restic-{self.number}"
        return run("restic", "-r", repository, "--no-cache", "-q", *arguments,
                   env=dict(self.server.environment(), RESTIC_PASSWORD="bench"))

    def make_room(self):
        self.number += 1
        self.restic("init")

    def back_up(self):
        try:
            self.restic("backup", self.data)
        except CommandFailed as failed:
            if "exit 3" not in str(failed):  # a file was gone when it came to it
                raise
        return int(re.search(r'"total_size":(\d+)', self.restic("stats", "--mode", "raw-data", "--json"))[1])

    def stop(self):
        pass


class SinglePuts:
    """As many bytes as our backup stores, in objects of its size, by curl, one after the other: what the gateway takes from
    somebody who does nothing else."""

    name = "single PUTs"

    def __init__(self, server, root):
        self.server, self.file, self.number, self.bytes = server, root / "object", 0, 0
        self.file.write_bytes(os.urandom(OBJECT_BYTES))

    def cpu(self):
        return 0.0

    def back_up(self):
        count = max(1, round(self.bytes / OBJECT_BYTES))
        for _ in range(count):
            self.number += 1
            self.server.curl("-T", self.file, f"{self.server.endpoint}/{self.server.bucket}/single/{self.number}")
        return count * OBJECT_BYTES

    def stop(self):
        pass


def have_restic():
    return shutil.which("restic") is not None


def timed(tool):
    """(wall s, CPU s, bytes stored)"""
    getattr(tool, "make_room", lambda: None)()
    before, start = os.times(), time.monotonic()
    own = tool.cpu()
    stored = tool.back_up()
    wall, after = time.monotonic() - start, os.times()
    commands = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, tool.cpu() - own + commands, stored
