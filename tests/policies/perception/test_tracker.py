"""The tracker perception believes fresh readings, and old ones the less the older they are."""

from __future__ import annotations

import numpy as np
import pytest

from nsctl.errors import NsctlError
from nsctl.scene import Body, ObjectEstimate, Observation, Pose, Proprioception
from nsctl.task import Brief
from policies.perception.tracker import DRIFT, TrackerPerception

CUBE = Body("cube", "block", (0.02, 0.02, 0.02))
BRIEF = Brief("test", 1, "", "", (CUBE,), {}, frozenset(), ())
SIGMA = 0.001


def see(
    perception: TrackerPerception, reading: float, hand: float = 0.2, *, gripper: float = 0.08, sigma: float = SIGMA
) -> ObjectEstimate:
    """What the cube's reading at height ``reading`` is taken for while the hand is at height ``hand``."""
    tcp = Pose([0.5, 0.0, hand])
    proprio = Proprioception(np.zeros(7), tcp, tcp, gripper, 1.0 if gripper < 0.05 else -1.0)
    channels = {"objects": "estimated" if sigma else "sim_truth"}
    objects = {"cube": Pose([0.5, 0.0, reading])}
    return perception(Observation(proprio, "", channels, objects, sigma))["cube"]  # type: ignore[arg-type]


@pytest.fixture
def perception() -> TrackerPerception:
    made = TrackerPerception()
    made.begin(BRIEF)
    return made


def test_fresh_readings_are_as_good_as_the_tracker_says(perception: TrackerPerception) -> None:
    for reading in (0.02, 0.0201, 0.0199):
        estimate = see(perception, reading)
        assert (estimate.sigma, estimate.pose.position[2]) == (SIGMA, reading)


def test_a_reading_that_repeats_to_the_bit_grows_old(perception: TrackerPerception) -> None:
    sigmas = [see(perception, 0.02).sigma for _ in range(4)]
    assert sigmas == pytest.approx([SIGMA, *(np.hypot(SIGMA, DRIFT * age) for age in (1, 2, 3))])
    assert see(perception, 0.0201).sigma == SIGMA


def test_what_was_held_when_it_was_lost_has_moved_with_the_hand(perception: TrackerPerception) -> None:
    see(perception, 0.10, hand=0.10, gripper=0.0405)
    assert see(perception, 0.10, hand=0.25, gripper=0.0405).pose.position[2] == pytest.approx(0.25)


def test_what_was_let_go_meanwhile_stays_where_it_was_let_go(perception: TrackerPerception) -> None:
    see(perception, 0.10, hand=0.10, gripper=0.0405)
    see(perception, 0.10, hand=0.05, gripper=0.0405)
    for hand, gripper in ((0.05, 0.07), (0.25, 0.08), (0.02, 0.01)):
        assert see(perception, 0.10, hand=hand, gripper=gripper).pose.position[2] == pytest.approx(0.05)


def test_what_was_not_held_stays_where_it_was(perception: TrackerPerception) -> None:
    see(perception, 0.10, hand=0.10, gripper=0.08)
    assert see(perception, 0.10, hand=0.25, gripper=0.08).pose.position[2] == pytest.approx(0.10)


def test_the_truth_may_repeat(perception: TrackerPerception) -> None:
    assert [see(perception, 0.02, sigma=0.0).sigma for _ in range(3)] == [0.0, 0.0, 0.0]


def test_a_new_episode_remembers_nothing(perception: TrackerPerception) -> None:
    see(perception, 0.02)
    perception.begin(BRIEF)
    assert see(perception, 0.02).sigma == SIGMA


def test_without_the_channel_it_refuses(perception: TrackerPerception) -> None:
    proprio = Proprioception(np.zeros(7), Pose([0, 0, 0]), Pose([0, 0, 0]), 0.0, 0.0)
    with pytest.raises(NsctlError, match="needs the channel 'objects'"):
        perception(Observation(proprio, "", {}))
