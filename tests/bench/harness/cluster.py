"""A throw-away PostgreSQL."""
import os
import pathlib
import shutil
import socket
import subprocess
import time

from harness.processes import SUBREAPER_NAME, Supervised, as_postgres, below, process_table

PG = pathlib.Path("/usr/lib/postgresql/15/bin")
SETTINGS = {
    "listen_addresses": "''",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    # Pages that change are those that the bench changes.
    "autovacuum": "off",
    # Changing archive_mode takes a restart, archive_command does not. Until somebody archives, nothing is kept.
    "archive_mode": "on",
    "archive_command": "'/bin/true'",
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(holds, what, seconds=600):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError("timed out: " + what)
        time.sleep(0.02)


def server_state(data):
    """What postmaster.pid says ("starting", "standby", "ready" ...), None without one."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    return lines[7].strip() if len(lines) > 7 else "starting"  # LOCK_FILE_LINE_PM_STATUS, src/include/utils/pidfile.h


def stop_server(data):
    if server_state(data) is not None:
        as_postgres(PG / "pg_ctl", "-D", data, "-m", "fast", "-w", "-t", "600", "stop")


def is_archiver(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"postgres: archiver")
    except OSError:
        return False


class Cluster:
    def __init__(self, root):
        self.root, self.data, self.port = root, root / "data", free_port()
        self.server = None
        root.mkdir()
        shutil.chown(root, "postgres", "postgres")
        as_postgres(PG / "initdb", "-D", self.data, "--data-checksums", "-A", "trust", "-E", "UTF8", "--locale", "C")
        settings = {**SETTINGS, "port": self.port, "unix_socket_directories": f"'{root}'"}
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.writelines(f"{name} = {value}\n" for name, value in settings.items())

    def start(self):
        self.server = Supervised([PG / "postgres", "-D", self.data], self.root / "log", user="postgres")

        def is_up():
            if self.server.ended():
                raise RuntimeError("PostgreSQL does not start: " + (self.root / "log").read_text()[-2000:])
            return server_state(self.data) == "ready"

        wait_until(is_up, "start of PostgreSQL", 120)

    def stop(self):
        if self.server:
            try:
                stop_server(self.data)
            finally:
                self.server.wait()
                self.server = None

    def connection(self):
        return ["-h", self.root, "-p", self.port]

    def sql(self, text):
        return as_postgres(PG / "psql", *self.connection(), "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", text, "postgres").strip()

    def script(self, text):
        """Several statements, each in its own transaction; gives standard output and standard error."""
        command = [PG / "psql", *self.connection(), "-XAtq", "-v", "ON_ERROR_STOP=1", "postgres"]
        done = subprocess.run(list(map(str, command)), input=text, cwd="/", capture_output=True, text=True, check=False,
                              user="postgres", group="postgres", extra_groups=[])
        if done.returncode != 0:
            raise RuntimeError("psql: " + done.stderr[-2000:])
        return done.stdout, done.stderr

    def pgbench(self, *options, settings=""):
        return as_postgres(PG / "pgbench", *self.connection(), *options, "postgres",
                           env=dict(os.environ, PGOPTIONS=settings))

    def set(self, name, value):
        self.sql(f"ALTER SYSTEM SET {name} = " + "'" + value.replace("'", "''") + "'")
        self.sql("SELECT pg_reload_conf()")

    def settle(self):
        """Nothing is dirty and nothing waits for the archive: the next action pays for itself only."""
        self.sql("CHECKPOINT")
        status = self.data / "pg_wal/archive_status"
        wait_until(lambda: not any(status.glob("*.ready")), "archive_command: see " + str(self.root / "log"))
        os.sync()

    def archive_all(self):
        """Everything written so far is in the archive."""
        self.sql("SELECT pg_switch_wal()")
        self.settle()

    def wal_position(self):
        return self.sql("SELECT pg_current_wal_insert_lsn()")

    def cpu(self):
        """(Seconds of the server's own processes, seconds of what archive_command has started), both growing."""
        if not self.server:
            return 0.0, 0.0
        processes = below(process_table(), [self.server.pid])
        # Daemons that archive_command leaves behind are reaped by the wrapper, its other commands by the archiver.
        archiving = sum(process.reaped for process in processes if process.pid == self.server.pid or is_archiver(process.pid))
        archiving += sum(process.cpu + process.reaped for process in processes
                         if process.name not in ("postgres", SUBREAPER_NAME))
        return sum(process.cpu + process.reaped for process in processes) - archiving, archiving

    def size(self):
        return int(self.sql("SELECT sum(pg_database_size(oid)) FROM pg_database"))
