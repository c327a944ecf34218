"""Perception from a pose tracker: the observed poses, and how sure each of them still is.

A noisy tracker never says the same twice. One that has lost a body goes on saying where it saw it last, to the last bit:
that reading is old, and the older it is, the less it is worth. A body that was between the fingers is believed to have
moved with them until they were told to open.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nsctl.errors import NsctlError
from nsctl.scene import Body, ObjectEstimate, Observation, Pose, SceneEstimate
from nsctl.task import Brief

DRIFT = 0.002
"""Metres by which a body that is not seen may move in a control step."""
IN_HAND = 0.025
"""Metres from the tool centre point within which a body is carried by closed fingers."""


@dataclass
class _Track:
    """The last reading of a body: what was read, where the hand was, how many steps ago, and where the body is by now."""

    reading: Pose
    hand: Pose
    carried: bool
    believed: Pose
    age: int = 0


class TrackerPerception:
    """Believes the ``objects`` channel of an observation; never looks at anything else but the arm."""

    reads = ("proprio", "objects")

    def __init__(self) -> None:
        self._bodies: dict[str, Body] = {}
        self._tracks: dict[str, _Track] = {}

    def begin(self, task: Brief) -> None:
        """Learn which bodies ``task`` has and how large they are."""
        self._bodies, self._tracks = {body.name: body for body in task.bodies}, {}

    def __call__(self, observation: Observation) -> SceneEstimate:
        if observation.objects is None:
            raise NsctlError("the tracker perception needs the channel 'objects', which this world does not show")
        estimates = {name: self._estimate(name, pose, observation) for name, pose in observation.objects.items()}
        return SceneEstimate(observation.proprio, estimates)

    def _estimate(self, name: str, reading: Pose, observation: Observation) -> ObjectEstimate:
        body, sigma, source = self._bodies[name], observation.object_sigma, observation.channels["objects"]
        if not (sigma and body.movable):
            return ObjectEstimate(body, reading, sigma, source)
        track, hand = self._tracks.get(name), observation.proprio.tcp
        if track is None or track.reading.position.tobytes() != reading.position.tobytes():
            self._tracks[name] = _Track(reading, hand, self._carried(body, reading, observation), reading)
            return ObjectEstimate(body, reading, sigma, source)
        track.age += 1
        track.carried = track.carried and observation.proprio.gripper_command > 0  # what was let go stays where it was
        if track.carried:
            track.believed = Pose(reading.position + hand.position - track.hand.position, reading.quaternion)
        return ObjectEstimate(body, track.believed, float(np.hypot(sigma, DRIFT * track.age)), source)

    def _carried(self, body: Body, reading: Pose, observation: Observation) -> bool:
        """Whether the fingers hold the body, as far as the arm can tell."""
        proprio = observation.proprio
        near = float(np.linalg.norm(reading.position - proprio.tcp.position)) < IN_HAND
        return near and proprio.gripper_command > 0 and proprio.gripper < 2 * body.half_extents[1] + 0.003
