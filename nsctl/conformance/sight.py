"""Checks of perceptions and grounders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nsctl import registry
from nsctl.conformance import stage
from nsctl.conformance.report import Checklist, require, require_members
from nsctl.contracts import World
from nsctl.outcomes import Solved
from nsctl.scene import Observation

NEAR = 0.01
"""Metres from its true position within which a body must be believed to be, with the tracker's usual noise."""


def examine_perception(perception: Any, checklist: Checklist, count: int, on: Sequence[str]) -> None:
    """It finds every body near its place, without changing what it saw."""
    with stage.world(on) as place:
        if checklist.check("contract", lambda: _perceives(perception)):
            checklist.check("finds bodies", lambda: _finds(perception, place))


def examine_grounder(grounder: Any, checklist: Checklist, count: int, on: Sequence[str]) -> None:
    """What it says of a first look can be planned from."""
    with stage.world(on) as place:
        checklist.check("grounds", lambda: _grounds(grounder, place))


def _perceives(perception: Any) -> str:
    require_members(perception, ("reads", "begin"), "Perception")
    require(callable(perception), "It must be callable with an observation: see nsctl.contracts.Perception.")
    return f"It reads {', '.join(perception.reads)}."


def _finds(perception: Any, place: World) -> str:
    observation = place.reset(0, 1)
    before = _fingerprint(observation)
    perception.begin(place.task.brief())
    scene, truth = perception(observation), place.truth()
    lacking = sorted({body.name for body in place.task.bodies} - set(scene.objects))
    require(not lacking, f"It did not find {', '.join(lacking)}.")
    require(_fingerprint(observation) == before, "It changed the observation that it was shown.")
    off = {name: float(np.linalg.norm(scene[name].pose.position - truth[name].position)) for name in truth}
    worst = max(off, key=lambda name: off[name])
    require(
        off[worst] < NEAR, f"{worst} was believed {1000 * off[worst]:.0f} mm off; {1000 * NEAR:.0f} mm are allowed."
    )
    return f"All {len(truth)} bodies of {place.task.name}, {1000 * off[worst]:.1f} mm off at worst."


def _grounds(grounder: Any, place: World) -> str:
    look = stage.first_look(place)
    state, again = grounder(look.scene, look.problem), grounder(look.scene, look.problem)
    require(state == again, "One scene was grounded in two ways.")
    look.problem.check_state(state)
    static = {atom for atom in look.problem.init if atom.predicate not in look.problem.domain.fluents}
    require(static <= state.atoms, "The problem's static atoms are missing from the state: they hold whatever is seen.")
    outcome = registry.load("planners", "clingo")().session(look.problem).plan(state, optimal=False)
    require(isinstance(outcome, Solved), f"No plan leads from what it sees of {place.task.name}: {outcome}.")
    return f"{len(state)} atoms of {place.task.name}, from which there is a plan."


def _fingerprint(observation: Observation) -> bytes:
    arrays = [observation.proprio.joints, observation.proprio.tcp.position, observation.proprio.target.position]
    arrays += [part for pose in (observation.objects or {}).values() for part in (pose.position, pose.quaternion)]
    return b"".join(array.tobytes() for array in arrays)
