"""The noun refuses what does not fit together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from shown import shown

from nsctl.demos.demonstration import ACTION, actions_array
from nsctl.errors import InvalidValue
from nsctl.scene import ACTION_SIZE


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("proprio", np.zeros((40, 23), np.float32), r"proprio must have the shape \(41, 23\), got \(40, 23\)"),
        ("objects", np.zeros((41, 2, 7), np.float32), r"objects must have the shape \(41, 3, 7\)"),
        ("actions", np.zeros((40, 6), np.float32), r"actions must have the shape \(40, 7\)"),
        ("subgoals", ("pick(a, b)",), r"subgoals must have the shape \(40,\), got \(1,\)"),
        (
            "images",
            {"front": np.zeros((40, 8, 8, 3), np.uint8)},
            r"images of front must have the shape \(41, 8, 8, 3\)",
        ),
        ("images", {"front": np.zeros((41, 8, 8), np.uint8)}, r"images of front"),
    ],
)
def test_what_does_not_fit_is_refused(field: str, value: object, complaint: str) -> None:
    with pytest.raises(InvalidValue, match=f"episode 0: {complaint}"):
        replace(shown(), **{field: value})


def test_each_number_has_a_name() -> None:
    assert len(ACTION) == len(set(ACTION)) == ACTION_SIZE


def test_actions_are_kept_as_the_world_obeys_them() -> None:
    kept = actions_array([np.full(7, 3.0, np.float32), np.full(7, -0.5, np.float32)])
    np.testing.assert_array_equal(kept, [[1.0] * 7, [-0.5] * 7])
    assert actions_array([]).shape == (0, 7)
