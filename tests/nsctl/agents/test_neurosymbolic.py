"""The closed loop: it checks what skills claim, tries again, plans again, and gives up with a reason."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import numpy as np
import pytest

from nsctl import registry
from nsctl.agents.neurosymbolic import LOOK_AGAIN, MAX_FAILURES, MAX_LOOKS, MAX_PLANS, NeuroSymbolicAgent, scripted
from nsctl.contracts import RECOVERIES, AgentReport, World
from nsctl.episode import Episode, play
from nsctl.errors import EpisodeError, InvalidValue
from nsctl.phases import EpisodeClock
from nsctl.scene import Action, Pose, SceneEstimate, make_action
from nsctl.symbolic import Atom, PlanStep, Problem, SymbolicState

WEIGHTS = Path(str(files("policies.skills"))) / "weights"


class Stubborn:
    """An execution that does nothing for three steps and then ends as it is told to."""

    def __init__(self, status: str) -> None:
        self.status, self.reason, self._end, self._left = "running", "", status, 3

    def act(self, scene: SceneEstimate) -> Action:
        self._left -= 1
        if self._left == 0:
            self.status, self.reason = self._end, "it is told to fail" if self._end == "failed" else ""
        return make_action([0.0, 0.0, 0.0], 0.0, scene.proprio.gripper_command)


class Sometimes:
    """A skill that is itself, except for the executions that ``spoil`` answers for."""

    def __init__(self, name: str, spoil: Callable[[int, PlanStep], str | None]) -> None:
        self._skill, self._spoil, self._count = registry.load("skills", name)(), spoil, 0
        self.operator = self._skill.operator

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Any:
        self._count += 1
        end = self._spoil(self._count, step)
        return Stubborn(end) if end else self._skill.begin(step, scene)

    def describe(self) -> dict[str, Any]:
        return {"kind": "test", "operator": self.operator}


def agent(
    spoil: Callable[[int, PlanStep], str | None], spoil_place: Callable[[int, PlanStep], str | None] = lambda c, s: None
) -> NeuroSymbolicAgent:
    return NeuroSymbolicAgent(
        "test",
        registry.load("perceptions", "tracker")(),
        registry.load("grounders", "geometric")(),
        registry.load("planners", "clingo")(),
        {"pick": Sometimes("pick-scripted", spoil), "place": Sometimes("place-scripted", spoil_place)},
    )


def play_with(world: World, spoil: Callable[[int, PlanStep], str | None]) -> Episode:
    return play(world, agent(spoil), EpisodeClock(), 0, 0)


def test_undisturbed_it_plans_once_and_succeeds(world: World) -> None:
    episode = play(world, scripted(), EpisodeClock(), 0, 0)
    assert episode.outcome.status == "succeeded"
    assert (episode.report.plan_length, episode.report.plans, episode.report.retries) == (6, 1, 0)
    assert [s["step"] for s in episode.report.steps] == [
        "pick(disc1, disc2)", "place(disc1, middle)", "pick(disc2, left)", "place(disc2, right)",
        "pick(disc1, middle)", "place(disc1, disc2)",
    ]  # fmt: skip


def test_a_skill_that_fails_once_is_tried_again(world: World) -> None:
    episode = play_with(world, lambda count, step: "failed" if count == 1 else None)
    assert episode.outcome.status == "succeeded"
    assert (episode.report.retries, episode.report.plans) == (1, 1)
    assert episode.report.steps[0] == {
        "step": "pick(disc1, disc2)", "status": "failed", "reason": "it is told to fail", "steps": 3,
    }  # fmt: skip


def test_a_skill_that_lies_is_found_out_by_looking(world: World) -> None:
    """The pick claims success without having moved: the plan still works, from the same step again."""
    episode = play_with(world, lambda count, step: "succeeded" if count == 2 else None)
    assert episode.outcome.status == "succeeded"
    assert (episode.report.replans, episode.report.retries) == (0, 1)
    lied = [s["step"] for s in episode.report.steps].index("pick(disc2, left)")
    assert episode.report.steps[lied]["status"] == "succeeded"
    assert episode.report.steps[lied + 1]["step"] == "pick(disc2, left)"


def test_a_skill_that_always_lies_is_not_believed_for_ever(world: World) -> None:
    episode = play_with(world, lambda count, step: "succeeded")
    assert episode.outcome.reason == f"gave up after {MAX_PLANS} plans"
    assert episode.steps < world.task.horizon


def test_a_step_that_keeps_failing_is_avoided_where_there_is_another_way(world: World) -> None:
    """Disc 1 cannot be put on the middle: a longer plan goes by the right."""

    def spoil(count: int, step: PlanStep) -> str | None:
        return "failed" if step.arguments == ("disc1", "middle") else None

    episode = play(world, agent(lambda count, step: None, spoil), EpisodeClock(), 0, 0)
    tried = [s["step"] for s in episode.report.steps]
    assert tried.count("place(disc1, middle)") == MAX_FAILURES
    assert "place(disc1, right)" in tried
    assert episode.outcome.status == "succeeded"


def test_a_step_that_can_only_fail_ends_the_episode_with_a_reason(world: World) -> None:
    episode = play_with(world, lambda count, step: "failed")
    assert episode.outcome.reason == f"gave up after {MAX_PLANS} plans"
    assert episode.report.retries < 2 * MAX_PLANS
    assert episode.steps < world.task.horizon


def test_hopeless_it_ends_by_itself_and_says_why(world: World) -> None:
    episode = play_with(world, lambda count, step: "succeeded")
    assert episode.outcome.status == "failed"
    assert episode.outcome.reason == f"gave up after {MAX_PLANS} plans"


def test_a_goal_that_only_the_agent_sees_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(world.task), "achieved", lambda self, truth: False)
    episode = play(world, scripted(), EpisodeClock(), 0, 0)
    assert episode.outcome.reason == "the agent took the goal for reached"
    assert episode.report.reason == ""


def test_it_stops_by_itself_when_it_is_done(world: World) -> None:
    """The world would have gone on: an agent must know that it is done."""
    episode = play(world, scripted(), EpisodeClock(), 0, 0)
    assert episode.outcome.status == "succeeded"
    assert not world.over


def test_it_is_told_nothing_of_the_judge(world: World) -> None:
    told = []

    class Curious:
        name, subgoal = "curious", ""

        def reset(self, task: Any, seed: int, clock: Any) -> None:
            told.append((task, clock))

        def act(self, observation: Any) -> None:
            return None

        def report(self) -> AgentReport:
            return AgentReport(reason="it only looks")

        def describe(self) -> dict[str, Any]:
            return {}

    play(world, Curious(), EpisodeClock(), 0, 0)
    task, clock = told[0]
    assert not any(hasattr(task, name) for name in ("achieved", "sample", "broken_rule", "horizon"))
    with pytest.raises(EpisodeError, match="an agent's phases are perceive, plan, policy; 'simulate' is not one"):
        clock.phase("simulate")
    with pytest.raises(AttributeError):
        task.goal = ()


def test_what_an_agent_does_not_charge_is_charged_to_its_policy(world: World) -> None:
    class Brooding:
        name, subgoal = "brooding", ""

        def reset(self, task: Any, seed: int, clock: Any) -> None:
            time.sleep(0.05)

        def act(self, observation: Any) -> None:
            time.sleep(0.05)

        def report(self) -> AgentReport:
            return AgentReport(reason="it thought too long")

        def describe(self) -> dict[str, Any]:
            return {}

    episode = play(world, Brooding(), EpisodeClock(), 0, 0)
    assert episode.costs["policy"].wall > 0.09
    assert episode.outcome.reason == "it thought too long"


def test_a_skill_that_ends_at_once_is_no_error(world: World) -> None:
    class Instant(Stubborn):
        def __init__(self, status: str) -> None:
            super().__init__(status)
            self._left = 1

    class Hasty(Sometimes):
        def begin(self, step: PlanStep, scene: SceneEstimate) -> Any:
            return Instant("failed")

    hasty = NeuroSymbolicAgent(
        "test",
        registry.load("perceptions", "tracker")(),
        registry.load("grounders", "geometric")(),
        registry.load("planners", "clingo")(),
        {"pick": Hasty("pick-scripted", lambda c, s: None), "place": registry.load("skills", "place-scripted")()},
    )
    episode = play(world, hasty, EpisodeClock(), 0, 0)
    assert episode.outcome.status == "failed"
    assert episode.report.steps[0]["status"] == "failed"


def test_a_disc_that_is_moved_meanwhile_leads_to_a_new_plan(world: World) -> None:
    moved = []

    def meddle(steps: int) -> None:
        if steps == 70:  # after the first disc has been put down
            engine = world._engine  # type: ignore[attr-defined]
            engine.place("disc1", Pose(np.array([0.42, 0.12, 0.02])))
            moved.append(steps)

    episode = play(world, scripted(), EpisodeClock(), 0, 0, meddle)
    assert moved
    assert episode.outcome.status == "succeeded"
    assert episode.report.replans >= 1


def test_an_exception_in_a_part_is_an_errored_episode(world: World) -> None:
    def explode(count: int, step: PlanStep) -> str | None:
        raise RuntimeError("the skill broke")

    episode = play_with(world, explode)
    assert episode.outcome.status == "errored"
    assert episode.outcome.reason == "RuntimeError: the skill broke"


def test_an_operator_without_a_skill_is_named(world: World) -> None:
    armless = NeuroSymbolicAgent(
        "test",
        registry.load("perceptions", "tracker")(),
        registry.load("grounders", "geometric")(),
        registry.load("planners", "clingo")(),
        {"pick": registry.load("skills", "pick-scripted")()},
    )
    episode = play(world, armless, EpisodeClock(), 0, 0)
    assert "none for place" in episode.outcome.reason


def test_before_reset_it_refuses() -> None:
    with pytest.raises(InvalidValue, match="the agent scripted was not reset"):
        scripted().report()


class Unsure:
    """A grounder that leaves open, for its first ``looks``, whether the first disc lies on the second."""

    def __init__(self, looks: int) -> None:
        self._grounder, self._left = registry.load("grounders", "geometric")(), looks

    def __call__(self, scene: SceneEstimate, problem: Problem) -> SymbolicState:
        state: SymbolicState = self._grounder(scene, problem)
        self._left -= 1
        if self._left < 0:
            return state
        return SymbolicState(state.atoms, state.others | {state.atoms - {Atom("on", ("disc1", "disc2"))}})


@pytest.mark.parametrize(("unsure", "looks"), [(0, 0), (2, 2), (MAX_LOOKS, MAX_LOOKS), (99, MAX_LOOKS)])
def test_what_matters_and_is_unknown_is_looked_at_again(world: World, unsure: int, looks: int) -> None:
    """Three times at most: then the agent acts on what is likeliest."""
    made = agent(lambda count, step: None)
    made._grounder = Unsure(unsure)
    observation, clock = world.reset(0, 0), EpisodeClock()
    made.reset(world.task.brief(), 0, clock)
    waited = 0
    while not made.report().steps:
        action = made.act(observation)
        assert action is not None
        waited += not made.report().steps
        observation = world.step(action)
    assert made.report().looks == looks
    assert waited == looks * (LOOK_AGAIN + 1)
    assert made.report().steps[0]["step"] == "pick(disc1, disc2)"


def test_an_effect_that_cannot_be_seen_is_believed_to_be_as_promised(world: World) -> None:
    made = agent(lambda count, step: None)
    made._grounder = Unsure(99)
    episode = play(world, made, EpisodeClock(), 0, 0)
    assert episode.outcome.status == "succeeded"
    assert episode.report.plans == 1


class Doubtful:
    """A grounder that says what ``seen`` makes of what it sees."""

    def __init__(self, seen: Callable[[SymbolicState, Problem], SymbolicState]) -> None:
        self._grounder, self._seen = registry.load("grounders", "geometric")(), seen

    def __call__(self, scene: SceneEstimate, problem: Problem) -> SymbolicState:
        return self._seen(self._grounder(scene, problem), problem)


def looked(world: World, seen: Callable[[SymbolicState, Problem], SymbolicState]) -> AgentReport:
    """What the agent reports that sees the world so and is stopped by what it sees."""
    made = agent(lambda count, step: None)
    made._grounder = Doubtful(seen)
    return play(world, made, EpisodeClock(), 0, 0).report


def test_a_goal_that_may_not_be_reached_is_looked_at_again(world: World) -> None:
    def open_goal(state: SymbolicState, problem: Problem) -> SymbolicState:
        return SymbolicState(state.atoms | {part.atom for part in problem.goal}, frozenset({state.atoms}))  # type: ignore[union-attr]

    report = looked(world, open_goal)
    assert (report.looks, report.reason, report.steps) == (MAX_LOOKS, "", ())


def test_nothing_is_given_up_on_a_guess(world: World) -> None:
    """One look in which no peg is clear, so that there is no plan; but the hand may as well have been in the way."""
    left = [True]

    def blurred(state: SymbolicState, problem: Problem) -> SymbolicState:
        if not left:
            return state
        left.clear()
        return SymbolicState(frozenset(a for a in state.atoms if a.predicate != "clear"), frozenset({state.atoms}))

    report = looked(world, blurred)
    assert (report.looks, report.reason, report.plan_length) == (1, "", 6)


def test_a_claim_is_judged_once_however_often_the_agent_looks(world: World) -> None:
    """It is seen to be false, and then what the next step needs is unknown: another look is no other failure."""
    made = agent(lambda count, step: "succeeded")
    made.reset(world.task.brief(), 0, EpisodeClock())
    observation = world.reset(0, 0)
    while not made.report().steps or made.report().steps[0]["status"] == "running":
        action = made.act(observation)
        assert action is not None
        observation = world.step(action)
    assert made._episode is not None
    start = made._grounder(made._perception(observation), made._episode.problem)
    assert [str(made._next_step(start)) for _ in range(3)] == ["pick(disc1, disc2)"] * 3
    assert list(made._failures.values()) == [1]


def test_after_a_failure_nothing_is_expected_any_more(world: World) -> None:
    made = agent(lambda count, step: "failed")
    made.reset(world.task.brief(), 0, EpisodeClock())
    observation = world.reset(0, 0)
    while not (made.report().steps and made.report().steps[0]["status"] == "failed"):
        action = made.act(observation)
        assert action is not None
        observation = world.step(action)
    assert made._episode is not None
    assert made._episode.believed is None


def recovering(spoil: Callable[[int, PlanStep], str | None]) -> NeuroSymbolicAgent:
    """The agent of these tests with both recoveries."""
    made = agent(spoil)
    for name in RECOVERIES:
        made.adopt(registry.load("skills", name)())
    return made


def test_a_step_that_fails_again_is_recovered_from_before_the_next_try(world: World) -> None:
    """The hand holds nothing, so that taking anew fails at once and the hand is cleared instead."""
    made = recovering(lambda count, step: "failed" if count <= 2 else None)
    episode = play(world, made, EpisodeClock(), 0, 0)
    assert episode.outcome.status == "succeeded"
    assert [(s["step"], s["status"]) for s in episode.report.steps[:5]] == [
        ("pick(disc1, disc2)", "failed"), ("pick(disc1, disc2)", "failed"), ("regrasp(disc1)", "failed"),
        ("clear(disc1)", "succeeded"), ("pick(disc1, disc2)", "succeeded"),
    ]  # fmt: skip
    assert episode.report.retries == 2, "a recovery is no retry"


def test_one_recovery_that_succeeds_is_enough(world: World) -> None:
    made = recovering(lambda count, step: None)
    made.adopt(Sometimes("place-scripted", lambda count, step: "failed" if count <= 2 else None))
    episode = play(world, made, EpisodeClock(), 0, 0)
    assert episode.outcome.status == "succeeded"
    steps = [s["step"] for s in episode.report.steps]
    assert steps[3] == "regrasp(disc1)"
    assert "clear(disc1)" not in steps


def test_other_weights_play_where_a_folder_has_them_and_its_own_elsewhere(tmp_path: Path) -> None:
    own = registry.load("agents", "nesy")().describe()["skills"]
    copytree(WEIGHTS / "place", tmp_path / "pick")  # weights for another work, to be told apart
    with pytest.raises(InvalidValue, match="holds weights for 'place', not for 'pick'"):
        registry.load("agents", f"nesy:{tmp_path}")().describe()
    rmtree(tmp_path / "pick")
    copytree(WEIGHTS / "pick", tmp_path / "pick")
    (tmp_path / "pick" / "training.json").unlink()
    told = registry.load("agents", f"nesy:{tmp_path}")().describe()["skills"]
    assert told["pick"] == {**own["pick"], "training": None}
    assert told["place"] == own["place"]
