"""What the arm's joints did, added up over the substeps of an engine: power is torque times velocity, joint by joint.

The torque is that of a motor at the joint: what moves the arm and what holds it up against gravity, before any loss in
damping or friction. An arm that holds still does no work, yet its motors draw current: hence the torque squared too.
The fingers are left out, for newtons and newton metres do not add up.
"""

from __future__ import annotations

import numpy as np

from nsctl.records import RobotWork
from nsctl.scene import Array


class WorkSum:
    """The four figures of :class:`nsctl.records.RobotWork`, growing."""

    def __init__(self) -> None:
        self._absolute = self._net = self._squared = 0.0

    def add(self, torque: Array, velocity: Array, seconds: float | Array) -> None:
        """Spans of ``seconds`` with a constant ``torque`` [N m] and the mean ``velocity`` [rad/s], of any one shape."""
        energy = torque * velocity * seconds
        self._absolute += float(np.abs(energy).sum())
        self._net += float(energy.sum())
        self._squared += float((torque * torque * seconds).sum())

    @property
    def total(self) -> RobotWork:
        """The sums so far; ``positive`` follows from the other two."""
        positive = (self._absolute + self._net) / 2
        return RobotWork(absolute=self._absolute, positive=positive, net=self._net, torque_squared=self._squared)
