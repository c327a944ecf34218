"""Table and curves of finished runs of `state_tracking.py`.

    python benchmarks/state_tracking_report.py docs/results/state-tracking/*.json --picture docs/results/state-tracking.png

Prints scaled accuracy in per cent, worst, median and best of the seeds, for every rule and learning rate that was run. The
picture needs matplotlib (`pip install matplotlib`): each model is a thin line, the median of a rule's best rate a thick one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

SHOWN = ("40", "160", "256", "512")
GOAL = "256"
COLOURS = {"full": "tab:blue", "no-rotation": "tab:orange", "mamba-2": "tab:red"}
NAMES = {"full": "Mamba-3", "no-rotation": "without rotation", "mamba-2": "Mamba-2's rule"}


@dataclass(frozen=True)
class Group:
    """The seeds of one rule, learning rate and initial step size: numbers of the run's members."""

    rule: str
    rate: float
    dt_max: float
    members: tuple[int, ...]

    def at(self, run: dict[str, Any], length: str) -> list[float]:
        """Scaled accuracies of the seeds at ``length``, the worst first."""
        return sorted(run["curve"][length][i] for i in self.members)


def groups(run: dict[str, Any]) -> Iterator[Group]:
    keys = dict.fromkeys((m["rule"], m["rate"], m["dt_max"]) for m in run["members"])
    for key in keys:
        same = (i for i, m in enumerate(run["members"]) if (m["rule"], m["rate"], m["dt_max"]) == key)
        yield Group(*key, tuple(same))


def best(run: dict[str, Any]) -> dict[str, Group]:
    """Each rule's group of the highest median at the goal."""
    found: dict[str, Group] = {}
    for group in groups(run):
        other = found.get(group.rule)
        if other is None or median(group.at(run, GOAL)) > median(other.at(run, GOAL)):
            found[group.rule] = group
    return found


def table(runs: dict[str, dict[str, Any]]) -> str:
    """Markdown: a line for each group of seeds."""
    lines = ["| run | rule | learning rate | dt_max | seeds | " + " | ".join(f"at {n}" for n in SHOWN) + " |"]
    lines.append("|---|---|---:|---:|---:|" + "---:|" * len(SHOWN))
    for name, run in runs.items():
        for group in groups(run):
            figures = (" / ".join(f"{100 * f(group.at(run, n)):.1f}" for f in (min, median, max)) for n in SHOWN)
            head = f"{name} | {NAMES[group.rule]} | {group.rate:g} | {group.dt_max:g} | {len(group.members)}"
            lines.append(f"| {head} | {' | '.join(figures)} |")
    return "\n".join(lines)


def picture(runs: dict[str, dict[str, Any]], path: Path) -> None:
    """A row for each run: while training, and over lengths at the end."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, rows = plt.subplots(len(runs), 2, figsize=(11, 3.4 * len(runs)), squeeze=False, layout="constrained")
    for (left, right), (name, run) in zip(rows, runs.items(), strict=True):
        draw_training(left, run)
        draw_lengths(right, run)
        left.set_title(f"{name}: at length {GOAL} while training")
        right.set_title(f"{name}: after training")
    rows[0][1].legend()
    figure.savefig(path, dpi=110)


def draw_training(axes: Any, run: dict[str, Any]) -> None:
    steps = [entry["step"] for entry in run["history"]]
    chosen = best(run)
    for group in groups(run):
        seen = [[entry[f"at {GOAL}"][i] for entry in run["history"]] for i in group.members]
        draw(axes, steps, seen, group, chosen[group.rule] == group)
    axes.set_xlabel("steps")
    axes.set_ylabel("scaled accuracy")


def draw_lengths(axes: Any, run: dict[str, Any]) -> None:
    chosen = best(run)
    for group in groups(run):
        seen = [[rights[i] for rights in run["curve"].values()] for i in group.members]
        draw(axes, [int(n) for n in run["curve"]], seen, group, chosen[group.rule] == group)
    axes.axvspan(0, run["settings"]["stages"][-1], color="0.93", zorder=0)
    axes.set_xlim(left=0)
    axes.set_xlabel("tokens read (grey: lengths seen in training)")


def draw(axes: Any, x: list[int], seen: list[list[float]], group: Group, chosen: bool) -> None:
    """One thin line a seed; a thick one of their median if this is the rule's best rate."""
    for line in seen:
        axes.plot(x, line, color=COLOURS[group.rule], lw=0.6, alpha=0.4)
    if chosen:
        middle = [median(values) for values in zip(*seen, strict=True)]
        axes.plot(x, middle, color=COLOURS[group.rule], lw=2.2, label=NAMES[group.rule])
    axes.set_ylim(-0.2, 1.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", type=Path)
    parser.add_argument("--picture", type=Path)
    a = parser.parse_args()
    runs = {path.stem: json.loads(path.read_text()) for path in a.results}
    print(table(runs))
    if a.picture:
        picture(runs, a.picture)


if __name__ == "__main__":
    main()
