"""Checks of skills. One trial is recorded; the same scenes, shown to other executions, must lead to the same actions."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nsctl.conformance import stage
from nsctl.conformance.report import Checklist, Failed, require, require_members
from nsctl.conformance.telling import description
from nsctl.contracts import RECOVERIES, Execution, Skill
from nsctl.custom_skills import MEMBERS
from nsctl.scene import ACTION_SIZE, SceneEstimate
from nsctl.symbolic import PlanStep
from nsctl.trials import Trial, execute, homes, trials

ENOUGH = 0.9
"""Share of the trials in which the declared effects must hold, and in which a claim of success must be true."""
ALIKE = 1e-4
"""How far actions of a batch may lie from single ones: sums of floats in another order."""
STATUSES = ("running", "succeeded", "failed")


def examine(skill: Any, checklist: Checklist, count: int, on: Sequence[str]) -> None:
    """Contract, operator, a recorded execution, and ``count`` trials on the tasks ``on``, or wherever it is called for."""
    if not checklist.check("contract", lambda: _contract(skill)):
        return
    checklist.check("describes itself", lambda: _describes(skill))
    if not checklist.check("operator", lambda: _operator(skill)):
        return
    held: list[Trial] = []
    recovers = skill.operator in RECOVERIES
    if not checklist.check("plays", lambda: _recovers(skill, on, held) if recovers else _plays(skill, count, on, held)):
        return
    checklist.check("actions", lambda: _actions(held))
    checklist.check("status", lambda: _status(held))
    checklist.check("over is over", lambda: _refuses(held))
    checklist.check("repeats itself", lambda: _repeats(skill, held))
    checklist.check("keeps apart", lambda: _keeps_apart(skill, held))
    if hasattr(skill, "act_batch"):
        checklist.check("batch", lambda: _batch(skill, held))
    if not recovers:
        checklist.check("effects", lambda: _effects(held))
        checklist.check("honest", lambda: _honest(held))


def _contract(skill: Any) -> str:
    require_members(skill, MEMBERS, "Skill")
    right = isinstance(skill.operator, str) and bool(skill.operator)
    require(right, f"operator must be an operator's name, got {skill.operator!r}.")
    lacking = [name for name in ("begin", "describe") if not callable(getattr(skill, name))]
    require(not lacking, f"{', '.join(lacking)} must be a method, see nsctl.contracts.Skill.")
    return "It has operator, begin(step, scene) and describe()."


def _describes(skill: Any) -> str:
    told = description(skill, "kind", "operator")
    same = told["operator"] == skill.operator
    require(same, f"describe() names the operator {told['operator']!r}, the skill is for {skill.operator!r}.")
    return f"A record will say: kind {told['kind']!r}, operator {told['operator']!r}" + (
        f" and {len(told) - 2} more." if len(told) > 2 else "."
    )


def _operator(skill: Skill) -> str:
    if skill.operator in RECOVERIES:
        return f"{skill.operator} is what an agent calls when a step has failed; no domain knows it."
    known = [name for names in homes(skill).values() for name in names]
    if not known:
        cure = (
            "its action (pddl) fits none of them"
            if getattr(skill, "pddl", "")
            else "give it an action of its own: pddl"
        )
        raise Failed(f"No task's domain has the operator {skill.operator!r}, and {cure}.")
    return f"{skill.operator} is an operator of {len(known)} tasks, for example {known[0]}."


def _plays(skill: Skill, count: int, on: Sequence[str], held: list[Trial]) -> str:
    held.extend(trials(skill, count, on=on))
    for trial in held:
        require_members(trial.execution, ("status", "reason", "act"), "Execution")
    return f"{len(held)} steps of real plans, on {', '.join(dict.fromkeys(t.task for t in held))}."


def _recovers(skill: Skill, on: Sequence[str], held: list[Trial]) -> str:
    """Recoveries declare no effects, and no plan calls for them: they are tried at the beginning of an episode."""
    with stage.world(on) as place:
        for episode in (0, 1):
            scene = stage.first_look(place, episode).scene
            thing = next(body.name for body in place.task.bodies if body.movable)
            held.append(execute(skill, PlanStep(skill.operator, (thing,)), place, scene, episode))
    return f"{len(held)} times at the beginning of {held[0].task}."


def _actions(held: Iterable[Trial]) -> str:
    actions = [action for trial in held for action in trial.actions]
    require(bool(actions), "It never acted: an execution must give an action before it ends.")
    for action in actions:
        shape, kind = getattr(action, "shape", None), getattr(action, "dtype", None)
        good = shape == (ACTION_SIZE,) and kind == np.float32
        require(
            good,
            f"An action must be float32 [{ACTION_SIZE}], got {kind} {list(shape or [])}: see nsctl.scene.make_action.",
        )
    largest = float(np.abs(actions).max())
    require(largest <= 1.0, f"An action must lie in [-1, 1] (and be finite), got {largest:g}.")
    return f"{len(actions)} actions, each float32 [{ACTION_SIZE}] within ±{largest:.2g}."


def _status(held: Iterable[Trial]) -> str:
    lengths = []
    for trial in held:
        lengths.append(len(trial.actions))
        told = set(trial.statuses) - set(STATUSES)
        require(not told, f"status must be one of {', '.join(STATUSES)}, got {', '.join(map(repr, told))}.")
        ended = trial.status != "running"
        require(
            ended,
            f"An execution of {trial.step} was still running after {len(trial.actions)} control steps: set a limit.",
        )
        early = set(trial.statuses[:-1]) - {"running"}
        require(not early, f"status went back from {', '.join(early)} to running; once it has ended it must stay so.")
        told_why = bool(trial.execution.reason) == (trial.status == "failed")
        require(told_why, "reason must say why an execution failed, and be empty otherwise.")
        still = bool(np.abs(trial.actions[-1][:6]).max() == 0) if trial.actions else True
        require(still, "The action that ends an execution must hold still: see nsctl.scene.hold_still.")
    return f"Each execution ended by itself, after {min(lengths)} to {max(lengths)} control steps."


def _refuses(held: Sequence[Trial]) -> str:
    for trial in held:
        if trial.status == "running":
            continue
        before = trial.status
        try:
            trial.execution.act(trial.scenes[-1])
        except Exception as error:
            require(
                trial.status == before,
                f"Asked to act after its end, an execution turned from {before} to {trial.status}.",
            )
            return f"An execution that has ended acts no more: {type(error).__name__}."
        raise Failed(
            "An execution that had ended acted once more; it must raise, for example nsctl.errors.EpisodeError."
        )
    raise Failed("No execution ended, so none could refuse.")


def _replay(execution: Execution, scenes: Sequence[SceneEstimate]) -> list[Any]:
    """What an execution does when it is shown these scenes, for as long as it runs."""
    return [copy.copy(execution.act(scene)) for scene in scenes if execution.status == "running"]


def _same(a: Sequence[Any], b: Sequence[Any]) -> bool:
    return len(a) == len(b) and all(map(np.array_equal, a, b))


def _repeats(skill: Skill, held: Sequence[Trial]) -> str:
    trial = held[0]
    execution = skill.begin(trial.step, trial.start)
    again = _replay(execution, trial.scenes)
    require(_same(again, trial.actions), "Two executions that saw the same scenes acted differently: fix every seed.")
    ended = execution.status == trial.status
    require(
        ended, f"Of two executions that saw the same scenes one ended as {trial.status}, one as {execution.status}."
    )
    return f"Another execution that saw the same {len(trial.scenes)} scenes gave the same actions."


def _keeps_apart(skill: Skill, held: Sequence[Trial]) -> str:
    first, second = held[0], held[-1]
    a, b = skill.begin(first.step, first.start), skill.begin(second.step, second.start)
    done: tuple[list[Any], list[Any]] = ([], [])
    for i in range(max(len(first.scenes), len(second.scenes))):
        for execution, trial, actions in ((a, first, done[0]), (b, second, done[1])):
            if i < len(trial.scenes) and execution.status == "running":
                actions.append(copy.copy(execution.act(trial.scenes[i])))
    alone = _same(done[0], first.actions) and _same(done[1], second.actions)
    require(
        alone, "Two executions side by side act otherwise than alone: what one remembers must lie in its Execution."
    )
    return "Two executions side by side act as each does alone."


def _batch(skill: Any, held: Sequence[Trial]) -> str:
    pair = (held[0], held[-1])
    executions = [skill.begin(trial.step, trial.start) for trial in pair]
    length = min(len(trial.scenes) for trial in pair)
    for i in range(length):
        actions = skill.act_batch(executions, [trial.scenes[i] for trial in pair])
        near = all(
            np.allclose(action, trial.actions[i], atol=ALIKE) for action, trial in zip(actions, pair, strict=True)
        )
        require(near, f"At control step {i} act_batch gave other actions than act.")
        ended = [execution.status for execution in executions]
        right = [trial.statuses[i] for trial in pair]
        require(ended == right, f"After control step {i} of act_batch status was {ended}, where act leads to {right}.")
    return f"act_batch gives what act gives, over {length} control steps."


def _effects(held: Sequence[Trial]) -> str:
    missed = [trial for trial in held if not trial.achieved]
    rate = f"in {len(held) - len(missed)} of {len(held)} trials"
    if len(held) - len(missed) >= ENOUGH * len(held):
        return f"What the operator declares, and no more, had come true {rate}."
    worst = missed[0]
    told = f"in episode {worst.episode} of {worst.task}, after {worst.step} ({worst.status}{_why(worst)})"
    named = [
        f"{what}: {', '.join(changes)}"
        for what, changes in (("this was missing", worst.missing), ("this had changed undeclared", worst.undeclared))
        if changes
    ]
    raise Failed(f"What the operator declares, and no more, had come true {rate} only; {told} {'; '.join(named)}.")


def _why(trial: Trial) -> str:
    return f": {trial.execution.reason}" if trial.execution.reason else ""


def _honest(held: Sequence[Trial]) -> str:
    claimed = [trial for trial in held if trial.status == "succeeded"]
    true = sum(trial.achieved for trial in claimed)
    require(bool(claimed), f"It never said that it succeeded, in {len(held)} trials.")
    told = f"Of {len(claimed)} executions that said that they succeeded, {true} had"
    require(true >= ENOUGH * len(claimed), f"{told} only: look again before saying so.")
    return f"{told}."
