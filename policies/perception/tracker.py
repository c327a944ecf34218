"""Perception from a pose tracker: the observed poses, with the uncertainty that the sensor states."""

from __future__ import annotations

from nsctl.errors import NsctlError
from nsctl.scene import Body, ObjectEstimate, Observation, SceneEstimate
from nsctl.task import Brief


class TrackerPerception:
    """Believes the ``objects`` channel of an observation; never looks at anything else."""

    reads = ("proprio", "objects")

    def __init__(self) -> None:
        self._bodies: dict[str, Body] = {}

    def begin(self, task: Brief) -> None:
        """Learn which bodies ``task`` has and how large they are."""
        self._bodies = {body.name: body for body in task.bodies}

    def __call__(self, observation: Observation) -> SceneEstimate:
        if observation.objects is None:
            raise NsctlError("the tracker perception needs the channel 'objects', which this world does not show")
        source = observation.channels["objects"]
        estimates = {
            name: ObjectEstimate(self._bodies[name], pose, observation.object_sigma, source)
            for name, pose in observation.objects.items()
        }
        return SceneEstimate(observation.proprio, estimates)
