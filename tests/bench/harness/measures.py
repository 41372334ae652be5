"""The rounds: each measure by each tool, one after the other, whoever begins changing from round to round."""
import collections
import dataclasses
import shutil
import statistics

from harness import latency, meter, workload
from harness.scene import say
from harness.tool import fresh

FULL = "full backup"
RESTORE = "restore of the full"
DELTA = "delta restore, 1 % damaged"
ONE_ROW = "incremental, 1 row"
ONE_PERCENT = "incremental, 1 % of pages"
FIFTEEN_PERCENT = "incremental, 15 % of pages"
CHAIN = "restore of full + 3 incrementals"
SHIP_P50 = "COMMIT to durable, p50"
SHIP_P99 = "COMMIT to durable, p99"
REPLAY = "replay of {:.1f} GB of WAL"


class Measures:
    """Samples by measure and tool, in the order of the table."""

    def __init__(self, scene):
        self.scene = scene
        self.samples = collections.defaultdict(lambda: collections.defaultdict(list))
        self.delays = collections.defaultdict(list)  # seconds, by tool
        self.round = 0
        self.newest_backup_lsn = None

    def run_round(self):
        scene = self.scene
        for tool in self.turn():
            tool.make_room()
            self.backup(FULL, tool, tool.full)
        for tool in self.turn():
            self.restore(RESTORE, tool)
            if "delta" in tool.abilities:
                self.delta_restore(tool)
            shutil.rmtree(scene.work / "restored")
        workload.change_one_row(scene.cluster)
        self.incrementals(ONE_ROW)
        for measure, share in ((ONE_PERCENT, 0.01), (FIFTEEN_PERCENT, 0.15)):
            hit = workload.change_pages(scene.cluster, share)
            say(f"  updates hit {hit:.1%} of the pages of {workload.BIG_TABLE}")
            self.incrementals(measure)
        for tool in self.turn("incremental"):
            self.restore(CHAIN, tool)
            shutil.rmtree(scene.work / "restored")
        self.newest_backup_lsn = scene.cluster.wal_position()
        self.round += 1

    def run_ships(self, seconds, rounds):
        """Every tool's probe takes about that many seconds, over all rounds. Percentiles are those of all rounds together."""
        for _ in range(rounds):
            for tool in self.turn("ship"):
                self.settle()
                self.delays[tool.name] += latency.commit_to_durable(self.scene.cluster, tool, seconds // rounds)
            self.round += 1
        for tool in self.turn("ship"):
            delays = sorted(self.delays[tool.name])
            self.keep(SHIP_P50, tool, meter.Sample(statistics.median(delays)))
            self.keep(SHIP_P99, tool, meter.Sample(delays[int((len(delays) - 1) * 0.99)]))

    def run_replays(self, wal_bytes, rounds):
        """The last thing: the cluster is stopped, because the restored ones take its place."""
        scene = self.scene
        written = workload.write_wal(scene.cluster, self.newest_backup_lsn, wal_bytes)
        state = workload.last_state(scene.cluster)
        scene.cluster.archive_all()
        self.settle()
        scene.cluster.stop()
        measure = REPLAY.format(written / 1e9)

        def check():
            if workload.last_state(scene.cluster) != state:
                raise RuntimeError("the restored server has not replayed everything")

        for _ in range(rounds):
            for tool in self.turn("replay"):
                replays = []
                target = scene.target(tool)
                sample = meter.measure(lambda: replays.append(tool.replay(target, check)), tool, scene.cluster)
                shutil.rmtree(scene.work / "restored")
                # The server that replays is below the tool, or the other way round: its CPU is in the tool's.
                self.keep(measure, tool, dataclasses.replace(sample, wall=replays[0].wall, cpu=replays[0].cpu_used,
                                                             server_cpu=None))
            self.round += 1

    def turn(self, ability=None):
        """The tools that can, beginning with another one in each round."""
        able = [tool for tool in self.scene.tools if ability is None or ability in tool.abilities]
        first = self.round % len(able)
        return able[first:] + able[:first]

    def incrementals(self, measure):
        for tool in self.turn("incremental"):
            self.backup(measure, tool, tool.incremental)

    def backup(self, measure, tool, action):
        sample = self.sample(tool, action)
        facts = tool.note_newest()
        self.keep(measure, tool, dataclasses.replace(sample, **dataclasses.asdict(facts)))

    def restore(self, measure, tool):
        target = self.scene.target(tool)
        fresh(target)
        self.keep(measure, tool, self.sample(tool, lambda: tool.restore(target)))

    def delta_restore(self, tool):
        target = self.scene.target(tool)
        damage = workload.Damage(target, 0.01, seed=self.round)
        self.keep(DELTA, tool, self.sample(tool, lambda: tool.delta_restore(target)))
        damage.check_repaired()

    def sample(self, tool, action):
        self.settle()
        return meter.measure(action, tool, self.scene.cluster)

    def settle(self):
        """Until no tool has anything left to do."""
        for each in self.scene.tools:
            each.settle()

    def keep(self, measure, tool, sample):
        self.samples[measure][tool.name].append(sample)
        say(f"  {measure}, {tool.name}: {sample.wall:.2f} s" + (f" -- {sample.remark}" if sample.remark else ""))
