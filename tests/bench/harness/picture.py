"""The figures as a picture."""
import sys

from harness.report import FIGURES, OURS, median, ratio, remarks_of, shown


def check():
    """Before hours of measuring, not after them."""
    try:
        import matplotlib  # pylint: disable=import-outside-toplevel
    except ImportError as error:
        raise RuntimeError(f"--plot needs matplotlib, which {sys.executable} does not have: apt-get install python3-matplotlib "
                           "and run /usr/bin/python3 tests/bench/compare ...") from error
    matplotlib.use("Agg")


def save(figure, path, title):
    figure.suptitle(title, fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def draw_ratios(results, path, title):
    """Bars of our ratios to each rival; they begin at 1, which is the rival, and half is as long as twice."""
    check()
    from matplotlib import pyplot  # pylint: disable=import-outside-toplevel
    rivals = list(dict.fromkeys(name for tools in results.values() for name in tools if name != OURS))
    figure, axes = pyplot.subplots(1, max(1, len(rivals)), figsize=(6.5 * max(1, len(rivals)), 1.5 + 0.75 * len(results)),
                                   squeeze=False)
    for axis, rival in zip(axes[0], rivals):
        draw_rival(axis, rival, {measure: tools for measure, tools in results.items() if OURS in tools and rival in tools})
    save(figure, path, title)


def draw_rival(axis, rival, results):
    height = 0.8 / len(FIGURES)
    for number, (attribute, heading, _) in enumerate(FIGURES):
        bars = [(place + number * height, value) for place, tools in enumerate(results.values())
                if (value := ratio(tools[OURS], tools[rival], attribute)) is not None]
        drawn = axis.barh([at for at, _ in bars], [value - 1 for _, value in bars], height, left=1, label=heading.split()[0])
        axis.bar_label(drawn, [shown(value) for _, value in bars], fontsize=7, padding=2)
    axis.set_yticks([place + 0.4 - height / 2 for place in range(len(results))],
                    [measure + (" (!)" if remarks_of(tools[OURS] + tools[rival]) else "")
                     for measure, tools in results.items()])
    axis.invert_yaxis()
    axis.axvline(1, color="black", linewidth=1)
    axis.set_title(f"{OURS} / {rival}, less is better")
    axis.set_xscale("log")
    axis.margins(x=0.15)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=len(FIGURES), fontsize=8)


def draw_growth(results, path, title):
    """A panel for each measure: wall time over the size of the database, a line for each tool."""
    check()
    from matplotlib import pyplot  # pylint: disable=import-outside-toplevel
    measures = [measure for measure in results[0][1] if all(measure in samples for _, samples in results)]
    columns = 4
    lines = -(-len(measures) // columns)
    figure, axes = pyplot.subplots(lines, columns, figsize=(4 * columns, 3 * lines), squeeze=False)
    for axis in axes.flat[len(measures):]:
        axis.axis("off")
    for axis, measure in zip(axes.flat, measures):
        highest = 0
        for name in results[0][1][measure]:
            walls = [median(samples[measure][name], "wall") for _, samples in results]
            axis.plot([size / 1e9 for size, _ in results], walls, marker="o", label=name)
            highest = max(highest, *walls)
        axis.set_ylim(0, 1.2 * highest)
        axis.set_title(measure, fontsize=9)
        axis.set_xlabel("GB", fontsize=8)
        axis.set_ylabel("wall s", fontsize=8)
        axis.legend(fontsize=7)
    save(figure, path, title)
