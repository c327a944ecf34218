"""Anybody's policy as a skill: an object with ``act`` or ``predict``, or what can be called, such as a torch module.

A policy only says what to do. When its work is done, or has become hopeless, or has stalled, the adapter sees from the
scene: by the rules of our own skills for the same operator where there are any, otherwise by the step's declared effects.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsctl.errors import InvalidValue
from nsctl.scene import ACTION_SIZE, TABLE, Action, Array, SceneEstimate, hold_still
from nsctl.symbolic import OBJECT, Domain, Literal, Object, Operator, PlanStep, Predicate, Problem, SymbolicState
from policies.perception.geometric import GeometricGrounder
from policies.skills.crafts import CRAFTS, Craft, Rules
from policies.skills.execution import Course

TIME_LIMIT = 120
"""Control steps that a policy has for a step, unless it is given others."""
STALL = 30
"""Control steps in a row without motion after which a policy has stalled: a second and a half."""
STIR = (0.002, 0.001)
"""Metres that the hand, or the opening of the gripper, must move to count as motion."""

Observe = Callable[[PlanStep, SceneEstimate], Any]
"""What a policy is shown of a scene, when it is at work on a step."""
See = Callable[[SceneEstimate], Any]
"""A scene as rules on it have it."""


class PolicySkill:
    """``policy`` as the skill for ``operator``.

    Each control step the policy is given ``observe(step, scene)`` or, without ``observe``, what our own networks for the
    operator see of the moment (float32 [F], :meth:`policies.skills.situation.Moment.features`). It answers with an action
    [7], which is clipped to [-1, 1]: an array, a tensor or a list, alone or as the first of a pair with its state. It is
    asked by ``act`` if it has that, else by ``predict`` (as deterministic as it can be), else it is called. A policy with
    ``act`` or ``reset`` may remember: each execution has a copy of it, which is reset when the execution begins.
    """

    def __init__(
        self,
        operator: str,
        policy: Any,
        observe: Observe | None = None,
        *,
        time_limit: int = TIME_LIMIT,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        if not any(hasattr(policy, name) for name in ("act", "predict", "__call__")):
            raise InvalidValue(
                f"a policy has act(observation) or predict(observation), or can be called; got {policy!r}"
            )
        if observe is None and operator not in CRAFTS:
            raise InvalidValue(
                f"say what the policy observes: we have no skill for {operator!r} whose features it could have"
            )
        if time_limit < 1:
            raise InvalidValue(f"time_limit must be >= 1 control step, got {time_limit}")
        self.operator, self._policy, self._observe, self._limit = operator, policy, observe, time_limit
        self._about = dict(about or {})

    def begin(self, step: PlanStep, scene: SceneEstimate) -> PolicyExecution:
        """Start on ``step`` from ``scene``."""
        return PolicyExecution(step, scene, _Asked(self._policy), self._observe, self._limit)

    def describe(self) -> Mapping[str, Any]:
        """Kind, operator, the policy's class, the hash of its parameters if it has any, and what was given as ``about``."""
        kind = type(self._policy)
        told = {"kind": "adapted", "operator": self.operator, "policy": f"{kind.__module__}:{kind.__qualname__}"}
        return {**told, **_parameters(self._policy), **self._about}


class PolicyExecution(Course):
    """One step in a policy's hands."""

    def __init__(
        self, step: PlanStep, scene: SceneEstimate, policy: _Asked, observe: Observe | None, time_limit: int
    ) -> None:
        craft = CRAFTS.get(step.operator)
        self._refusal = craft.refusal(step, scene) if craft else ""
        self._see, rules = _effects(step, scene) if craft is None or self._refusal else _crafted(craft, step, scene)
        super().__init__(Rules(rules.effect, rules.hopeless, rules.why, time_limit))
        self._policy, self._step, self._observe = policy, step, observe
        self._mark, self._opening, self._still = scene.proprio.tcp.position, scene.proprio.gripper, 0

    def act(self, scene: SceneEstimate) -> Action:
        """The next action, float32 [7]; when the execution ends, one that holds still."""
        self.require_running()
        moment = self._see(scene)
        if self._refusal:
            self._fail(self._refusal)
        elif self._goes_on(moment, ends=True) and self._stalls(scene):
            self._fail(f"stalled: nothing moved for {STALL} steps")
        if self._status != "running":
            return hold_still(scene.proprio.gripper_command)
        return self._policy.action(self._observe(self._step, scene) if self._observe else moment.features())

    def _stalls(self, scene: SceneEstimate) -> bool:
        hand, opening = scene.proprio.tcp.position, scene.proprio.gripper
        if np.linalg.norm(hand - self._mark) > STIR[0] or abs(opening - self._opening) > STIR[1]:
            self._mark, self._opening, self._still = hand, opening, 0
        else:
            self._still += 1
        return self._still >= STALL


