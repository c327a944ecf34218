"""The card that lies beside a distilled skill's weights: what they are, how they were made, how close to their teacher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nsctl.precision import DistillationRequest
from policies.skills.card import made_with, whole_joules
from policies.skills.config import SkillNetworkConfig
from policies.skills.distillation_rounds import Plan


def write_student_card(
    folder: Path,
    network: SkillNetworkConfig,
    request: DistillationRequest,
    plan: Plan,
    figures: Mapping[str, Any],
    *,
    curves: bool,
) -> None:
    """Write ``README.md`` into ``folder``; ``curves`` says whether ``curves.png`` lies there."""
    operators = ", ".join(f"`{operator}`" for operator in network.operators)
    recipe = ", ".join(f"{name} {value}" for name, value in asdict(plan.recipe).items())
    errors = figures["errors"]
    (folder / "README.md").write_text(
        f"""# Skill {operators} in NVFP4, distilled

The policy whose weights have the SHA-256 `{figures["teacher_sha256"]}`, its
matrices in 4.5 bits an element, trained to act as it did before.

| | action error |
|---|---:|
| quantised without training (PTQ) | {errors["ptq"]:.4f} |
| trained on the demonstrations' labels (QAT) | {errors["qat"]:.4f} |
| distilled (QAD), these weights | {errors["qad"]:.4f} |

- **Action error**: root mean square over {figures["moments"]} moments of {figures["episodes"]} episodes that the teacher
  played and nobody learnt from, each control in units of its standard deviation. QAD / PTQ is
  {figures["error_ratio"]:.3f}; of the squared errors {figures["squared_error_ratio"]:.3f}.
- **Command**: `{_command(request, plan)}`.
- **Data**: for each operator {plan.episodes} demonstrations and, before each of {plan.rounds - 1} later rounds, as many
  episodes that the student played, at whose moments the teacher network was asked; seed {request.seed}.
- **Recipe**: {recipe}.
- **Kept whole**: {", ".join(_excluded(figures)) or "no layer that may be NVFP4"}.
- **Bytes**: {figures["bytes_after"]} of {figures["bytes_before"]} in bfloat16.
- **Cost**: {figures["own_seconds"] / 60:.1f} minutes and {whole_joules(figures["own_joules"])} J ({figures["label"]}), the
  comparison with QAT included, the episodes for the action errors not; with the teacher's training
  {whole_joules(figures["joules"])} J.
- **Made with**: {made_with(request.device, figures["commit"])}.
{"![Loss and action error](curves.png)" * curves}

| round | episodes | frames so far | loss | QAT | QAD | seconds | joules |
|---:|---:|---:|---:|---:|---:|---:|---:|
{_rows(figures)}
"""
    )


def _rows(figures: Mapping[str, Any]) -> str:
    return "\n".join(
        f"| {r['round']} | {r['episodes']} | {r['frames']} | {r['loss']['qad'][-1]['total']:.5f} "
        f"| {r['action_error']['qat']:.4f} | {r['action_error']['qad']:.4f} "
        f"| {r['seconds']:.0f} | {whole_joules(r['joules'])} |"
        for r in figures["rounds"]
    )


def _excluded(figures: Mapping[str, Any]) -> list[str]:
    return [f"{layer['name']} ({layer['excluded']})" for layer in figures["layers"] if layer["excluded"]]


def _command(request: DistillationRequest, plan: Plan) -> str:
    device = f" --device {request.device}" * (request.device != "cpu")
    return (
        f"nsctl distill --teacher {request.teacher} --student-precision {request.precision} --episodes {plan.episodes} "
        f"--rounds {plan.rounds} --seed {request.seed}{device}{' --quick' * request.quick}"
    )
