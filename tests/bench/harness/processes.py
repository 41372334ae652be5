"""Trees of processes: what they used and what they hold, from /proc."""
import collections
import os
import pathlib
import signal
import subprocess
import sys

TICK = os.sysconf("SC_CLK_TCK")
SUBREAPER = pathlib.Path(__file__).with_name("subreaper.py")
SUBREAPER_NAME = "bench-subreaper"

# cpu: user and system seconds of the process itself; reaped: those of the children it has waited for, and of theirs.
Process = collections.namedtuple("Process", "pid parent name cpu reaped")


class CommandFailed(RuntimeError):
    pass


def run(*command, user=None, env=None):
    """Standard output of a command that must succeed."""
    command = [str(part) for part in command]
    who = {"user": user, "group": user, "extra_groups": []} if user else {}
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, env=env, check=False, **who)
    if done.returncode != 0:
        raise CommandFailed(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def as_postgres(*command, env=None):
    return run(*command, user="postgres", env=env)


def process_table():
    """Every process of the machine by pid, about 1 ms for a hundred of them."""
    table = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:
                head, _, tail = stat.read().rpartition(")")
        except OSError:
            continue  # gone meanwhile
        fields = tail.split()
        own, reaped = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
        table[int(entry)] = Process(int(entry), int(fields[1]), head.partition("(")[2], own / TICK, reaped / TICK)
    return table


def below(table, roots):
    """The roots and their descendants."""
    children = collections.defaultdict(list)
    for process in table.values():
        children[process.parent].append(process.pid)
    found, waiting = {}, [root for root in roots if root in table]
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found[pid] = table[pid]
            waiting += children[pid]
    return list(found.values())


def memory_bytes(pid):
    """Its share of the memory it has mapped: what two processes share, a forked child's copy too, counts once in their sum.

    About 1 ms for 200 MB; 0 when the process is gone.
    """
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as summary:
            return next((int(line.split()[1]) * 1024 for line in summary if line.startswith("Pss:")), 0)
    except OSError:
        return 0


def cpu_below(root):
    """User and system seconds of a process and all that were ever below it, as long as their parents waited for them."""
    return sum(process.cpu + process.reaped for process in below(process_table(), [root]))


class Supervised:
    """A long-lived program and everything that it starts, daemons included: see subreaper.py."""

    def __init__(self, command, log, user=None, env=None):
        with open(log, "ab") as output:
            # In a session of its own: an interrupt on the terminal is the bench's, which then stops all in order.
            self.wrapper = subprocess.Popen([sys.executable, str(SUBREAPER), user or "", *map(str, command)], cwd="/",
                                            stdout=output, stderr=output, env=env, start_new_session=True)

    @property
    def pid(self):
        return self.wrapper.pid

    def cpu(self):
        return cpu_below(self.pid)

    def ended(self):
        return self.wrapper.poll() is not None

    def terminate(self):
        if not self.ended():
            self.wrapper.send_signal(signal.SIGTERM)

    def wait(self, seconds=60):
        try:
            self.wrapper.wait(seconds)
        except subprocess.TimeoutExpired:
            for process in below(process_table(), [self.pid]):
                os.kill(process.pid, signal.SIGKILL)
            self.wrapper.wait()
