"""What one action cost: wall time, CPU of the tool and of the server, peak memory of the tool."""
import dataclasses
import os
import threading
import time

from harness.processes import SUBREAPER_NAME, below, memory_bytes, process_table

SAMPLE_SECONDS = 0.1
NOT_THE_TOOL = {"postgres", SUBREAPER_NAME}


@dataclasses.dataclass
class Sample:
    wall: float
    cpu: float | None = None  # of the tool and its children
    server_cpu: float | None = None  # of PostgreSQL's processes, on whose behalf ever
    peak_bytes: int | None = None
    stored_bytes: int | None = None
    read_pages: int | None = None
    remark: str = ""  # why the figures are not what the row's name says


class MemoryWatch:
    """Most memory that a tool's processes had together, sampled.

    They are what runs below its long-lived processes and below commands that this program starts meanwhile.
    PostgreSQL's own processes do not count.
    """

    def __init__(self, long_lived):
        self.roots = [process.pid for process in long_lived]
        self.before = {pid for pid, process in process_table().items() if process.parent == os.getpid()}
        self.peak = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while True:
            self.look()
            if self.stop.wait(SAMPLE_SECONDS):
                return

    def look(self):
        table = process_table()
        commands = [pid for pid, process in table.items() if process.parent == os.getpid() and pid not in self.before]
        holding = [process for process in below(table, self.roots + commands) if process.name not in NOT_THE_TOOL]
        self.peak = max(self.peak, sum(memory_bytes(process.pid) for process in holding))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        self.look()


def own_children_cpu():
    times = os.times()
    return times.children_user + times.children_system


def measure(action, tool, cluster):
    """Runs the action. CPU of the tool: that of the commands this program waits for, and tool.cpu()."""
    with MemoryWatch(tool.long_lived()) as memory:
        cpu_before, server_before, start = own_children_cpu() + tool.cpu(), cluster.cpu()[0], time.monotonic()
        action()
        wall = time.monotonic() - start
        cpu, server_cpu = own_children_cpu() + tool.cpu() - cpu_before, cluster.cpu()[0] - server_before
    return Sample(wall, cpu, server_cpu, memory.peak)
