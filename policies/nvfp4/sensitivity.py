"""Which layers a policy cannot spare: one at a time is quantised, and the actions are compared with the teacher's."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from nsctl.errors import InvalidValue
from policies.nvfp4.quantise import quantise
from policies.nvfp4.roles import install, quantisable
from policies.nvfp4.scales import Rule

THRESHOLD = 0.1
"""Action error of one layer alone from which on it is excluded: a tenth of the action's spread."""
LEAST_SPREAD = 1e-3
"""A control whose standard deviation is below this does not move, and is left out."""

Act = Callable[[nn.Module], Tensor]
"""The actions [n, d] of a network on recorded inputs."""


def action_error(student: Tensor, teacher: Tensor) -> float:
    """The error of the actions ``student`` [n, d] against ``teacher`` [n, d], in units of the latter's spread.

    The root of the mean over moments and controls of ((s - t) / sigma)^2, sigma being the teacher's standard deviation of
    each control; its square is the relative squared error. NaN where the student's actions are not finite.
    """
    if student.shape != teacher.shape or teacher.ndim != 2 or len(teacher) < 2:
        shapes = f"{list(student.shape)} and {list(teacher.shape)}"
        raise InvalidValue(f"actions to compare are both [n, d] with n of 2 at least, got {shapes}")
    spread = teacher.std(0)
    moves = spread > LEAST_SPREAD
    if not bool(moves.any()):
        raise InvalidValue("the teacher's actions do not vary: record more, or other, episodes")
    return float(((student - teacher)[:, moves] / spread[moves]).square().mean().sqrt())


@torch.no_grad()
def scan(network: nn.Module, act: Act, rule: Rule = "search") -> dict[str, float]:
    """The action error of each layer alone in NVFP4, by name; ``network`` is left as it is."""
    teacher, errors = act(network), {}
    for name, rows in quantisable(network).items():
        student = copy.deepcopy(network)
        install(student, {name: quantise(student.get_parameter(f"{name}.weight")[:rows], rule)})
        errors[name] = action_error(act(student), teacher)
    return errors


def exclusions(errors: Mapping[str, float], threshold: float = THRESHOLD) -> dict[str, str]:
    """The layers whose error is not below ``threshold`` (NaN never is), each with its reason."""
    if not threshold > 0:
        raise InvalidValue(f"the threshold of the action error must be positive, got {threshold}")
    return {
        name: f"alone it errs by {error:.3g} of the action's spread, and the threshold is {threshold:g}"
        for name, error in errors.items()
        if not error < threshold
    }
