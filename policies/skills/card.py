"""The card that lies beside a skill's weights: what they are, how they were made, how good they are."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nsctl import provenance
from nsctl.contracts import TrainingRequest
from policies.skills.collect import CHECKED, CONDITIONS
from policies.skills.config import SkillNetworkConfig
from policies.skills.schedule import Schedule
from policies.skills.stage import TASKS


def write_card(
    folder: Path,
    network: SkillNetworkConfig,
    request: TrainingRequest,
    schedule: Schedule,
    figures: Mapping[str, Any],
    *,
    curves: bool,
) -> None:
    """Write ``README.md`` into ``folder``; ``curves`` says whether ``curves.png`` lies there."""
    operators = ", ".join(f"`{operator}`" for operator in network.operators)
    recipe = ", ".join(f"{name} {value}" for name, value in asdict(schedule.recipe).items())
    interval = f"95 % Wilson interval {figures['low']:.4f} to {figures['high']:.4f}"
    used = sorted(request.tasks or {task for operator in network.operators for task in TASKS[operator]})
    kind = "A Mamba-3 policy" if network.backbone == "mamba3" else "A policy without memory (MLP)"
    (folder / "README.md").write_text(
        f"""# {"Skill" if len(network.operators) == 1 else "Skills"} {operators}

{kind} that achieves {operators} on the scripted teacher's example.

- **Success**: {figures["success"]} episodes of the check after round {figures["kept"]} ({interval}), from random arm
  poses, with tracker noise of {1000 * CHECKED.pose_noise:g} mm. The skill ended by itself; half a second later the
  step's effects truly held and nothing else had been moved. The same check decided when to stop, so a fresh one is the
  better figure: `python benchmarks/skills.py`.
- **Command**: `{_command(network, request)}` (the number of workers changes nothing but the time).
- **Data**: for each operator {schedule.demos} noisy demonstrations and {schedule.dagger} episodes of DAgger a round, seed
  {request.seed}, with tracker noise of {1000 * min(c.pose_noise for c in CONDITIONS):g} to
  {1000 * max(c.pose_noise for c in CONDITIONS):g} mm, late commands, pushed bodies and slipping grips by turns.
  Tasks: {", ".join(used)}.
- **Recipe**: {recipe}.
- **Cost**: {figures["seconds"] / 60:.1f} minutes and {whole_joules(figures["joules"])} J ({figures["label"]}).
- **Made with**: {made_with(request.device, figures["commit"])}.
{"![Loss and success, round by round](curves.png)" * curves}

| round | episodes | frames so far | loss | check | seconds | joules |
|---:|---:|---:|---:|---:|---:|---:|
{_rows(figures)}
"""
    )


def _rows(figures: Mapping[str, Any]) -> str:
    return "\n".join(
        f"| {r['round']} | {r['episodes']} | {r['frames']} | {r['loss'][-1]:.4f} | {r['check'][0]}/{r['check'][1]} "
        f"| {r['seconds']:.0f} | {whole_joules(r['joules'])} |"
        for r in figures["rounds"]
    )


def _command(network: SkillNetworkConfig, request: TrainingRequest) -> str:
    names = " ".join(network.operators)
    tasks = "".join(f" --task {task}" for task in request.tasks)
    backbone = f" --backbone {request.backbone}" * bool(request.backbone)
    device = f" --device {request.device}" * (request.device != "cpu")
    return f"nsctl train skill {names} --seed {request.seed}{tasks}{backbone}{device}{' --quick' * request.quick}"


def made_with(device: str, commit: str) -> str:
    """The versions, the device and the commit that a card names."""
    known = provenance.versions()
    versions = [f"{name} {known[name]}" for name in ("nsctl", "torch", "mujoco", "numpy") if name in known]
    return ", ".join([*versions, f"Python {platform.python_version()}", f"device {device}", f"commit {commit}"])


def whole_joules(value: float | None) -> str:
    """Joules on a card; ``?`` where nobody knows them."""
    return "?" if value is None else f"{value:.0f}"
