"""The card that lies beside a skill's weights: what they are, how they were made, how good they are."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nsctl.contracts import TrainingRequest
from policies.skills.collect import POSE_NOISE

if TYPE_CHECKING:
    from policies.skills.training import Schedule


def write_card(
    folder: Path, operator: str, request: TrainingRequest, schedule: Schedule, figures: Mapping[str, Any]
) -> None:
    """Write ``README.md`` into ``folder``."""
    rows = "\n".join(
        f"| {r['round']} | {r['episodes']} | {r['frames']} | {r['loss'][-1]:.4f} | {r['check'][0]}/{r['check'][1]} "
        f"| {r['seconds']:.0f} | {_joules(r['joules'])} |"
        for r in figures["rounds"]
    )
    recipe = ", ".join(f"{name} {value}" for name, value in asdict(schedule.recipe).items())
    versions = ", ".join(f"{name} {version(name)}" for name in ("nsctl", "torch", "mujoco", "numpy"))
    interval = f"95 % Wilson interval {figures['low']:.4f} to {figures['high']:.4f}"
    noise = " and ".join(f"{1000 * n:g} mm" for n in POSE_NOISE)
    command = f"nsctl train skill {operator} --seed {request.seed}{' --quick' if request.quick else ''}"
    dagger = ", ".join(map(str, schedule.dagger))
    (folder / "README.md").write_text(
        f"""# Skill `{operator}`

A Mamba-3 policy that achieves the operator `{operator}` on the scripted teacher's example.

- **Success**: {figures["success"]} fresh episodes ({interval}) of one legal move
  with three of six sizes of disc, by turns, from random arm poses, tracker noise of {noise} by turns. The skill ended by
  itself, and the truth judged: a pick holds its disc half a second later, a place has made the move.
- **Command**: `{command}` (the number of workers changes nothing but the time).
- **Data**: {schedule.demos} noisy demonstrations and {dagger} DAgger episodes of `move-ABC`, seed {request.seed}.
  No episode of `hanoi-N` and no tower of four was used.
- **Recipe**: {recipe}.
- **Cost**: {figures["seconds"] / 60:.1f} minutes and {_joules(figures["joules"])} J ({figures["label"]}).
- **Made with**: {versions}, Python {platform.python_version()}, commit {figures["commit"]}.

| round | episodes | frames so far | loss | check | seconds | joules |
|---:|---:|---:|---:|---:|---:|---:|
{rows}
"""
    )


def _joules(value: float | None) -> str:
    return "?" if value is None else f"{value:.0f}"
