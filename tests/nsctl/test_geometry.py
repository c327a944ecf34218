"""Turns compose, boxes look the same from every face."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsctl.geometry import (
    QUARTER,
    box_tilt,
    box_yaw,
    from_rotation_vector,
    from_yaw,
    gripper_yaw,
    matrix,
    multiply,
    wrap,
)

ANGLES = st.floats(-np.pi, np.pi)
TURNS = st.tuples(ANGLES, ANGLES, ANGLES).map(np.array)


@given(TURNS, TURNS)
def test_multiplying_quaternions_multiplies_matrices(a: np.ndarray, b: np.ndarray) -> None:
    p, q = from_rotation_vector(a), from_rotation_vector(b)
    np.testing.assert_allclose(matrix(multiply(p, q)), matrix(p) @ matrix(q), atol=1e-12)


@given(TURNS)
def test_a_matrix_is_a_rotation(turn: np.ndarray) -> None:
    axes = matrix(from_rotation_vector(turn))
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1.0)
    np.testing.assert_allclose(axes @ turn, turn, atol=1e-9)  # the axis stays where it is


@given(st.floats(-20, 20), st.sampled_from([QUARTER, 2 * np.pi]))
def test_a_wrapped_angle_is_the_same_angle_in_range(angle: float, period: float) -> None:
    wrapped = wrap(angle, period)
    assert -period / 2 <= wrapped < period / 2 + 1e-12
    assert ((angle - wrapped) / period) == pytest.approx(round((angle - wrapped) / period), abs=1e-9)


@given(st.floats(-0.78, 0.78), st.floats(-0.1, 0.1))
def test_a_cube_looks_the_same_on_each_of_its_faces(yaw: float, lean: float) -> None:
    """All 24 ways to set a cube down give the same yaw and tilt."""
    tilt = from_rotation_vector(np.array([lean, 0.0, 0.0]))
    about_x, about_y = np.array([QUARTER, 0.0, 0.0]), np.array([0.0, QUARTER, 0.0])
    for x, y, z in itertools.product(range(4), range(4), range(4)):
        face = multiply(from_rotation_vector(x * about_x), from_rotation_vector(y * about_y))
        face = multiply(face, from_yaw(z * QUARTER))
        standing = multiply(from_yaw(yaw), face)
        assert abs(wrap(box_yaw(standing) - yaw, QUARTER)) < 1e-6
        assert box_tilt(multiply(tilt, standing)) == pytest.approx(abs(lean), abs=1e-6)


@given(st.floats(-3.1, 3.1))
def test_the_heading_of_a_hand_that_points_down(yaw: float) -> None:
    down = np.array([0.0, 1.0, 0.0, 0.0])
    assert gripper_yaw(multiply(from_yaw(yaw), down)) == pytest.approx(yaw, abs=1e-9)
