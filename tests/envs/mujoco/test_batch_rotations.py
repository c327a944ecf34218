"""Rotations of many things at once are those of one thing, to the last bit."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from envs.mujoco.batch_kinematics import BatchKinematics
from envs.mujoco.batch_rotations import from_rotation_vectors, products, quaternions, rotations_between
from envs.mujoco.kinematics import ArmKinematics
from envs.panda import HOME
from nsctl.geometry import from_rotation_vector, multiply
from nsctl.scene import Array, Pose

COUNT = 300


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def units(rng: np.random.Generator) -> Array:
    drawn = rng.normal(size=(COUNT, 4))
    unit: Array = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


def test_quaternions_of_matrices(rng: np.random.Generator) -> None:
    matrices, expected = np.empty((COUNT, 9)), np.empty((COUNT, 4))
    for row, quaternion in enumerate(units(rng)):
        mujoco.mju_quat2Mat(matrices[row], quaternion)
        mujoco.mju_mat2Quat(expected[row], matrices[row])
    assert np.array_equal(quaternions(matrices), expected)


def test_turns_between_quaternions(rng: np.random.Generator) -> None:
    after, before = units(rng), units(rng)
    after[:3] = before[:3]  # no turn at all
    expected = np.empty((COUNT, 3))
    for row in range(COUNT):
        mujoco.mju_subQuat(expected[row], after[row], before[row])
    assert np.array_equal(rotations_between(after, before), expected)


def test_products_and_rotation_vectors(rng: np.random.Generator) -> None:
    a, b, vectors = units(rng), units(rng), rng.normal(size=(COUNT, 3))
    vectors[:2] = 0
    assert np.array_equal(products(a, b), [multiply(x, y) for x, y in zip(a, b, strict=True)])
    assert np.array_equal(from_rotation_vectors(vectors), [from_rotation_vector(v) for v in vectors])


@pytest.mark.parametrize("threads", [1, 2])
def test_many_arms_find_the_joints_that_one_finds(rng: np.random.Generator, threads: int) -> None:
    count = 20
    one, many = ArmKinematics(), BatchKinematics(count, threads)
    start = np.array(HOME) + rng.normal(size=(count, 7)) * 0.05
    position = rng.uniform([0.35, -0.3, 0.02], [0.62, 0.3, 0.4], (count, 3))
    turned = units(rng)[:count] * 0.05 + [0, 1, 0, 0]
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    expected = [one.solve(s, Pose(p, q)) for s, p, q in zip(start, position, turned, strict=True)]
    start[:2] = expected[:2]  # two arms need fewer iterations than the others
    expected[:2] = [one.solve(s, Pose(p, q)) for s, p, q in zip(start[:2], position[:2], turned[:2], strict=True)]
    assert np.array_equal(many.solve(start, position, turned), expected)
