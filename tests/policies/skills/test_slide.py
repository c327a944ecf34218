"""Open and close: the drawer goes to its end and stays there, and a drawer that is stuck is given up."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from nsctl import registry, tasks
from nsctl.contracts import SuiteOptions, World
from nsctl.errors import EpisodeError, InvalidValue
from nsctl.geometry import CLOSED, OPENED, from_yaw, mounted, multiply, slid
from nsctl.scene import Body, Box, Mount, ObjectEstimate, Observation, Pose, Proprioception, SceneEstimate
from nsctl.symbolic import PlanStep
from policies.perception.tracker import TrackerPerception
from policies.skills.execution import PATIENCE
from policies.skills.scripted import ScriptedSkill
from policies.skills.slide import NEAR_END, PRESS, TIME_LIMIT, goal_of, situate, slide_action

TRAVEL, HANDLE_AT = 0.10, (0.08, 0.0, 0.0)
DOWN = np.array([0.0, 1.0, 0.0, 0.0])
CABINET = Body("chest", "chest", (0.07, 0.1, 0.03), movable=False, boxes=(Box((0.07, 0.1, 0.03)),))
TRAY = Body(
    "tray",
    "drawer",
    (0.09, 0.1, 0.02),
    movable=False,
    boxes=(Box((0.06, 0.1, 0.02)), Box((0.01, 0.015, 0.01), HANDLE_AT)),
    mount=Mount("chest", (0.0, 0.0, 0.0), TRAVEL),
)
OPEN, CLOSE = PlanStep("open", ("tray",)), PlanStep("close", ("tray",))


def scene(
    out: float,
    *,
    shift: tuple[float, float, float] = (0, 0, 0),
    turn: float = 0.0,
    hand: tuple[float, float, float] | None = None,
    commanded: tuple[float, float, float] | None = None,
    gripper: float = 0.08,
    command: float = -1.0,
) -> SceneEstimate:
    """A chest at 0.6, 0 whose tray slides towards the robot; ``hand`` and ``commanded`` are offsets from the handle."""
    quaternion = multiply(from_yaw(turn), from_yaw(np.pi))
    chest = Pose(np.add([0.6, 0.0, 0.03], shift), quaternion)
    tray = mounted(Mount("chest", (0.0, 0.0, 0.0), TRAVEL), chest, out)
    handle = mounted(Mount("tray", HANDLE_AT), tray).position
    heading = DOWN if hand is None else multiply(from_yaw(turn), DOWN)  # a hand at the handle is turned as that is
    tcp = Pose(np.add([0.4, 0.1, 0.3], shift) if hand is None else handle + hand, heading)
    target = tcp if commanded is None else Pose(handle + commanded, heading)
    poses = {"chest": (CABINET, chest), "tray": (TRAY, tray)}
    objects = {n: ObjectEstimate(b, p, 0.001, "estimated") for n, (b, p) in poses.items()}
    return SceneEstimate(Proprioception(np.zeros(7), tcp, target, gripper, command), objects)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = tasks.suite_of("drawer-1").world(tasks.find("drawer-1"), SuiteOptions())
    yield made
    made.close()


def play(world: World, perception: TrackerPerception, observation: Observation, step: PlanStep) -> Observation:
    execution = registry.load("skills", f"{step.operator}-scripted")().begin(step, perception(observation))
    while execution.status == "running":
        action = execution.act(perception(observation))
        assert np.abs(action).max() <= 1.0
        observation = world.step(action)
    assert execution.status == "succeeded", execution.reason
    return observation


def out(world: World) -> float:
    mount = world.task.body("drawer").mount
    assert mount is not None
    truth = world.truth()
    return slid(mount, truth["cabinet"], truth["drawer"]) / mount.travel


def test_a_drawer_is_closed_and_opened_again(world: World) -> None:
    """From wherever it stands, with nothing in its way; what stands beside it stays."""
    played = 0
    for episode in range(24):
        observation = world.reset(4, episode)
        if out(world) < 0.2:
            continue
        perception, before = TrackerPerception(), world.truth()
        perception.begin(world.task.brief())
        observation = play(world, perception, observation, PlanStep("close", ("drawer",)))
        assert out(world) * 0.145 < CLOSED
        play(world, perception, observation, PlanStep("open", ("drawer",)))
        assert out(world) > OPENED + 0.05  # well before what counts as opened
        assert np.abs(world.truth()["crate"].position - before["crate"].position).max() < 0.002
        played += 1
    assert played >= 5


@pytest.mark.parametrize("step", [OPEN, CLOSE])
@pytest.mark.parametrize("hand", [None, (0.0, 0.0, 0.05), (0.0, 0.0, 0.0)])
def test_an_action_does_not_depend_on_where_the_scene_is(step: PlanStep, hand: tuple[float, ...] | None) -> None:
    here, there = (scene(0.05, shift=shift, hand=hand) for shift in ((0, 0, 0), (-0.05, 0.08, 0.02)))  # type: ignore[arg-type]
    actions = [slide_action(situate(goal_of(step, s), s)) for s in (here, there)]
    np.testing.assert_allclose(actions[0], actions[1], atol=1e-6)


@pytest.mark.parametrize(("step", "sign"), [(OPEN, -1.0), (CLOSE, 1.0)])
@pytest.mark.parametrize("turn", [0.0, 0.5])
def test_a_held_handle_is_moved_along_the_rail(step: PlanStep, sign: float, turn: float) -> None:
    held = scene(0.05, turn=turn, hand=(0, 0, 0), gripper=0.03, command=1.0)
    action = slide_action(situate(goal_of(step, held), held))
    way = sign * np.array([np.cos(turn), np.sin(turn), 0.0])
    np.testing.assert_allclose(action[:3] / np.linalg.norm(action[:3]), way, atol=1e-6)
    assert action[6] == 1.0


@pytest.mark.parametrize(("step", "end", "sign"), [(OPEN, TRAVEL, -1.0), (CLOSE, 0.0, 1.0)])
def test_stopped_at_its_end_the_handle_is_let_go(step: PlanStep, end: float, sign: float) -> None:
    pressing = (sign * PRESS, 0, 0)
    held = scene(end, hand=(0, 0, 0), commanded=pressing, gripper=0.03, command=1.0)
    let_go = scene(end, hand=(0, 0, 0), gripper=0.06, command=-1.0)
    first, then = (slide_action(situate(goal_of(step, s), s)) for s in (held, let_go))
    assert first[6] == then[6] == -1.0
    assert first[2] == 0.0
    assert sign * first[0] < 0.0  # it presses no more before the fingers are free
    assert then[2] > 0.1


def test_a_biased_tracker_does_not_end_the_stroke_early() -> None:
    """The drawer is seen at its end, but nothing stops the hand there yet."""
    going = scene(0.0, hand=(0, 0, 0), gripper=0.03, command=1.0)
    action = slide_action(situate(goal_of(CLOSE, going), going))
    assert action[0] > 0.01
    assert action[6] == 1.0


def test_a_stop_before_the_seen_end_counts_within_the_trackers_error() -> None:
    for left, goes_on in ((NEAR_END - 0.001, False), (NEAR_END + 0.002, True)):
        stopped = scene(left, hand=(0, 0, 0), commanded=(left + PRESS, 0, 0), gripper=0.03, command=1.0)
        assert (slide_action(situate(goal_of(CLOSE, stopped), stopped))[6] > 0) == goes_on


def test_closed_fingers_give_way_across_the_rail() -> None:
    """The handle pushes the hand 4 mm aside of where the tracker sees it: the command follows the hand."""
    pushed = scene(0.05, hand=(0, 0.004, 0), commanded=(0, 0, 0), gripper=0.03, command=1.0)
    assert slide_action(situate(goal_of(CLOSE, pushed), pushed))[1] > 0.01
    open_hand = scene(0.05, hand=(0, 0.004, 0), commanded=(0, 0, 0), gripper=0.08, command=-1.0)
    assert abs(slide_action(situate(goal_of(CLOSE, open_hand), open_hand))[1]) < 1e-6


@pytest.mark.parametrize("turn", [-0.6, 0.0, 0.6])
def test_the_fingers_close_across_the_rail(turn: float) -> None:
    s = situate(goal_of(OPEN, scene(0.0, turn=turn)), scene(0.0, turn=turn))
    assert s.hand.yaw == pytest.approx(turn)


def test_a_drawer_that_does_not_follow_is_given_up() -> None:
    jammed = scene(0.05, hand=(0, 0, 0), commanded=(-0.056, 0, 0), gripper=0.03, command=1.0)
    execution = ScriptedSkill("open").begin(OPEN, jammed)
    for _ in range(PATIENCE):
        assert execution.status == "running"
        execution.act(jammed)
    assert (execution.status, execution.reason) == ("failed", "the drawer does not follow the hand")
    with pytest.raises(EpisodeError, match="this execution has failed: begin a new one"):
        execution.act(jammed)


def test_a_handle_that_is_never_reached_takes_no_longer_than_the_limit() -> None:
    far = scene(0.05)
    execution = ScriptedSkill("close").begin(CLOSE, far)
    for _ in range(TIME_LIMIT):
        execution.act(far)
    assert execution.reason == f"not done after {TIME_LIMIT} steps"


def test_what_does_not_slide_cannot_be_opened() -> None:
    with pytest.raises(
        InvalidValue, match="'chest' cannot be opened or closed: it needs boxes and a mount with travel"
    ):
        goal_of(PlanStep("open", ("chest",)), scene(0.0))
