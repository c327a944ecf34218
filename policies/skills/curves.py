"""Draws how a training went, where matplotlib is installed: ``pip install nsctl[train]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def draw_curves(path: Path, entries: Sequence[Mapping[str, Any]]) -> bool:
    """Loss and success of the rounds as a PNG; says whether it was drawn, which it is not without matplotlib."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        return False
    figure = Figure(figsize=(8.0, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for entry in entries:
        losses, number = entry["loss"], entry["round"]
        left.plot([number + (i + 1) / len(losses) for i in range(len(losses))], losses, color="tab:blue")
    left.set(xlabel="round", ylabel="loss", yscale="log")
    rounds = [entry["round"] for entry in entries]
    failed = [max(1.0 - entry["check"][0] / max(entry["check"][1], 1), 1e-4) for entry in entries]
    right.fill_between(
        rounds,
        [max(1.0 - entry["interval"][1], 1e-4) for entry in entries],
        [max(1.0 - entry["interval"][0], 1e-4) for entry in entries],
        alpha=0.25,
        linewidth=0,
    )
    right.plot(rounds, failed, marker="o")
    right.set(xlabel="round", ylabel="share of the check that failed", yscale="log")
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.savefig(path, dpi=120)
    return True


def draw_distillation(path: Path, entries: Sequence[Mapping[str, Any]], untrained: float) -> bool:
    """Loss and action error of both students as a PNG, with that of ``untrained`` weights; says whether it was drawn."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        return False
    figure = Figure(figsize=(8.0, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    rounds = [entry["round"] for entry in entries]
    for name, colour in (("qat", "tab:orange"), ("qad", "tab:blue")):
        losses = [(e["round"], i, e["loss"][name]) for e in entries for i in range(len(e["loss"][name]))]
        times = [number + (i + 1) / len(parts) for number, i, parts in losses]
        left.plot(times, [parts[i]["total"] for _, i, parts in losses], color=colour, label=name.upper())
        errors = [entry["action_error"][name] for entry in entries]
        right.plot([number + 1 for number in rounds], errors, color=colour, marker="o", label=name.upper())
    right.axhline(untrained, color="grey", linestyle="--", label="PTQ")
    left.set(xlabel="rounds", ylabel="loss", yscale="log")
    right.set(xlabel="rounds", ylabel="action error", yscale="log")
    right.legend()
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.savefig(path, dpi=120)
    return True