class _Asked:
    """A policy that is asked for actions in the one way that it has; what it remembers is this execution's own."""

    def __init__(self, policy: Any) -> None:
        remembers = hasattr(policy, "act") or hasattr(policy, "reset")
        self._policy = copy.deepcopy(policy) if remembers else policy
        self._state: Any = None
        self._first = True
        if hasattr(self._policy, "reset"):
            self._policy.reset()

    def action(self, observation: Any) -> Action:
        """What the policy does, as float32 [7] in [-1, 1]."""
        answer = self._ask(observation)
        if isinstance(answer, tuple):
            answer, self._state = answer[0], answer[1] if len(answer) > 1 else None
        self._first = False
        values = np.asarray(_detached(answer), dtype=np.float32).reshape(-1)
        if values.shape != (ACTION_SIZE,) or not np.isfinite(values).all():
            raise InvalidValue(f"a policy must answer with {ACTION_SIZE} finite numbers in [-1, 1], got {answer!r}")
        return np.clip(values, -1.0, 1.0)

    def _ask(self, observation: Any) -> Any:
        if hasattr(self._policy, "act"):
            return self._policy.act(observation)
        if not hasattr(self._policy, "predict"):
            return self._policy(observation)
        # Stable-Baselines3's convention; a simpler predict takes what it knows of it.
        known = inspect.signature(self._policy.predict).parameters
        given = {"state": self._state, "episode_start": np.array([self._first]), "deterministic": True}
        return self._policy.predict(observation, **{name: value for name, value in given.items() if name in known})


def _crafted(craft: Craft[Any, Any], step: PlanStep, scene: SceneEstimate) -> tuple[See, Rules[Any]]:
    """The moments of one of our own operators, and the rules on them."""
    goal = craft.goal_of(step, scene)
    return (lambda now: craft.situate(goal, now)), craft.rules


def _effects(step: PlanStep, scene: SceneEstimate) -> tuple[See, Rules[Any]]:
    """Any other step is done when its declared effects are seen."""
    if not step.effects:
        raise InvalidValue(
            f"nobody can see when {step} is done: it declares no effects, and we have no skill of that name"
        )
    problem, grounder = _seen_as(step, scene), GeometricGrounder()
    return (lambda now: now), Rules(
        lambda now: grounder.likeliest(now, problem).satisfies(step.effects), lambda now: False
    )


def _seen_as(step: PlanStep, scene: SceneEstimate) -> Problem:
    """A problem whose fluents are what ``step`` changes: all that a grounder needs in order to see its effects."""
    names = dict.fromkeys([*scene.objects, *step.arguments, TABLE])
    for effect in step.effects:
        names |= dict.fromkeys(effect.atom.arguments)
    arity = {effect.atom.predicate: len(effect.atom.arguments) for effect in step.effects}
    domain = Domain(
        "effects",
        predicates=tuple(Predicate(name, (OBJECT,) * size) for name, size in arity.items()),
        operators=(Operator(step.operator, effects=step.effects),),
        constants=tuple(map(Object, names)),
    )
    wanted = tuple(Literal(effect.atom) for effect in step.effects if effect.positive)
    return Problem(domain, (), SymbolicState(), wanted)


def _detached(answer: Any) -> Any:
    """A tensor without its gradient, on the CPU; anything else as it is."""
    return answer.detach().cpu().numpy() if hasattr(answer, "detach") else answer


def _parameters(policy: Any) -> Mapping[str, Any]:
    """How many parameters the policy has, and their SHA-256; nothing if it has none to show."""
    holder = policy if hasattr(policy, "state_dict") else getattr(policy, "policy", None)
    if holder is None or not hasattr(holder, "state_dict"):
        return {}
    digest, count = hashlib.sha256(), 0
    for name, value in sorted(holder.state_dict().items()):
        array: NDArray[Any] | Array = np.ascontiguousarray(_detached(value))
        digest.update(f"{name}\0{array.dtype}\0{array.shape}\0".encode() + array.tobytes())
        count += array.size
    return {"parameters": count, "sha256": digest.hexdigest()}
