"""Medians and ratios as Markdown tables."""
import os
import pathlib
import platform
import re
import statistics

from harness.holdfast import Holdfast

OURS = Holdfast.name
# Attribute of a Sample, heading, what one unit of the heading is.
FIGURES = (("wall", "wall s", 1), ("cpu", "CPU s", 1), ("peak_bytes", "peak MiB", 1024 * 1024),
           ("stored_bytes", "stored MB", 1e6))
SERVER = ("server_cpu", "server's CPU s", 1)  # shown, never compared: some tools read files, others have the server read them
NONE = "–"


def machine():
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    processor = model[1] if model else platform.machine()
    return f"{os.cpu_count()} cores ({processor}), {memory:.0f} GiB memory, Linux {platform.release()}"


def median(samples, figure):
    """None when the tool has not that figure."""
    values = [getattr(sample, figure) for sample in samples]
    return None if not values or None in values else statistics.median(values)


def ratio(ours, theirs, figure):
    """Also None when one of them measured something else than what was asked for."""
    if remarks_of(ours) or remarks_of(theirs):
        return None
    mine, other = median(ours, figure), median(theirs, figure)
    return mine / other if mine is not None and other else None


def shown(value, unit=1):
    if value is None:
        return NONE
    value /= unit
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def table(headings, rows):
    """Markdown whose columns are aligned for reading as it is."""
    widths = [max(len(row[i]) for row in [headings, *rows]) for i in range(len(headings))]

    def line(cells):
        return "| " + " | ".join(cell.ljust(width) if i < 2 else cell.rjust(width)
                                 for i, (cell, width) in enumerate(zip(cells, widths))) + " |"

    rule = "|" + "|".join("-" * (width + 2) if i < 2 else "-" * (width + 1) + ":" for i, width in enumerate(widths)) + "|"
    return "\n".join([line(headings), rule, *map(line, rows)])


def marked(name, samples):
    wrong = len(remarks_of(samples))
    return f"{name} **(not so in {wrong} of {len(samples)}: see below)**" if wrong else name


def remarks_of(samples):
    return [sample.remark for sample in samples if sample.remark]


def ours_first(tools):
    return sorted(tools, key=lambda name: name != OURS)


def main_table(results):
    """A line for each measure and tool; a rival's ratios are ours to it, so that less than 1 is in our favour."""
    headings = ["", "tool"]
    for _, heading, _ in FIGURES:
        headings += [heading, "ratio"]
    rows = []
    for measure, tools in results.items():
        for name in ours_first(tools):
            cells = [measure if name == OURS or OURS not in tools else "", marked(name, tools[name])]
            for figure, _, unit in FIGURES:
                cells += [shown(median(tools[name], figure), unit),
                          "" if name == OURS else shown(ratio(tools.get(OURS, []), tools[name], figure))]
            rows.append(cells + [shown(median(tools[name], SERVER[0]), SERVER[2])])
    return table(headings + [SERVER[1]], rows)


def growth_table(results):
    """Wall seconds by size. `results`: (bytes of the database, samples by measure and tool), smallest first."""
    smallest, largest = results[0][1], results[-1][1]
    rows = []
    for measure, tools in smallest.items():
        if measure not in largest:
            continue  # has the amount in its name, which differed
        for name in ours_first(tools):
            samples = [by_measure[measure][name] for _, by_measure in results]
            wrong = any(remarks_of(some) for some in samples)
            rows.append([measure if name == OURS else "", name] + [shown(median(some, "wall")) for some in samples] +
                        [NONE if wrong else shown(ratio(samples[-1], samples[0], "wall"))])
    return table(["wall s", "tool", *(f"{size / 1e9:.1f} GB" for size, _ in results), "largest / smallest"], rows)


def notes(results):
    """A line for each row whose figures are not what it is called, and for each incremental of ours."""
    lines = []
    for measure, tools in results.items():
        for name, samples in tools.items():
            for remark in sorted(set(remarks_of(samples))):
                lines.append(f"warning: {measure}: {name} {remark}")
            if (pages := median(samples, "read_pages")) is not None:
                lines.append(f"{measure}: {name} read {pages:.0f} pages")
    return lines
