"""Distils a skill into NVFP4: the same network in four bits learns to act as it did with all of them.

How is in :mod:`policies.skills.distillation_rounds`; here is what is asked, what is refused and what is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from nsctl.errors import InvalidValue, NsctlError, UnknownName
from nsctl.precision import DistillationRequest
from nsctl.records import weakest
from policies.nvfp4.distil import Recipe
from policies.nvfp4.policy import NVFP4, quantise_policy
from policies.skills.board import Board
from policies.skills.cost import read_cost, write_cost
from policies.skills.curves import draw_distillation
from policies.skills.distillation_rounds import RULE, STUDENTS, Plan, Study
from policies.skills.quantisation import MODEL, figures_of, network_in, refuse_overwriting, sha256_of, write_policy
from policies.skills.student_card import write_student_card
from policies.skills.training import check_device, progress_bars

PRECISIONS = (NVFP4,)
"""In what a student's weights can be stored."""
QUICK = Plan(episodes=6, rounds=2, held=8, recipe=Recipe(steps=12, batch=6, rate=1e-4))


def distil(folder: Path, request: DistillationRequest) -> dict[str, Any]:
    """Distil the policy in ``folder`` as the ``request`` says; weights, card and curves go to its ``out``.

    Returns the figures. A student that acts less like its teacher than it would without training is refused, and no
    weights are written.
    """
    plan = _plan(request)
    _check(folder, request)
    torch.set_num_threads(1)  # or the number of cores would change the sums, and with them the weights
    with progress_bars() as progress, Board(request.out / "tensorboard") as board:
        study = Study(folder, request, plan, progress, board)
        entries = study.run()
    errors = {"ptq": study.untrained(), **{name: entries[-1]["action_error"][name] for name in STUDENTS}}
    if not errors["qad"] <= errors["ptq"]:
        raise NsctlError(
            f"the distilled student is worse than the teacher quantised without training: its actions err by "
            f"{errors['qad']:.3g} of their spread against {errors['ptq']:.3g}; no weights were written: "
            "distil with more --episodes or --rounds"
        )
    return _written(study, entries, errors)


def _written(study: Study, entries: Sequence[Mapping[str, Any]], errors: Mapping[str, float]) -> dict[str, Any]:
    """Write what the last round ended with, and return the figures."""
    folder, request = study.folder, study.request
    student = study.pair.students["qad"]
    network, scales = student.network.cpu().eval(), {name: each.to("cpu") for name, each in student.scales.items()}
    weights, report = quantise_policy(network, sha256_of(folder / MODEL), RULE, study.excluded, scales)
    figures = figures_of(report, weights, study.alone, errors["qad"]) | {
        "errors": dict(errors),
        "error_ratio": errors["qad"] / errors["ptq"],
        "squared_error_ratio": (errors["qad"] / errors["ptq"]) ** 2,
        "moments": len(study.wanted),
        "episodes": len(study.held),
        "rounds": list(entries),
    }
    write_policy(request.out, folder, weights, figures)
    figures |= _cost(folder, entries) | {"sha256": sha256_of(request.out / MODEL), "out": str(request.out)}
    drawn = draw_distillation(request.out / "curves.png", entries, errors["ptq"])
    write_student_card(request.out, study.teacher.config, request, study.plan, figures, curves=drawn)
    write_cost(request.out, request, figures)
    return figures


def _cost(folder: Path, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the student cost: its teacher and its own rounds. A sum of which one part is not known is not known."""
    teacher = read_cost(folder) or {"joules": None, "label": "unavailable", "seconds": 0.0}
    parts = [teacher, *entries]
    own = None if any(e["joules"] is None for e in entries) else sum(e["joules"] for e in entries)
    known = own is not None and teacher["joules"] is not None
    return {
        "joules": own + teacher["joules"] if known else None,
        "label": weakest(part["label"] for part in parts),
        "seconds": sum(part["seconds"] for part in parts),
        "own_joules": own,
        "own_seconds": sum(entry["seconds"] for entry in entries),
        "note": f"the teacher's training and {'?' if own is None else f'{own:.0f}'} J of distillation",
        "commit": ", ".join(dict.fromkeys(entry["commit"] for entry in entries)),
        "lessons": _lessons(teacher, entries[0]["episodes"]),
    }


def _lessons(teacher: Mapping[str, Any], shown: int) -> dict[str, Any]:
    """What the expert did for the teacher, and ``shown`` demonstrations more; the student asks the expert nothing."""
    told = {name: teacher[name] for name in ("demonstrations", "expert_queries", "labels") if name in teacher}
    return told | {"demonstrations": told["demonstrations"] + shown} if told.get("demonstrations") is not None else told


def _plan(request: DistillationRequest) -> Plan:
    plan = QUICK if request.quick else Plan()
    for name in ("episodes", "rounds"):
        asked = getattr(request, name)
        if asked is not None and asked < 1:
            raise InvalidValue(f"{name} must be >= 1, got {asked}")
    return replace(plan, episodes=request.episodes or plan.episodes, rounds=request.rounds or plan.rounds)


def _check(folder: Path, request: DistillationRequest) -> None:
    """Refuse what cannot be done before anything is."""
    if request.precision not in PRECISIONS:
        raise UnknownName("precision of a student", request.precision, PRECISIONS)
    check_device(request.device)
    refuse_overwriting(folder, request.out)
    network_in(folder)
