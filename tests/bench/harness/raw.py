"""Every figure that was taken, for whoever wants other statistics than medians."""
import dataclasses
import json


def write(path, setting, outcomes):
    """Complete or not at all: what an earlier size gave is not lost when a later one fails."""
    text = json.dumps({"setting": setting, "sizes": [shape(outcome) for outcome in outcomes]}, indent=1)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(text + "\n", encoding="utf-8")
    unfinished.replace(path)


def shape(outcome):
    return {
        "databaseBytes": outcome.size_bytes,
        "samples": [{"measure": measure, "tool": tool, **dataclasses.asdict(sample)}
                    for measure, tools in outcome.samples.items() for tool, samples in tools.items() for sample in samples],
        "commitToDurableSeconds": outcome.delays,
        "newHostToFirstBackup": {"seconds": outcome.first_backup[0], "databaseBytes": outcome.first_backup[1]},
    }
