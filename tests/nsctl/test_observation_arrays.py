"""Each number stands where its name does."""

from __future__ import annotations

import numpy as np

from nsctl.observation_arrays import PROPRIO, objects_array, proprio_array
from nsctl.scene import Observation, Pose, Proprioception

TCP = Pose(np.array([0.4, 0.1, 0.3]), np.array([0.0, 1.0, 0.0, 0.0]))
TARGET = Pose(np.array([0.5, 0.2, 0.6]), np.array([0.0, 0.0, 1.0, 0.0]))
OWN = Proprioception(np.arange(7) / 10, TCP, TARGET, 0.04, -1.0)


def test_every_number_of_the_robot_has_its_name() -> None:
    found = proprio_array(Observation(OWN, "", {}))
    assert found.dtype == np.float32
    assert found.shape == (len(set(PROPRIO)),) == (23,)
    named = dict(zip(PROPRIO, found.tolist(), strict=True))
    wanted = {"joint_1": 0.0, "joint_7": 0.6, "tcp_y": 0.1, "tcp_qx": 1.0, "target_x": 0.5, "target_qy": 1.0}
    for name, number in {**wanted, "gripper": 0.04, "gripper_command": -1.0}.items():
        assert named[name] == np.float32(number), name


def test_bodies_keep_their_order() -> None:
    found = objects_array(Observation(OWN, "", {}, {"b": TARGET, "a": TCP}))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[1], np.float32([0.4, 0.1, 0.3, 0, 1, 0, 0]))
    assert objects_array(Observation(OWN, "", {})).shape == (0, 7)
