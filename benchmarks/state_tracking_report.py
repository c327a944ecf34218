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


def best(runs: list[dict[str, Any]]) -> dict[str, tuple[dict[str, Any], Group]]:
    """Each rule's run and group of the highest median at the goal."""
    found: dict[str, tuple[dict[str, Any], Group]] = {}
    for run in runs:
        for group in groups(run):
            if group.rule not in found or middle(run, group) > middle(*found[group.rule]):
                found[group.rule] = run, group
    return found


def middle(run: dict[str, Any], group: Group) -> float:
    return median(group.at(run, GOAL))


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
    """A row for each task: while training, and over lengths at the end."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    tasks: dict[str, list[dict[str, Any]]] = {}
    for run in runs.values():
        tasks.setdefault(run["settings"]["task"], []).append(run)
    figure, rows = plt.subplots(len(tasks), 2, figsize=(11, 3.2 * len(tasks)), squeeze=False, layout="constrained")
    for (left, right), (task, same) in zip(rows, tasks.items(), strict=True):
        draw_training(left, same)
        draw_lengths(right, same)
        left.set_title(f"{task}: at length {GOAL} while training")
        right.set_title(f"{task}: after training")
        right.legend()
    figure.savefig(path, dpi=80, pil_kwargs={"optimize": True})


def draw_training(axes: Any, runs: list[dict[str, Any]]) -> None:
    chosen = best(runs)
    for run in runs:
        steps = [entry["step"] for entry in run["history"]]
        for group in groups(run):
            seen = [[entry[f"at {GOAL}"][i] for entry in run["history"]] for i in group.members]
            draw(axes, steps, seen, group, chosen[group.rule] == (run, group))
    axes.set_xlabel("steps")
    axes.set_ylabel("scaled accuracy")


def draw_lengths(axes: Any, runs: list[dict[str, Any]]) -> None:
    chosen = best(runs)
    for run in runs:
        for group in groups(run):
            seen = [[rights[i] for rights in run["curve"].values()] for i in group.members]
            draw(axes, [int(n) for n in run["curve"]], seen, group, chosen[group.rule] == (run, group))
    axes.axvspan(0, max(run["settings"]["stages"][-1] for run in runs), color="0.93", zorder=0)
    axes.set_xlim(left=0)
    axes.set_xlabel("tokens read (grey: lengths seen in training)")


def draw(axes: Any, x: list[int], seen: list[list[float]], group: Group, chosen: bool) -> None:
    """One thin line a seed; a thick one of their median if this is the rule's best rate."""
    for line in seen:
        axes.plot(x, line, color=COLOURS[group.rule], lw=0.6, alpha=0.4)
    if chosen:
        medians = [median(values) for values in zip(*seen, strict=True)]
        axes.plot(x, medians, color=COLOURS[group.rule], lw=2.2, label=NAMES[group.rule])
    axes.set_ylim(-0.8, 1.05)


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
