"""Writes what there is to know of trained weights beside them: ``README.md``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nsctl.contracts import AgentTrainingRequest
from policies.skills.card import made_with, whole_joules
from policies.vla.leading import KICKS
from policies.vla.recording import CAMERA_SHIFT, POSE_NOISE
from policies.vla.schedule import Schedule
from policies.vla.weights import read_config, read_network

KINDS = {"pixels": "pictures of {cameras}", "state": "the tracker's poses"}


def command(variant: str, request: AgentTrainingRequest) -> str:
    """The command that trains these weights."""
    choices = f" --variant {variant}" * (variant != "vla") + f" --head {request.head}" * bool(request.head)
    choices += f" --seed {request.seed}" + f" --budget {request.budget:g}" * (request.budget != 1.0)
    choices += f" --device {request.device}" * (request.device != "cpu")
    return f"nsctl train vla{choices}" + " --compile" * request.compiled + " --quick" * request.quick


def write_card(
    folder: Path,
    variant: str,
    request: AgentTrainingRequest,
    schedule: Schedule,
    figures: Mapping[str, Any],
    *,
    curves: bool,
) -> None:
    """Write the card of the weights in ``folder``; ``curves`` says whether ``curves.png`` lies there."""
    config = read_config(folder)
    parameters = sum(p.numel() for p in read_network(folder).parameters())
    sees = KINDS[config.inputs].format(cameras=", ".join(config.cameras))
    recipe = schedule.recipe
    unfinished = f"\n> **Unfinished**: {figures['note']}.\n" if "note" in figures else ""
    (folder / "README.md").write_text(
        f"""# Agent `{variant}`
{unfinished}
A vision-language-action network of {parameters:,} parameters: {sees}, the arm's own state and an instruction to chunks of
{config.chunk} actions. Trunk {config.trunk}, head {config.head}.

- **Command**: `{command(variant, request)}` (the number of workers and of sittings changes nothing but the time).
- **Data**: {schedule.towers} episodes of {schedule.tower} and {schedule.moves} of {schedule.walk} random legal moves each
  by the expert; each step and move has an instruction of its own; noise in the hand, a kick once in {1 / KICKS:.0f}
  steps, tracker noise of {1000 * POSE_NOISE[0]:g} to {1000 * POSE_NOISE[-1]:g} mm, cameras disturbed by `{CAMERA_SHIFT}`.
  Then {schedule.rounds} rounds of DAgger in which the expert was asked {schedule.queries:,} times each.
- **Recipe**: steps {recipe.steps}, by turns of {recipe.rows} sequences of {recipe.decisions} decisions
  and of {recipe.alone} alone, AdamW {recipe.rate:g}, then {recipe.later_rate:g}, average {recipe.average:g}.
- **Cost**: {figures["seconds"] / 60:.1f} minutes and {whole_joules(figures["joules"])} J ({figures["label"]}).
- **Made with**: {made_with(request.device, figures["commit"])}.
{"![Loss and success, round by round](curves.png)" * curves}

| round | episodes | frames | loss | check | seconds so far | joules so far |
|---:|---:|---:|---:|---|---:|---:|
{_rows(figures["rounds"])}

The check is of weights as they are after the round, in episodes that nothing was learnt from, from the starts of
their own seeds. Those on which agents are compared are others.
"""
    )


def _rows(entries: list[Mapping[str, Any]]) -> str:
    return "\n".join(
        f"| {e['round']} | {e['episodes']} | {e['frames']} | {e['loss'][-1]:.4f} "
        f"| {', '.join(f'{task} {won}/{tried}' for task, (won, tried) in e['tasks'].items())} "
        f"| {e['seconds']:.0f} | {whole_joules(e['joules'])} |"
        for e in entries
    )
