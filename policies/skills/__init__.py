"""Skills: options that achieve one operator each, neural and scripted, and two that recover from a failed one."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the scripted skills need no weights, and a list of parts needs neither
    from policies.skills.neural import NeuralSkill
    from policies.skills.recovery import ClearSkill, RegraspSkill
    from policies.skills.scripted import ScriptedSkill


def neural_skill(operator: str, variant: str = "") -> NeuralSkill:
    """The shipped neural skill for this operator; ``stack`` plays the weights of ``place``.

    Its ``variant`` is a precision (``pick:nvfp4``), or a folder with other weights (``pick:weights/pick-nvfp4``); either may
    be followed by the device that it plays on (``pick:nvfp4@cuda``).
    """
    from policies.skills.neural import PRECISIONS, NeuralSkill

    placed = "@" in Path(variant).name and not Path(variant).is_dir()
    weights, _, device = variant.rpartition("@") if placed else (variant, "", "cpu")
    if weights and weights not in PRECISIONS and ("/" in weights or Path(weights).is_dir()):
        return NeuralSkill(operator, Path(weights), device=device)
    return NeuralSkill(operator, precision=weights, device=device)


def scripted_skill(operator: str) -> ScriptedSkill:
    """The teacher of this operator."""
    from policies.skills.scripted import ScriptedSkill

    return ScriptedSkill(operator)


def clear() -> ClearSkill:
    """The recovery that lets go and leaves the view clear."""
    from policies.skills.recovery import ClearSkill

    return ClearSkill()


def regrasp() -> RegraspSkill:
    """The recovery that puts down what the hand holds and takes it anew."""
    from policies.skills.recovery import RegraspSkill

    return RegraspSkill()


pick, place, stack = (partial(neural_skill, operator) for operator in ("pick", "place", "stack"))
open_, close, push = (partial(neural_skill, operator) for operator in ("open", "close", "push"))
pick_scripted, place_scripted, stack_scripted = (partial(scripted_skill, name) for name in ("pick", "place", "stack"))
open_scripted, close_scripted, push_scripted = (partial(scripted_skill, name) for name in ("open", "close", "push"))
