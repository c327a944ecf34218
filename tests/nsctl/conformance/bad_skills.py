"""Skills that do one thing wrong each, around the scripted pick."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nsctl.contracts import Execution
from nsctl.custom_skills import made
from nsctl.scene import TABLE, Action, SceneEstimate, hold_still
from nsctl.symbolic import PlanStep


class Good:
    """The scripted pick under another name; each class below spoils one of its methods."""

    operator = "pick"

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Any:
        return Wrapped(made("pick-scripted").begin(step, scene))

    def describe(self) -> Mapping[str, Any]:
        return {"kind": "test", "operator": self.operator}


class Wrapped:
    def __init__(self, inner: Execution) -> None:
        self.inner = inner

    @property
    def status(self) -> str:
        return self.inner.status

    @property
    def reason(self) -> str:
        return self.inner.reason

    def act(self, scene: SceneEstimate) -> Any:
        return self.inner.act(scene)


class Tongue(Good):
    """Cannot be written down."""

    def describe(self) -> Mapping[str, Any]:
        return {"kind": float("nan"), "operator": "pick"}


class Misnamed(Good):
    """Is for an operator that nobody knows."""

    operator = "pikc"


class Doubles(Good):
    """Acts in float64."""

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Any:
        class Wide(Wrapped):
            def act(self, scene: SceneEstimate) -> Any:
                return self.inner.act(scene).astype(np.float64)

        return Wide(made("pick-scripted").begin(step, scene))


class Wild(Good):
    """Acts beyond what an action may be."""

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Any:
        class Strong(Wrapped):
            def act(self, scene: SceneEstimate) -> Any:
                return np.float32(3) * self.inner.act(scene)

        return Strong(made("pick-scripted").begin(step, scene))


class Restless(Good):
    """Goes on after its end."""

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Any:
        class Endless(Wrapped):
            def act(self, scene: SceneEstimate) -> Any:
                return self.inner.act(scene) if self.inner.status == "running" else hold_still(1.0)

        return Endless(made("pick-scripted").begin(step, scene))


class Moody(Good):
    """Draws from a random stream that all executions share."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Any:
        rng = self.rng

        class Shaky(Wrapped):
            def act(self, scene: SceneEstimate) -> Any:
                action = self.inner.act(scene)
                return action + (self.status == "running") * rng.uniform(-0.01, 0.0, 7).astype(np.float32) * action

        return Shaky(made("pick-scripted").begin(step, scene))


class Shared(Good):
    """Keeps in the skill what belongs to the execution: the last one that acted."""

    def __init__(self) -> None:
        self.last: Any = None

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Any:
        skill = self

        class Leaky(Wrapped):
            def act(self, scene: SceneEstimate) -> Any:
                action = self.inner.act(scene)
                halved = skill.last not in (None, self) and self.status == "running"
                skill.last = self if self.status == "running" else None
                return action * np.float32(0.5) if halved else action

        return Leaky(made("pick-scripted").begin(step, scene))


class Liar(Good):
    """Claims success at once."""

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Any:
        class Claim:
            status, reason = "running", ""

            def act(self, scene: SceneEstimate) -> Action:
                if self.status != "running":
                    raise RuntimeError("it is over")
                self.status = "succeeded"
                return hold_still(scene.proprio.gripper_command)

        return Claim()


class Sleeper(Good):
    """Never ends."""

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Any:
        class Sleep:
            status, reason = "running", ""

            def act(self, scene: SceneEstimate) -> Action:
                return hold_still(scene.proprio.gripper_command)

        return Sleep()


class Mute(Good):
    """Fails without a reason."""

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Any:
        class Silent(Wrapped):
            def __init__(self, inner: Execution) -> None:
                super().__init__(inner)
                self.steps = 0

            @property
            def status(self) -> str:
                return "failed" if self.steps > 3 else "running"

            @property
            def reason(self) -> str:
                return ""

            def act(self, scene: SceneEstimate) -> Any:
                self.steps += 1
                return hold_still(-1.0) if self.steps > 3 else self.inner.act(scene)

        return Silent(made("pick-scripted").begin(step, scene))


class Batchy(Good):
    """Does something else in a batch."""

    def act_batch(self, executions: Any, scenes: Any) -> list[Any]:
        return [execution.act(scene) * np.float32(0.9) for execution, scene in zip(executions, scenes, strict=True)]


class Exploding(Good):
    """Raises in the middle of its work."""

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Any:
        raise SystemExit("no robot today")


class Unending(Good):
    """Acts in a batch as alone, but does not say when it has ended there."""

    def act_batch(self, executions: Any, scenes: Any) -> list[Any]:
        for execution in executions:
            execution.batched = True
        return [execution.inner.act(scene) for execution, scene in zip(executions, scenes, strict=True)]

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Any:
        class Batched(Wrapped):
            batched = False

            @property
            def status(self) -> str:
                return "running" if self.batched else self.inner.status

        return Batched(made("pick-scripted").begin(step, scene))


class Fickle(Good):
    """Its second execution of a step does the same and calls it a failure."""

    def __init__(self) -> None:
        self.begun = 0

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Any:
        self.begun += 1
        gloomy = self.begun > 2

        class Fickleness(Wrapped):
            @property
            def status(self) -> str:
                return "failed" if gloomy and self.inner.status == "succeeded" else self.inner.status

        return Fickleness(made("pick-scripted").begin(step, scene))


class Reusing(Good):
    """Answers with one array, again and again, which is out of bounds until the end."""

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Any:
        buffer = np.zeros(7, np.float32)

        class Filling(Wrapped):
            def act(self, scene: SceneEstimate) -> Any:
                buffer[:] = self.inner.act(scene)
                buffer[:6] *= 3
                return buffer

        return Filling(made("pick-scripted").begin(step, scene))


class Careless(Good):
    """Puts everything down on the table, wherever it should go."""

    operator = "place"

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Any:
        elsewhere = PlanStep("place", (step.arguments[0], TABLE))
        return Wrapped(made("place-scripted").begin(elsewhere, scene))

    def describe(self) -> Mapping[str, Any]:
        return {"kind": "test", "operator": "place"}
