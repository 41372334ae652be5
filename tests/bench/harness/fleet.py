"""A fleet of Holdfast: coordinator, one store, agents."""
import json
import os

from harness.cluster import free_port, wait_until
from harness.processes import CommandFailed, Supervised, run

POLICY = """apiVersion: holdfast/v1
kind: Policy
name: bench
match: {engine: postgres}
schedule: {full: "@yearly"}
wal: {ship: stream, rpo: 1s}
"""


class Fleet:
    def __init__(self, root, build, store=None):
        """`store`: what to give to `store add NAME`, instead of a directory."""
        self.root, self.programs, self.store = root, build / "bin", root / "store"
        self.processes = {}
        fleet_port, enrol_port = free_port(), free_port()
        root.mkdir()
        root.chmod(0o755)
        run(self.programs / "holdfast", "init", "--directory", root / "fleet", "--endpoint", "127.0.0.1", "--fleet-port",
            fleet_port, "--enrol-port", enrol_port, "--no-passphrase")
        (root / "coordinator.yaml").write_text("heartbeat_seconds: 1\n")
        self.processes["coordinator"] = Supervised(
            [self.programs / "holdfast-coordinator", "--state", root / "fleet/coordinator",
             "--config", root / "coordinator.yaml", "--bind", "127.0.0.1", "--fleet-port", fleet_port,
             "--enrol-port", enrol_port], root / "coordinator.log")
        try:
            wait_until(self.answers, "the coordinator answers; logs are in " + str(root), 60)
            self.cli("store", "add", "bench", *(store or ["posix", "--path", self.store]))
            (root / "policy.yaml").write_text(POLICY)
            self.cli("policy", "apply", "-f", root / "policy.yaml")
        except BaseException:
            self.stop()
            raise

    def cli(self, *arguments):
        env = dict(os.environ, NO_COLOR="1", HOLDFAST_OPERATOR=str(self.root / "fleet/admin.operator"))
        return run(self.programs / "holdfast", *arguments, env=env)

    def items(self, *arguments):
        return json.loads(self.cli(*arguments, "-o", "json"))["items"]

    def answers(self):
        try:
            self.cli("status")
            return True
        except CommandFailed:
            return False

    def add_agent(self, name, within):
        """On the databases below that directory; backs them up as soon as it has found them."""
        token = self.cli("token", "create").split()[0]
        settings = self.root / f"{name}.yaml"
        settings.write_text(f"name: {name}\ndiscovery:\n  interval: 1s\n  within: [{within}]\n")
        self.start_agent(name, token)

    def start_agent(self, name, token=""):
        """Without a token: it has enrolled before."""
        self.processes[name] = Supervised(
            [self.programs / "holdfast-agent", "run", "--state", self.root / name, "--config", self.root / f"{name}.yaml"],
            self.root / f"{name}.log", env=dict(os.environ, HOLDFAST_TOKEN=token))

    def complete_backups(self, *database):
        """Oldest first."""
        complete = [backup for backup in self.items("backup", "list", *database) if backup["state"] == "complete"]
        return sorted(complete, key=lambda backup: backup["startedAt"])

    def wait_for_backup(self, known=()):
        """The first complete backup that is none of the known ids."""
        found = []

        def is_there():
            found[:] = [backup for backup in self.complete_backups() if backup["id"] not in known]
            return bool(found)

        wait_until(is_there, "first backup; logs are in " + str(self.root), 3600)
        return found[0]

    def stop(self):
        for process in reversed(list(self.processes.values())):
            process.terminate()
        for process in self.processes.values():
            process.wait()
