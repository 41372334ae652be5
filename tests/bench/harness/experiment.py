"""All measures on a database of one size."""
import dataclasses

from harness import latency
from harness.measures import Measures
from harness.scene import Scene, say


@dataclasses.dataclass
class Outcome:
    size_bytes: int
    samples: dict  # by measure, then tool: Samples in the order they were taken
    delays: dict  # by tool: seconds from COMMIT to durable
    first_backup: tuple  # seconds from a new host's start, bytes of its database


def measure(size_gb, options):
    with Scene(size_gb, options.rounds, options.build_dir) as scene:
        measures = Measures(scene)
        for number in range(options.rounds):
            say(f"round {number + 1} of {options.rounds}")
            measures.run_round()
        measures.run_ships(options.ship_seconds, options.rounds)
        first_backup = latency.new_host_to_first_backup(scene.work, scene.ours.fleet)
        measures.run_replays(options.wal_gb * 1e9, options.rounds)
        return Outcome(scene.size_bytes, measures.samples, measures.delays, first_backup)
